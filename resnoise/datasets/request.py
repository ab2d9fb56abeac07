"""What a user asks for when loading a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """The arguments of `resnoise.datasets.load`, as each data set's own loader gets them.

    Args:
        name: the name as the user gave it, for example `"imagefolder:photos"`.
        kind: the registered part of it, `"imagefolder"`.
        argument: what follows the colon, `"photos"`; empty without a colon.
        root: folder that holds downloaded data.
        download: fetch what is missing from `root`.
        seed: decides how images are dealt out to the splits.
        augmentation: names from `config.AUGMENTATIONS`, for the training split.
        image_size: side in pixels to which image files are resized.
    """

    name: str
    kind: str
    argument: str
    root: Path
    download: bool
    seed: int
    augmentation: tuple[str, ...]
    image_size: int
