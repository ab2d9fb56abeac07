"""What the records do not hold yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from resnoise.analysis.rows import with_levels, with_training
from resnoise.records.record import Record, RecordKey


def missing_cells(
    records: Sequence[Record], expected: Iterable[RecordKey] | None = None
) -> list[RecordKey]:
    """Evaluations that are planned, or that others of the same grid suggest, but not recorded.

    Args:
        records: what there is.
        expected: the plan. Without one, every training is expected for every seed, and on every
            backend and T, at which it was ever evaluated; others may well have more seeds, where
            several commands filled the folder.
    """
    present = {record.key for record in records}
    wanted = _inferred(present) if expected is None else dict.fromkeys(expected)
    return sorted(
        (key for key in wanted if key not in present),
        key=lambda key: key._replace(levels=key.levels or 0),
    )


def describe_missing(keys: Sequence[RecordKey]) -> list[str]:
    """One line per method, number of levels, backend and set of time steps."""
    timesteps: dict[tuple, list[int]] = defaultdict(list)
    for key in keys:
        name = with_levels(with_training(key.method, key.training), key.levels)
        place = f"{key.dataset}, {key.architecture}: {name}, {key.backend}"
        timesteps[place, key.seed].append(key.timesteps)
    seeds: dict[tuple, list[int]] = defaultdict(list)
    for (place, seed), steps in timesteps.items():
        seeds[place, tuple(sorted(steps))].append(seed)
    return [
        f"{place}, T = {', '.join(map(str, steps))}, "
        f"seed{'s' if len(several) > 1 else ''} {', '.join(map(str, sorted(several)))}"
        for (place, steps), several in seeds.items()
    ]


def _inferred(present: Iterable[RecordKey]) -> dict[RecordKey, None]:
    trainings = defaultdict(list)
    for key in present:
        trainings[key._replace(seed=0, backend="", timesteps=0)].append(key)
    return {
        training._replace(seed=seed, backend=backend, timesteps=timesteps): None
        for training, keys in trainings.items()
        for seed in {key.seed for key in keys}
        for backend in {key.backend for key in keys}
        for timesteps in {key.timesteps for key in keys}
    }
