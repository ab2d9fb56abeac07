"""Rows of a finished comparison, to set others beside without training theirs again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resnoise import backends
from resnoise.analysis.significance import Reference
from resnoise.compare.plan import Cell, Plan, RunOptions
from resnoise.config.changes import changed, settings_of
from resnoise.config.nested import ABSENT, differences
from resnoise.config.recipe import Recipe
from resnoise.datasets import DataOptions
from resnoise.errors import BackendError, ConfigError, StorageError
from resnoise.records.record import Record
from resnoise.records.store import RecordStore, load_trainings
from resnoise.report.comparisons import ComparisonFolder
from resnoise.training.by_hash import checkpoints_by_hash
from resnoise.training.checkpoint import read_info
from resnoise.training.defaults import recipe_for
from resnoise.training.run_folders import run_directory
from resnoise.utils.files import ensure_directory, exclusive, write_text


@dataclass(frozen=True)
class Example:
    """What another method has to be trained and evaluated by, to stand beside a reference.

    Attributes:
        reference: what it will be tested against.
        records: of the reference, all of one data set and recipe.
    """

    reference: Reference
    records: tuple[Record, ...]

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.records[0].dataset

    def plan(self, methods: Iterable[str], data: DataOptions, changes: Mapping[str, Any]) -> Plan:
        """The same networks, backends, T and seeds for other methods, by the same recipe.

        Args:
            methods: their names.
            data: where the data set is.
            changes: settings of the recipe that are to be others all the same, by dotted name.

        Raises:
            BackendError: no backend of the reference is installed.
            ConfigError: there is no such method or setting.
        """
        here = [name for name in self._every("backend") if name in backends.available()]
        if not here:
            raise BackendError(
                f"expected a backend that {self.reference} was evaluated on to be installed: "
                f"{', '.join(self._every('backend'))}"
            )
        return Plan(
            data=replace(data, dataset=self.dataset),
            recipes={name: changed(self.recipe(name), changes) for name in methods},
            backends=tuple(here),
            architectures=self._every("architecture"),
            timesteps=tuple(sorted(self._every("timesteps"))),
            seeds=tuple(sorted(self._every("seed"))),
        )

    def recipe(self, method: str) -> Recipe:
        """The recipe of a method where the reference has its own: what its user set is set here.

        That is what the recipe in the records differs in from the one that the reference has by
        itself. What a method is fine-tuned from is its own; how long that is trained is not.
        """
        recorded = self.records[0].recipe
        switched_on = recorded.get("extensions", {})
        epochs = switched_on.get("start_epochs") or recorded["epochs"]
        own, base = (
            recipe_for(name, self.dataset, self._every("architecture"), epochs=epochs)
            for name in (self.reference.method, method)
        )
        fine_tuned = "start_from" in switched_on and base.extensions.start_from
        was_set = {}
        for name, (_, value) in differences(own.to_json(), recorded).items():
            if name.startswith("extensions.start_") and not fine_tuned:
                continue
            if value == ABSENT:  # as extensions are that were switched off
                value = settings_of(Recipe())[name]
            was_set[name] = tuple(value) if isinstance(value, list) else value
        return changed(base, was_set)

    def _every(self, name: str) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(getattr(record, name) for record in self.records))


def example_of(comparison: ComparisonFolder, reference: Reference | None = None) -> Example:
    """What stands beside the rows of a comparison has to be made by.

    Args:
        comparison: the comparison.
        reference: another reference than the one that it names.

    Raises:
        RecordError: it has no records of the reference.
        ConfigError: these are of several data sets, L or recipes.
    """
    reference = reference or comparison.reference
    records = comparison.store.require()
    reference.require_in(records)
    found = tuple(record for record in records if record in reference)
    for name, spoken in (("dataset", "data set"), ("levels", "L")):
        values = sorted({getattr(record, name) for record in found}, key=str)
        if len(values) > 1:
            raise ConfigError(
                f"expected {reference} in {comparison.store.directory} to be of one {spoken}, but "
                f"got {', '.join(map(str, values))}; name one of its rows as `reference`: METHOD:L"
            )
    for record in found:
        if others := differences(found[0].recipe, record.recipe):
            name, (first, other) = next(iter(others.items()))
            raise ConfigError(
                f"expected {reference} in {comparison.store.directory} to be of one recipe, but "
                f"got {name} of {first} and of {other}; name another method as `reference`, or "
                "another folder"
            )
    return Example(reference, found)


def set_beside(comparison: ComparisonFolder, out: Path) -> None:
    """Copy the records of a comparison, and of its trainings, to the folder of another one.

    What is there already stays.

    Raises:
        RecordError: records are not valid, or of other weights than those in `out`.
        ConfigError: `out` is that folder itself.
        StorageError: `out` cannot be written.
    """
    source = comparison.store.directory
    if out.resolve() == source.resolve():
        raise ConfigError(f"expected `out` to be another folder than {source}; name a new one")
    store = RecordStore(out)
    store.check()
    present = store.keys()
    store.add(record for record in comparison.store.require() if record.key not in present)
    load_trainings(source)  # which says what is wrong with one
    with exclusive(out / "trainings"):
        for path in (source / "trainings").glob("*.json"):
            if not (out / "trainings" / path.name).exists():
                write_text(out / "trainings" / path.name, path.read_text(encoding="utf-8"))


def place_networks(plan: Plan, options: RunOptions, cells: Iterable[Cell]) -> set[Cell]:
    """Put networks whose records are in `options.out` where a comparison looks for its own.

    So what simulates the network of another method, as SRP does, needs no training.

    Args:
        plan: the comparison.
        options: where it works; `options.checkpoints` is the folder of checkpoints.
        cells: those that have no records yet.

    Returns:
        Those cells whose networks are in place.

    Raises:
        CheckpointError: a checkpoint is damaged.
        StorageError: a file cannot be written.
    """
    if options.checkpoints is None:
        return set()
    at_hand = checkpoints_by_hash(options.checkpoints)
    known = {record.key.network: record for record in RecordStore(options.out).load()}
    placed = set()
    for cell in cells:
        record = known.get(plan.keys(cell)[0].network)
        if record is None or record.checkpoint_sha256 not in at_hand:
            continue
        if record.recipe == plan.recipes[cell.method].to_json():
            job = plan.job(cell, plan.load(cell))
            folder = run_directory(options.runs, job)
            if not (folder / "best.json").exists():
                _copy(at_hand[record.checkpoint_sha256], folder)
            # One that is there may be of a training that has not ended.
            if read_info(folder / "best.json").sha256 == record.checkpoint_sha256:
                placed.add(cell)
    return placed


def _copy(best: Path, folder: Path) -> None:
    ensure_directory(folder)
    try:
        for weights in best.parent.glob("best-*.safetensors"):
            shutil.copyfile(weights, folder / weights.name)
        shutil.copyfile(best, folder / best.name)  # last, as it names the weights
    except OSError as error:
        raise StorageError(f"cannot copy {best} to {folder} ({error.strerror})") from error
