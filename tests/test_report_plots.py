"""What the figures draw, read back from matplotlib's objects."""

from __future__ import annotations

import pytest

from resnoise.analysis.rows import comparison_frame, group_records
from resnoise.analysis.source_networks import source_networks
from resnoise.report.plots import accuracy_figure, latency_figure
from resnoise.report.svg import assign_looks
from tests.comparisons import record


def frame_of(records):
    return comparison_frame(group_records(records, "nq"))


def lines_of(records, by):
    """What an accuracy figure draws, by its name in the legend."""
    groups = group_records(records, "nq")
    frame, sources = comparison_frame(groups), source_networks(groups)
    looks = assign_looks([*frame["label"], *sources["training"]])
    figure = accuracy_figure(frame, sources, by, looks)
    return {line.get_label(): line for line in figure.axes[0].lines}


def curves(records):
    """The curves of spiking networks."""
    drawn = lines_of(records, "timesteps")
    return {name: line for name, line in drawn.items() if not name.startswith("ANN")}


def test_rows_that_differ_in_levels_have_a_bar_and_a_curve_each():
    records = [
        record("nq", 270, levels=2, latency_ms_per_image=1.0),
        record("nq", 240, levels=4, latency_ms_per_image=3.0),
        record("qcfs", 250, levels=4, latency_ms_per_image=2.0),
    ]
    axes = latency_figure(frame_of(records)).axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == ["nq, L=2", "nq, L=4", "qcfs"]
    assert [bar.get_width() for bar in axes.patches] == [1.0, 3.0, 2.0]
    assert list(curves(records)) == ["nq, L=2", "nq, L=4", "qcfs"]


def test_single_points_of_one_method_are_told_apart_by_their_filling():
    own = [record("direct", right, backend=name) for name, right in (("norse", 9), ("snntorch", 8))]
    drawn = curves(own)
    assert list(drawn) == ["direct on norse", "direct on snntorch"]
    assert [line.get_fillstyle() for line in drawn.values()] == ["full", "none"]
    assert len({line.get_color() for line in drawn.values()}) == 1


def test_a_backend_of_fewer_timesteps_has_a_curve_of_its_own_only_if_it_differs():
    own = [record("nq", 200 + t, timesteps=t, latency_ms_per_image=t) for t in (1, 2, 4)]
    snntorch = record("nq", 202, timesteps=2, backend="snntorch", latency_ms_per_image=3.0)
    assert list(curves([*own, snntorch])) == ["nq"]
    other = record("nq", 203, timesteps=2, backend="snntorch")
    assert list(curves([*own, other])) == ["nq on norse", "nq on snntorch"]


def test_latency_is_compared_at_a_time_step_of_all_backends():
    own = [record("nq", 200, timesteps=t, latency_ms_per_image=t) for t in (1, 2, 4)]
    fewer = record("nq", 200, timesteps=2, backend="snntorch", latency_ms_per_image=3.0)
    axes = latency_figure(frame_of([*own, fewer])).axes[0]
    assert axes.get_title() == "Latency at T = 2"
    assert [bar.get_width() for bar in axes.patches] == [2, 3.0]


def test_the_ann_is_marked_once_where_energy_is_drawn():
    costs = [
        {"timesteps": t, "synops_dense": 20 + 100 * t, "energy_nj": 0.4 * t} for t in (1, 2, 4)
    ]
    records = [record(name, 270, **cost) for name in ("nq", "qcfs") for cost in costs]
    drawn = lines_of(records, "energy_nj")
    (ann,) = (line for name, line in drawn.items() if name.startswith("_"))
    energy = 1e-3 * 120 * 4.6e-3
    assert ann.get_xdata() == pytest.approx([energy] * 2)
    stars = {name: line for name, line in drawn.items() if name.startswith("ANN of ")}
    assert list(stars) == ["ANN of nq", "ANN of qcfs"]
    for star in stars.values():
        assert (star.get_xdata(), star.get_ydata()) == (pytest.approx([energy]), [99.0])


def test_a_source_network_is_one_level_line_whatever_is_converted_from_it():
    records = [
        record("qcfs", 270, levels=2, ann_accuracy=0.9),
        record("qcfs", 270, levels=4, ann_accuracy=0.95),
        record("srp", 280, training="qcfs", levels=4, ann_accuracy=0.95, presimulation_steps=4),
        record("direct", 280, levels=None, ann_accuracy=None),
    ]
    drawn = lines_of(records, "timesteps")
    levels = {name: line.get_ydata() for name, line in drawn.items() if name.startswith("ANN")}
    assert levels == {"ANN of qcfs, L=2": [90, 90], "ANN of qcfs, L=4": [95, 95]}
