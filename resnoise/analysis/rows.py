"""Records grouped into the rows of a comparison, and what is computed from each group."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from resnoise.analysis.statistics import bootstrap_interval, wilson_interval
from resnoise.config.requirements import Division
from resnoise.metrics.energy import ann_macs, energy_nj
from resnoise.records.record import Record

COSTS = (
    "latency_ms_per_image",
    "latency_iqr_ms",
    "latency_batch",
    "latency_batch1_ms",
    "latency_batch1_iqr_ms",
    "overhead_ratio",
    "peak_memory_mib",
    "firing_rate",
    "synops_dense",
    "synops_effective",
    "acs",
    "macs",
    "energy_nj",
    "parameters",
    "parameter_bytes",
    "state_bytes",
)

REQUIREMENTS = ("neuron", "calibration_images", "spike_levels", "looks_at_test_image")


class Row(NamedTuple):
    """One line of a table: what is compared, whatever the seed and the number of time steps."""

    dataset: str
    architecture: str
    division: Division
    method: str
    training: str
    levels: int | None
    presimulation_steps: int
    backend: str

    @property
    def section(self) -> tuple[str, str]:
        """Data set and architecture: what shares a table."""
        return self[:2]

    @property
    def contender(self) -> Row:
        """The same on any backend."""
        return self._replace(backend="")

    @property
    def label(self) -> str:
        """Name in tables, such as `direct (direct-ce-norse-T2)`."""
        return with_training(self.method, self.training)

    @property
    def label_with_levels(self) -> str:
        """The same where rows of one label differ in L, such as `qcfs with L = 2`."""
        return with_levels(self.label, self.levels)


Groups = dict[Row, dict[int, list[Record]]]


def with_training(method: str, training: str) -> str:
    """`direct (direct-ce-norse-T2)`, or the method alone where that names its training."""
    return method if training in ("", method) else f"{method} ({training})"


def with_levels(name: str, levels: int | None) -> str:
    """`qcfs with L = 2`, or the name alone of what has no L."""
    return f"{name} with L = {levels}" if levels else name


def by_section(records: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    """Records by data set and architecture, which share a table, in alphabetical order."""
    sections: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        sections[record.dataset, record.architecture].append(record)
    return dict(sorted(sections.items()))


def group_records(records: Sequence[Record], first: str) -> Groups:
    """Records by row and by time steps T, one per seed.

    Plain rows lead, and in each division those of the method `first`.

    Trainings of one method share a row as long as each (seed, T) has one of them, as networks
    trained for their own T do; else every training is a row of its own.
    """
    rows = [_row(record) for record in records]
    cells = Counter(
        (row, record.seed, record.timesteps) for row, record in zip(rows, records, strict=True)
    )
    ambiguous = {row.contender for (row, _, _), count in cells.items() if count > 1}
    groups: Groups = defaultdict(lambda: defaultdict(list))
    for row, record in zip(rows, records, strict=True):
        if row.contender in ambiguous:
            row = row._replace(training=record.training)
        groups[row][record.timesteps].append(record)
    return {
        row: {
            timesteps: sorted(groups[row][timesteps], key=lambda record: record.seed)
            for timesteps in sorted(groups[row])
        }
        for row in sorted(groups, key=lambda row: _order(row, first))
    }


def comparison_frame(groups: Groups) -> pd.DataFrame:
    """One line per row and T, in full precision: accuracies as fractions, costs for one image.

    `accuracy` averages each test image over the seeds that tested it, and all images; `images`
    counts different images, so seeds that share a test set do not narrow its interval. Costs are
    medians over seeds, and memory is that of a batch; `ann_energy_nj` is that of one pass of the
    network without spikes.
    """
    lines: list[dict[str, object]] = []
    for row, by_timesteps in groups.items():
        name = {**row._asdict(), "label": row.label}
        macs = source_macs(record for records in by_timesteps.values() for record in records)
        ann = {"ann_energy_nj": np.nan if macs is None else energy_nj(macs)}
        lines += [
            {**name, "timesteps": timesteps, **_summary(records), **ann}
            for timesteps, records in by_timesteps.items()
        ]
    return pd.DataFrame(lines).astype({"levels": "Int64"})


def row_of(line: pd.Series) -> Row:
    """The row that a line of `comparison_frame` belongs to."""
    values = {name: line[name] for name in Row._fields}
    values["levels"] = None if pd.isna(line["levels"]) else int(line["levels"])
    return Row(**values)


def pooled_correct(records: Sequence[Record]) -> tuple[float, int]:
    """Accuracy over different test images, each averaged over its seeds, and their number."""
    ids = np.concatenate([record.test_id_array() for record in records])
    correct = np.concatenate([record.correct_array() for record in records])
    _, image, tries = np.unique(ids, return_inverse=True, return_counts=True)
    share = np.bincount(image, weights=correct) / tries
    return float(share.mean()), len(share)


def _summary(records: Sequence[Record]) -> dict[str, object]:
    accuracy, images = pooled_correct(records)
    interval = wilson_interval(round(accuracy * images), images)
    by_seed = [record.accuracy for record in records]
    # A fresh generator a group: an interval does not depend on what else is in the table.
    spread = bootstrap_interval(by_seed, np.random.default_rng(0))
    return {
        "total_steps": records[0].total_steps,
        "seeds": len(records),
        "images": images,
        "accuracy": accuracy,
        "accuracy_low": interval.low,
        "accuracy_high": interval.high,
        "seed_mean": float(np.mean(by_seed)),
        "seed_low": spread.low if spread else np.nan,
        "seed_high": spread.high if spread else np.nan,
        **{
            name: image_average(records, name)
            for name in ("ann_accuracy", "ann_noisy_accuracy", "agreement")
        },
        **{name: _median(records, name) for name in COSTS},
        "compiled": any(record.compiled for record in records),
        **{name: getattr(records[0], name) for name in REQUIREMENTS},
    }


def image_average(records: Iterable[Record], name: str) -> float:
    """A share of test images, averaged over all that records know of; not a number if none does."""
    known = [record for record in records if getattr(record, name) is not None]
    if not known:
        return np.nan
    values = [getattr(record, name) for record in known]
    return float(np.average(values, weights=[record.n_test for record in known]))


def _median(records: Sequence[Record], name: str) -> float:
    known = [value for record in records if (value := getattr(record, name)) is not None]
    return float(np.median(known)) if known else np.nan


def source_macs(records: Iterable[Record]) -> float | None:
    """Multiply-accumulates of one pass of the network without spikes.

    None where older records, of simulations of one length alone, cannot tell.
    """
    dense = {}
    for record in records:
        if record.ann_macs is not None:
            return record.ann_macs
        dense[record.total_steps] = record.synops_dense
    return ann_macs(dense)


def _row(record: Record) -> Row:
    return Row(*(getattr(record, name) if name != "training" else "" for name in Row._fields))


def _order(row: Row, first: str) -> tuple:
    method = (row.division != "plain", row.method != first, row.method, row.levels or 0)
    return (*row.section, *method, row.presimulation_steps, row.training, row.backend)
