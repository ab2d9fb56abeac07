"""Figures of the residual error between source networks and their spiking networks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from resnoise.records.training_record import LayerResidual, TrainingRecord
from resnoise.report.svg import Looks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_COLUMNS = 5


def histogram_figure(trainings: Sequence[TrainingRecord], looks: Looks) -> Figure:
    """Density of the residual error, one small panel per layer, one curve per method.

    Trainings of one method pool their counts when their edges agree.
    """
    from matplotlib.figure import Figure

    layers = _by_layer(trainings)
    rows = -(-len(layers) // _MOST_COLUMNS)
    columns = -(-len(layers) // rows)
    figure = Figure(figsize=(8.8, 1.7 * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes, (layer, by_method) in zip(grid.flat, layers.items(), strict=False):
        for method, residuals in by_method.items():
            pooled = defaultdict(float)
            for residual in residuals:
                histogram = residual.histogram
                pooled[tuple(histogram.edges)] += np.asarray(histogram.counts, dtype=float)
            for edges, counts in pooled.items():
                density = counts / max(counts.sum(), 1) / np.diff(edges)
                axes.stairs(density, edges, color=looks[method]["color"], label=method, lw=1.5)
        axes.set_title(layer, fontsize=9)
        axes.set_yticks([])
        axes.axvline(0, color="#8a919c", lw=0.8, zorder=0)
    for axes in grid.flat[max(0, len(layers) - columns) : len(layers)]:  # lowest of each column
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("e / θ")
    for axes in grid.flat[len(layers) :]:
        axes.set_visible(False)
    handles = {
        label: handle
        for axes in grid.flat
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(handles), 4)
    )
    return figure


def sigma_figure(trainings: Sequence[TrainingRecord], looks: Looks) -> Figure:
    """Standard deviation and mean of the residual error of every layer, in units of θ.

    Points are means over seeds, bars reach from the smallest to the largest seed.
    """
    from matplotlib.figure import Figure

    layers = _by_layer(trainings)
    figure = Figure(figsize=(8.8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for method in dict.fromkeys(training.method for training in trainings):
        for axes, name in ((left, "std"), (right, "mean")):
            axes.errorbar(
                *_over_seeds(layers, method, name), label=method, capsize=2, lw=1.4, **looks[method]
            )
    left.set(title="Standard deviation", ylabel="std(e) / θ", ylim=(0, None))
    right.set(title="Mean", ylabel="mean(e) / θ")
    right.axhline(0, color="#8a919c", lw=0.8, zorder=0)
    for axes in (left, right):
        axes.set_xticks(range(len(layers)), layers, rotation=90 if len(layers) > 6 else 0)
        axes.tick_params("x", labelsize=8)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _by_layer(trainings: Sequence[TrainingRecord]) -> dict[str, dict[str, list[LayerResidual]]]:
    """Residuals by layer, then by method, one per seed."""
    layers: dict = defaultdict(lambda: defaultdict(list))
    for training in trainings:
        for layer, residual in training.residual.layers.items():
            layers[layer][training.method].append(residual)
    return layers


def _over_seeds(
    layers: dict[str, dict[str, list[LayerResidual]]], method: str, name: str
) -> tuple[list[int], list[float], list[list[float]]]:
    """Positions, means over seeds and distances to the smallest and largest, in units of θ."""
    positions, means, bars = [], [], ([], [])
    for position, by_method in enumerate(layers.values()):
        values = [getattr(seed, name) / seed.threshold for seed in by_method.get(method, ())]
        if values:
            mean = float(np.mean(values))
            positions.append(position)
            means.append(mean)
            bars[0].append(mean - min(values))
            bars[1].append(max(values) - mean)
    return positions, means, list(bars)
