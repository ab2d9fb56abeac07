"""What the figures draw, read back from matplotlib's objects."""

from __future__ import annotations

import pytest

from resnoise import methods
from resnoise.analysis.rows import comparison_frame, group_records
from resnoise.analysis.source_networks import source_networks
from resnoise.report.canvas import Heading
from resnoise.report.curves import crowded
from resnoise.report.latency_plot import latency_figure
from resnoise.report.looks import backend_looks, method_looks
from resnoise.report.plots import accuracy_figure
from resnoise.report.residual_plots import residual_figure
from resnoise.report.sections import make_report
from tests.comparisons import NQ, record
from tests.made_up import make_training

HEADING = Heading("a title", "digits, smallnet · 60 epochs")


def frame_of(records):
    return comparison_frame(group_records(records, "nq"))


def figure_of(records, by):
    groups = group_records(records, "nq")
    frame, sources = comparison_frame(groups), source_networks(groups)
    looks = method_looks([*frame["method"], *sources["training"]])
    return accuracy_figure(frame, sources, by, looks, HEADING)


def lines_of(records, by):
    """What an accuracy figure draws, by its name in the legend."""
    return {line.get_label(): line for line in figure_of(records, by).figure.axes[0].lines}


def curves(records):
    """The curves of spiking networks."""
    drawn = lines_of(records, "timesteps")
    return {name: line for name, line in drawn.items() if not name.startswith("ANN")}


def told(drawing, start):
    return [value.text for value in drawing.values if value.text.startswith(start)]


def test_rows_that_differ_in_levels_have_a_line_and_a_curve_each():
    records = [
        record("nq", 270, levels=2, latency_ms_per_image=1.0),
        record("nq", 240, levels=4, latency_ms_per_image=3.0),
        record("qcfs", 250, levels=4, latency_ms_per_image=2.0),
    ]
    drawing = latency_figure(frame_of(records), False, HEADING)
    names = [tick.get_text() for tick in drawing.figure.axes[0].get_yticklabels()]
    assert names == ["nq, L=2", "nq, L=4", "qcfs"]
    assert [(value.x, value.y) for value in drawing.values] == [(1, 0), (3, 1), (2, 2)]
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
    drawing = latency_figure(frame_of([*own, fewer]), False, HEADING)
    assert [value.text for value in drawing.values] == [
        "nq on norse, T = 2: 2.00 ms, IQR 0.0080",
        "nq on snntorch, T = 2: 3.00 ms, IQR 0.0080",
    ]


def test_where_machines_differ_latency_is_in_passes_of_the_ann():
    here = record("nq", 200, overhead_ratio=1.25)
    there = record("qcfs", 200, overhead_ratio=1.5, machine="Another CPU")

    def latency(records):
        (section,) = make_report(records, reference=NQ).sections
        return next(figure for figure in section.figures if figure.name == "latency")

    assert latency([here, there]).title == "Relative latency at T = 2"
    assert "Measured in 2 places" in latency([here, there]).caption
    assert "qcfs on norse, R(2) = 1.50" in latency([here, there]).svg
    assert latency([here]).title == "Latency at T = 2"
    assert "R(T)" not in latency([here]).svg


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


def combinations():
    """Names of what trains nothing on the networks of other methods."""
    alone = ("srp", "cos", "snm", "signed-if", "ftbc", "ftbc-snm")
    return [f"{method}-{trained}" for method in alone for trained in ("plus", "nq", "nq-plus")]


def test_a_method_looks_the_same_whatever_stands_beside_it():
    installed = [*methods.names(), *combinations()]
    together = method_looks(installed)
    pairs = {(look["color"], look["marker"]) for look in together.values()}
    assert len(pairs) == len(installed)
    for name in installed:
        assert method_looks([name, "of-another-suite"])[name] == together[name]
    for usual in (
        ["nq", "qcfs", "srp", "direct", "cos", "signed-if", "noise-adaptor"],
        ["nq", "qcfs", "noise-adaptor", "nq-plus", "qcfs-plus", "noise-adaptor-plus"],
        ["nq-plus", "qcfs-plus", "cos-plus", "signed-if-plus"],
    ):
        assert len({look["color"] for look in method_looks(usual).values()}) == len(usual)


def test_more_methods_than_pairs_still_have_a_look_and_backends_have_others():
    names = [f"method-{number}" for number in range(100)]
    looks = method_looks(names)
    assert len({(look["color"], look["marker"]) for look in looks.values()}) == 70
    backends = backend_looks(["snntorch", "norse", "reference"])
    assert list(backends) == ["norse", "reference", "snntorch"]
    for key in ("color", "marker"):
        assert {look[key] for look in backends.values()}.isdisjoint(
            look[key] for look in looks.values()
        )


def test_the_crowded_range_has_a_panel_of_its_own():
    right = {"nq": (150, 250, 285, 288), "qcfs": (100, 260, 280, 287)}
    records = [
        record(name, count, timesteps=timesteps)
        for name, counts in right.items()
        for timesteps, count in zip((1, 2, 4, 8), counts, strict=True)
    ]
    # From T = 2 on accuracies lie within 38 of 300 images, in all within 188.
    assert sorted(set(crowded(frame_of(records))["timesteps"])) == [2, 4, 8]
    whole, part = figure_of(records, "timesteps").figure.axes
    assert part.get_title() == "from T = 2 on"
    low, high = part.get_ylim()
    assert 75 < low < 100 * 250 / 300
    assert 96 < high < 100
    assert whole.get_ylim()[0] < 100 * 100 / 300
    assert crowded(frame_of(records[:2])).empty
    assert len(figure_of(records[:2], "timesteps").figure.axes) == 1


def test_every_point_tells_its_values_and_no_label_covers_one():
    costs = [{"timesteps": t, "energy_nj": 4000.0 * t, "synops_dense": 1e4 * t} for t in (1, 2, 4)]
    drawing = figure_of([record("nq", 270, **cost) for cost in costs], "energy_nj")
    assert told(drawing, "nq, T = 2")[:1] == ["nq, T = 2: 90.0 % (86.1 to 92.9), 8.00 μJ"]
    axes = drawing.figure.axes[0]
    assert not axes.texts
    (above,) = axes.child_axes
    assert [label.get_text() for label in above.get_xticklabels()] == ["1", "2", "4"]
    calibrated = [record("srp", 270, presimulation_steps=4)]
    assert told(figure_of(calibrated, "total_steps"), "srp, T = 4 + 2")


def test_intervals_are_drawn_unless_there_are_too_many():
    def bands(count):
        records = [record(f"method-{number}", 200 + number) for number in range(count)]
        return len(figure_of(records, "timesteps").figure.axes[0].collections)

    assert bands(8) == 8
    assert bands(9) == 0


def test_the_residual_error_has_its_distribution_and_its_layers():
    trainings = [make_training("nq", seed) for seed in (0, 1)] + [make_training("qcfs")]
    drawing = residual_figure(trainings, method_looks(["nq", "qcfs"]), HEADING)
    whole, std, mean = drawing.figure.axes
    assert (whole.get_xlabel(), whole.get_ylabel()) == ("e / θ", "% of the neurons")
    shares = [line.get_ydata().sum() for line in whole.lines]
    assert shares == pytest.approx([100, 100], abs=0.5)
    of_layer = [training.residual.layers["act2"].std for training in trainings[:2]]
    assert std.lines[0].get_ydata()[1] == pytest.approx(sum(of_layer) / 2)
    assert mean.get_xlabel() == "layer, from the input"
    assert len(told(drawing, "act2, nq: std")) == 1


def test_a_figure_says_what_was_measured_in_the_picture_and_in_the_file():
    (section,) = make_report([record("nq", 270), record("qcfs", 240)], reference=NQ).sections
    figure = section.figures[0]
    said = "digits, smallnet · L = 4 · 30 epochs · crop and flip · 1 seed (0)"
    assert said in figure.svg
    assert f"<title>Accuracy against time steps: {said}</title>" in figure.file
    assert "prefers-color-scheme: dark" in figure.file
