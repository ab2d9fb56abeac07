"""One training in several processes: each has a share of every batch, and all have one network.

It is the training of one process with the same batches: the gradient is the mean over the whole
batch, BatchNorm takes its statistics of it, and the residual error is that of all images. Noise and
dropout are drawn by each process for itself.

Sources: `DistributedDataParallel` of PyTorch; for BatchNorm its `SyncBatchNorm`, which needs GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from resnoise.training.step import Loss
from resnoise.utils.ranks import rank, world


def share_of(batch: Tensor) -> Tensor:
    """This process's share of a batch `[N, ...]`; all of one that is too small to be shared."""
    if len(batch) < world():
        return batch
    return batch.tensor_split(world())[rank()]


def loss_of_shares(network: nn.Module, loss: Loss) -> Loss:
    """The loss of a share, weighted so that gradients add up to that of the whole batch.

    Args:
        network: of this process; its weights become those of rank 0.
        loss: from network, images and labels to the mean loss over them, and logits.
    """
    for module in network.modules():
        if type(module) in _SHARED:
            module.__class__ = _SHARED[type(module)]
    # Of BatchNorm's statistics each process computes those of all. torch 2.13 renamed the switch.
    accepted = signature(DistributedDataParallel).parameters
    switch = next(n for n in ("forward_sync_buffers", "broadcast_buffers") if n in accepted)
    shared = _Shared(network, **{switch: False})

    def weighted(network: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        mean, logits = loss(shared, images, labels)
        return _Weighted.apply(mean, len(labels) * world() / _all(len(labels), labels)), logits

    return weighted


class _Shared(DistributedDataParallel):
    """With the attributes of the network in it, which a method may ask for in its loss."""

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("module"), name)


class _Weighted(torch.autograd.Function):
    """The value as it is, its gradient times a weight: the mean of this share is still told."""

    @staticmethod
    def forward(ctx: Any, mean: Tensor, weight: Tensor) -> Tensor:
        ctx.weight = weight
        return mean.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.weight, None


def _all(count: int, like: Tensor) -> Tensor:
    total = torch.tensor(float(count), device=like.device)
    distributed.all_reduce(total)
    return total


class _Sum(torch.autograd.Function):
    """The sum over all processes, to each of them."""

    @staticmethod
    def forward(ctx: Any, share: Tensor) -> Tensor:
        total = share.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        total = grad.clone()
        distributed.all_reduce(total)
        return total


class _OfWholeBatch:
    """A BatchNorm whose statistics in training are those of all processes' shares."""

    def forward(self: Any, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        self._check_input_dim(x)
        over = [0, *range(2, x.dim())]
        shape = [1, -1, *[1] * (x.dim() - 2)]
        count = _all(x.numel() // x.shape[1], x)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # as PyTorch's does
        mean = _Sum.apply(wide.sum(over)) / count
        centred = wide - mean.view(shape)
        variance = _Sum.apply(centred.square().sum(over)) / count
        if self.track_running_stats:
            self._update(mean.detach(), variance.detach() * count / (count - 1))
        normal = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(x.dtype)

    def _update(self: Any, mean: Tensor, variance: Tensor) -> None:
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / self.num_batches_tracked
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _BatchNorm1d(_OfWholeBatch, nn.BatchNorm1d):
    pass


class _BatchNorm2d(_OfWholeBatch, nn.BatchNorm2d):
    pass


_SHARED: dict[type, type] = {nn.BatchNorm1d: _BatchNorm1d, nn.BatchNorm2d: _BatchNorm2d}


def every_share(batches: Iterator[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """This process's share of each of the batches."""
    for images, labels in batches:
        yield share_of(images), share_of(labels)


def every_nth(batches: Iterator[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """This process's batches, whole, of all."""
    for index, batch in enumerate(batches):
        if index % world() == rank():
            yield batch
