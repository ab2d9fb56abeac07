"""What a machine is called in the results, and the processor that each of them was measured on.

asv starts a new curve where any field of a machine differs, and by itself it fills in the version
of the kernel and the memory to the byte. So the fields are those that stay; the rest is in a table.
"""

from __future__ import annotations

import csv
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from asv.machine import Machine, MachineCollection
from asv.util import get_memsize

TABLE = "processors.csv"
COLUMNS = ("commit", "measured", "processor", "os", "ram", "load")


class OtherMachineError(Exception):
    """The results under this name are of a machine of another size."""


def fields(name: str) -> dict[str, str]:
    """What asv is told of this machine."""
    return {
        "machine": name,
        "os": platform.system(),
        "arch": platform.machine(),
        "cpu": f"see {TABLE}",
        "num_cpu": str(os.cpu_count()),
        "ram": f"{round(get_memsize() / 2**30)} GiB",
    }


def register(name: str, results: Path) -> None:
    """Tell asv of this machine, which has `name` in the folder `results`.

    Raises:
        OtherMachineError: that name has results of a machine of another size.
    """
    mine, path = fields(name), results / name / "machine.json"
    known = json.loads(path.read_text()) if path.exists() else mine
    if differs := [field for field in mine if known.get(field) != mine[field]]:
        field = differs[0]
        raise OtherMachineError(
            f"expected a machine with {field} {known.get(field)!r}, as {path} says, but this one "
            f"has {mine[field]!r}; give it a name of its own: MACHINE=NAME"
        )
    MachineCollection.save(name, mine)


def load_average() -> float:
    """Processes that ran or waited in the last minute."""
    return os.getloadavg()[0]


def note_processor(folder: Path, commit: str, load: float) -> None:
    """Add a line to the table of a machine: when and on what `commit` was measured.

    Args:
        folder: of the machine's results.
        commit: its hash.
        load: the load average when the measurement began, which tells a busy machine.
    """
    path = folder / TABLE
    found = Machine.get_defaults()
    measured = datetime.now(UTC).isoformat(timespec="seconds")
    line = (commit, measured, found["cpu"], found["os"], found["ram"], f"{load:.2f}")
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, line] if new else [line])
