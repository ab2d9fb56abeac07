"""Figures of trainings of a dozen steps: what they see, the noise, the rates, and what they learn.

They run in double precision. In single precision a sum in another order moves some activation over
an edge of its quantisation in the first steps, and percents of all figures with it in the last.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from resnoise.check.measurement import Figure, Kind, digest
from resnoise.check.public import public

if TYPE_CHECKING:
    from resnoise import Job, Recipe
    from resnoise.methods import Method

SEED = 1
CLASSES = 10
TRAIN, VALIDATION = 96, 40
EPOCHS, BATCH = 4, 32  # three steps an epoch, and a second batch of validation that is not whole
INDUCTION_STEPS = 3  # not the default


def groups() -> dict[str, Callable[[], Iterator[Figure]]]:
    """A group for each kind of noise, and one of direct training."""
    return {
        f"training, {name}": lambda name=name, make=make: training_figures(name, make())
        for name, make in {
            "nq": lambda: _job("nq"),
            "nq with measured noise": lambda: _job(
                "nq",
                ramp=1.0,
                averaging=0.5,
                residual="local",
                distribution="measured",
                compensate=True,
                threshold_weight_decay=False,
            ),
            "nq with conditional noise": lambda: _job("nq", distribution="conditional", ramp=1.0),
            # At a rate so high that the last epoch is not the best.
            "direct": lambda: _job("direct", learning_rate=1.0),
        }.items()
    }


def training_figures(name: str, job: Job) -> Iterator[Figure]:
    """What a training does, epoch by epoch, and what came of it."""
    from resnoise import ExecutionConfig

    place = f"training, {name}"
    with tempfile.TemporaryDirectory() as folder:
        trainer = public("Trainer")(job, Path(folder), ExecutionConfig(device="cpu"))
        before = {key: value.clone() for key, value in trainer.network.state_dict().items()}
        images, seeds, rates = _watch(trainer)
        layers = public("activations")(trainer.network)
        while trainer.epochs_done < EPOCHS:
            trainer.run_epoch()
            trainer.save()
            row = trainer.history[-1]
            when = f"{place}, epoch {trainer.epochs_done}"
            yield Figure(f"{when}: loss", Kind.CLOSE, row["train_loss"])
            right = round(row["validation_accuracy"] * VALIDATION)
            yield Figure(f"{when}: validation images right", Kind.IMAGES, right)
            for layer, activation in layers.items():
                sigma = activation.sigma.item()
                yield Figure(f"{when}: σ of layer {layer}", Kind.CLOSE, sigma)
        after = trainer.network.state_dict()
    yield Figure(f"{place}: best epoch", Kind.IDENTICAL, trainer.best_epoch)
    told = " ".join(f"{rate:.5f}" for rate in rates)
    yield Figure(f"{place}: learning rates", Kind.IDENTICAL, told)
    yield Figure(f"{place}: digest of augmented images", Kind.IDENTICAL, digest(*images))
    yield Figure(f"{place}: digest of seeds of the noise", Kind.IDENTICAL, digest(*seeds))
    for layer, activation in layers.items():
        yield Figure(f"{place}: λ of layer {layer}", Kind.CLOSE, activation.threshold.item())
    for key, value in after.items():
        if value.is_floating_point() and not key.endswith("sigma"):
            way = (value - before[key]).norm().item()
            yield Figure(f"{place}: way of {key}", Kind.CLOSE, way)


def _watch(trainer: Any) -> tuple[list[Tensor], list[Tensor], list[float]]:
    """Images and seeds of every step of a training, and its learning rates, as they are used."""
    images: list[Tensor] = []
    seeds: list[Tensor] = []
    rates: list[float] = []

    def see(network: Any, inputs: tuple[Any, ...]) -> None:
        if network.training:
            images.append(inputs[0].detach().clone())

    def draw(layer: Any, inputs: tuple[Any, ...]) -> None:
        if layer.is_noisy:
            seeds.append(torch.as_tensor(layer.noise_seed))

    trainer.network.register_forward_pre_hook(see)
    for layer in public("activations")(trainer.network).values():
        layer.register_forward_pre_hook(draw)
    trainer.optimiser.register_step_pre_hook(
        lambda optimiser, *rest: rates.append(optimiser.param_groups[0]["lr"])
    )
    return images, seeds, rates


def _job(method: str, learning_rate: float = 0.1, **extensions: Any) -> Job:
    from resnoise import Job, methods

    chosen = _in_double(methods.get(method))
    (training,) = chosen.trainings("reference", (2,))
    recipe = _recipe(learning_rate, **extensions)
    return Job(chosen, training.name, "digits-cnn", _data(), recipe, SEED)


def _in_double(method: Method) -> Method:
    """The same method, whose networks have weights of double precision."""

    def network(self: Method, *arguments: Any) -> nn.Module:
        return super(doubled, self).network(*arguments).double()

    doubled = type("Doubled", (type(method),), {"network": network})
    return doubled()


def _recipe(learning_rate: float, **extensions: Any) -> Recipe:
    from resnoise import Extensions, InductionConfig, Recipe

    return Recipe(
        epochs=EPOCHS,
        batch_size=BATCH,
        learning_rate=learning_rate,
        augmentation=("crop", "flip", "cutout"),
        induction=InductionConfig(INDUCTION_STEPS),
        extensions=Extensions(**extensions),
    )


def _data() -> Any:
    """Made-up images of 8×8 bytes, a row of each brighter by its class."""
    from resnoise.datasets import ImageData, LabelledImages, Normalisation, Split

    count = TRAIN + VALIDATION
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(9, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)
    labels = np.arange(count) % CLASSES
    for image, label in zip(pixels, labels, strict=True):
        image[0, label % 8] += 4 + label // 8 * 4

    class InDouble(Normalisation):
        def __call__(self, pixels: Tensor) -> Tensor:
            return super().__call__(pixels).double()

    # Sixteenths, without rounding.
    normalise = InDouble((0.5,), (0.25,), full_scale=16.0)
    classes = tuple(map(str, range(CLASSES)))
    everything = LabelledImages(pixels, labels, classes, normalise)
    positions = np.arange(count)
    validation = Split(everything, positions[TRAIN:])
    return ImageData(
        name="made-up",
        classes=classes,
        shape=(1, 8, 8),
        train=Split(everything, positions[:TRAIN], ("crop", "flip", "cutout")),
        validation=validation,
        test=validation,
        sha256="0" * 64,
    )
