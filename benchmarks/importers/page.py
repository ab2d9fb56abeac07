"""The tables of importers, as CSV files and one page."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import nir
import pandas as pd
import torch

from benchmarks.importers.libraries import IMPORTERS, Importer
from benchmarks.importers.networks import FORMS, Case, Outcome, imported, reference
from benchmarks.importers.probes import NEURON_PROBES, NODES, asked, read_node
from resnoise.records.provenance import commit_of, provenance
from resnoise.report.markup import markdown_table
from resnoise.report.table import Table, cells, percent

SECONDS = 60
REFERENCE = "reference"


def installed() -> list[Importer]:
    """The importers whose libraries are installed."""
    return [importer for importer in IMPORTERS if importer.version]


def neurons() -> pd.DataFrame:
    """How each importer reads `nir.IF`."""
    return pd.DataFrame(
        {
            "importer": importer.name,
            "version": importer.version,
            **{title: asked(probe, importer) for title, probe in NEURON_PROBES.items()},
        }
        for importer in installed()
        if importer.neuron
    )


def nodes() -> pd.DataFrame:
    """Which nodes each importer computes as NIR defines them."""
    return pd.DataFrame(
        {"importer": importer.name, **{n: asked(read_node, importer, n) for n in NODES}}
        for importer in installed()
    )


def networks(
    cases: Sequence[Case], timesteps: Sequence[int], say: Callable[[str], None]
) -> pd.DataFrame:
    """Spikes and accuracies of each network in each form through each importer."""
    rows = []
    for case in cases:
        ours = reference(case, max(timesteps))
        labels = {"network": case.name, "images": len(case.images)}
        own = labels | {"form": "", "importer": REFERENCE}
        rows.append(own | _figures(ours, ours, case, timesteps))
        for form, title in FORMS.items():
            for importer in (one for one in installed() if form in one.forms):
                say(f"{case.name}, {title}, {importer.name}")
                row = labels | {"form": title, "importer": importer.name}
                try:
                    with _limited():
                        theirs = imported(case, form, importer, max(timesteps))
                except Exception as error:  # whatever a library of others raises
                    rows.append(row | {"refuses": _why(error)})
                else:
                    rows.append(row | _figures(theirs, ours, case, timesteps))
    return pd.DataFrame(rows)


def _figures(
    theirs: Outcome, ours: Outcome, case: Case, timesteps: Sequence[int]
) -> dict[str, float]:
    accuracies = theirs.accuracies(case.labels, timesteps)
    figures = {f"T={t}": accuracy for t, accuracy in accuracies.items()}
    if theirs.spikes is None:
        return figures
    sent, count = (
        sum(spikes.double().sum((1, 2)) for spikes in outcome.spikes).cumsum(0)
        for outcome in (theirs, ours)
    )
    figures |= {f"spikes, T={t}": (sent[t - 1] / count[t - 1]).item() for t in timesteps}
    other = sum(
        torch.ne(a, b).sum().item() for a, b in zip(theirs.spikes, ours.spikes, strict=True)
    )
    return figures | {"differing": other / count[-1].item()}


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"does not end within {SECONDS} s"
    return " ".join(f"{type(error).__name__}: {error}".split())[:60]


@contextmanager
def _limited() -> Iterator[None]:
    """Ends what does not end by itself, as one importer does not on a graph with a circle."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def write(folder: Path, tables: dict[str, pd.DataFrame]) -> list[Path]:
    """Write a CSV file a table, and the page that has them all."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{name}.csv" for name in tables]
    for path, table in zip(written, tables.values(), strict=True):
        table.to_csv(path, index=False, lineterminator="\n")
    page = folder / "importers.md"
    page.write_text(_page(tables), encoding="utf-8")
    return [*written, page]


def _page(tables: dict[str, pd.DataFrame]) -> str:
    figures = tables["networks"].copy()
    for column in (c for c in figures.columns if c.startswith("T=")):
        figures[column] = figures[column].map(percent) + figures.pop(f"spikes, {column}").map(
            lambda share: "" if pd.isna(share) else f" ({percent(share)})"
        )
    figures["differing"] = figures["differing"].map(lambda share: percent(share, 2))
    figures = figures.rename(columns={"differing": "differing, %"})
    if "refuses" in figures:
        # Last, as messages are long.
        figures["refuses"] = figures.pop("refuses")
    made_by = provenance()
    parts = [
        "# NIR through its importers",
        f"NIR {nir.version}, NIRTorch {version('nirtorch')}; [chips](../../../docs/chips.md) says "
        "what to make of it.",
        _table(
            "How each reads `nir.IF`",
            tables["neurons"],
            "Found by asking one neuron; – where an error was raised. By NIR's definition: at "
            "once, no, no, to a value, read, read, 1, no.",
        ),
        _table(
            "Which nodes come out as they are defined",
            tables["nodes"],
            "Of two images at the second time step; – where an error was raised. The two branches "
            "that are summed have one node and two.",
        ),
        _table(
            "Networks",
            figures,
            "Accuracy in per cent of the images at T steps; in brackets the spikes up to there, in "
            "per cent of the reference's. Differing: spikes in another place than the reference's, "
            "over all steps, in per cent of its spikes.",
        ),
        f"Made by `python -m benchmarks.importers` of commit {commit_of(made_by)}; resnoise "
        f"{made_by.resnoise_version}, PyTorch {made_by.torch_version}, Python "
        f"{made_by.python_version}.",
    ]
    return "\n\n".join(parts) + "\n"


def _table(title: str, frame: pd.DataFrame, note: str) -> str:
    rows = [cells(*row) for row in frame.itertuples(index=False)]
    table = Table("", title, tuple(frame.columns), rows, labels=len(frame.columns), notes=[note])
    return markdown_table(table, "##").strip()
