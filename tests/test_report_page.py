"""The comparison as a page: well-formed, self-contained, the same when it is written again."""

from __future__ import annotations

import os
import re
from io import StringIO
from xml.etree import ElementTree

import pytest

from resnoise.report.writer import write_report
from tests.comparisons import NQ, record, store
from tests.made_up import make_training
from tests.page_parser import Page


@pytest.fixture
def page(folds, tmp_path):
    folder = store(tmp_path, folds) / "trainings"
    folder.mkdir()
    for method in ("nq", "worse"):
        (folder / f"{method}.json").write_text(make_training(method).model_dump_json())
    write_report(tmp_path, reference=NQ)
    return (tmp_path / "report.html").read_text()


def test_page_is_self_contained_and_well_formed(page):
    parser = Page(page)
    assert len(parser.ids) == len(set(parser.ids))
    assert "script" not in parser.tags
    assert parser.tags.count("svg") == 5
    inside = {f"#{name}" for name in parser.ids}
    assert {address for tag, address in parser.addresses if tag != "a"} <= inside
    assert all(address.startswith(("#", "data:text/csv")) for _, address in parser.addresses)
    assert {address for tag, address in parser.addresses if address.startswith("#")} <= inside
    assert not re.search(r"url\((?!#)|@import", page)
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_figures_are_valid_svg_in_the_colours_of_the_page(page):
    for svg in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        root = ElementTree.parse(StringIO(svg)).getroot()
        assert root.get("viewBox")
        assert 'fill="#ffffff" class="fffffff"' in svg
        assert "<style" not in svg
    assert ".fffffff{fill:#1b1f26}" in page


def test_figures_of_the_residual_error_say_after_how_many_steps(page):
    assert "after T = 4 steps on validation images" in page


def test_the_line_of_the_ann_is_explained_only_where_it_is_drawn(page, tmp_path):
    assert "The dotted line is one pass" in page
    write_report(store(tmp_path / "one", [record("nq", 9, timesteps=4)]), reference=NQ)
    assert "dotted line" not in (tmp_path / "one" / "report.html").read_text()


def test_residuals_are_left_out_with_a_note_without_trainings(folds, tmp_path):
    write_report(store(tmp_path, folds), reference=NQ)
    text = (tmp_path / "report.html").read_text()
    assert "No training recorded its residual error" in text
    assert text.count("<svg") == 4


def test_regenerating_changes_nothing(page, folds, tmp_path):
    names = ("comparison.md", "comparison.csv", "comparison.tex", "report.html")
    before = [(tmp_path / name).read_bytes() for name in names]
    paths = write_report(tmp_path, reference=NQ)
    assert [path.name for path in paths] == list(names)
    assert [path.read_bytes() for path in paths] == before
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]
