"""Source and spiking network as one: their images side by side in one batch.

Both have the same weights, so a convolution may take the images of both at once. On an accelerator,
which is idle between small pieces of work, an induction then takes one pass instead of two, and
several batches at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, fx, nn

from resnoise.conversion.activation import QuantisedReLU, activations, quantise
from resnoise.conversion.folding import folded
from resnoise.simulation.folded_time import mean_over_time
from resnoise.simulation.neuron import if_step, initial_state

# Four batches of 256 images of 32 x 32 pixels. One batch at a time, 0.28 s of work took an H200
# twice as long, beside other trainings.
PIECE_BYTES = 12 * 2**20


class Piece(NamedTuple):
    """Images that run at once: of one batch, or several whole ones.

    Attributes:
        images: tensor of shape `[N, C, H, W]`.
        labels: theirs, int64 tensor of shape `[N]`.
        sizes: how many of them are of each batch.
        is_end: whether the last batch ends with them.
    """

    images: Tensor
    labels: Tensor
    sizes: list[int]
    is_end: bool


class Measured(NamedTuple):
    """What a layer of each network sent for the same images, tensors of shape `[N, ...]`.

    Attributes:
        quantised: the activation of the source network, or of the mean current of the neurons.
        rate: the mean output of the neurons over time, in the same unit.
    """

    quantised: Tensor
    rate: Tensor


class SideBySide:
    """Both networks at once.

    Args:
        network: source network; it is copied, not changed.
        timesteps: T.
        local: whether the activation of each layer is that of the mean current of its neurons; the
            source network is then left out.

    Examples:
        >>> from resnoise import prepare
        >>> network = prepare(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)))
        >>> both = SideBySide(network, timesteps=4)
        >>> both(torch.rand(5, 2)).shape
        torch.Size([4, 5, 2])
        >>> [layer.quantised.shape for layer in both.measured.values()]
        [torch.Size([5, 3])]
    """

    def __init__(self, network: fx.GraphModule, timesteps: int, local: bool = False) -> None:
        self.timesteps = timesteps
        self.local = local
        self._network = folded(network)
        self._layers = {
            name: _Both(layer, timesteps, local)
            for name, layer in activations(self._network).items()
        }
        for name, layer in self._layers.items():
            self._network.set_submodule(name, layer)

    def pieces(self, batches: Iterable[tuple[Tensor, Tensor]]) -> Iterator[Piece]:
        """Pairs of images `[N, C, H, W]` and labels `[N]` in the pieces that run at once."""
        together: list[tuple[Tensor, Tensor]] = []
        for batch in batches:
            if together and _bytes(together) + _bytes([batch]) > PIECE_BYTES:
                yield _joined(together)
                together = []
            together.append(batch)
        if together:
            yield _joined(together)

    def __call__(self, images: Tensor) -> Tensor:
        """From images `[N, C, H, W]` to logits of the spiking network, `[T, N, classes]`."""
        copies = self.timesteps + (not self.local)
        logits = self._network(torch.cat([images] * copies))
        return logits.unflatten(0, (copies, -1))[-self.timesteps :]

    @property
    def measured(self) -> dict[str, Measured]:
        """By layer, of the last images."""
        return {name: layer.measured for name, layer in self._layers.items()}

    @property
    def thresholds(self) -> dict[str, Tensor]:
        """θ of every layer, tensors of shape `()`."""
        return {name: layer.threshold for name, layer in self._layers.items()}


def _bytes(batches: Iterable[tuple[Tensor, Tensor]]) -> int:
    return sum(images.nbytes for images, _ in batches)


def _joined(batches: list[tuple[Tensor, Tensor]]) -> Piece:
    images, labels = map(torch.cat, zip(*batches, strict=True))
    return Piece(images, labels, [len(labels) for _, labels in batches], is_end=True)


class _Both(nn.Module):
    """An activation for the first N rows, and neurons for the T·N that follow."""

    threshold: Tensor

    def __init__(self, activation: QuantisedReLU, timesteps: int, local: bool) -> None:
        super().__init__()
        self.register_buffer("threshold", activation.threshold.detach().clone())
        self.levels = activation.levels
        self.timesteps = timesteps
        self.local = local
        self.measured: Measured

    def forward(self, z: Tensor) -> Tensor:
        copies = self.timesteps + (not self.local)
        received = z.unflatten(0, (copies, -1))
        currents = received[-self.timesteps :]
        of_source = currents.sum(0) / self.timesteps if self.local else received[0]
        quantised = quantise(of_source, self.threshold, self.levels)
        # In the memory layout of the input, which a stack of steps would lose.
        output = torch.empty_like(z)
        sent = output.unflatten(0, (copies, -1))
        if not self.local:
            sent[0] = quantised
        state = initial_state(currents[0], self.threshold)
        for current, send in zip(currents, sent[-self.timesteps :], strict=True):
            spikes, state = if_step(current, state, self.threshold)
            torch.mul(spikes, self.threshold, out=send)
        rate = mean_over_time(output[-len(quantised) * self.timesteps :], self.timesteps)
        self.measured = Measured(quantised, rate)
        return output
