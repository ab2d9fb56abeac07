"""What the backends agree on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from resnoise.records.record import Record


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
            f"{' = '.join(backends)}, image by image, in every evaluation of "
            f"{', '.join(methods)} ({count} compared)."
        )
    return sentences


def _disagreement(records: Iterable[Record]) -> float:
    """Largest share of test images whose outcome differs from that in the first of `records`."""
    first, *others = (record.correct_array() for record in records)
    return max(float(np.mean(first != other)) for other in others)
