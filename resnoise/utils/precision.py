"""What float32 is on a GPU: cuDNN and cuBLAS may compute it in TF32, of 10 bits instead of 23."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Precision = Literal["float32", "tf32", "bfloat16"]


@contextmanager
def true_float32() -> Iterator[None]:
    """Within the context, float32 is computed as such on every device; then it is as before.

    Examples:
        >>> with true_float32():
        ...     precision_of(torch.device("cuda"))
        'float32'
    """
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, products.allow_tf32
    convolutions.allow_tf32 = products.allow_tf32 = False
    try:
        yield
    finally:
        convolutions.allow_tf32, products.allow_tf32 = before


def precision_of(device: torch.device, *, bf16: bool = False) -> Precision:
    """What a device computes in, given torch's settings of the moment.

    Args:
        device: where.
        bf16: whether under bfloat16 autocast.
    """
    if bf16:
        return "bfloat16"
    allowed = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
    return "tf32" if device.type == "cuda" and allowed else "float32"
