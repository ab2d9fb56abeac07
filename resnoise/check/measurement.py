"""What the gate measures: named figures, each of a kind that says how it may change."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class Kind(StrEnum):
    """How a figure is compared, see `resnoise.check.rules`."""

    IDENTICAL = "identical"
    """Arithmetic without rounding: the same on every machine, bit for bit."""
    CLOSE = "close"
    """The same up to the order of rounding, which machines differ in."""
    IMAGES = "images"
    """Test images that fixed weights get right."""
    COUNT = "count"
    """Of something that costs time: less is better."""
    SEEDS = "seeds"
    """Accuracies of trainings, one a seed."""


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        name: unique in a measurement.
        kind: how it is compared.
        value: a number, a digest, or a list of one number a seed.
    """

    name: str
    kind: Kind
    value: float | str | list[float]


@dataclass(frozen=True)
class Measurement:
    """What was measured of one tree.

    Attributes:
        figures: in the order of measuring.
        failed: groups of figures that the tree could not give, each with the reason.
        provenance: commit, versions and machine.
    """

    figures: list[Figure]
    failed: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    def by_name(self) -> dict[str, Figure]:
        """Figures by their names."""
        return {figure.name: figure for figure in self.figures}

    def to_json(self) -> str:
        """One line a figure, so that a version-control diff is one line a change."""
        rows = ",\n".join(f"  {json.dumps(asdict(f), ensure_ascii=False)}" for f in self.figures)
        head = {"failed": self.failed, "provenance": self.provenance}
        fields = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
        return "{\n" + ",\n".join([*fields, f' "figures": [\n{rows}\n ]']) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Measurement:
        """Undo `to_json`; a `ValueError`, `KeyError` or `TypeError` says that it is none."""
        content = json.loads(text)
        figures = [
            Figure(name=row["name"], kind=Kind(row["kind"]), value=row["value"])
            for row in content["figures"]
        ]
        return cls(figures, dict(content["failed"]), dict(content["provenance"]))


def digest(*tensors: Tensor) -> str:
    """The first 16 characters of a hash of all values, whatever their layout in memory."""
    found = hashlib.sha256()
    for tensor in tensors:
        # Adding 0 makes −0 and 0, which are equal, the same bits.
        found.update((tensor.contiguous() + 0).numpy().tobytes())
    return found.hexdigest()[:16]
