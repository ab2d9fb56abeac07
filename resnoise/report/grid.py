"""What the records do not hold yet, and what the backends agree on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from resnoise.records import Record, RecordKey
from resnoise.report.groups import with_levels, with_training


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
    """One line a method, number of levels, backend and set of time steps."""
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


def backend_parity(records: Sequence[Record]) -> list[str]:
    """Whether backends that evaluated the same networks agree image by image, in sentences."""
    evaluations: dict[tuple, dict[str, Record]] = defaultdict(dict)
    for record in records:
        evaluations[record.key._replace(backend=""), record.test_ids][record.backend] = record
    shares: dict[tuple[tuple[str, ...], str], list[float]] = defaultdict(list)
    for (key, _), by_backend in evaluations.items():
        if len(by_backend) > 1:
            backends = tuple(sorted(by_backend))
            shares[backends, key.method].append(_disagreement(by_backend.values()))

    agreeing: dict[tuple[str, ...], list[str]] = defaultdict(list)
    sentences = []
    for (backends, method), differing in sorted(shares.items()):
        if not any(differing):
            agreeing[backends].append(method)
            continue
        count = sum(share > 0 for share in differing)
        sentences.append(
            f"{', '.join(backends)} differ in {count} of {len(differing)} evaluations of {method}, "
            f"on at most {100 * max(differing):.2f} % of the test images."
        )
    for backends, methods in agreeing.items():
        count = sum(len(shares[backends, method]) for method in methods)
        sentences.append(
            f"{' = '.join(backends)}, image by image, in every evaluation of "
            f"{', '.join(methods)} ({count} compared)."
        )
    return sentences


def _disagreement(records: Iterable[Record]) -> float:
    """Largest share of test images whose outcome differs from that in the first of `records`."""
    first, *others = (record.correct_array() for record in records)
    return max(float(np.mean(first != other)) for other in others)


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
