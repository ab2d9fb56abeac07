"""The comparison as Markdown, CSV, LaTeX and in the terminal: marks, figures, escapes."""

from __future__ import annotations

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pandas as pd
import pytest

from resnoise.report.csv import table_csv
from resnoise.report.markup import escape_latex
from resnoise.report.table import (
    MISSING,
    Cell,
    Table,
    p_value,
    percent,
    points,
    scaled,
    significant,
)
from resnoise.report.terminal import summary_table
from resnoise.report.writer import write_report
from tests.comparisons import NQ, record, store
from tests.made_up import make_record


def test_bold_and_marks_follow_the_tests(folds, tmp_path):
    write_report(store(tmp_path, folds), reference=NQ)
    table = (tmp_path / "comparison.md").read_text().split("### ")[1]
    lines = {
        tuple(part.strip() for part in line.split("|")[1:3]): line
        for line in table.splitlines()
        if line.startswith("| ")
    }
    assert "| 90.0 ±3.4 | 95.0 ±2.5 |" in lines["nq", "norse = snntorch"]
    assert "| 80.0 ±4.5 ▼ | 95.0 ±2.5 ≈ |" in lines["worse", "norse = snntorch"]
    assert "| 89.3 ±3.5 ≈ | 95.0 ±2.5 ≈ |" in lines["close", "norse = snntorch"]
    assert "| **96.7** ±2.1 ▲ | 95.0 ±2.5 ≈ |" in lines["pre", "norse = snntorch"]
    assert "Bold:" in table


def test_csv_is_one_line_a_group_in_full_precision(folds, tmp_path):
    write_report(store(tmp_path, folds), reference=NQ)
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


def test_energy_is_told_over_that_of_the_ann(tmp_path):
    # Of each T operations 100 a step and 20 before the first spike, so 120 MACs in one pass.
    costs = [{"timesteps": t, "synops_dense": 20 + 100 * t, "energy_nj": 0.4 * t} for t in (2, 4)]
    alone = {"timesteps": 2, "synops_dense": 220, "energy_nj": 0.8}
    records = [*(record("nq", 270, **cost) for cost in costs), record("direct", 240, **alone)]
    write_report(store(tmp_path, records), reference=NQ)
    energies = pd.read_csv(tmp_path / "comparison.csv").set_index(["method", "timesteps"])
    assert energies.ann_energy_nj["nq"].tolist() == pytest.approx([120 * 4.6e-3] * 2)
    assert pd.isna(energies.ann_energy_nj["direct", 2])
    costs = (tmp_path / "comparison.md").read_text().partition("### Cost of one image")[2]
    costs = costs.partition("###")[0]
    lines = [line.split(" | ") for line in costs.splitlines() if line.startswith("| ")]
    column = lines[0].index("over ANN's")
    assert [line[column] for line in lines[3:6]] == ["1.4", "2.9", "–"]
    found = {line[0]: (line[lines[0].index("MACs")], line[column]) for line in lines[-2:]}
    assert found == {"| ANN of nq": ("120", "1"), "| ANN of direct": ("–", "–")}


def test_state_is_told_where_a_record_says_it(folds, tmp_path):
    write_report(store(tmp_path / "old", folds), reference=NQ)
    assert "state" not in (tmp_path / "old" / "comparison.md").read_text()
    records = [record("nq", 270, state_bytes=2560), record("worse", 240)]
    write_report(store(tmp_path / "new", records), reference=NQ)
    text = (tmp_path / "new" / "comparison.md").read_text()
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith(("| nq", "| meth"))]
    costs = next(line for line in lines if "ACs" in line)
    rows = [line for line in lines if len(line) == len(costs) and line is not costs]
    assert [line[-1] for line in (costs, *rows)] == ["state (KiB) |", "2.500 |"]
    assert "state (KiB): what all neurons keep between steps." in text


def test_summary_for_the_terminal(folds):
    table = summary_table(folds, reference=NQ)
    line = table[(table["method"] == "pre") & (table["backend"] == "norse = snntorch")].iloc[0]
    assert (line["dataset"], line["τ"], line["T=1"]) == ("digits", "1", "96.7 ±2.1 ▲")
    assert list(table["method"]) == ["nq", "close", "worse", "pre"]


def test_columns_for_the_terminal_are_in_order_of_t():
    several = [record("nq", 270, timesteps=timesteps) for timesteps in (4, 16)]
    table = summary_table(
        [*several, record("nq", 270, architecture="zoo", timesteps=8)], reference=NQ
    )
    assert list(table.columns[-3:]) == ["T=4", "T=8", "T=16"]


def test_the_ann_column_is_of_all_seeds_where_some_lack_a_t(tmp_path):
    records = [record("nq", 270, timesteps=2, seed=seed, ann_accuracy=0.5) for seed in (1, 2)]
    first = [record("nq", 270, timesteps=timesteps, ann_accuracy=0.9) for timesteps in (1, 2)]
    write_report(store(tmp_path, [*first, *records]), reference=NQ)
    assert "| nq | norse | 4 | 0 | 63.3 |" in (tmp_path / "comparison.md").read_text()


def test_what_was_compiled_is_said(tmp_path):
    for compiled, expected in (
        ((False, False), None),
        ((True, True), "through torch.compile: all."),
        ((False, True), "through torch.compile: qcfs."),
    ):
        out = tmp_path / str(compiled)
        methods = zip(("nq", "qcfs"), compiled, strict=True)
        records = [make_record(method=name, compiled=flag) for name, flag in methods]
        write_report(store(out, records), reference=NQ)
        document = (out / "comparison.md").read_text()
        assert (expected in document) if expected else ("torch.compile" not in document)


def test_names_are_escaped(tmp_path):
    odd = "a<b>&_%|*"
    write_report(store(tmp_path, [record("nq", 270), record(odd, 240)]), reference=NQ)
    assert "a<b>" not in (tmp_path / "report.html").read_text()
    assert r"a\<b\>&\_%\|\*" in (tmp_path / "comparison.md").read_text()
    assert r"a\textless{}b\textgreater{}\&\_\%|*" in (tmp_path / "comparison.tex").read_text()


def test_a_data_set_may_be_called_after_any_folder(tmp_path):
    for number, name in enumerate((r"imagefolder:C:\data\pets", "imagefolder:/cats & dogs (50%)")):
        out = store(tmp_path / str(number), [record("nq", 270, dataset=name)])
        write_report(out, reference=NQ)
        for figure in (out / "figures").iterdir():
            ElementTree.parse(figure)
        anchors = re.findall(r'\bid="(.*?)"', (out / "report.html").read_text())
        labels = re.findall(r"\\label{(.*)}", (out / "comparison.tex").read_text())
        assert all(re.fullmatch(r"[\w.:-]+", anchor) for anchor in anchors + labels)


def test_latex_escapes_every_special_character():
    assert escape_latex("\\&%$#_{}~^") == (
        r"\textbackslash{}\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}"
    )


def test_latex_is_ascii_and_balanced(folds, tmp_path):
    write_report(store(tmp_path, folds), reference=NQ)
    text = (tmp_path / "comparison.tex").read_text()
    assert text.isascii()
    for begin in ("table", "tabular", "minipage"):
        assert text.count(f"\\begin{{{begin}}}") == text.count(f"\\end{{{begin}}}") > 0
    assert text.count("\\toprule") == text.count("\\bottomrule")
    assert r"\textbf{96.7} $\pm$2.1 $\uparrow$" in text


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


def test_a_figure_half_way_between_two_is_the_same_wherever_it_stands():
    pooled, mean = 26505 / 30000, (0.8824 + 0.8839 + 0.8842) / 3
    assert pooled != mean
    assert percent(pooled) == percent(mean)
    assert points(pooled / 100) == points(mean / 100)


def test_a_table_as_csv_has_its_numbers_in_full_and_its_marks_apart():
    rows = [
        (Cell("nq"), Cell("73.2", spread="±0.9", value=73.18), Cell("1.2 M", value=1_234_567)),
        (Cell("=qcfs"), Cell("69.0", spread="±0.9", mark="▼", value=69.04), Cell(MISSING)),
        (Cell("srp"), Cell("−4.83"), Cell("12")),
    ]
    table = Table("t", "A table", ("method", "T=2", "ACs"), rows, groups=("plain", "plain", "open"))
    assert table_csv(table).splitlines() == [
        'group,method,T=2,"T=2, small print","T=2, mark",ACs',
        "plain,nq,73.18,±0.9,,1234567",
        "plain,'=qcfs,69.04,±0.9,▼,",
        "open,srp,-4.83,,,12",
    ]


def test_the_page_holds_each_table_as_csv(folds, tmp_path):
    write_report(store(tmp_path, folds), reference=NQ)
    page = (tmp_path / "report.html").read_text()
    links = re.findall(r'download="([^"]+)" href="data:text/csv;charset=utf-8,([^"]*)"', page)
    assert len(links) == page.count("<table>")
    name, text = links[0]
    assert name == "digits-smallnet-accuracy-by-timesteps.csv"
    assert "plain,worse,norse = snntorch,4,0,99.0,,98.0,80.0,±4.5,▼" in unquote(text)
