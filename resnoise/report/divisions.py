"""Rows by what their methods ask for, and the source networks that they are converted from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pandas as pd

from resnoise.analysis.rows import Row, row_of
from resnoise.config.requirements import PLAIN_NEURONS
from resnoise.utils.text import few, spoken

NO_SPIKES = "no spikes"
"""The group of a table that source networks are in, beside the divisions `plain` and `open`."""


def division_notes(frame: pd.DataFrame, sources: pd.DataFrame) -> list[str]:
    """What the groups of a table are.

    Args:
        frame: one section of `comparison_frame`.
        sources: its `source_networks`; none where the table does not show them.
    """
    asked = "".join(
        f" {spoken(labels)} ask{'s' if len(labels) == 1 else ''} for {demands}."
        for demands, labels in _demands(frame).items()
    )
    notes = [
        "Plain: integrate-and-fire neurons with soft reset, with or without a leak, and no "
        "calibration, as any neuromorphic chip has them. Open: methods that ask for more; they are "
        f"not ranked with plain ones.{asked}"
    ]
    if len(sources):
        shared = "".join(
            f" That of {line.label} is the source of {spoken(line.methods)}."
            for line in sources.itertuples()
            if line.methods != (line.training,)
        )
        notes.append(
            "No spikes: the network that was converted, with activations of L levels, in one "
            "forward pass; in brackets the energy of that, 4.6 pJ for each MAC, an estimate."
            + shared
        )
    return notes


def _demands(frame: pd.DataFrame) -> dict[str, list[str]]:
    """What open rows ask for, each with the labels of the rows that do."""
    found: dict[str, list[str]] = defaultdict(list)
    rows = frame[frame["division"] == "open"]
    for label, lines in rows.groupby("label", sort=False):
        found[spoken(_phrases(lines))].append(label)
    return found


def _phrases(lines: pd.DataFrame) -> Iterator[str]:
    for neuron in lines["neuron"].unique():
        if neuron not in PLAIN_NEURONS:
            yield f"{neuron} neurons"
    if (most := lines["spike_levels"].max()) > 1:
        yield f"spikes of {most} values"
    steps = sorted(set(lines["presimulation_steps"]) - {0})
    if steps:
        yield f"{spoken(steps)} calibration steps on each test image before T"
    elif lines["looks_at_test_image"].any():
        yield "a look at each test image before T"
    images = sorted(set(lines["calibration_images"]) - {0})
    if images:
        yield f"{spoken(images)} training images for calibration"


def break_even(frame: pd.DataFrame) -> Iterator[str]:
    """From which T on spikes cost more energy than the source network, in one sentence if known.

    Args:
        frame: one section of `comparison_frame`; of several backends the first of a row is meant.
    """
    known = frame.dropna(subset=["ann_accuracy", "ann_energy_nj", "energy_nj"])
    if known.empty:
        return
    several = known["levels"].nunique() > 1
    names: dict[int, dict[str, None]] = defaultdict(dict)
    seen: set[Row] = set()
    for _, lines in known.groupby(list(Row._fields), sort=False, dropna=False):
        row = row_of(lines.iloc[0])
        if row.contender in seen:
            continue
        seen.add(row.contender)
        cheap = lines.loc[lines["energy_nj"] <= lines["ann_energy_nj"], "timesteps"].max()
        dear = lines.loc[~(lines["timesteps"] <= cheap), "timesteps"]
        if len(dear):
            names[dear.min()][row.label_with_levels if several else row.label] = None
    parts = [
        f"from T = {timesteps} on for "
        f"{'every method here' if len(rows) == len(seen) else few(rows, 'methods')}"
        for timesteps, rows in sorted(names.items())
    ]
    if parts:
        yield f"Spikes cost more energy than the source network {', '.join(parts)} (an estimate)."
    else:
        yield (
            f"Up to T = {known['timesteps'].max()} no spiking network costs more energy than its "
            "source network (an estimate)."
        )
