"""What a comparison prints when it is done: five lines and what its signs stand for."""

from pathlib import Path

from resnoise.analysis.significance import Reference
from resnoise.cli.findings import print_comparison
from resnoise.report.conclusions import conclusions
from resnoise.report.sections import make_report
from resnoise.report.terminal import section_notes, section_title
from tests.comparisons import record, three_folds

NQ = Reference("nq")


def section_of(records):
    (section,) = make_report(records, reference=NQ).sections
    return section


def test_the_lines_of_three_folds_tell_plain_and_open_apart():
    # Of 300 images at T = 1: nq 270, worse 240, close 268 and pre, after one step more, 290; at
    # T = 2 all 285. The ANN has 99 %.
    assert conclusions(section_of(three_folds()), NQ) == [
        "Points of accuracy that conversion loses, plain: 9.0 (nq) to 19.0 (worse) at T = 1; "
        "4.0 at T = 2.",
        "Most accurate, plain: nq at T = 1 (90.0 %); nq, close and worse at T = 2 (95.0 %).",
        "Most accurate, open: pre at T = 1 and 2 (96.7 and 95.0 %).",
        "Significantly better than nq: pre at T = 1; significantly worse than nq: worse at T = 1.",
        "Up to T = 2 no spiking network costs more energy than its source network (an estimate).",
    ]


def test_from_which_t_on_spikes_cost_more_than_the_source_network():
    # One pass of it is 1,000 MACs, 4.6 nJ.
    spent = {"nq": (2.0, 5.0, 9.0), "qcfs": (1.0, 2.0, 4.6), "srp": (4.0, 6.0, 8.0)}
    rows = [
        record(method, 270, timesteps=timesteps, energy_nj=energy, synops_dense=1000.0 * timesteps)
        for method, energies in spent.items()
        for timesteps, energy in zip((1, 2, 4), energies, strict=True)
    ]
    each = "From T = 2 on each spiking network of nq and srp costs more energy than its source "
    assert conclusions(section_of(rows), NQ)[-1] == each + "network (an estimate)."
    assert each + "network (an estimate)." in section_of(rows).summaries
    dear = [row for row in rows if row.method != "qcfs"]
    assert "From T = 2 on every spiking network here" in conclusions(section_of(dear), NQ)[-1]
    one = [row for row in rows if row.method != "nq"]
    assert "From T = 2 on the spiking network of srp costs" in conclusions(section_of(one), NQ)[-1]


def test_what_cannot_be_said_is_left_out():
    alone = [record("direct", 270, ann_accuracy=None, agreement=None, ann_noisy_accuracy=None)]
    assert conclusions(section_of(alone), NQ) == ["Most accurate: direct at T = 2 (90.0 %)."]


def test_rows_of_several_levels_are_told_apart():
    rows = [record("nq", right, levels=levels) for levels, right in ((2, 280), (4, 270))]
    assert "Most accurate: nq with L = 2 at T = 2 (93.3 %)." in conclusions(section_of(rows), NQ)


def test_only_signs_that_are_there_are_explained():
    section = section_of(three_folds())
    assert (
        section_title(section)
        == "digits, smallnet: accuracy (%) after T steps, 300 images, 3 seeds"
    )
    marks, signs = section_notes(section, NQ)
    assert all(mark in marks for mark in "▲▼≈")
    assert "τ" in signs
    (signs,) = section_notes(section_of([record("nq", 270, ann_accuracy=None)]), NQ)
    assert "τ" not in signs
    assert "ANN" not in signs


def test_a_first_run_fits_a_terminal(capsys):
    report = make_report(three_folds(), reference=NQ)
    print_comparison(report, "digits", Path("runs/comparison"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 120
    for name in ("report.html", "figures/digits-smallnet-accuracy.svg", "comparison.md"):
        assert any(f"runs/comparison/{name}" in line for line in lines)
    print_comparison(report, "cifar10", Path("runs/comparison"))  # of which there is nothing
    assert "smallnet" not in capsys.readouterr().out
