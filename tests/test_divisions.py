"""Plain and open methods and source networks: where they stand in a table, and what is said."""

from __future__ import annotations

import pytest

from resnoise.analysis.rows import comparison_frame, group_records
from resnoise.analysis.source_networks import source_networks
from resnoise.report.divisions import division_notes
from resnoise.report.sections import make_report
from resnoise.report.terminal import section_table, summary_table
from resnoise.report.writer import write_report
from tests.comparisons import NQ, record, store

SIGNED = {"neuron": "signed integrate-and-fire", "spike_levels": 2}
ANN = {"training": "qcfs", "ann_accuracy": 0.5, "ann_macs": 1000.0}


def both_divisions():
    """Two plain and three open methods, all but nq and direct converted from one network."""
    return [
        record("snm", 280, **SIGNED, **ANN),
        record("srp", 285, presimulation_steps=4, **ANN),
        record("ftbc", 275, calibration_images=1000, **ANN),
        record("qcfs", 240, **ANN),
        record("nq", 270, ann_noisy_accuracy=0.25, ann_accuracy=0.75),
        record("direct", 200, levels=None, ann_accuracy=None, neuron="leaky integrate-and-fire"),
    ]


def test_rows_stand_under_their_division_and_source_networks_come_last():
    (section,) = make_report(both_divisions(), reference=NQ).sections
    shown = section_table(section)
    assert list(zip(shown["division"], shown["method"], strict=True)) == [
        ("plain", "nq"),
        ("plain", "direct"),
        ("plain", "qcfs"),
        ("open", "ftbc"),
        ("open", "snm"),
        ("open", "srp"),
        ("no spikes", "ANN of nq"),
        ("no spikes", "ANN of qcfs"),
    ]
    # 1,000 MACs at 4.6 pJ; nq was simulated for one T above 1 alone, which does not tell.
    assert list(shown["ANN"][-2:]) == ["75.0", "50.0 (0.00460 μJ)"]
    assert list(shown["ANN, noise on"][-2:]) == ["25.0", "98.0"]
    assert "no spikes" not in set(summary_table(both_divisions(), reference=NQ)["division"])


def test_the_documents_have_a_heading_for_each_group(tmp_path):
    write_report(store(tmp_path, both_divisions()), reference=NQ)
    page, latex, markdown = (
        (tmp_path / name).read_text() for name in ("report.html", "comparison.tex", "comparison.md")
    )
    tables = markdown.split("### ")
    for table in (part for part in tables if part.startswith(("Accuracy (%) at", "Cost"))):
        headings = [line.split("|")[1] for line in table.splitlines() if line.startswith("| **")]
        assert headings == [" **Plain** ", " **Open** ", " **No spikes** "]
    assert page.count('<th scope="rowgroup">Open</th>') == 2
    assert latex.count(r"}{l}{\emph{Open}} \\") == 1


def test_a_note_tells_what_each_open_method_asks_for():
    groups = group_records(both_divisions(), "nq")
    divisions, networks = division_notes(comparison_frame(groups), source_networks(groups))
    assert divisions.endswith(
        " ftbc asks for 1,000 training images for calibration."
        " snm asks for signed integrate-and-fire neurons and spikes of 2 values."
        " srp asks for gated integrate-and-fire neurons and 4 calibration steps on each test image "
        "before T."
    )
    assert networks.endswith("That of qcfs is the source of qcfs, ftbc, snm and srp.")
    alone = group_records([record("nq", 270)], "nq")
    plain, network = division_notes(comparison_frame(alone), source_networks(alone))
    assert "ask for" in plain
    assert "asks for" not in plain
    assert network.endswith("an estimate.")


def test_a_source_network_averages_its_seeds_whatever_was_converted():
    records = [record("qcfs", 270, seed=seed, ann_accuracy=0.2 * seed) for seed in (1, 2, 3)]
    srp = record("srp", 280, training="qcfs", seed=1, ann_accuracy=0.2, presimulation_steps=4)
    (network,) = source_networks(group_records([srp, *records], "nq")).itertuples()
    assert network.ann_accuracy == pytest.approx(0.4)
    assert network.methods == ("qcfs", "srp")
