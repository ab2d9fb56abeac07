"""What the backends agree on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from resnoise.analysis.rows import Groups, Row, row_of
from resnoise.records.record import Record

AGREE = " = "
"""Between the names of backends that agree image by image."""


def backend_parity(records: Sequence[Record]) -> list[str]:
    """Whether backends that evaluated the same networks agree image by image, in sentences."""
    evaluations: dict[tuple, dict[str, Record]] = defaultdict(dict)
    for record in records:
        evaluated = record.key._replace(backend=""), record.checkpoint_sha256, record.test_ids
        evaluations[evaluated][record.backend] = record
    shares: dict[tuple[tuple[str, ...], str], list[float]] = defaultdict(list)
    for (key, *_), by_backend in evaluations.items():
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
            f"{AGREE.join(backends)}, image by image, in every evaluation of "
            f"{', '.join(methods)} ({count} compared)."
        )
    return sentences


def without_repeats(frame: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    """One row in the place of those that differ in the backend and in no outcome of any image.

    Args:
        frame: `comparison_frame` of `groups`.
        groups: rows and their records.

    Returns:
        The lines of the first backend of each, and a column `backends`, such as `norse = snntorch`.
    """
    backends: dict[Row, list[str]] = defaultdict(list)
    first: dict[tuple, Row] = {}
    for row, by_timesteps in groups.items():
        outcomes = tuple(
            (timesteps, record.seed, record.checkpoint_sha256, record.test_ids, record.correct)
            for timesteps, records in by_timesteps.items()
            for record in records
        )
        backends[first.setdefault((row.contender, outcomes), row)].append(row.backend)
    rows = [row_of(line) for _, line in frame.iterrows()]
    kept = frame.assign(backends=[AGREE.join(backends.get(row, ())) for row in rows])
    return kept[[row in backends for row in rows]]


def _disagreement(records: Iterable[Record]) -> float:
    """Largest share of test images whose outcome differs from that in the first of `records`."""
    first, *others = (record.correct_array() for record in records)
    return max(float(np.mean(first != other)) for other in others)
