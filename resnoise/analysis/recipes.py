"""How the networks of a comparison were trained: in one line, and where that was not equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from resnoise.analysis.rows import by_section
from resnoise.config.nested import flat
from resnoise.records.record import Record
from resnoise.utils.text import few, spoken


class Conditions(NamedTuple):
    """What was measured, in the words of a title.

    Attributes:
        subject: data set and architecture.
        details: levels, epochs, learning rate, augmentation, start, and seeds.
    """

    subject: str
    details: tuple[str, ...]

    def __str__(self) -> str:
        return " · ".join((self.subject, *self.details))


def conditions(records: Sequence[Record]) -> Conditions:
    """What records of one data set and architecture have in common, and in what they differ.

    A detail that no record tells is left out.
    """
    first = records[0]
    seeds = sorted({record.seed for record in records})
    by_network: dict[tuple, set[int]] = defaultdict(set)
    for record in records:
        by_network[record.training, record.levels].add(record.seed)
    fewest, most = (function(map(len, by_network.values())) for function in (min, max))
    count = f"{most}" if fewest == most else f"{fewest} to {most}"
    plural = "s" if most > 1 else ""
    found = (
        _numbers("L = {}", (record.levels for record in records)),
        _numbers("{} epochs", (record.epochs for record in records)),
        _numbers("learning rate {}", (record.recipe.get("learning_rate") for record in records)),
        _one(map(augmentation_of, records), "unequal augmentation"),
        _one((f"start: {start}" for start in map(start_of, records) if start), "unequal starts"),
        f"{count} seed{plural} ({spoken(seeds) if len(seeds) < 6 else _ends(seeds)})",
    )
    return Conditions(f"{first.dataset}, {first.architecture}", tuple(filter(None, found)))


def augmentation_of(record: Record) -> str:
    """What was done to training images; nothing where the record does not tell."""
    names = record.recipe.get("augmentation")
    if names is None:
        return ""
    return spoken(names) if names else "no augmentation"


def start_of(record: Record) -> str:
    """What a network was before its first epoch, as far as recipes differ in it.

    Examples:
        >>> from resnoise.records.store import RecordStore
        >>> start_of(RecordStore("results/tables/cifar10-from-8").load()[0])
        'λ = 8'
    """
    if name := predecessor_of(record):
        extensions = record.recipe["extensions"]
        epochs = extensions.get("start_epochs", record.epochs)
        rate = extensions.get("start_learning_rate", record.recipe["learning_rate"])
        return f"{epochs} epochs of {name} at {rate:g}"
    threshold = record.recipe.get("activation", {}).get("threshold")
    if record.levels is None or threshold is None:
        return ""
    return "λ from the data" if threshold == "data" else f"λ = {threshold:g}"


def predecessor_of(record: Record) -> str:
    """The method whose training a network started from, or nothing."""
    return record.recipe.get("extensions", {}).get("start_from", "")


def unequal_recipes(records: Sequence[Record]) -> list[str]:
    """In what the compared networks were not trained alike, a sentence for each setting.

    Noise has settings that only methods with noise use; they are compared within a method alone,
    where it trains several networks. A setting that a record does not tell is not compared.
    """
    return [
        f"Unequal recipes on {dataset}, {architecture}, {setting}: {said}."
        for (dataset, architecture), here in by_section(records).items()
        for setting, said in _differences(here)
    ]


def _differences(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    for setting, read in _SHARED.items():
        if said := _unequal(records, read):
            yield setting, said
    by_method: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_method[record.method].append(record)
    for own in by_method.values():
        for name in dict.fromkeys(name for record in own for name in flat(record.recipe)):
            if name.startswith(_OF_NOISE) and (said := _unequal(own, _setting(name))):
                yield name, said
    if said := _unequal_levels(by_method):
        yield "L", said


def _setting(name: str) -> Callable[[Record], str]:
    def read(record: Record) -> str:
        value = flat(record.recipe).get(name)
        return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

    return read


_SHARED: dict[str, Callable[[Record], str]] = {
    "epochs": lambda record: str(record.epochs),
    "learning rate": _setting("learning_rate"),
    "batch size": _setting("batch_size"),
    "momentum": _setting("momentum"),
    "weight decay": _setting("weight_decay"),
    "warm-up epochs": _setting("warmup_epochs"),
    "augmentation": augmentation_of,
    "start": start_of,
}
_OF_NOISE = ("induction.", "extensions.ramp", "extensions.averaging", "extensions.residual",
             "extensions.distribution", "extensions.compensate")  # fmt: skip


def _unequal(records: Sequence[Record], read: Callable[[Record], str]) -> str:
    """`60 for nq and qcfs, 20 for direct at T = 2`, or nothing where all is equal."""
    by_value: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if value := read(record):
            by_value[value].append(record)
    if len(by_value) < 2:
        return ""
    ordered = sorted(by_value.items(), key=lambda item: -len({one.method for one in item[1]}))
    return ", ".join(f"{value} for {_names(of, by_value)}" for value, of in ordered)


def _names(records: Sequence[Record], by_value: dict[str, list[Record]]) -> str:
    """The methods of these records, each with what sets them apart from its other ones."""
    names = []
    for method in dict.fromkeys(record.method for record in records):
        here = [record for record in records if record.method == method]
        elsewhere = [
            record
            for others in by_value.values()
            if others is not records
            for record in others
            if record.method == method
        ]
        names.append(f"{method}{_apart(here, elsewhere)}")
    return few(names, "methods")


def _apart(here: Sequence[Record], elsewhere: Sequence[Record]) -> str:
    if not elsewhere:
        return ""
    fields = ((" with L = {}", "levels"), (" at T = {}", "timesteps"), (" with seed {}", "seed"))
    for text, field in fields:
        ours, theirs = ({getattr(r, field) for r in some} for some in (here, elsewhere))
        if not ours & theirs and None not in ours:
            return text.format(spoken(sorted(ours)))
    return f" ({', '.join(dict.fromkeys(record.training for record in here))})"


def _unequal_levels(by_method: dict[str, list[Record]]) -> str:
    """Where methods were compared at several L, each should have been at all of them."""
    methods: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for method, own in by_method.items():
        if levels := tuple(sorted({record.levels for record in own if record.levels})):
            methods[levels].append(method)
    if len(methods) < 2:
        return ""
    return ", ".join(f"{spoken(levels)} for {few(of, 'methods')}" for levels, of in methods.items())


def _numbers(text: str, values: Iterable[float | None]) -> str:
    known = sorted({value for value in values if value is not None})
    if not known:
        return ""
    shown = spoken(f"{value:g}" for value in known) if len(known) <= 3 else _ends(known)
    return text.format(shown).removesuffix("s" if known == [1] else "")


def _ends(values: Sequence[float]) -> str:
    return f"{values[0]:g} to {values[-1]:g}"


def _one(texts: Iterable[str], several: str) -> str:
    known = dict.fromkeys(filter(None, texts))
    return several if len(known) > 1 else next(iter(known), "")
