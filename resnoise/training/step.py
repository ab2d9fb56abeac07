"""One step of a training: forward and backward pass, and the optimiser's update.

On an accelerator the step is one CUDA graph, with the noise drawn inside it, and nothing in it or
between two steps waits for the device. The same function runs uncaptured on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import Recipe
from resnoise.conversion.activation import activations
from resnoise.utils import device as devices
from resnoise.utils.compiling import compiled
from resnoise.utils.replay import Replay

Loss = Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]]


class Step:
    """Trains a network on one batch after the other.

    Args:
        network: what is trained.
        loss: from network, images `[N, C, H, W]` and labels `[N]` to the loss, a scalar, and logits
            `[N, classes]`, see `resnoise.methods.Method.loss`.
        recipe: of the optimiser, and the size of a batch.
        execution: precision and compilation.
        replayed: whether the step runs from memory of its own, with its noise drawn inside it, as a
            graph has it; `prepare` then comes before the first batch.

    Attributes:
        optimiser: SGD with momentum, one group of weights and one of thresholds.
        losses: sum of the loss over the images since `begin`, tensor of shape `()`.
        correct: how many of them were classified right, int64 tensor of shape `()`.

    Examples:
        >>> from resnoise import prepare
        >>> network = prepare(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
        >>> def loss(network, x, y):
        ...     logits = network(x)
        ...     return nn.functional.cross_entropy(logits, y), logits
        >>> step = Step(network, loss, Recipe(batch_size=3), ExecutionConfig(), replayed=False)
        >>> step(torch.rand(3, 4), torch.tensor([0, 1, 1]), rate=0.1)
        >>> step.losses > 0
        tensor(True)
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        recipe: Recipe,
        execution: ExecutionConfig,
        *,
        replayed: bool,
    ) -> None:
        self.network = network
        self._batch_size = recipe.batch_size
        self._bf16 = execution.bf16
        self._loss = loss
        # A second size would have the compiler go over to kernels for any size, slower for all.
        self._loss_of_whole = compiled(loss) if execution.compile else loss
        self.device = next(network.parameters()).device
        # Unfused, SGD waits for a rate that is on the device.
        self.optimiser = torch.optim.SGD(
            parameter_groups(network, recipe),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            fused=replayed or None,
        )
        self.losses = torch.zeros((), device=self.device)
        self.correct = torch.zeros((), dtype=torch.int64, device=self.device)
        self._replayed = replayed
        self._replay: Replay[None] | None = None
        self._rate: Tensor | None = None
        if replayed:
            self._rate = torch.zeros((), device=self.device)
            for layer in activations(network).values():
                layer.draws_in_step = True

    def prepare(self, shape: tuple[int, ...], layout: torch.memory_format) -> None:
        """Make the graph of a step that is replayed, for images of shape `[C, H, W]`, once.

        Draws from the device's default generator.
        """
        if not self._replayed or self._replay is not None:
            return
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate
            for parameter in group["params"]:  # the graph is to find the momenta there
                state = self.optimiser.state[parameter]
                state.setdefault("momentum_buffer", torch.zeros_like(parameter))
        images = torch.zeros(self._batch_size, *shape, device=self.device)
        labels = torch.zeros(self._batch_size, dtype=torch.int64, device=self.device)
        self._replay = Replay(
            self.train_on,
            [images.contiguous(memory_format=layout), labels],
            captured=devices.has_graphs(self.device),
            changes=self._changes(),
        )

    @property
    def is_captured(self) -> bool:
        """Whether the step is a CUDA graph."""
        return self._replay is not None and self._replay.is_captured

    def begin(self) -> None:
        """Start `losses` and `correct` anew, and put the network in training mode."""
        self.network.train()
        self.losses.zero_()
        self.correct.zero_()

    def __call__(self, images: Tensor, labels: Tensor, rate: float) -> None:
        """Train on a batch.

        Args:
            images: tensor of shape `[N, C, H, W]`, on the network's device.
            labels: int64 tensor of shape `[N]`, there too.
            rate: the learning rate.
        """
        if self._rate is not None:
            self._rate.fill_(rate)
        else:
            for group in self.optimiser.param_groups:
                group["lr"] = rate
        if self._replay is not None and len(labels) == self._batch_size:
            self._replay(images, labels)
        else:
            self.train_on(images, labels)

    def train_on(self, images: Tensor, labels: Tensor) -> None:
        """Train on a batch at the rate of the last one, without a graph."""
        whole = len(labels) == self._batch_size
        loss_of = self._loss_of_whole if whole else self._loss
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16):
            loss, logits = loss_of(self.network, images, labels)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        with torch.no_grad():
            self.losses += loss * len(labels)
            self.correct += (logits.argmax(-1) == labels).sum()

    def _changes(self) -> Iterator[Tensor]:
        """All tensors that a step changes."""
        yield from self.network.parameters()
        yield from self.network.buffers()
        for state in self.optimiser.state.values():
            yield state["momentum_buffer"]
        yield from (self.losses, self.correct)


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """The weights and the thresholds of a network, each with the weight decay it trains with."""
    thresholds = dict.fromkeys(layer.raw_threshold for layer in activations(network).values())
    weights = [parameter for parameter in network.parameters() if parameter not in thresholds]
    decayed = recipe.extensions.threshold_weight_decay
    return [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": list(thresholds), "weight_decay": recipe.weight_decay if decayed else 0.0},
    ]
