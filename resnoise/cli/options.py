"""Options that several commands share, and how their text becomes settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import AUGMENTATIONS, DISTRIBUTIONS, RESIDUALS, Extensions, Recipe
from resnoise.errors import ConfigError

_DATA, _RECIPE, _RUN = "Data", "Recipe (default: that of the data set)", "Execution"
_BEYOND = "Beyond the paper (default: off, unless a method switches it on)"

Dataset = Annotated[
    str,
    typer.Option(help="digits, cifar10, cifar100 or imagefolder:PATH", rich_help_panel=_DATA),
]
Timesteps = Annotated[str, typer.Option(help="time steps T, for example 1,2,4,8")]
Reference = Annotated[
    str, typer.Option(help="method that the others are tested against; METHOD:L is one row of it")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda", rich_help_panel=_RUN)]
Threads = Annotated[
    int | None,
    typer.Option(
        help="threads of torch; default: 1 for digits, else one a core", rich_help_panel=_RUN
    ),
]
Compile = Annotated[
    bool,
    typer.Option("--compile", help="go through torch.compile", rich_help_panel=_RUN),
]


@dataclass(frozen=True)
class DataRoot:
    """Where data sets are."""

    data_root: Annotated[
        Path, typer.Option(help="folder of downloaded data sets", rich_help_panel=_DATA)
    ] = Path("data")
    download: Annotated[
        bool,
        typer.Option("--download/--no-download", help="fetch missing data", rich_help_panel=_DATA),
    ] = True

    def options(self, dataset: str = "") -> Any:
        """The `resnoise.grid.DataOptions` of a data set; by default of one that a file names."""
        from resnoise.datasets import DataOptions

        return DataOptions(dataset, self.data_root, self.download)


@dataclass(frozen=True)
class DataPlace(DataRoot):
    """Where data sets are, and the size of images that can be had in any."""

    image_size: Annotated[
        int, typer.Option(help="side to which imagefolder resizes", rich_help_panel=_DATA)
    ] = 32

    def options(self, dataset: str = "") -> Any:
        """See `DataRoot.options`."""
        return replace(super().options(dataset), image_size=self.image_size)


@dataclass(frozen=True)
class RecipeChanges:
    """What the user sets of a recipe; None keeps what the recipe says."""

    published: Annotated[
        bool,
        typer.Option(
            "--published", help="each method's own published recipe", rich_help_panel=_RECIPE
        ),
    ] = False

    epochs: Annotated[
        int | None,
        typer.Option(
            help="passes over the data; the plus methods fine-tune for a sixth more",
            rich_help_panel=_RECIPE,
        ),
    ] = None
    batch_size: Annotated[
        int | None, typer.Option(help="images a step", rich_help_panel=_RECIPE)
    ] = None
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="peak of the cosine; of the plus methods, that of the fine-tuning",
            rich_help_panel=_RECIPE,
        ),
    ] = None
    levels: Annotated[
        int | None, typer.Option(help="quantisation levels L", rich_help_panel=_RECIPE)
    ] = None
    threshold: Annotated[
        str | None, typer.Option(help="start of λ: a number, or data", rich_help_panel=_RECIPE)
    ] = None
    augmentation: Annotated[
        str | None,
        typer.Option(help=f"of {','.join(AUGMENTATIONS)}, or none", rich_help_panel=_RECIPE),
    ] = None
    induction_timesteps: Annotated[
        int | None, typer.Option(help="T at which noise is measured", rich_help_panel=_RECIPE)
    ] = None
    threshold_weight_decay: Annotated[
        bool | None,
        typer.Option(
            "--threshold-weight-decay/--no-threshold-weight-decay",
            help="of λ",
            rich_help_panel=_BEYOND,
        ),
    ] = None
    start_from: Annotated[
        str | None,
        typer.Option(help="method whose network is fine-tuned", rich_help_panel=_BEYOND),
    ] = None
    start_epochs: Annotated[
        int | None,
        typer.Option(help="epochs of its training; 0: as many", rich_help_panel=_BEYOND),
    ] = None
    start_learning_rate: Annotated[
        float | None,
        typer.Option(help="peak of its cosine; 0: that of this one", rich_help_panel=_BEYOND),
    ] = None
    ramp: Annotated[
        float | None,
        typer.Option(help="share of epochs until the noise is whole", rich_help_panel=_BEYOND),
    ] = None
    averaging: Annotated[
        float | None, typer.Option(help="share of the old σ² in the new", rich_help_panel=_BEYOND)
    ] = None
    residual: Annotated[
        str | None,
        typer.Option(help=f"error: {' or '.join(RESIDUALS)}", rich_help_panel=_BEYOND),
    ] = None
    distribution: Annotated[
        str | None,
        typer.Option(help=f"of the noise: {', '.join(DISTRIBUTIONS)}", rich_help_panel=_BEYOND),
    ] = None
    compensate: Annotated[
        bool | None,
        typer.Option(
            "--compensate/--no-compensate",
            help="take the mean error off",
            rich_help_panel=_BEYOND,
        ),
    ] = None

    def recipe(self, method: str, dataset: str, architectures: Sequence[str]) -> Recipe:
        """The recipe of a method on a data set, with what the user set.

        Raises:
            ConfigError: unknown method, or a value is outside what is allowed.
        """
        from resnoise.training.defaults import recipe_for

        base = recipe_for(
            method, dataset, architectures, published=self.published, epochs=self.epochs
        )
        schedule: dict[str, Any] = {
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
        }
        if self.augmentation is not None:
            named = "" if self.augmentation == "none" else self.augmentation
            schedule["augmentation"] = words(named)
        activation: dict[str, Any] = {"levels": self.levels}
        if self.threshold is not None:
            activation["threshold"] = _threshold(self.threshold)
        extensions = {field.name: getattr(self, field.name) for field in fields(Extensions)}
        return replace(
            base,
            activation=replace(base.activation, **_given(activation)),
            induction=replace(base.induction, **_given({"timesteps": self.induction_timesteps})),
            extensions=replace(base.extensions, **_given(extensions)),
            **_given(schedule),
        )


@dataclass(frozen=True)
class Running:
    """How trainings are run."""

    device: Device = "auto"
    bf16: Annotated[
        bool, typer.Option("--bf16", help="train in bfloat16 autocast", rich_help_panel=_RUN)
    ] = False
    compile: Compile = False
    checkpoint_time: Annotated[
        bool,
        typer.Option(
            "--checkpoint-time",
            help="direct training: less memory, more time (less on Norse with --compile)",
            rich_help_panel=_RUN,
        ),
    ] = False
    keep_epochs: Annotated[
        bool,
        typer.Option(
            "--keep-epochs", help="keep every epoch, for `selection`", rich_help_panel=_RUN
        ),
    ] = False
    workers: Annotated[
        int, typer.Option(help="processes that load images", rich_help_panel=_RUN)
    ] = 0
    threads: Threads = None
    runs: Annotated[
        Path, typer.Option(help="folder of checkpoints, to go on from", rich_help_panel=_RUN)
    ] = Path("runs")

    def execution(self) -> ExecutionConfig:
        """Checked execution settings."""
        return ExecutionConfig(
            device=self.device,
            bf16=self.bf16,
            compile=self.compile,
            checkpoint_time=self.checkpoint_time,
            keep_epochs=self.keep_epochs,
            workers=self.workers,
        )


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


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _threshold(text: str) -> Any:
    if text == "data":
        return text
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(
            f"expected --threshold to be a number or `data`, but got {text!r}"
        ) from error
