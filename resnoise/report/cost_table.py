"""The table of costs: energy, time, activity, memory and operations."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import pandas as pd

from resnoise.report.divisions import NO_SPIKES
from resnoise.report.table import MISSING, Cell, Table, cells, number, scaled, share, significant
from resnoise.utils.text import spoken

_STATE = "state (KiB)"


def cost_table(frame: pd.DataFrame, sources: pd.DataFrame) -> Table:
    """Energy, latency, activity, memory, operations and footprint at every T."""
    lines = [_cost(line) for _, line in frame.iterrows()]
    if frame["state_bytes"].isna().all():  # older records do not say it
        for line in lines:
            del line[_STATE]
    columns = tuple(lines[0])
    passes = [
        tuple(_source_cost(source).get(name, Cell(MISSING)) for name in columns)
        for source in sources.itertuples()
    ]
    batches = spoken(sorted(frame["latency_batch"].astype(int).unique()))
    return Table(
        name="costs",
        title="Cost of one image",
        columns=columns,
        rows=[*(tuple(line.values()) for line in lines), *passes],
        groups=(*frame["division"], *[NO_SPIKES] * len(sources)),
        labels=2,
        notes=[
            "Medians over seeds, means where the heading is 'as its ANN'. "
            "Energy: 4.6 pJ per MAC and 0.9 pJ per AC (45 nm, Horowitz, ISSCC 2014), an estimate "
            "from counts, good for ratios between rows and not for watts; over ANN's: energy over "
            "that of one pass of the ANN, all of whose operations are MACs; "
            f"latency: milliseconds per image at batch {batches}, median and "
            "interquartile range; R(T): time of the SNN's τ + T steps over τ + T times one pass of "
            "the ANN; firing rate: spikes per neuron and step; as its ANN: test images on which "
            "SNN and source network predict the same; memory: peak of one simulation at batch "
            f"{batches}"
            + (f"; {_STATE}: what all neurons keep between steps." if _STATE in columns else "."),
            "Pre-simulation steps τ are in every latency, count and energy.",
            *_timed_compiled(frame),
        ],
        latex=False,
    )


def _cost(line: pd.Series) -> dict[str, Cell]:
    label, backend, levels, timesteps, total = cells(
        line.label, line.backend, line.levels, line.timesteps, line.total_steps
    )
    two, three, four = (partial(significant, digits=digits) for digits in (2, 3, 4))
    return {
        "method": label,
        "backend": backend,
        "L": levels,
        "T": timesteps,
        "τ+T": total,
        "energy (μJ)": number(line.energy_nj / 1000, three),
        "over ANN's": number(line.energy_nj / line.ann_energy_nj, two),
        "latency (ms)": _latency(line.latency_ms_per_image, line.latency_iqr_ms),
        "batch 1 (ms)": _latency(line.latency_batch1_ms, line.latency_batch1_iqr_ms),
        "R(T)": number(line.overhead_ratio, three),
        "firing rate": number(line.firing_rate, two),
        "as its ANN (%)": share(line.agreement),
        "memory (MiB)": number(line.peak_memory_mib, four),
        "SynOps, dense": number(line.synops_dense, scaled),
        "SynOps, effective": number(line.synops_effective, scaled),
        "ACs": number(line.acs, scaled),
        "MACs": number(line.macs, scaled),
        "parameters": number(line.parameters, scaled),
        "bytes": number(line.parameter_bytes, scaled),
        _STATE: number(line.state_bytes / 1024, four),
    }


def _source_cost(source: NamedTuple) -> dict[str, Cell]:
    """What is known of one pass of a source network, by the columns of `_cost`."""
    label, levels = cells(f"ANN of {source.training}", source.levels)
    known = {"method": label, "L": levels}
    if pd.isna(source.ann_energy_nj):
        return known
    return known | {
        "energy (μJ)": number(source.ann_energy_nj / 1000, significant),
        "over ANN's": Cell("1"),
        "MACs": number(source.ann_macs, scaled),
    }


def _timed_compiled(frame: pd.DataFrame) -> list[str]:
    compiled = frame["compiled"].astype(bool)
    if not compiled.any():
        return []
    labels = "all" if compiled.all() else spoken(sorted(set(frame.loc[compiled, "label"])))
    return [f"Neurons, and the ANN of R(T), were timed through torch.compile: {labels}."]


def _latency(median: float, iqr: float) -> Cell:
    """Older records do not say what range batch 1 had."""
    spread = "" if pd.isna(iqr) else f"(IQR {significant(iqr, 2)})"
    return number(median, significant, spread=spread)
