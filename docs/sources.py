"""Looks up single figures in the committed results, for the tables and sentences of the documents.

A source is one row, written as

- `STUDY METHOD/L#SEED`: of a comparison, an ablation (`nq learning_rate=0.1` names the change) or a
  decomposition in `results/tables/STUDY`; the row on Norse, or on `backend=snntorch`. `/L` and
  `#SEED` may be left out.
- `published DATASET/ARCHITECTURE METHOD/L`: what a paper reports.
- `STUDY/FILE.csv KEY=VALUE ...`: one line of any other file; in a value an underscore is a space,
  and `*` any text.

A column of it is T (accuracy in per cent after T steps), `ANN`, `noisy` (the ANN with its noise
on), `energy:T` (over that of the ANN), `gap:T`, `gap_low:T` and `gap_high:T` (the comparison's
reference less this row, and the interval of that over seeds), `levels:T` and `order:T` (of a
decomposition), or the name of a CSV column, with `%` before it where a fraction is to be per cent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from resnoise_baselines.published import load_published

from resnoise.records.store import RecordStore

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "results" / "tables"


class Source(NamedTuple):
    """One row of the committed results.

    Attributes:
        study: a folder of `results/tables`, a CSV file there, or `published DATASET/ARCHITECTURE`.
        method: name of the method; empty for a CSV file.
        levels: L, or None where the method has one L alone.
        seed: or None for all seeds together.
        where: further columns and the values that they must have.
    """

    study: str
    method: str
    levels: int | None
    seed: int | None
    where: dict[str, str]

    def value(self, column: str) -> float:
        """The figure in a column; not a number where the row has none at that T."""
        if self.study.endswith(".csv"):
            found = self.select(read(self.study))[column.lstrip("%")]
            if len(found) != 1:
                raise ValueError(
                    f"expected one line of {self.study}, but {self.where} are {len(found)}"
                )
            return 100 * found.iloc[0] if column.startswith("%") else found.iloc[0]
        quantity, timesteps = split(column)
        return _kind(self.study)(self, quantity, timesteps)

    def select(self, frame: pd.DataFrame, timesteps: int | None = None) -> pd.DataFrame:
        """The lines of a results file that are of this row."""
        for name, value in self.where.items():
            pattern = value.replace("_", " ")
            frame = frame[[fnmatchcase(str(cell), pattern) for cell in frame[name]]]
        if self.method:
            frame = frame[frame.method == self.method]
        if self.levels is not None:
            frame = frame[frame.levels == self.levels]
        if self.method and "backend" in frame and "backend" not in self.where:
            frame = frame[frame.backend.str.contains("norse")]
        return frame if timesteps is None else frame[frame.timesteps == timesteps]


def parse(text: str, study: str = "") -> Source:
    """A source as it is written; without a study it is of the one given."""
    words = text.split()
    if words[0] == "published":
        study, words = " ".join(words[:2]), words[2:]
    elif words[0].endswith(".csv") or (TABLES / words[0]).is_dir():
        study, words = words[0], words[1:]
    where = dict(word.split("=", 1) for word in words if "=" in word)
    name = next((word for word in words if "=" not in word), "")
    parts = re.fullmatch(r"([\w-]*)(?:/(\d+))?(?:#(\d+))?", name)
    if parts is None:
        raise ValueError(f"expected METHOD, METHOD/L or METHOD/L#SEED, but got {name!r}")
    method, levels, seed = parts.groups()
    return Source(study, method, levels and int(levels), seed and int(seed), where)


def split(column: str) -> tuple[str, int]:
    """`energy:4` is energy at T = 4, and `4` the accuracy there."""
    quantity, _, timesteps = column.rpartition(":")
    return (quantity or "accuracy", int(timesteps)) if timesteps.isdigit() else (column, 0)


@cache
def read(file: str) -> pd.DataFrame:
    """A CSV file below `results/tables`."""
    return pd.read_csv(TABLES / file)


def _comparison(source: Source, quantity: str, timesteps: int) -> float:
    if source.seed is not None:
        return _of_one_seed(source, quantity, timesteps)
    lines = source.select(read(f"{source.study}/comparison.csv"))
    if quantity == "ANN":
        return 100 * lines.ann_accuracy.iloc[0]
    if quantity == "noisy":
        return 100 * lines.ann_noisy_accuracy.iloc[0]
    lines = lines[lines.timesteps == timesteps]
    if lines.empty:
        return float("nan")
    line = lines.squeeze()
    if isinstance(line, pd.DataFrame):
        raise ValueError(f"{source} at T = {timesteps} is several rows; name L")
    return {
        "accuracy": 100 * line.accuracy,
        "energy": line.energy_nj / line.ann_energy_nj,
        "gap": 100 * line.difference_equal_timesteps,
        "gap_low": 100 * line.seeds_low_equal_timesteps,
        "gap_high": 100 * line.seeds_high_equal_timesteps,
    }[quantity]


def _of_one_seed(source: Source, quantity: str, timesteps: int) -> float:
    records = [
        record
        for record in _records(source.study)
        if (record.method, record.backend, record.seed) == (source.method, "norse", source.seed)
        and source.levels in (None, record.levels)
    ]
    if quantity == "ANN":
        return 100 * records[0].ann_accuracy
    return next((100 * one.accuracy for one in records if one.timesteps == timesteps), float("nan"))


@cache
def _records(study: str) -> list:
    return RecordStore(TABLES / study).load()


def _ablation(source: Source, quantity: str, timesteps: int) -> float:
    frame = read(f"{source.study}/ablation.csv")
    change = ", ".join(f"{name} = {value}" for name, value in source.where.items())
    changed = frame.change == change if change else frame.change.isna()
    frame = frame[(frame.method == source.method) & changed]
    return 100 * frame[frame.timesteps == timesteps].validation_accuracy.mean()


def _decomposition(source: Source, quantity: str, timesteps: int) -> float:
    lines = source.select(read(f"{source.study}/decomposition.csv"), timesteps)
    changes = {
        "levels": lines.even_accuracy - lines.source_accuracy,
        "order": lines.spiking_accuracy - lines.even_accuracy,
    }
    return 100 * changes[quantity].mean()


def _published(source: Source, quantity: str, timesteps: int) -> float:
    dataset, architecture = source.study.removeprefix("published ").split("/")
    frame = load_published()
    levels = frame.levels.isna() if source.levels is None else frame.levels == str(source.levels)
    frame = frame[
        (frame.dataset == dataset)
        & (frame.architecture == architecture)
        & (frame.method == source.method)
        & levels
    ]
    found = frame[frame.timesteps.isna() if quantity == "ANN" else frame.timesteps == timesteps]
    return found.accuracy.iloc[0] if len(found) else float("nan")


_KINDS = {
    "comparison.csv": _comparison,
    "ablation.csv": _ablation,
    "decomposition.csv": _decomposition,
}


def _kind(study: str) -> Callable[[Source, str, int], float]:
    if study.startswith("published "):
        return _published
    for file, kind in _KINDS.items():
        if (TABLES / study / file).exists():
            return kind
    raise ValueError(f"no results of {study!r} in results/tables")
