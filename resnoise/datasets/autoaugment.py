"""The CIFAR-10 policy of AutoAugment as tensor operations on a whole batch.

Every operation gives the pixels that Pillow's gives on each image alone, so a training may use
either; together they take a fifteenth of the time. Nearest-neighbour sampling, and mid-grey where a
shear, shift or rotation uncovers the frame, as in the code of the QCFS and NQ recipes.

Source: Cubuk et al., CVPR 2019, arXiv 1805.09501, table 7; magnitudes as in torchvision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

MID_GREY = 128
STEPS = 10  # a magnitude is one of ten equal steps

# Twenty-five pairs of (operation, probability, magnitude's step or None); one pair is drawn for
# each image, and its two operations follow each other.
CIFAR10_POLICY = (
    (("Invert", 0.1, None), ("Contrast", 0.2, 6)),
    (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9)),
    (("Sharpness", 0.8, 1), ("Sharpness", 0.9, 3)),
    (("ShearY", 0.5, 8), ("TranslateY", 0.7, 9)),
    (("AutoContrast", 0.5, None), ("Equalize", 0.9, None)),
    (("ShearY", 0.2, 7), ("Posterize", 0.3, 7)),
    (("Color", 0.4, 3), ("Brightness", 0.6, 7)),
    (("Sharpness", 0.3, 9), ("Brightness", 0.7, 9)),
    (("Equalize", 0.6, None), ("Equalize", 0.5, None)),
    (("Contrast", 0.6, 7), ("Sharpness", 0.6, 5)),
    (("Color", 0.7, 7), ("TranslateX", 0.5, 8)),
    (("Equalize", 0.3, None), ("AutoContrast", 0.4, None)),
    (("TranslateY", 0.4, 3), ("Sharpness", 0.2, 6)),
    (("Brightness", 0.9, 6), ("Color", 0.2, 8)),
    (("Solarize", 0.5, 2), ("Invert", 0.0, None)),
    (("Equalize", 0.2, None), ("AutoContrast", 0.6, None)),
    (("Equalize", 0.2, None), ("Equalize", 0.6, None)),
    (("Color", 0.9, 9), ("Equalize", 0.6, None)),
    (("AutoContrast", 0.8, None), ("Solarize", 0.2, 8)),
    (("Brightness", 0.1, 3), ("Color", 0.7, 0)),
    (("Solarize", 0.4, 5), ("AutoContrast", 0.9, None)),
    (("TranslateY", 0.9, 9), ("TranslateY", 0.7, 9)),
    (("AutoContrast", 0.9, None), ("Solarize", 0.8, 3)),
    (("Equalize", 0.8, None), ("Invert", 0.1, None)),
    (("TranslateY", 0.7, 9), ("AutoContrast", 0.9, None)),
)


def autoaugment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Apply the CIFAR-10 policy to each RGB image of uint8 [N, 3, H, W], on its own device.

    Args:
        images: uint8 [N, 3, H, W].
        generator: of the images' device; all randomness is drawn from it.

    Returns:
        The augmented images, uint8 [N, 3, H, W].

    Examples:
        >>> images = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
        >>> autoaugment(images, torch.Generator().manual_seed(0)).shape
        torch.Size([4, 3, 32, 32])
    """
    count, device = len(images), images.device
    chosen = torch.randint(len(CIFAR10_POLICY), (count,), device=device, generator=generator)
    draws = torch.rand(count, 2, device=device, generator=generator)
    negative = torch.rand(count, 2, device=device, generator=generator) < 0.5
    table = _table(images.shape[-1], device)
    pixels = images.float()
    for place in range(2):
        operation, probability, magnitude = (column[chosen, place] for column in table)
        signed = torch.where(negative[:, place], -magnitude, magnitude)
        applied = draws[:, place] <= probability
        for index, name in enumerate(OPERATIONS):
            where = (applied & (operation == index)).nonzero().squeeze(1)
            if len(where):
                of_images = signed if OPERATIONS[name].signed else magnitude
                pixels[where] = OPERATIONS[name].apply(pixels[where], of_images[where])
    return pixels.byte()


# Each function below takes whole numbers, float32 [M, 3, H, W], and the magnitude of each image,
# float64 [M], and returns whole numbers of the same shape.


def _shear_x(pixels: Tensor, magnitude: Tensor) -> Tensor:
    return _affine(pixels, row_x=(1.0, magnitude, 0.0), row_y=(0.0, 1.0, 0.0))


def _shear_y(pixels: Tensor, magnitude: Tensor) -> Tensor:
    return _affine(pixels, row_x=(1.0, 0.0, 0.0), row_y=(magnitude, 1.0, 0.0))


def _translate_x(pixels: Tensor, magnitude: Tensor) -> Tensor:
    return _affine(pixels, row_x=(1.0, 0.0, -magnitude.trunc()), row_y=(0.0, 1.0, 0.0))


def _translate_y(pixels: Tensor, magnitude: Tensor) -> Tensor:
    return _affine(pixels, row_x=(1.0, 0.0, 0.0), row_y=(0.0, 1.0, -magnitude.trunc()))


def _rotate(pixels: Tensor, magnitude: Tensor) -> Tensor:
    """Counter-clockwise by `magnitude` degrees about the centre."""
    height, width = pixels.shape[-2:]
    angle = -magnitude.deg2rad()
    cos, sin = angle.cos(), angle.sin()
    x, y = width / 2, height / 2
    return _affine(
        pixels,
        row_x=(cos, sin, -cos * x - sin * y + x),
        row_y=(-sin, cos, sin * x - cos * y + y),
    )


def _brightness(pixels: Tensor, magnitude: Tensor) -> Tensor:
    return _blend(torch.zeros_like(pixels), pixels, magnitude)


def _colour(pixels: Tensor, magnitude: Tensor) -> Tensor:
    return _blend(_grey(pixels), pixels, magnitude)


def _contrast(pixels: Tensor, magnitude: Tensor) -> Tensor:
    mean = _grey(pixels).mean((1, 2, 3), keepdim=True, dtype=torch.float64)
    return _blend((mean + 0.5).floor().float(), pixels, magnitude)


def _sharpness(pixels: Tensor, magnitude: Tensor) -> Tensor:
    count, channels, height, width = pixels.shape
    kernel = torch.ones(1, 1, 3, 3, device=pixels.device)
    kernel[..., 1, 1] = 5
    inner = F.conv2d(pixels.reshape(-1, 1, height, width), kernel) / 13
    smooth = pixels.clone()  # Pillow leaves the border as it is
    smooth[..., 1:-1, 1:-1] = (inner + 0.5).floor().view(count, channels, height - 2, width - 2)
    return _blend(smooth, pixels, magnitude)


def _posterize(pixels: Tensor, magnitude: Tensor) -> Tensor:
    step = torch.pow(2.0, 8 - magnitude).float().view(-1, 1, 1, 1)
    return (pixels / step).floor() * step


def _solarize(pixels: Tensor, magnitude: Tensor) -> Tensor:
    return torch.where(pixels < magnitude.view(-1, 1, 1, 1), pixels, 255 - pixels)


def _autocontrast(pixels: Tensor, magnitude: Tensor) -> Tensor:
    low, high = (bound(pixels.flatten(2), 2).unsqueeze(2) for bound in (Tensor.amin, Tensor.amax))
    # In double precision as in Pillow, and one division: 255 / tensor is 255 times a reciprocal.
    levels = torch.arange(256, dtype=torch.float64, device=pixels.device)
    scale = levels[-1:] / (high - low).clamp_min(1)
    stretched = (levels * scale + -low * scale).trunc().clamp(0, 255)
    return _look_up(pixels, torch.where(high > low, stretched, levels))


def _equalize(pixels: Tensor, magnitude: Tensor) -> Tensor:
    levels = torch.arange(256, device=pixels.device)
    counts = _histogram(pixels)
    last = torch.where(counts > 0, levels, -1).amax(2, keepdim=True)
    # Pillow leaves the brightest level that occurs out of the step.
    step = (counts.sum(2, keepdim=True) - counts.gather(2, last)) // 255
    before = counts.cumsum(2) - counts
    table = ((step // 2 + before) // step.clamp_min(1)).clamp(0, 255)
    return _look_up(pixels, torch.where(step > 0, table, levels))


def _invert(pixels: Tensor, magnitude: Tensor) -> Tensor:
    return 255 - pixels


class Operation(NamedTuple):
    """How an operation is applied, and which magnitudes it has.

    Args:
        apply: takes pixels and the magnitude of each image.
        greatest: magnitude of the last step, of the first one it is `least`.
        least: see `greatest`.
        signed: whether the sign of the magnitude is drawn too.
        of_width: whether the magnitude is a share of the image's width.
        whole: whether it is rounded, as the bits are that Posterize keeps.
    """

    apply: Callable[[Tensor, Tensor], Tensor]
    greatest: float = 0.0
    least: float = 0.0
    signed: bool = False
    of_width: bool = False
    whole: bool = False

    def magnitude(self, step: int | None, width: int) -> float:
        """The magnitude at a step of the policy, before its sign."""
        if step is None:
            return 0.0
        greatest = self.greatest * (width if self.of_width else 1)
        # torchvision's magnitudes are these float32 numbers, which decide how pixels are rounded.
        magnitude = torch.linspace(self.least, greatest, STEPS)[step].item()
        return float(round(magnitude)) if self.whole else magnitude


OPERATIONS = {
    "ShearX": Operation(_shear_x, 0.3, signed=True),
    "ShearY": Operation(_shear_y, 0.3, signed=True),
    "TranslateX": Operation(_translate_x, 150 / 331, signed=True, of_width=True),
    "TranslateY": Operation(_translate_y, 150 / 331, signed=True, of_width=True),
    "Rotate": Operation(_rotate, 30.0, signed=True),
    "Brightness": Operation(_brightness, 0.9, signed=True),
    "Color": Operation(_colour, 0.9, signed=True),
    "Contrast": Operation(_contrast, 0.9, signed=True),
    "Sharpness": Operation(_sharpness, 0.9, signed=True),
    "Posterize": Operation(_posterize, 4.0, least=8.0, whole=True),
    "Solarize": Operation(_solarize, 0.0, least=255.0),
    "AutoContrast": Operation(_autocontrast),
    "Equalize": Operation(_equalize),
    "Invert": Operation(_invert),
}


def _table(width: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Operation, probability and magnitude of each place of each pair, three of [25, 2]."""
    names = list(OPERATIONS)
    rows = [
        [
            (names.index(name), share, OPERATIONS[name].magnitude(step, width))
            for name, share, step in pair
        ]
        for pair in CIFAR10_POLICY
    ]
    table = torch.tensor(rows, dtype=torch.float64, device=device)
    return table[..., 0].long(), table[..., 1].float(), table[..., 2]


def _grey(pixels: Tensor) -> Tensor:
    """Luma of RGB [M, 3, H, W] as [M, 1, H, W], by Pillow's integer weights and rounding."""
    red, green, blue = pixels.int().split(1, 1)
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).float()


def _blend(degenerate: Tensor, pixels: Tensor, magnitude: Tensor) -> Tensor:
    """Go from `degenerate` to `pixels` by 1 + magnitude, so beyond them where it is above 0."""
    factor = (1 + magnitude).float().view(-1, 1, 1, 1)
    return (degenerate + factor * (pixels - degenerate)).clamp(0, 255).floor()


Row = tuple[Tensor | float, Tensor | float, Tensor | float]


def _affine(pixels: Tensor, row_x: Row, row_y: Row) -> Tensor:
    """Take pixel (x, y) from (a x + b y + c, d x + e y + f), at pixel centres, nearest neighbour.

    In Pillow's fixed-point numbers of 16 bits after the point, since ties decide whole pixels.
    """
    count, channels, height, width = pixels.shape
    x = torch.arange(width, device=pixels.device)
    y = torch.arange(height, device=pixels.device).unsqueeze(1)

    def source(row: Row) -> Tensor:
        of_x, of_y, shift = (
            torch.as_tensor(entry, dtype=torch.float64, device=pixels.device).expand(count)
            for entry in row
        )
        start = shift + of_x * 0.5 + of_y * 0.5
        of_x, of_y, start = (
            (entry * 65536 + 0.5).floor().long().view(-1, 1, 1) for entry in (of_x, of_y, start)
        )
        return (start + x * of_x + y * of_y) >> 16

    source_x, source_y = source(row_x), source(row_y)
    inside = (source_x >= 0) & (source_x < width) & (source_y >= 0) & (source_y < height)
    flat = (source_y.clamp(0, height - 1) * width + source_x.clamp(0, width - 1)).view(count, 1, -1)
    taken = pixels.flatten(2).gather(2, flat.expand(-1, channels, -1)).view_as(pixels)
    return taken.masked_fill_(~inside.unsqueeze(1), MID_GREY)


def _histogram(pixels: Tensor) -> Tensor:
    """How often each level occurs in each channel of each image, int64 [M, 3, 256]."""
    flat = pixels.flatten(2).long()
    counts = torch.zeros(*flat.shape[:2], 256, dtype=torch.int64, device=pixels.device)
    return counts.scatter_add_(2, flat, torch.ones_like(flat))


def _look_up(pixels: Tensor, table: Tensor) -> Tensor:
    """Replace each level by that of the table [M, 3, 256] of its image and channel."""
    return table.float().gather(2, pixels.flatten(2).long()).view_as(pixels)
