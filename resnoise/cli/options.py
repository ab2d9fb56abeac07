"""Options that several commands share, and how their text becomes settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from resnoise.config import AUGMENTATIONS, ExecutionConfig, Recipe
from resnoise.errors import ConfigError

_DATA, _RECIPE, _RUN = "Data", "Recipe (default: that of the data set)", "Execution"

Dataset = Annotated[
    str,
    typer.Option(help="digits, cifar10, cifar100 or imagefolder:PATH", rich_help_panel=_DATA),
]
DataRoot = Annotated[
    Path, typer.Option(help="folder of downloaded data sets", rich_help_panel=_DATA)
]
Download = Annotated[
    bool,
    typer.Option("--download/--no-download", help="fetch missing data", rich_help_panel=_DATA),
]
ImageSize = Annotated[
    int, typer.Option(help="side to which imagefolder resizes", rich_help_panel=_DATA)
]

Epochs = Annotated[int | None, typer.Option(help="passes over the data", rich_help_panel=_RECIPE)]
BatchSize = Annotated[int | None, typer.Option(help="images a step", rich_help_panel=_RECIPE)]
LearningRate = Annotated[
    float | None, typer.Option(help="peak of the cosine", rich_help_panel=_RECIPE)
]
Levels = Annotated[int | None, typer.Option(help="quantisation levels L", rich_help_panel=_RECIPE)]
Threshold = Annotated[
    str | None,
    typer.Option(help="start of λ: a number, or data", rich_help_panel=_RECIPE),
]
Augmentation = Annotated[
    str | None,
    typer.Option(help=f"of {','.join(AUGMENTATIONS)}, or none", rich_help_panel=_RECIPE),
]

Device = Annotated[str, typer.Option(help="auto, cpu or cuda", rich_help_panel=_RUN)]
Bf16 = Annotated[
    bool, typer.Option("--bf16", help="train in bfloat16 autocast", rich_help_panel=_RUN)
]
Compile = Annotated[
    bool, typer.Option("--compile", help="train through torch.compile", rich_help_panel=_RUN)
]
Workers = Annotated[int, typer.Option(help="processes that load images", rich_help_panel=_RUN)]
Runs = Annotated[
    Path, typer.Option(help="folder of checkpoints, to go on from", rich_help_panel=_RUN)
]

Timesteps = Annotated[str, typer.Option(help="time steps T, for example 1,2,4,8")]


def words(text: str) -> tuple[str, ...]:
    """The comma-separated words of an option."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def integers(text: str, option: str) -> tuple[int, ...]:
    """The comma-separated integers of an option.

    Raises:
        ConfigError: a word is no integer.
    """
    try:
        return tuple(int(word) for word in words(text))
    except ValueError as error:
        raise ConfigError(
            f"expected {option} to be integers with commas between, but got {text!r}"
        ) from error


def recipe_with(
    base: Recipe,
    *,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    levels: int | None,
    threshold: str | None,
    augmentation: str | None,
) -> Recipe:
    """`base` with what the user set.

    Raises:
        ConfigError: a value is outside what is allowed.
    """
    changes: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
    }
    if augmentation is not None:
        changes["augmentation"] = () if augmentation == "none" else words(augmentation)
    activation = replace(
        base.activation,
        levels=base.activation.levels if levels is None else levels,
        threshold=base.activation.threshold if threshold is None else _threshold(threshold),
    )
    set_by_user = {name: value for name, value in changes.items() if value is not None}
    return replace(base, activation=activation, **set_by_user)


def execution_from(device: str, bf16: bool, compile_: bool, workers: int) -> ExecutionConfig:
    """Execution settings from the options of the group of that name."""
    return ExecutionConfig(device=device, bf16=bf16, compile=compile_, workers=workers)


def _threshold(text: str) -> Any:
    if text == "data":
        return text
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(
            f"expected --threshold to be a number or `data`, but got {text!r}"
        ) from error
