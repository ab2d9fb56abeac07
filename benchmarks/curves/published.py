"""Curves as `asv publish` writes them: one value a commit, for one choice of every parameter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote


class Point(NamedTuple):
    """One measurement.

    Attributes:
        revision: how many commits are before it.
        commit: its hash.
        day: of the commit, such as `2026-11-21`.
        value: in the benchmark's unit.
    """

    revision: int
    commit: str
    day: str
    value: float


class Published:
    """What is in a folder that `asv publish` wrote.

    Args:
        folder: with `index.json` and `graphs/`.

    Attributes:
        benchmarks: what asv knows of each, by name.
        machine: the one with the most results, whose curves these are.
    """

    def __init__(self, folder: Path) -> None:
        self.index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self.benchmarks: dict[str, dict[str, Any]] = self.index["benchmarks"]
        found = [path for path in folder.glob("graphs/**/*.json") if "summary" not in path.parts]
        sizes: dict[Path, int] = {}
        for path in found:
            sizes[path.parent] = sizes.get(path.parent, 0) + path.stat().st_size
        self._folder = max(sizes, key=lambda place: (sizes[place], str(place)))
        names = [part.removeprefix("machine-") for part in self._folder.parts if "machine-" in part]
        self.machine = names[0] if names else ""

    def curve(self, benchmark: str, **chosen: object) -> list[Point]:
        """The values of a benchmark, its parameters being `chosen`, in the order of commits.

        What was not measured is left out, and a benchmark that nobody measured has no points.
        """
        path = self._folder / f"{benchmark}.json"
        known = self.benchmarks.get(benchmark)
        if known is None or not path.exists():
            return []
        wanted = {name: repr(value) for name, value in chosen.items()}
        combinations = [
            dict(zip(known["param_names"], values, strict=True))
            for values in product(*known["params"])
        ]
        if wanted not in combinations:
            return []
        graph = json.loads(path.read_text(encoding="utf-8"))
        return list(self._points(graph, combinations.index(wanted)))

    def _points(self, graph: list, position: int) -> Iterator[Point]:
        for revision, values in graph:
            value = values[position] if isinstance(values, list) else values
            if value is not None:
                yield Point(revision, self._commit(revision), self._day(revision), value)

    def _commit(self, revision: int) -> str:
        return self.index["revision_to_hash"][str(revision)]

    def _day(self, revision: int) -> str:
        seconds = self.index["revision_to_date"][str(revision)] / 1000
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()

    def address(self, benchmark: str, **chosen: object) -> str:
        """Of asv's interactive graph with these parameters; a list of values draws a line each."""
        pairs = [
            f"p-{name}={quote(repr(value))}"
            for name, values in chosen.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        return f"graphs.html#{benchmark}" + (f"?{'&'.join(pairs)}" if pairs else "")
