"""What a comparison prints when it is done: five lines and what its signs stand for."""

from pathlib import Path

from resnoise.analysis.significance import Reference
from resnoise.cli.findings import print_comparison
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
    assert section_of(three_folds()).summaries == [
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

    def said(*methods):
        return section_of([row for row in rows if row.method in methods]).summaries[-1]

    cost = "Spikes cost more energy than the source network from"
    assert said("nq", "qcfs", "srp") == f"{cost} T = 2 on for nq and srp (an estimate)."
    assert said("nq", "srp") == f"{cost} T = 2 on for every method here (an estimate)."
    late = record("late", 270, timesteps=4, energy_nj=9.0, synops_dense=4000.0)
    early = record("late", 270, timesteps=1, energy_nj=1.0, synops_dense=1000.0)
    rows += [early, late]
    two = f"{cost} T = 2 on for nq and srp, from T = 4 on for late (an estimate)."
    assert said("nq", "qcfs", "srp", "late") == two


def test_many_rows_are_counted_and_five_lines_are_enough():
    many = [
        record(f"method-{n:02}", 240 if n % 2 else 290, timesteps=t)
        for n in range(30)
        for t in (1, 2)
    ]
    summaries = section_of([*many, record("nq", 270, timesteps=1), record("nq", 270)]).summaries
    assert len(summaries) <= 5
    assert (
        "Significantly better than nq: 15 rows at T = 1, 15 rows at T = 2; significantly worse "
        "than nq: 15 rows at T = 1, 15 rows at T = 2."
    ) in summaries


def test_what_cannot_be_said_is_left_out():
    alone = [record("direct", 270, ann_accuracy=None, agreement=None, ann_noisy_accuracy=None)]
    assert section_of(alone).summaries == ["Most accurate: direct at T = 2 (90.0 %)."]


def test_rows_of_several_levels_are_told_apart():
    rows = [record("nq", right, levels=levels) for levels, right in ((2, 280), (4, 270))]
    assert "Most accurate: nq with L = 2 at T = 2 (93.3 %)." in section_of(rows).summaries


def test_only_signs_that_are_there_are_explained():
    section = section_of(three_folds())
    assert (
        section_title(section)
        == "digits, smallnet: accuracy (%) after T steps, 300 images, 3 seeds"
    )
    marks, signs = section_notes(section, NQ)
    assert all(mark in marks for mark in "▲▼≈")
    assert "≷" not in marks
    seeds = [record("nq", right, seed=seed) for seed, right in enumerate((240, 240, 199))]
    seeds += [record("qcfs", 200, seed=seed) for seed in range(3)]
    assert "≷ not for every seed or row" in section_notes(section_of(seeds), NQ)[0]
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
