"""The committed tables are those that today's code makes of the committed records."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from resnoise import methods
from resnoise.analysis.significance import Reference
from resnoise.records.store import RecordStore
from resnoise.report import sections
from resnoise.report.published_tables import published_figures
from resnoise.report.writer import read_report, write_report

TABLES = Path(__file__).parent.parent / "results" / "tables"
with (TABLES / "references.csv").open(encoding="utf-8") as file:
    REFERENCES = {row["table"]: row["reference"] for row in csv.DictReader(file)}


def test_every_comparison_has_a_reference():
    assert set(REFERENCES) == {path.parent.name for path in TABLES.glob("*/records.json")}


@pytest.mark.parametrize("table", REFERENCES)
def test_tables_are_made_of_the_records_to_the_last_digit(table, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sections, "section_figures", lambda *_: []
    )  # drawing takes most of the time
    write_report(
        TABLES / table,
        reference=Reference.parse(REFERENCES[table]),
        published=published_figures(methods.reported_as),
        out=tmp_path,
    )
    assert (tmp_path / "comparison.tex").read_text().isascii()
    for name in ("comparison.md", "comparison.tex"):
        assert (tmp_path / name).read_text() == (TABLES / table / name).read_text()
    made, committed = (
        pd.read_csv(folder / "comparison.csv") for folder in (tmp_path, TABLES / table)
    )
    # The last bits of a p of 1e-150 are those of the processor.
    pd.testing.assert_frame_equal(made, committed, rtol=1e-12)


@pytest.mark.parametrize("table", REFERENCES)
def test_there_are_the_figures_that_a_report_has_and_no_others(table):
    report = read_report(RecordStore(TABLES / table), reference=Reference.parse(REFERENCES[table]))
    names = {path.name for path in (TABLES / table / "figures").iterdir()}
    assert names == {
        f"{section.name}-{figure.name}.svg"
        for section in report.sections
        for figure in section.figures
    }
    for section in report.sections:
        for figure in section.figures:
            text = (TABLES / table / "figures" / f"{section.name}-{figure.name}.svg").read_text()
            assert f"<title>{figure.title}: {section.conditions}</title>" in text
