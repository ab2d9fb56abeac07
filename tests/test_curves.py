"""The first page of asv's curves, and what asv calls a regression."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import neurons
from benchmarks.curves import __main__ as curves
from benchmarks.curves.chart import Line, _ticks, chart
from benchmarks.curves.published import Point, Published
from resnoise import backends
from tests.page_parser import Page

ROOT = Path(__file__).parent.parent
COMMITTED = json.loads((ROOT / "results" / "asv" / "benchmarks.json").read_text())
SETTINGS = json.loads((ROOT / "asv.conf.json").read_text())
ERROR_RATE = "accuracy.ErrorRate.track_error_rate"
DAY = 86_400_000  # milliseconds


@pytest.fixture
def published(tmp_path):
    """Two commits of one machine, and one of a machine with less; nobody measured R(T)."""
    benchmark = {
        "name": ERROR_RATE,
        "param_names": ["method", "backend", "timesteps"],
        "params": [["'nq'"], ["'norse'", "'snntorch'"], ["1", "4"]],
        "unit": "fraction",
        "pretty_name": "Error <rate>",
    }
    index = {
        "benchmarks": {ERROR_RATE: benchmark},
        "revision_to_hash": {"3": "a" * 40, "9": "b" * 40},
        "revision_to_date": {"3": 0, "9": 2 * DAY},
    }
    (tmp_path / "index.json").write_text(json.dumps(index))
    (tmp_path / "index.html").write_text("asv's own page")
    graph = [[3, [0.5, 0.2, 0.5, 0.2]], [9, [0.4, None, 0.4, 0.1]]]
    for machine, points in (("vm", graph), ("less", graph[:1]), ("summary", graph * 9)):
        folder = tmp_path / "graphs" / ("" if machine == "summary" else "os-Linux")
        folder = folder / (machine if machine == "summary" else f"machine-{machine}")
        folder.mkdir(parents=True)
        (folder / f"{ERROR_RATE}.json").write_text(json.dumps(points))
    return tmp_path


def test_a_curve_is_that_of_its_parameters_without_what_was_not_measured(published):
    found = Published(published)
    assert found.machine == "vm"
    curve = found.curve(ERROR_RATE, method="nq", backend="norse", timesteps=4)
    assert curve == [Point(3, "a" * 40, "1970-01-01", 0.2)]
    curve = found.curve(ERROR_RATE, method="nq", backend="snntorch", timesteps=4)
    assert [(point.day, point.value) for point in curve] == [
        ("1970-01-01", 0.2),
        ("1970-01-03", 0.1),
    ]
    assert found.curve(ERROR_RATE, method="other", backend="norse", timesteps=4) == []
    assert found.curve("latency.OverheadRatio.track_overhead_ratio", backend="norse") == []


def test_addresses_are_those_of_asv(published):
    address = Published(published).address(ERROR_RATE, backend=["norse", "snntorch"], timesteps=1)
    assert (
        address
        == f"graphs.html#{ERROR_RATE}?p-backend=%27norse%27&p-backend=%27snntorch%27&p-timesteps=1"
    )


def test_the_first_page_shows_both_libraries_and_leads_to_asvs(published):
    curves.main(published)
    assert (published / "graphs.html").read_text() == "asv's own page"
    text = (published / "index.html").read_text()
    page = Page(text)
    assert page.tags.count("svg") == 2  # of T = 1 and T = 4; R(T) was not measured
    assert "nq on Norse: 80 %, aaaaaaaa, 1970-01-01" in text
    assert "nq on snnTorch: 90 %, bbbbbbbb, 1970-01-03" in text
    assert f'<a href="graphs.html#{ERROR_RATE}">Error &lt;rate&gt;</a>' in text
    assert {address.partition("#")[0] for _, address in page.addresses} == {"", "graphs.html"}


def test_a_chart_is_drawn_to_scale():
    points = [Point(0, "a" * 40, "1970-01-01", 1.0), Point(4, "b" * 40, "1970-01-02", 3.0)]
    svg = chart([Line("one", points, 0)], "title", "times")
    (path,) = re.findall(r'points="([^"]*)"', svg)
    (x1, y1), (x2, y2) = (map(float, pair.split(",")) for pair in path.split())
    assert x1 == 48
    assert x2 == 560 - 14
    labels = dict(re.findall(r'class="y" x="42" y="([\d.]+)">([\d.]+)<', svg))
    heights = {float(value): float(y) - 4 for y, value in labels.items()}
    assert heights[1.0] == pytest.approx(y1, abs=0.11)
    assert heights[3.0] == pytest.approx(y2, abs=0.11)
    assert chart([], "title", "times") == ""


@pytest.mark.parametrize("values", [[1.0, 3.0], [96.4, 97.35], [0.0], [5.0, 5.0], [0.001, 0.0012]])
def test_ticks_are_around_the_values_and_few(values):
    ticks = _ticks(values)
    assert ticks[0] <= min(values) <= max(values) <= ticks[-1]
    assert 2 <= len(ticks) <= 8
    steps = {round(b - a, 9) for a, b in pairwise(ticks)}
    assert len(steps) == 1


def settings_of(name, table):
    return [value for pattern, value in SETTINGS[table].items() if re.match(pattern, name)]


@pytest.mark.parametrize("name", sorted(COMMITTED.keys() - {"version"}))
def test_asv_reports_what_noise_does_not_move(name):
    function = name.rpartition(".")[2]
    timed = function.startswith("time")
    noisy = function.endswith(("_ratio", "track_peak", "track_growth"))
    assert settings_of(name, "regressions_first_commits") == [None] * timed
    assert settings_of(name, "regressions_thresholds") == [1.0] * noisy
    assert COMMITTED[name]["pretty_name"]


@pytest.mark.skipif(neurons.NAMES[1:] == [], reason="a smoke run has one")
def test_every_neuron_that_the_gate_watches_has_a_curve():
    watched = {f"{b} {name}" for b in backends.available() for name in backends.get(b).trainable}
    assert watched <= set(neurons.NAMES)


def test_neurons_are_measured():
    suite = neurons.Neurons()
    suite.setup("norse IAF")
    assert 0 < suite.track_firing_rate("norse IAF") < 1
    assert suite.track_step_ratio("norse IAF") > 0
