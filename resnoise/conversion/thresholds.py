"""Where the clipping values λ of a source network start: at what its layers compute on images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from resnoise.config.checks import require_number
from resnoise.conversion.activation import QuantisedReLU, activations, evaluating
from resnoise.conversion.operators import BATCH_NORMS
from resnoise.errors import DataError, ResnoiseError
from resnoise.utils.tensors import require_images


@torch.no_grad()
def fit_thresholds_(network: nn.Module, images: Tensor, *, quantile: float = 0.9) -> None:
    """Start every λ from data: the `quantile` of the layer's positive pre-activations.

    One forward pass in which BatchNorm uses the statistics of these images, and dropout is off;
    each layer is fitted before it quantises, so later ones see what earlier ones will send them.

    Args:
        network: source network from `resnoise.prepare`; changed in place.
        images: training images, tensor of shape `[N, C, H, W]`.
        quantile: share of positive pre-activations that is not clipped, in (0, 1].

    Raises:
        ConfigError: `quantile` is not in (0, 1].
        DataError: images are not a tensor of finite floating-point numbers, of a shape that the
            network does not take, or too few for a BatchNorm.

    Examples:
        >>> import resnoise
        >>> from resnoise import ActivationConfig, activations
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> network = resnoise.prepare(model, ActivationConfig(threshold="data"))
        >>> fit_thresholds_(network, torch.randn(8, 1, 2, 2))
        >>> activations(network)["2"].is_waiting
        False

    Where λ starts decides much of the accuracy at T = 1 and 2 of a short training, see
    `docs/method.md`.
    """
    require_number("quantile", quantile, above=0, at_most=1)
    require_images(images)

    def fit(layer: QuantisedReLU, inputs: tuple[Tensor]) -> None:
        positive = inputs[0][inputs[0] > 0].float()
        if positive.numel():
            rank = max(1, math.ceil(quantile * positive.numel()))
            layer.set_threshold_(min(positive.kthvalue(rank).values.item(), layer.ceiling))

    statistics = {k: v.clone() for k, v in network.named_buffers()}
    handles = [m.register_forward_pre_hook(fit) for m in activations(network).values()]
    try:
        with evaluating(network):
            for module in network.modules():
                module.training = isinstance(module, BATCH_NORMS)
            network(images)
    except (torch.OutOfMemoryError, ResnoiseError):
        raise
    except (RuntimeError, ValueError) as error:  # what torch's modules raise of a shape
        raise DataError(
            "expected images to fit thresholds to, several and of the shape that the network was "
            f"made for, but got {list(images.shape)}: {str(error).splitlines()[0]}"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
        for name, buffer in network.named_buffers():
            buffer.copy_(statistics[name])
