"""Accuracies that papers and their authors report, with the source of each.

`published.csv` is one figure a line: accuracy in per cent; `metric` is `ann` for the source network
or `snn` at `T` steps; SRP and COS leave their calibration steps (τ or ρ) out of `T`; `L` is empty
where the source does not say it.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from resnoise.errors import DataError

PATH = Path(__file__).with_name("published.csv")

_COLUMNS = ["method", "dataset", "arch", "L", "metric", "T", "accuracy", "source", "note"]
DATASETS = {
    "CIFAR-10": "cifar10",
    "CIFAR-100": "cifar100",
    "ImageNet": "imagenet",
    "Tiny-ImageNet": "tinyimagenet",
}
ARCHITECTURES = {"ResNet-18": "resnet18", "ResNet-20": "resnet20", "VGG-16": "vgg16"}
"""From the names that papers use to this suite's."""


def load_published(path: Path = PATH) -> pd.DataFrame:
    """Published accuracies, in the order of the file.

    Args:
        path: the file to read.

    Returns:
        Columns `method`, `dataset` and `architecture` (this suite's names where it has them, else
        the sources'), `levels` (text, as some sources give more than L), `metric` (`ann` or
        `snn`), `timesteps` (`Int64`, missing for `ann`), `accuracy` (per cent), `source`, `note`.

    Raises:
        DataError: the file is missing or a line of it is not valid.
    """
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"cannot read the published figures in {path}: {error}") from error
    if list(raw.columns) != _COLUMNS:
        raise DataError(
            f"{path}: expected the columns {', '.join(_COLUMNS)}, but got {', '.join(raw.columns)}"
        )
    timesteps = pd.to_numeric(raw["T"], errors="coerce")
    accuracy = pd.to_numeric(raw["accuracy"], errors="coerce")
    _require(raw["metric"].isin(["ann", "snn"]), raw["metric"], "metric", "ann or snn", path)
    has_steps = (timesteps >= 1) & (timesteps % 1 == 0)
    steps_fit = has_steps.where(raw["metric"] == "snn", raw["T"] == "")
    _require(steps_fit, raw["T"], "T", "a number of steps for snn and nothing for ann", path)
    _require(accuracy.between(0, 100), raw["accuracy"], "accuracy", "per cent", path)
    for name in ("method", "dataset", "arch", "source"):
        _require(raw[name] != "", raw[name], name, "some text", path)

    return pd.DataFrame(
        {
            "method": raw["method"],
            "dataset": raw["dataset"].replace(DATASETS),
            "architecture": raw["arch"].replace(ARCHITECTURES),
            "levels": raw["L"].where(raw["L"] != ""),
            "metric": raw["metric"],
            "timesteps": timesteps.astype("Int64"),
            "accuracy": accuracy.astype("float64"),
            "source": raw["source"],
            "note": raw["note"].where(raw["note"] != ""),
        }
    )


def _require(valid: pd.Series, values: pd.Series, name: str, expected: str, path: Path) -> None:
    """Raise `DataError` naming the first line of the file on which `valid` is false."""
    if not valid.all():
        index = int((~valid).to_numpy().argmax())
        raise DataError(
            f"{path}, line {index + 2}: expected `{name}` to be {expected}, "
            f"but got {values.iloc[index]!r}"
        )
