"""The quantised activation of a source network, and the noise in it while it is trained.

Without noise this is the QCFS activation (Bu et al., ICLR 2022, arXiv 2303.04347, eq. 15); with the
residual noise that `resnoise.induce` measures, after rounding, it is NQ (Huang et al., arXiv
2404.17456). A method may have uniform noise before rounding instead, a dither.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from resnoise.config.checks import require_number
from resnoise.config.recipe import ActivationConfig
from resnoise.noise import add_conditional_noise, add_noise, draw_seed, in_step

# λ = softplus(ρ) with this sharpness: ρ itself to float32 precision above λ = 2 (so that published
# learning rates and weight decay act on λ as they were meant to), and positive however far ρ falls:
# where the softplus itself underflows, the smallest normal number takes over.
SOFTPLUS_SHARPNESS = 10.0
SMALLEST_THRESHOLD = torch.finfo(torch.float32).tiny

NoiseMode = Literal["training", "always", "never"]


class _Quantise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z: Tensor, dithered: Tensor | None, threshold: Tensor, levels: int) -> Tensor:
        rounded = z if dithered is None else dithered
        level = (rounded / threshold).clamp_(0, 1).mul_(levels).add_(0.5).floor_()
        # Not in place: of what forward wrote over, torch 2.11 compiles the gradients to zero.
        q = level * (threshold / levels)
        ctx.save_for_backward(z, threshold, q)
        return q

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, Tensor, None]:
        z, threshold, q = ctx.saved_tensors
        inside = (z > 0) & (z < threshold)
        grad_z = grad * inside
        # ∂q/∂λ = q/λ − (z/λ)·[0 < z < λ]; both halves share the division by λ.
        grad_threshold = (grad * q).sum(dtype=torch.float32)
        grad_threshold -= (grad_z * z).sum(dtype=torch.float32)
        return grad_z, None, (grad_threshold / threshold).to(threshold.dtype), None


def quantise(z: Tensor, threshold: Tensor, levels: int, dithered: Tensor | None = None) -> Tensor:
    r"""Quantise and clip pre-activations, with a straight-through gradient.

    .. math::
        q(z) = \frac{λ}{L} \left\lfloor L \, \mathrm{clip}(z/λ, 0, 1) + \tfrac12 \right\rfloor

    The gradient in `z` is 1 where `0 < z < λ` and 0 elsewhere; the gradient in λ follows from the
    same expression with `floor` taken as the identity.

    With noise before rounding, `q(z + ε λ/L)`, the gradients are the same: 1 and 0 in `z`, and
    `q/λ − (z/λ)·[0 < z < λ]` in λ. Their means over ε uniform on (−1/2, 1/2) are the gradients of
    the mean activation, which is `clip(z, 0, λ)`.

    Args:
        z: pre-activations, tensor of any shape.
        threshold: λ, tensor of shape `()`, larger than 0, in the unit of `z`.
        levels: L, number of levels above zero.
        dithered: `z + ε λ/L`, tensor of the shape of `z`, to round in its place; None for ε = 0.

    Returns:
        Tensor of the shape of `z`, with values in `{0, λ/L, ..., λ}`.

    Examples:
        >>> z = torch.tensor([-0.3, 0.1, 0.3, 0.7, 2.0])
        >>> quantise(z, torch.tensor(1.0), levels=4)
        tensor([0.0000, 0.0000, 0.2500, 0.7500, 1.0000])

    Source: Bu et al., ICLR 2022, arXiv 2303.04347, eq. 15.
    """
    return _Quantise.apply(z, dithered, threshold, levels)


class QuantisedReLU(nn.Module):
    r"""Activation layer of a source network: `quantise` with a trainable λ, plus residual noise.

    .. math::
        a = q(z) + σ ε, \qquad ε \sim \mathcal N(0, 1) \text{ for every element}

    The noise is added after quantisation, is not clipped, and passes no gradient to σ. It is on
    while training and off in evaluation, unless `noise` says otherwise. Extensions of the recipe
    make it :math:`a = q(z) + r \, (σ ε - μ)`, see `resnoise.config.Extensions`.

    With `dither` the noise comes before rounding, uniform and as wide as the step between levels:

    .. math::
        a = q(z + r ε λ/L), \qquad ε \sim \mathcal U(-\tfrac12, \tfrac12)

    With r = 1 the mean of `a` over ε is `clip(z, 0, λ)`: a dither, whose rounding errors average
    out.

    Args:
        config: levels L and the start of λ. With `threshold="data"` λ starts at 1 and waits for
            `fit_thresholds_`.
        ceiling: where the ReLU that it replaces clips, 6 for `nn.ReLU6`. λ starts at it at most:
            the two are then the same function but for the rounding.

    Attributes:
        threshold: λ, tensor of shape `()`, always larger than 0.
        sigma: σ, buffer of shape `()`, in the unit of the activation; 0 until induced.
        dither: whether the noise comes before rounding, instead of the residual noise after it.
        ramp: r, buffer of shape `()`; 1 unless the noise is still growing. Not in checkpoints: it
            follows from the epoch.
        mean_error: μ, the mean residual error, buffer of shape `()`, in the unit of the activation;
            None if it is not compensated.
        error_counts: histogram of the residual error that the noise is distributed as, buffer of
            shape `[HISTOGRAM_BINS]`, or `[L + 1, HISTOGRAM_BINS]` for its distribution given the
            level; None if ε is Gaussian.
        is_waiting: whether λ still is where it started to wait for data, neither fitted, nor
            set, nor loaded, nor trained.
        noise: `"training"`, `"always"` or `"never"`.
        noise_seed: decides the noise of the next forward pass, which moves it on; int64 tensor of
            shape `()` on the CPU, or None until torch's default generator draws it. Not in
            checkpoints.
        draws_in_step: whether the noise is drawn from the default generator of the device instead,
            by operations that a compiler fuses and a CUDA graph replays with new draws.

    Examples:
        >>> layer = QuantisedReLU(ActivationConfig(levels=2, threshold=1.0)).eval()
        >>> layer(torch.tensor([-1.0, 0.4, 0.9])).tolist()
        [0.0, 0.5, 1.0]

    Source: Huang et al., arXiv 2404.17456.
    """

    sigma: Tensor
    ramp: Tensor
    mean_error: Tensor | None
    error_counts: Tensor | None

    def __init__(self, config: ActivationConfig, *, ceiling: float = math.inf) -> None:
        super().__init__()
        self.levels = config.levels
        self.ceiling = ceiling
        self.noise: NoiseMode = "training"
        self.dither = False
        self.raw_threshold = nn.Parameter(torch.empty(()))
        self.register_buffer("sigma", torch.zeros(()))
        self.register_buffer("ramp", torch.ones(()), persistent=False)
        self.register_buffer("mean_error", None)
        self.register_buffer("error_counts", None)
        start = 1.0 if config.threshold == "data" else config.threshold
        self.set_threshold_(min(start, ceiling))
        self._waits_at = self.raw_threshold.item() if config.threshold == "data" else None
        self.noise_seed: Tensor | None = None
        self.draws_in_step = False

    @property
    def threshold(self) -> Tensor:
        softplus = F.softplus(self.raw_threshold, beta=SOFTPLUS_SHARPNESS)
        return softplus.clamp_min(SMALLEST_THRESHOLD)

    @torch.no_grad()
    def set_threshold_(self, value: float) -> None:
        """Set λ to `value`, by inverting the softplus.

        Raises:
            ConfigError: `value` is not larger than 0.
        """
        require_number("threshold", value, above=0)
        scaled = SOFTPLUS_SHARPNESS * value
        self.raw_threshold.fill_((scaled + math.log(-math.expm1(-scaled))) / SOFTPLUS_SHARPNESS)
        self._waits_at = None

    @property
    def is_waiting(self) -> bool:
        return self._waits_at is not None and self.raw_threshold.item() == self._waits_at

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._waits_at = None

    @torch.no_grad()
    def set_sigma_(self, value: float) -> None:
        """Set the standard deviation σ of the noise.

        Raises:
            ConfigError: `value` is negative.
        """
        require_number("sigma", value)
        self.sigma.fill_(value)

    def seed_noise_(self, generator: torch.Generator) -> None:
        """Start the noise anew, from a draw of `generator`."""
        self.noise_seed = draw_seed(generator)

    @property
    def is_noisy(self) -> bool:
        return self.noise == "always" or (self.noise == "training" and self.training)

    @property
    def has_noise(self) -> bool:
        """Whether there is any, once the noise is on."""
        return self.dither or self.sigma.item() > 0

    @property
    def is_noise_by_level(self) -> bool:
        """Whether the noise is drawn from its distribution given the level."""
        return self.error_counts is not None and self.error_counts.dim() == 2

    def forward(self, z: Tensor) -> Tensor:
        threshold = self.threshold
        if not self.is_noisy:
            return quantise(z, threshold, self.levels)
        if self.dither:
            width = self.ramp * threshold.detach() / self.levels
            dithered = self._with_noise(z.detach(), width, uniform=True)
            return quantise(z, threshold, self.levels, dithered)
        a = quantise(z, threshold, self.levels)
        if self.mean_error is not None:
            a = a - (self.ramp * self.mean_error).to(a.dtype)
        if not self.is_noise_by_level:
            return self._with_noise(a, self.ramp * self.sigma, self.error_counts)
        if self.draws_in_step:
            return in_step.add_conditional_noise(a, threshold, self.ramp, self.error_counts)
        return add_conditional_noise(a, threshold, self.ramp, self._next_seed(), self.error_counts)

    def _with_noise(
        self, x: Tensor, scale: Tensor, counts: Tensor | None = None, uniform: bool = False
    ) -> Tensor:
        if self.draws_in_step:
            return in_step.add_noise(x, scale, counts, uniform)
        return add_noise(x, scale, self._next_seed(), counts, uniform)

    def _next_seed(self) -> Tensor:
        seed = draw_seed() if self.noise_seed is None else self.noise_seed
        # Not in place, so that a compiler need not copy it.
        self.noise_seed = seed + 1
        return seed

    def extra_repr(self) -> str:
        return f"levels={self.levels}, threshold={self.threshold.item():.4g}"


def is_activation(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a node of a traced network calls a quantised activation.

    Args:
        node: node of a traced graph.
        modules: submodules of the traced network by name.
    """
    return node.op == "call_module" and isinstance(modules[node.target], QuantisedReLU)


def activations(network: nn.Module) -> dict[str, QuantisedReLU]:
    """The quantised activations of a source network by name, in the order of computation.

    Examples:
        >>> import resnoise
        >>> network = resnoise.prepare(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)))
        >>> activations(network)
        {'1': QuantisedReLU(levels=4, threshold=1)}
    """
    modules = dict(network.named_modules())
    if isinstance(network, fx.GraphModule):
        calls = [n.target for n in network.graph.nodes if is_activation(n, modules)]
        return {name: modules[name] for name in calls}
    return {name: m for name, m in modules.items() if isinstance(m, QuantisedReLU)}


@contextmanager
def noise_mode(network: nn.Module, mode: NoiseMode) -> Iterator[None]:
    """Within the context, all activations of `network` follow noise mode `mode`.

    Examples:
        >>> network = nn.Sequential(QuantisedReLU(ActivationConfig()))
        >>> with noise_mode(network, "always"):  # in evaluation too
        ...     network.eval()[0].is_noisy
        True
    """
    layers = activations(network).values()
    before = [layer.noise for layer in layers]
    for layer in layers:
        layer.noise = mode
    try:
        yield
    finally:
        for layer, earlier in zip(layers, before, strict=True):
            layer.noise = earlier


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Within the context, `network` is in evaluation mode and without noise.

    Afterwards every module is in its own mode again.
    """
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with noise_mode(network, "never"):
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
