"""The figure of the residual error between source networks and their spiking networks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from resnoise.records.training_record import LayerResidual, TrainingRecord
from resnoise.report.canvas import Heading, new_figure
from resnoise.report.looks import Looks
from resnoise.report.svg import EDGE, Drawing, Value
from resnoise.report.table import significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT = 4.2
_RARE = 0.01
"""Per cent of the neurons below which a bin of the distribution is not shown."""

Layers = dict[str, dict[str, list[LayerResidual]]]


def residual_figure(trainings: Sequence[TrainingRecord], looks: Looks, heading: Heading) -> Drawing:
    """The distribution of the error over all layers, and its spread and mean layer by layer.

    Points are means over seeds, bars reach from the smallest to the largest seed.
    """
    from matplotlib.lines import Line2D

    methods = list(dict.fromkeys(training.method for training in trainings))
    layers = _by_layer(trainings)
    legend = [Line2D([], [], label=method, **looks[method]) for method in methods]
    figure = new_figure(heading, _HEIGHT, legend)
    panels = figure.subplot_mosaic(
        [["all", "std"], ["all", "mean"]], width_ratios=[1, 1.4], height_ratios=[1, 1]
    )
    values = []
    for method in methods:
        values += _draw_distribution(panels["all"], layers, method, looks)
        for name in ("std", "mean"):
            values += _draw(panels[name], layers, method, name, looks)
    panels["all"].set_yscale("log")
    panels["all"].set_ylim(_RARE, 100)
    panels["all"].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panels["all"].set(title="All layers", xlabel="e / θ", ylabel="% of the neurons")
    panels["std"].set(title="Standard deviation by layer", ylabel="std(e) / θ", ylim=(0, None))
    panels["mean"].set(title="Mean by layer", ylabel="mean(e) / θ", xlabel="layer, from the input")
    panels["mean"].axhline(0, color=EDGE, lw=0.8, zorder=0)
    for name in ("std", "mean"):
        panels[name].set_xticks(range(len(layers)), range(1, len(layers) + 1))
        panels[name].tick_params("x", labelsize=8)
    return Drawing(figure, values)


def _draw_distribution(axes: Axes, layers: Layers, method: str, looks: Looks) -> Iterator[Value]:
    """The share of neurons in each bin that has any: few of them where errors are of levels."""
    for edges, shares in _distributions(layers, method):
        middles = (edges[1:] + edges[:-1]) / 2
        shown = shares >= _RARE
        axes.plot(middles[shown], shares[shown], lw=1.2, markersize=4.5, **looks[method])
        for middle, share in zip(middles[shown], shares[shown], strict=True):
            text = f"{method}, e = {middle:.2f} θ: {significant(share, 2)} % of the neurons"
            yield Value(axes, middle, share, text)


def _draw(axes: Axes, layers: Layers, method: str, name: str, looks: Looks) -> Iterator[Value]:
    """A statistic of every layer, in units of θ."""
    positions, means, bars = [], [], ([], [])
    for position, (layer, by_method) in enumerate(layers.items()):
        seeds = [getattr(seed, name) / seed.threshold for seed in by_method.get(method, ())]
        if not seeds:
            continue
        mean = float(np.mean(seeds))
        positions.append(position)
        means.append(mean)
        bars[0].append(mean - min(seeds))
        bars[1].append(max(seeds) - mean)
        sign = "−" if mean < 0 else ""
        text = f"{layer}, {method}: {name} {sign}{significant(abs(mean))} θ"
        yield Value(axes, position, mean, text)
    axes.errorbar(positions, means, bars, elinewidth=1, lw=1.2, markersize=4.5, **looks[method])


def _by_layer(trainings: Sequence[TrainingRecord]) -> Layers:
    """Residuals by layer, then by method, one per seed."""
    layers: Layers = defaultdict(lambda: defaultdict(list))
    for training in trainings:
        for layer, residual in training.residual.layers.items():
            layers[layer][training.method].append(residual)
    return layers


def _distributions(layers: Layers, method: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Edges, and per cent of all neurons between them; layers of other edges apart."""
    pooled: dict[tuple[float, ...], np.ndarray] = {}
    for by_method in layers.values():
        for residual in by_method.get(method, ()):
            edges, counts = tuple(residual.histogram.edges), np.array(residual.histogram.counts)
            pooled[edges] = pooled.get(edges, 0) + counts
    for edges, counts in pooled.items():
        yield np.array(edges), 100 * counts / max(counts.sum(), 1)
