"""The comparison: its numbers against counts by hand, its marks, its notes, its documents."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from io import StringIO
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from resnoise.errors import RecordError
from resnoise.report import summary_table, write_report
from resnoise.report.contests import hold_contests, verdict_of
from resnoise.report.grid import backend_parity, missing_cells
from resnoise.report.groups import comparison_frame, group_records
from resnoise.report.render import escape_latex
from resnoise.report.table import p_value, scaled, significant
from resnoise.store import RecordStore, frame_from_records
from tests.made_up import make_record, make_training

IMAGES = 300


def outcomes(right: int) -> np.ndarray:
    """The first `right` of all images are classified correctly."""
    return np.arange(IMAGES) < right


def record(method, right, *, fold=None, **changes):
    """A record on all images, or on every third of them from `fold` on."""
    ids = np.arange(IMAGES) if fold is None else np.arange(fold, IMAGES, 3)
    seed = {} if fold is None else {"seed": fold}
    return make_record(
        method=method, correct=outcomes(right)[ids], test_ids=ids, **(seed | changes)
    )


@pytest.fixture
def folds():
    """Three folds, two backends that agree, T = 1 and 2, and τ = 1 for one method.

    At T = 1: nq 270, worse 240 and close 268 right. At T = 2: all alike, pre ahead of nq.
    """
    right = {("nq", 1): 270, ("worse", 1): 240, ("close", 1): 268, ("pre", 1): 290}
    return [
        record(
            method,
            right.get((method, timesteps), 285),
            fold=fold,
            backend=backend,
            timesteps=timesteps,
            presimulation_steps=int(method == "pre"),
        )
        for method in ("nq", "worse", "close", "pre")
        for timesteps in (1, 2)
        for backend in ("norse", "snntorch")
        for fold in range(3)
    ]


def store(directory, records):
    RecordStore(directory).add(records)
    return directory


def contests_of(records):
    groups = group_records(records, "nq")
    return groups, *hold_contests(groups, "nq")


def test_folds_are_pooled_so_that_each_image_counts_once(folds):
    frame = comparison_frame(group_records(folds, "nq")).set_index(
        ["method", "backend", "timesteps"]
    )
    line = frame.loc[("nq", "norse", 1)]
    assert (line.accuracy, line.images, line.seeds) == (0.9, 300, 3)
    # Wilson's interval of 270 of 300, worked out by hand
    assert (line.accuracy_low, line.accuracy_high) == pytest.approx((0.8608, 0.9291), abs=1e-4)


def test_seeds_on_one_test_set_are_averaged_and_do_not_narrow_the_interval():
    records = [record("nq", right, seed=seed) for seed, right in enumerate((240, 270, 300))]
    line = comparison_frame(group_records(records, "nq")).iloc[0]
    assert (line.accuracy, line.images, line.seed_mean) == (pytest.approx(0.9), 300, 0.9)
    assert line.accuracy_high - line.accuracy_low == pytest.approx(0.0683, abs=1e-4)
    assert line.seed_low == pytest.approx(0.8)  # the lowest resampled mean is one seed thrice
    assert line.seed_high == pytest.approx(1.0)


def test_costs_are_medians_over_seeds():
    records = [
        record("nq", 270, seed=seed, latency_ms_per_image=latency, peak_memory_mib=memory)
        for seed, latency, memory in ((0, 1.0, None), (1, 9.0, 40.0), (2, 2.0, 60.0))
    ]
    line = comparison_frame(group_records(records, "nq")).iloc[0]
    assert (line.latency_ms_per_image, line.peak_memory_mib) == (2.0, 50.0)


def test_contests_count_agreeing_backends_once_and_correct_for_all(folds):
    _, contests, refusals = contests_of(folds)
    found = {(c.other.method, c.reference_timesteps, c.timesteps): c for c in contests}
    # worse and close at T = 1, 2; pre at T = 1, 2, and its 1 + 1 steps against nq's T = 2
    assert sorted(found) == sorted(
        [
            *[(method, t, t) for method in ("worse", "close", "pre") for t in (1, 2)],
            ("pre", 2, 1),
        ]
    )
    assert refusals == []
    worse = found["worse", 1, 1]
    assert worse.backends == ("norse", "snntorch")
    assert (worse.result.first_only, worse.result.second_only) == (30, 0)
    assert worse.result.p == pytest.approx(2 * 0.5**30)
    assert worse.p_holm == pytest.approx(7 * 2 * 0.5**30)
    assert {key: contest.verdict for key, contest in found.items()} == {
        ("worse", 1, 1): "better",
        ("worse", 2, 2): "n.s.",
        ("close", 1, 1): "n.s.",
        ("close", 2, 2): "n.s.",
        ("pre", 1, 1): "worse",
        ("pre", 2, 2): "n.s.",
        ("pre", 2, 1): "n.s.",  # 5 to 0 is p = 0.0625
    }
    assert [c.equal_steps for c in (worse, found["pre", 1, 1], found["pre", 2, 1])] == [
        True,
        False,
        True,
    ]


def test_backends_that_disagree_are_tested_apart():
    records = [
        record(method, right, backend=backend)
        for method, backend, right in (
            ("nq", "norse", 270),
            ("nq", "snntorch", 271),
            ("qcfs", "norse", 240),
            ("qcfs", "snntorch", 240),
        )
    ]
    _, contests, _ = contests_of(records)
    assert [contest.backends for contest in contests] == [("norse",), ("snntorch",)]


def test_the_reference_is_better_only_than_all_it_met(folds):
    groups, contests, _ = contests_of(folds)
    reference = next(row for row in groups if row.method == "nq")
    at_equal_steps = [contest for contest in contests if contest.equal_steps]
    assert verdict_of(at_equal_steps, reference, 1) == "n.s."  # better than worse, not than close
    without_close = [c for c in at_equal_steps if c.other.method != "close"]
    assert verdict_of(without_close, reference, 1) == "better"
    assert verdict_of([], reference, 1) == ""


def test_bold_and_marks_follow_the_tests(folds, tmp_path):
    write_report(store(tmp_path, folds))
    table = (tmp_path / "comparison.md").read_text().split("### ")[1]
    lines = {
        tuple(part.strip() for part in line.split("|")[1:3]): line
        for line in table.splitlines()
        if line.startswith("| ")
    }
    assert "| 90.0 ±3.4 | 95.0 ±2.5 |" in lines["nq", "norse"]
    assert "| 80.0 ±4.5 ▼ | 95.0 ±2.5 ≈ |" in lines["worse", "norse"]
    assert "| 89.3 ±3.5 ≈ | 95.0 ±2.5 ≈ |" in lines["close", "snntorch"]
    assert "| **96.7** ±2.1 ▲ | 95.0 ±2.5 ≈ |" in lines["pre", "norse"]
    assert "Bold:" in table


def test_losses_are_told_as_plainly_as_wins(folds, tmp_path):
    write_report(store(tmp_path, folds))
    text = (tmp_path / "comparison.md").read_text()
    agreed = "on norse and snntorch: "
    assert f"nq against pre, {agreed}significantly worse at T = 1; no significant" in text
    assert f"nq against worse, {agreed}significantly better at T = 1; no significant" in text


def test_csv_is_one_line_a_group_in_full_precision(folds, tmp_path):
    write_report(store(tmp_path, folds))
    frame = pd.read_csv(tmp_path / "comparison.csv")
    assert len(frame) == 4 * 2 * 2
    line = frame[(frame["method"] == "worse") & (frame["timesteps"] == 1)].iloc[0]
    assert line.accuracy == 0.8
    assert line.p_equal_timesteps == pytest.approx(2 * 0.5**30, rel=1e-12)
    assert line.reference_is_equal_timesteps == "better"
    pre = frame[(frame["method"] == "pre") & (frame["timesteps"] == 1)].iloc[0]
    assert pre.total_steps == 2
    assert pre.difference_equal_total_steps == pytest.approx((285 - 290) / 300)
    assert frame.loc[frame["method"] == "nq", "p_equal_timesteps"].isna().all()


def test_trainings_for_their_own_timesteps_share_a_row_and_others_do_not():
    own = [
        make_record(method="direct", training=f"direct-T{t}", levels=None, timesteps=t)
        for t in (2, 4)
    ]
    rows = list(group_records(own, "nq"))
    assert [row.label for row in rows] == ["direct"]
    rivals = [
        make_record(method="srp", training=training, timesteps=4) for training in ("qcfs", "nq")
    ]
    assert [row.label for row in group_records(rivals, "nq")] == ["srp (nq)", "srp (qcfs)"]
    losses = [make_record(method="direct", variant=loss, training=loss) for loss in ("tet", "ce")]
    assert [row.label for row in group_records(losses, "nq")] == ["direct (ce)", "direct (tet)"]


def test_several_levels_meet_their_own():
    records = [record(method, 270, levels=levels) for method in ("nq", "qcfs") for levels in (4, 8)]
    records.append(record("direct", 270, levels=None))
    _, contests, _ = contests_of(records)
    met = {(c.reference.levels, c.other.method, c.other.levels) for c in contests}
    assert met == {(4, "qcfs", 4), (8, "qcfs", 8), (4, "direct", None), (8, "direct", None)}


def test_missing_cells_are_listed_with_what_to_do(folds, tmp_path):
    kept = [r for r in folds if not (r.method == "pre" and r.seed == 2 and r.backend == "norse")]
    assert {(key.method, key.backend, key.seed) for key in missing_cells(kept)} == {
        ("pre", "norse", 2)
    }
    write_report(store(tmp_path, kept))
    for name in ("comparison.md", "report.html"):
        text = (tmp_path / name).read_text()
        assert "pre on norse, T = 1, 2, seed 2" in text
        assert "command again: it continues from what is there" in text
    assert missing_cells(folds) == []


def test_a_plan_says_what_the_records_cannot(folds):
    plan = [r.key for r in folds] + [folds[0].key._replace(method="new", training="new")]
    assert missing_cells(folds, plan) == [plan[-1]]


def test_parity_of_backends_is_stated(folds):
    assert backend_parity(folds) == [
        "norse = snntorch, image by image, in every evaluation of close, nq, pre, worse "
        "(24 compared)."
    ]
    differing = [record("nq", 270, backend="norse"), record("nq", 273, backend="snntorch")]
    assert backend_parity(differing) == [
        "norse, snntorch differ in 1 of 1 evaluations of nq, on at most 1.00 % of the test images."
    ]
    assert backend_parity(differing[:1]) == []


def test_one_seed_has_no_interval_and_says_so(tmp_path):
    write_report(store(tmp_path, [record("nq", 270), record("qcfs", 240)]))
    text = (tmp_path / "comparison.md").read_text()
    assert "One seed: there is no interval over seeds." in text
    frame = pd.read_csv(tmp_path / "comparison.csv")
    assert frame[["seed_low", "seed_high"]].isna().all(axis=None)


def test_different_test_sets_are_not_paired_but_nothing_is_lost(tmp_path):
    other = make_record(method="qcfs", correct=[1, 1, 0], test_ids=[7, 8, 9])
    write_report(store(tmp_path, [record("nq", 270), other]))
    text = (tmp_path / "comparison.md").read_text()
    assert "nq and qcfs were tested on different images of digits" in text
    assert "66.7" in text
    assert "Paired tests" not in text


def test_mixed_provenance_is_shown(tmp_path):
    records = [
        record("nq", 270),
        record("qcfs", 240, git_commit="f" * 40, git_dirty=True, threads=8),
    ]
    write_report(store(tmp_path, records))
    text = (tmp_path / "comparison.md").read_text()
    assert "2 states of the code (0123456789ab, ffffffffffff (dirty))" in text
    assert "no commit reproduces them" in text
    assert "2 threads; Made-up CPU, cpu, 8 threads" in text
    assert "data, sha256 | " + "d" * 64 in text


def test_a_reference_method_without_records_is_said(tmp_path):
    write_report(store(tmp_path, [record("qcfs", 240)]), reference_method="other")
    assert "no record of other" in (tmp_path / "comparison.md").read_text()


def test_published_figures_stand_apart_with_their_sources(folds, tmp_path):
    published = pd.DataFrame(
        {
            "method": ["NQ", "NQ", "NQ"],
            "dataset": ["digits", "digits", "cifar10"],
            "architecture": ["smallnet"] * 2 + ["resnet20"],
            "levels": ["4"] * 3,
            "metric": ["ann", "snn", "snn"],
            "timesteps": pd.array([None, 4, 4], dtype="Int64"),
            "accuracy": [91.11, 88.88, 77.77],
            "source": ["https://example.org/a_b README"] * 3,
            "note": ["noise on", None, None],
        }
    )
    write_report(store(tmp_path, folds), published=published)
    text = (tmp_path / "comparison.md").read_text()
    measured, _, foreign = text.partition("### Published by others, not measured here")
    assert "88.88" not in measured
    assert "| NQ | \\[1\\] | 4 | 91.11 | 88.88 |" in foreign
    assert "77.77" not in text
    page = (tmp_path / "report.html").read_text()
    assert '<a href="https://example.org/a_b">' in page


def test_empty_comparisons_are_refused(tmp_path):
    with pytest.raises(RecordError, match=r"no records.*resnoise compare"):
        write_report(tmp_path)
    with pytest.raises(RecordError, match="nothing to compare"):
        summary_table(frame_from_records([]))
    store(tmp_path, [record("nq", 270)])
    with pytest.raises(RecordError, match="no records of data set 'cifar10', only of digits"):
        write_report(tmp_path, dataset="cifar10")
    assert os.listdir(tmp_path) == ["records.json"]


def test_only_the_data_set_asked_for(tmp_path):
    store(tmp_path, [record("nq", 270), record("nq", 240, dataset="letters")])
    write_report(tmp_path, dataset="letters")
    text = (tmp_path / "comparison.md").read_text()
    assert "## letters, smallnet" in text
    assert "## digits" not in text


def test_summary_for_the_terminal(folds):
    table = summary_table(frame_from_records(folds))
    line = table[(table["method"] == "pre") & (table["backend"] == "norse")].iloc[0]
    assert (line["dataset"], line["τ"], line["T=1"]) == ("digits", "1", "96.7 ±2.1 ▲")
    assert list(table["method"][:2]) == ["nq", "nq"]


class Page(HTMLParser):
    """Collects what a page refers to and checks that its elements are closed."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.addresses, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "srcset"):
                self.addresses.append((tag, value))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(folds, tmp_path):
    folder = store(tmp_path, folds) / "trainings"
    folder.mkdir()
    for method in ("nq", "worse"):
        (folder / f"{method}.json").write_text(make_training(method).model_dump_json())
    write_report(tmp_path)
    return (tmp_path / "report.html").read_text()


def test_page_is_self_contained_and_well_formed(page):
    parser = Page()
    parser.feed(page)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert "script" not in parser.tags
    assert parser.tags.count("svg") == 6
    inside = {f"#{name}" for name in parser.ids}
    assert {address for tag, address in parser.addresses if tag != "a"} <= inside
    assert {address for tag, address in parser.addresses if address.startswith("#")} <= inside
    assert not re.search(r"url\((?!#)|@import", page)
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_figures_are_valid_svg_on_white(page):
    for svg in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        root = ElementTree.parse(StringIO(svg)).getroot()
        assert root.get("viewBox")
        assert "fill: #ffffff" in svg


def test_names_are_escaped(tmp_path):
    odd = "a<b>&_%|*"
    write_report(store(tmp_path, [record("nq", 270), record(odd, 240)]))
    assert "a<b>" not in (tmp_path / "report.html").read_text()
    assert r"a\<b\>&\_%\|\*" in (tmp_path / "comparison.md").read_text()
    assert r"a\textless{}b\textgreater{}\&\_\%|*" in (tmp_path / "comparison.tex").read_text()


def test_latex_escapes_every_special_character():
    assert escape_latex("\\&%$#_{}~^") == (
        r"\textbackslash{}\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}"
    )


def test_latex_is_ascii_and_balanced(folds, tmp_path):
    write_report(store(tmp_path, folds))
    text = (tmp_path / "comparison.tex").read_text()
    assert text.isascii()
    for begin in ("table", "tabular", "minipage"):
        assert text.count(f"\\begin{{{begin}}}") == text.count(f"\\end{{{begin}}}") > 0
    assert text.count("\\toprule") == text.count("\\bottomrule")
    assert r"\textbf{96.7} $\pm$2.1 $\uparrow$" in text


def test_residuals_are_left_out_with_a_note_without_trainings(folds, tmp_path):
    write_report(store(tmp_path, folds))
    text = (tmp_path / "report.html").read_text()
    assert "No training recorded its residual error" in text
    assert text.count("<svg") == 4


def test_regenerating_changes_nothing(page, folds, tmp_path):
    names = ("comparison.md", "comparison.csv", "comparison.tex", "report.html")
    before = [(tmp_path / name).read_bytes() for name in names]
    paths = write_report(tmp_path)
    assert [path.name for path in paths] == list(names)
    assert [path.read_bytes() for path in paths] == before
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_numbers_as_text():
    assert [significant(x) for x in (0.012345, 1.5, 1234.5, 0, None)] == [
        "0.0123",
        "1.50",
        "1234",
        "0",
        "–",
    ]
    assert [scaled(x) for x in (12, 1234, 5.678e6, 9e9)] == ["12.0", "1.23 k", "5.68 M", "9.00 G"]
    assert [p_value(p) for p in (0.04999, 1e-9)] == ["0.0500", "<0.0001"]
