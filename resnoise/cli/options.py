"""Options that several commands share, in groups that make settings of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resnoise.cli.parsing import assignment
from resnoise.config import AUGMENTATIONS, ExecutionConfig, Recipe
from resnoise.config.changes import changed, settings_of
from resnoise.config.deadline import Deadline, duration
from resnoise.training.defaults import base_recipe

if TYPE_CHECKING:
    from resnoise.datasets import DataOptions

DEFAULT_TIMESTEPS = "1,2,4,6,8,16"

_DATA, _RECIPE, _RUN = "Data", "Recipe (default: that of the data set)", "Execution"

Checkpoint = Annotated[
    Path | None,
    typer.Argument(help="best.json of a training, or a name of `resnoise list networks`"),
]
Dataset = Annotated[
    str,
    typer.Option(help="digits, cifar10, cifar100 or imagefolder:PATH", rich_help_panel=_DATA),
]
Timesteps = Annotated[str, typer.Option(help="time steps T, for example 1,2,4,8")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda", rich_help_panel=_RUN)]
Threads = Annotated[
    int | None,
    typer.Option(
        help="threads of torch; default: 1 for digits, else one per core", rich_help_panel=_RUN
    ),
]
Compile = Annotated[
    bool,
    typer.Option("--compile", help="use torch.compile", rich_help_panel=_RUN),
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

    def options(self, dataset: str = "", **more: Any) -> DataOptions:
        """Of a data set; by default of one that a checkpoint names, with its size of images."""
        from resnoise.datasets import DataOptions

        return DataOptions(dataset, self.data_root, self.download, **more)

    def given(self) -> str:
        """What another command has to be told to find the same data."""
        return "" if self.data_root == DataRoot().data_root else f" --data-root {self.data_root}"


@dataclass(frozen=True)
class DataPlace(DataRoot):
    """Where data sets are, and the size of images that can be had in any."""

    image_size: Annotated[
        int, typer.Option(help="side to which images are resized", rich_help_panel=_DATA)
    ] = 32

    def options(self, dataset: str = "", **more: Any) -> DataOptions:
        """See `DataRoot.options`."""
        return super().options(dataset, image_size=self.image_size, **more)


def recipe_texts(recipe: Recipe) -> list[tuple[str, str]]:
    """Every setting of a recipe and its value, as `--set` takes them."""

    def text(value: Any) -> str:
        if isinstance(value, tuple):
            return ",".join(value) or "none"
        return str(value).lower() if isinstance(value, bool) else f"{value}"

    return [(name, text(value)) for name, value in settings_of(recipe).items()]


@dataclass(frozen=True)
class RecipeChanges:
    """What the user sets of a recipe; the rest is as the data set's or the paper's recipe says."""

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
    levels: Annotated[
        int | None,
        typer.Option(help="quantisation levels L: activation.levels", rich_help_panel=_RECIPE),
    ] = None
    augmentation: Annotated[
        str | None,
        typer.Option(help=f"of {','.join(AUGMENTATIONS)}, or none", rich_help_panel=_RECIPE),
    ] = None
    set: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="any setting of the recipe; of CIFAR's, which --show-recipe shows for others: "
            + ", ".join(f"{name}={text}" for name, text in recipe_texts(base_recipe("cifar10"))),
            rich_help_panel=_RECIPE,
        ),
    ] = None
    show_recipe: Annotated[
        bool,
        typer.Option(
            "--show-recipe",
            help="print the recipe of each method and exit",
            rich_help_panel=_RECIPE,
        ),
    ] = False

    def recipe(self, method: str, dataset: str, architectures: Sequence[str]) -> Recipe:
        """The recipe of a method on a data set, with what the user set.

        Raises:
            ConfigError: unknown method or setting, or a value is outside what is allowed.
        """
        from resnoise.training.defaults import recipe_for

        base = recipe_for(
            method, dataset, architectures, published=self.published, epochs=self.epochs
        )
        short = {"activation.levels": self.levels, "augmentation": self.augmentation}
        given = {name: value for name, value in short.items() if value is not None}
        return changed(base, given | dict(assignment(text) for text in self.set or ()))


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
            help="direct training: recompute steps to save memory; slower, except on Norse with "
            "--compile",
            rich_help_panel=_RUN,
        ),
    ] = False
    keep_epochs: Annotated[
        int,
        typer.Option(help="keep every Nth epoch; `selection` needs all", rich_help_panel=_RUN),
    ] = 0
    workers: Annotated[
        int, typer.Option(help="processes that load images", rich_help_panel=_RUN)
    ] = 0
    stop_after: Annotated[
        str | None,
        typer.Option(
            help="stop cleanly after SECONDS, 15m or 2h; the same command resumes",
            rich_help_panel=_RUN,
        ),
    ] = None
    threads: Threads = None
    runs: Annotated[
        Path, typer.Option(help="folder of checkpoints to resume from", rich_help_panel=_RUN)
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
            deadline=None if self.stop_after is None else Deadline.after(duration(self.stop_after)),
        )
