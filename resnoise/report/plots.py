"""Figures of measured results: accuracy, energy and latency."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from resnoise.report.svg import HATCHES, PALETTE, Looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What the figure is against, its unit on the axis, and by what the column is multiplied for it.
_AXES = {
    "timesteps": ("time steps T", "", 1),
    "total_steps": ("total steps τ + T", "", 1),
    "energy_nj": ("energy", ", μJ an image, estimated from counts", 1e-3),
}


def accuracy_figure(frame: pd.DataFrame, sources: pd.DataFrame, by: str, looks: Looks) -> Figure:
    """Accuracy with its Wilson interval against a column of the comparison, one curve per method.

    Args:
        frame: one section of `comparison_frame`.
        sources: its `source_networks`: a level line each, or a star where its energy is.
        by: `"timesteps"`, `"total_steps"` or `"energy_nj"`.
        looks: colour and marker of each label and of each training of `sources`.
    """
    curves = _curves(frame, by)
    title, unit, scale = _AXES[by]
    figure, axes = _figure(3.8 + 0.1 * len(sources))  # room for them in the legend
    for curve in curves:
        look = looks[curve.label]
        points = curve.points
        x = scale * points[by]
        axes.plot(x, 100 * points["accuracy"], label=curve.name, **look, **curve.style)
        if by != "energy_nj":
            axes.fill_between(
                x,
                100 * points["accuracy_low"],
                100 * points["accuracy_high"],
                color=look["color"],
                alpha=0.14,
                linewidth=0,
            )
    if by == "energy_nj":
        _ticks(axes, base=10, subs=(1, 2, 5))
        _label_timesteps(axes, curves[0].points, scale)
        _mark_anns(axes, frame, scale)
    else:
        _ticks(axes, base=2, subs=(1,))
    drawn = _draw_sources(axes, sources, scale if by == "energy_nj" else None, looks)
    axes.set(xlabel=title + unit, ylabel="accuracy (%)", title=f"Accuracy against {title}")
    figure.legend(loc="outside lower center", ncols=min(len(curves) + drawn, 2))
    return figure


def latency_figure(frame: pd.DataFrame) -> Figure:
    """Latency an image by method, L and backend with its interquartile range.

    All at the largest T that every method has on each of its backends, or each at its own largest
    if none is shared.
    """
    frame = frame.assign(name=_names(frame))
    bars_of = frame.groupby(["name", "backend"])["timesteps"]
    shared = set.intersection(*(set(group) for _, group in bars_of))
    chosen = frame[frame["timesteps"] == max(shared)] if shared else frame
    chosen = chosen.sort_values("timesteps").groupby(["name", "backend"], sort=False).tail(1)
    names, backends = list(frame["name"].unique()), list(frame["backend"].unique())
    height = 0.8 / len(backends)
    figure, axes = _figure(1.4 + 0.3 * len(names) * len(backends))
    for index, backend in enumerate(backends):
        bars = chosen[chosen["backend"] == backend].set_index("name").reindex(names)
        bars = bars.dropna(subset="latency_ms_per_image")
        values, iqr = bars["latency_ms_per_image"], bars["latency_iqr_ms"]
        positions = [
            names.index(name) + (index - (len(backends) - 1) / 2) * height for name in bars.index
        ]
        axes.barh(
            positions,
            values,
            height=0.9 * height,
            xerr=iqr / 2,
            label=backend,
            color=PALETTE[index % len(PALETTE)],
            edgecolor="white",
            hatch=HATCHES[index % len(HATCHES)],
            error_kw={"ecolor": "#333333", "elinewidth": 1, "capsize": 2},
        )
        for position, value, spread in zip(positions, values, iqr, strict=True):
            axes.annotate(
                f"{value:.3g}",
                (value + spread / 2, position),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.12)
    where = f"T = {max(shared)}" if shared else "each method's largest T"
    axes.set(xlabel="milliseconds per image, median and IQR", title=f"Latency at {where}")
    figure.legend(loc="outside lower center", ncols=len(backends))
    return figure


# Of the curves of one label; a curve of one point is recognised by how its marker is filled.
_STYLES = (
    {"linestyle": "-", "fillstyle": "full"},
    {"linestyle": "--", "fillstyle": "none"},
    {"linestyle": "-.", "fillstyle": "left"},
    {"linestyle": ":", "fillstyle": "top"},
)


class _Curve(NamedTuple):
    label: str
    name: str
    style: dict[str, str]
    points: pd.DataFrame


def _curves(frame: pd.DataFrame, by: str) -> list[_Curve]:
    """One curve per method, L and τ, and one per backend only where backends give different curves.

    A backend that was simulated at fewer T than another, equally at those, has none of its own.
    """
    curves = []
    frame = frame.assign(name=_names(frame))
    for label, lines in frame.groupby("label", sort=False):
        styles = cycle(_STYLES)
        for (name, tau), group in lines.groupby(["name", "presimulation_steps"], sort=False):
            distinct: dict[frozenset, tuple[list[str], pd.DataFrame]] = {}
            backends = group.groupby("backend", sort=False)
            for backend, points in sorted(backends, key=lambda item: -len(item[1])):
                points = points.dropna(subset=by)
                shape = frozenset(zip(points[by], points["accuracy"], strict=True))
                whole = next((known for known in distinct if shape <= known), shape)
                distinct.setdefault(whole, ([], points))[0].append(backend)
            name += f", τ={tau}" if lines["presimulation_steps"].nunique() > 1 else ""
            for backends, points in distinct.values():
                where = f" on {', '.join(backends)}" if len(distinct) > 1 else ""
                curves.append(_Curve(label, name + where, next(styles), points))
    return curves


def _names(frame: pd.DataFrame) -> pd.Series:
    """The label of each line, with its L where lines of one label differ in it."""
    several = frame.groupby("label")["levels"].transform("nunique", dropna=False) > 1
    return frame["label"].where(~several, frame["label"] + ", L=" + frame["levels"].astype(str))


def _label_timesteps(axes: Axes, curve: pd.DataFrame, scale: float) -> None:
    """Write T next to the points of a curve over energy."""
    for _, line in curve.iterrows():
        axes.annotate(
            f"T={line.timesteps}",
            (scale * line.energy_nj, 100 * line.accuracy),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            zorder=5,
            bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75},
        )


def _mark_anns(axes: Axes, frame: pd.DataFrame, scale: float) -> None:
    """A line where one pass of the network without spikes is; one is enough where all agree."""
    for energy in frame["ann_energy_nj"].dropna().unique():
        axes.axvline(scale * energy, color="#5b6470", linestyle=":", linewidth=1.2, zorder=1)
        axes.annotate(
            "one pass of the ANN",
            (scale * energy, 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(-3, 0),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="bottom",
            fontsize=8,
            color="#5b6470",
        )


# Of the source networks of one training, by their L.
_SOURCE_STYLES = (
    {"linestyle": (0, (1, 2)), "fillstyle": "full"},
    {"linestyle": (0, (5, 3)), "fillstyle": "none"},
    {"linestyle": (0, (5, 2, 1, 2)), "fillstyle": "left"},
)


def _draw_sources(axes: Axes, sources: pd.DataFrame, scale: float | None, looks: Looks) -> int:
    """A level line for each source network or, with the scale of an energy axis, a star.

    Returns:
        How many were drawn.
    """
    drawn = 0
    sources = sources.assign(name="ANN of " + _names(sources.assign(label=sources["training"])))
    for training, lines in sources.groupby("training", sort=False):
        color = looks[training]["color"]
        for line, style in zip(lines.itertuples(), cycle(_SOURCE_STYLES), strict=False):
            accuracy = 100 * line.ann_accuracy
            if scale is None:
                axes.axhline(
                    accuracy,
                    color=color,
                    linewidth=1.1,
                    linestyle=style["linestyle"],
                    label=line.name,
                )
            elif not pd.isna(line.ann_energy_nj):
                filling = {"fillstyle": style["fillstyle"], "linestyle": "", "color": color}
                x = [scale * line.ann_energy_nj]
                axes.plot(x, [accuracy], marker="*", markersize=11, label=line.name, **filling)
            else:
                continue
            drawn += 1
    return drawn


def _ticks(axes: Axes, base: int, subs: tuple[int, ...]) -> None:
    """A logarithmic x axis with plain numbers at `subs` times the powers of `base`."""
    from matplotlib.ticker import LogLocator

    axes.set_xscale("log", base=base)
    axes.xaxis.set_major_locator(LogLocator(base, subs))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()


def _figure(height: float = 3.8) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, height), layout="constrained")
    return figure, figure.add_subplot()
