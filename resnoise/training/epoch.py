"""One pass over the images to train on."""

from __future__ import annotations

from collections.abc import Callable

from resnoise.config.recipe import Recipe
from resnoise.training.feed import Feed
from resnoise.training.pace import Pace
from resnoise.training.schedule import learning_rate
from resnoise.training.step import Step
from resnoise.utils import device as devices
from resnoise.utils.ranks import gathered

Look = Callable[[int, int, float], None]
"""Called now and then with the index of a step, the images seen, and the seconds that the whole
epoch will take, 0 if that is not known."""


def train_epoch(
    step: Step, feed: Feed, recipe: Recipe, epoch: int, look: Look
) -> tuple[float, float]:
    """Train on every batch once.

    Args:
        step: what is done with a batch.
        feed: of the batches.
        recipe: of the learning rate.
        epoch: which one, from 1.
        look: after the last step too.

    Returns:
        Mean loss and accuracy over the images of all processes.
    """
    step.begin()
    seen = 0
    steps = feed.steps
    pace = Pace(steps, devices.is_accelerator(step.device))
    for index, (images, labels) in enumerate(feed.to_train()):
        step(images, labels, learning_rate(recipe, epoch - 1 + index / steps))
        seen += len(labels)
        if pace.is_time_to_look(index):
            look(index, seen, pace.epoch_seconds(index))
    shares = gathered((step.losses.item(), step.correct.item(), seen))
    losses, correct, seen = map(sum, zip(*shares, strict=True))
    return losses / seen, correct / seen
