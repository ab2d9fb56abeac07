"""The gate's table as a page: what it says, and that it needs nothing but itself."""

import pytest

from resnoise.check.gate import Comparison
from resnoise.check.page import gate_page
from resnoise.check.rules import Status, Verdict
from tests.page_parser import Page

SAME = Verdict("rate", "0.5", "0.5", "any change", Status.SAME)
WORSE = Verdict("loop <fast>", "33", "34", "any more", Status.WORSE)
LOST = Verdict("latency", "1.0", "–", "any change", Status.LOST)
CHANGED = Verdict("digest", "ab", "cd", "any change", Status.CHANGED)


def test_what_got_worse_comes_first_and_is_named():
    page = gate_page(Comparison("commit abc", [], [SAME, WORSE, CHANGED, LOST]))
    assert "3 of 4 figures got worse" in page
    assert page.count("▼") == 3
    order = [page.index(f">{name}<") for name in ("loop &lt;fast&gt;", "digest", "rate")]
    assert order == sorted(order)
    assert "<strong>WORSE</strong>" in page
    assert "Before: commit abc." in page


def test_a_gate_that_is_passed_says_so_and_has_no_empty_table():
    page = gate_page(Comparison("commit abc", ["times: not asked for"], [SAME]))
    assert "nothing got worse" in page
    assert "times: not asked for" in page
    assert Page(page).tags.count("table") == 1


@pytest.mark.parametrize("verdicts", [[SAME], [WORSE], [SAME, WORSE, CHANGED]])
def test_the_page_is_well_formed_and_self_contained(verdicts):
    page = Page(gate_page(Comparison("commit abc", [], verdicts)))
    assert all(tag == "a" and to.startswith(("#", "data:")) for tag, to in page.addresses)
    assert "script" not in page.tags
    assert "style" in page.tags
