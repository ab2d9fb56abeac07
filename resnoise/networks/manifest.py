"""The manifest of trained networks: what is known of each without its weights.

`python -m docs.networks` makes it from the committed checkpoints and tables, and a test compares
the two.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from pydantic import JsonValue

from resnoise.records.schema import Count, Fraction, Name, Place, Positive, Schema, Sha256


class Network(Schema):
    """A trained network.

    Attributes:
        folder: of its files, below that of all checkpoints.
        json_sha256: of its `best.json`.
        weights: name of the file of its weights.
        weights_sha256: of that file.
        bytes: size of that file.
        method: that trained it.
        architecture: its name.
        dataset: that it was trained on.
        seed: of its training.
        recipe: of its training.
        validation_accuracy: of the spiking network, by which the epoch was chosen.
        ann_accuracy: of the source network on test images; None if it was not measured.
        accuracy: of the spiking network on test images, by T; empty if it was not measured.
    """

    folder: Name
    json_sha256: Sha256
    weights: Name
    weights_sha256: Sha256
    bytes: Positive
    method: Name
    architecture: Name
    dataset: Place
    seed: Count
    recipe: dict[str, JsonValue]
    validation_accuracy: Fraction
    ann_accuracy: Fraction | None = None
    accuracy: dict[int, Fraction]


class Manifest(Schema):
    """All networks.

    Attributes:
        url: folder that the files of networks can be fetched from, `NAME.json` and the weights by
            their own name; empty if they are published nowhere.
        networks: by name.
    """

    url: str = ""
    networks: dict[str, Network]


@cache
def read_manifest() -> Manifest:
    """The manifest that this package was built with."""
    text = files("resnoise.networks").joinpath("manifest.json").read_text("utf-8")
    return Manifest.model_validate_json(text)
