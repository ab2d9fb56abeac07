"""Options for a plain model of the user's, in place of a trained network."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resnoise.cli.options import DataRoot
from resnoise.errors import ConfigError

if TYPE_CHECKING:
    from torch.fx import GraphModule

    from resnoise.training.job import Job

PLAIN = "qcfs"
"""The method whose simulation is that of integrate-and-fire neurons and nothing else."""

_OWN = "A model of your own, without training"


@dataclass(frozen=True)
class OwnModel:
    """A plain model of the user's, whose thresholds are calibrated on training images."""

    model: Annotated[
        str | None,
        typer.Option(
            help="module:function that makes it; in place of a checkpoint", rich_help_panel=_OWN
        ),
    ] = None
    weights: Annotated[
        Path | None, typer.Option(help="its weights, .safetensors", rich_help_panel=_OWN)
    ] = None
    dataset: Annotated[
        str,
        typer.Option(help="digits, cifar10, cifar100 or imagefolder:PATH", rich_help_panel=_OWN),
    ] = "digits"
    image_size: Annotated[
        int, typer.Option(help="side to which images are resized", rich_help_panel=_OWN)
    ] = 32
    levels: Annotated[
        int, typer.Option(help="levels L, which --by mse fits thresholds to", rich_help_panel=_OWN)
    ] = 16
    per: Annotated[
        str, typer.Option(help="a threshold for each layer or channel", rich_help_panel=_OWN)
    ] = "channel"
    by: Annotated[str, typer.Option(help="rule: max, percentile or mse", rich_help_panel=_OWN)] = (
        "mse"
    )
    percentile: Annotated[
        float, typer.Option(help="percentile that --by percentile takes", rich_help_panel=_OWN)
    ] = 99.9
    calibration_images: Annotated[
        int, typer.Option(help="training images to calibrate on", rich_help_panel=_OWN)
    ] = 100

    def job(
        self, checkpoint: Path | None, place: DataRoot, method: str
    ) -> tuple[Job, GraphModule] | None:
        """The job and the source network of `--model`; None where there is a checkpoint instead.

        Raises:
            ConfigError: there are both, or neither, or settings of a model without one.
        """
        if (checkpoint is None) == (self.model is None):
            got = "both" if self.model else "neither"
            raise ConfigError(f"expected a checkpoint or --model, but got {got}")
        if self.model is None:
            for field in fields(self):
                if getattr(self, field.name) != field.default:
                    option = field.name.replace("_", "-")
                    raise ConfigError(
                        f"expected --{option} only with --model, but got a checkpoint"
                    )
            return None
        from resnoise import methods
        from resnoise.datasets import load
        from resnoise.training.own_model import Calibration, calibrated_job, own_model

        calibration = Calibration(
            self.calibration_images, self.levels, self.per, self.by, self.percentile
        )
        chosen = methods.get(method)
        model = own_model(self.model, self.weights)
        data = load(place.options(self.dataset, image_size=self.image_size))
        return calibrated_job(model, self.model, data, chosen, calibration)
