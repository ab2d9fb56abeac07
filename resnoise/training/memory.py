"""What to say where a batch does not fit into the memory of an accelerator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from resnoise.errors import TrainingError
from resnoise.training.job import Job
from resnoise.training.step import Step
from resnoise.utils.device import free_bytes

SHARE = 0.9
"""Of a device's memory that a training may be told to use; the rest is lost between its pieces, and
what every program takes for itself."""


@contextmanager
def explaining_short_memory(step: Step, job: Job) -> Iterator[None]:
    """Within the context, running out of an accelerator's memory is an error that says what fits.

    Raises:
        TrainingError: in place of torch's own error.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        size, advice = job.recipe.batch_size, "a smaller one may fit: set `batch_size`"
        if step.device.type == "cuda":
            total = torch.cuda.get_device_properties(step.device).total_memory
            others = total - free_bytes(step.device) - torch.cuda.memory_reserved(step.device)
            fits = largest_batch(lambda images: _peak_bytes(step, job, images), size, total)
            if fits == size and others > (1 - SHARE) * total:
                advice = (
                    f"other programs hold {others / 2**30:.0f} of its {total / 2**30:.0f} GiB: run "
                    "fewer at once, and give the command again, which resumes"
                )
            elif fits:
                advice = f"one of {min(fits, size - 1)} would fit: set `batch_size`"
        raise TrainingError(
            f"the memory of {step.device} is too small for a batch of {size} images; {advice}"
        ) from error


def largest_batch(peak_bytes: Callable[[int], int], size: int, total: int) -> int:
    """The largest batch up to `size` that fits a device which does nothing else.

    It is told from what two small ones take, and 0 if even those do not fit.

    Args:
        peak_bytes: from a number of images to the bytes that training on them takes at most.
        size: a batch that does not fit.
        total: bytes of the device.

    Examples:
        >>> largest_batch(lambda images: 1000 + 10 * images, size=256, total=2000)
        80
    """
    small, large = max(1, size // 16), max(2, size // 8)
    try:
        first, second = peak_bytes(small), peak_bytes(large)
    except torch.OutOfMemoryError:
        return 0
    an_image = max(1.0, (second - first) / (large - small))
    fixed = first - small * an_image
    return max(0, min(size, int((SHARE * total - fixed) / an_image)))


def _peak_bytes(step: Step, job: Job, images: int) -> int:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(step.device)
    shown = torch.zeros(images, *job.data.shape, device=step.device)
    step.train_on(shown, torch.zeros(images, dtype=torch.int64, device=step.device))
    return torch.cuda.max_memory_allocated(step.device)
