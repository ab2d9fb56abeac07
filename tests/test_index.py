"""The page over all comparisons: its lines, its links, and what its script makes of the address."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from resnoise.analysis.significance import Reference
from resnoise.errors import RecordError
from resnoise.index.lines import recipe_in_words
from resnoise.index.page import write_index
from resnoise.report import sections
from resnoise.report.comparisons import comparisons_in
from resnoise.training.by_hash import checkpoints_by_hash
from tests.comparisons import record, store, three_folds
from tests.page_parser import Page

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An index over two comparisons, of which the second repeats a row of the first."""
    folder = tmp_path_factory.mktemp("results")
    tables = folder / "tables"
    again = [r for r in three_folds() if r.method == "nq" and r.timesteps == 1]
    store(tables / "first", three_folds())
    other = record("qcfs", 250, timesteps=1, levels=2, backend="norse")
    differs = record("qcfs", 251, timesteps=1, levels=2, backend="snntorch")
    store(tables / "second", [*again, other, differs])
    (tables / "references.csv").write_text("table,reference\nsecond,qcfs:2\n")
    (tables / "no-comparison").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections, "section_figures", lambda *_: [])  # drawing takes most of the time
        return write_index(tables, folder / "site", docs="../").parent


def rows_of(site):
    """Attributes and text of every row of the page, by its id."""
    page = (site / "index.html").read_text()
    return {
        name: (dict(re.findall(r'data-([\w]+)="([^"]*)"', attributes)), text)
        for name, attributes, text in re.findall(
            r'<tr id="([^"]+)"([^>]*)>(.*?)</tr>', page, re.DOTALL
        )
    }


def test_every_evaluation_is_one_row(site):
    rows = rows_of(site)
    # Four methods at two T, on backends that agree; and one on two that do not.
    assert len(rows) == 4 * 2 + 2
    values, text = rows["first.digits.smallnet.nq.L4.T1"]
    assert values == {
        "dataset": "digits",
        "network": "smallnet",
        "method": "nq",
        "division": "plain",
        "backend": "norse\nsnntorch",
        "L": "4",
        "T": "1",
        "total": "1",
        "comparison": "first\nsecond",
    }
    assert "norse = snntorch" in text
    assert "90.0 <small>±3.4" in text  # 270 of 300; Wilson's interval by hand is 86.08 to 92.91
    assert {"second.digits.smallnet.qcfs.L2.T1", "second.digits.smallnet.qcfs.L2.T1.snntorch"} <= {
        *rows
    }


def test_significance_is_that_of_the_comparison_and_its_reference(site):
    rows = rows_of(site)
    worse = rows["first.digits.smallnet.worse.L4.T1"][1]
    assert 'title="significantly worse than nq at equal T">▼' in worse
    close = rows["first.digits.smallnet.close.L4.T1"][1]
    assert 'title="no significant difference to nq at equal T">≈' in close
    # At τ + T = 2 the calibrated one at T = 1 meets nq at T = 2.
    ahead = rows["first.digits.smallnet.pre.L4.T1"][1]
    assert 'by-total" title="no significant difference to nq at equal τ+T">≈' in ahead
    assert "the reference" in rows["first.digits.smallnet.nq.L4.T1"][1]
    assert "the reference" in rows["second.digits.smallnet.qcfs.L2.T1"][1]


def test_divisions_are_never_in_one_table(site):
    page = (site / "index.html").read_text()
    tables = re.findall(r'<section id="(plain|open)".*?</section>', page, re.DOTALL)
    assert tables == ["plain", "open"]
    for name in tables:
        (table,) = re.findall(rf'<section id="{name}".*?</section>', page, re.DOTALL)
        assert set(re.findall(r'data-division="(\w+)"', table)) == {name}


def test_the_page_needs_no_network_and_every_link_leads_somewhere(site):
    parser = Page((site / "index.html").read_text())
    assert len(parser.ids) == len(set(parser.ids))
    assert {tag for tag, _ in parser.addresses} == {"a"}
    for _, address in parser.addresses:
        place, _, anchor = address.partition("#")
        if place.startswith(("http", "../")):
            continue
        target = site / place if place else site / "index.html"
        assert target.exists(), address
        assert not anchor or f'id="{anchor}"' in target.read_text(), address


def test_recipes_and_records_are_beside_it(site):
    (recipe,) = (site / "recipes").iterdir()
    assert json.loads(recipe.read_text()) == {"epochs": 30, "augmentation": ["crop", "flip"]}
    assert {p.name for p in (site / "tables" / "first").iterdir()} >= {
        "comparison.csv",
        "records.json",
        "report.html",
    }


def test_weights_are_copied_and_linked(tmp_path):
    folder = ROOT / "results" / "check"
    (sha256,) = checkpoints_by_hash(folder)
    store(tmp_path / "tables" / "one", [record("nq", 9, checkpoint_sha256=sha256)])
    page = write_index(tmp_path / "tables", tmp_path / "site", checkpoints=folder)
    assert f'<a href="checkpoints/digits/best.json"><code>{sha256[:8]}' in page.read_text()
    assert len(list((tmp_path / "site" / "checkpoints" / "digits").iterdir())) == 2


def test_a_recipe_in_words():
    start = {"start_from": "qcfs", "start_epochs": 60, "start_learning_rate": 0.1}
    plus = {"epochs": 10, "learning_rate": 0.02, "extensions": start, "augmentation": []}
    in_words = recipe_in_words(record("nq-plus", 9, recipe=plus, epochs=10, best_epoch=9))
    assert in_words == "10 epochs, lr 0.02, no augmentation, from 60 epochs of qcfs at 0.1"
    from_8 = {"activation": {"threshold": 8.0}, "augmentation": ["flip"]}
    assert recipe_in_words(record("nq", 9, recipe=from_8)) == "30 epochs, flip, from λ = 8"


def test_what_is_no_folder_of_comparisons_is_refused(tmp_path):
    with pytest.raises(RecordError, match=r"expected a folder of comparisons.*got .*nowhere"):
        comparisons_in(tmp_path / "nowhere")
    store(tmp_path / "one", [record("nq", 9)])
    (tmp_path / "references.csv").write_text("name,reference\none,nq\n")
    with pytest.raises(RecordError, match="columns table and reference"):
        comparisons_in(tmp_path)


def test_a_comparison_that_nobody_named_a_reference_of_has_the_usual_one(tmp_path):
    store(tmp_path / "one", [record("qcfs", 9), record("nq", 9)])
    store(tmp_path / "two", [record("qcfs", 9), record("cos", 9)])
    references = [comparison.reference for comparison in comparisons_in(tmp_path)]
    assert references == [Reference("nq"), Reference("qcfs")]


def seen(site, address):
    """Ids of the rows that a browser shows, in its order, and what it counts."""
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000",
         "--dump-dom", f"file://{site}/index.html{address}"],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    shown = [
        name
        for name, rest in re.findall(r'<tr id="([^"]+)"([^>]*)>', done.stdout)
        if not re.search(r"\bhidden\b", rest)
    ]
    return shown, re.search(r"<output[^>]*>([^<]*)", done.stdout)[1]


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_the_address_chooses_and_orders_rows(site):
    shown, said = seen(site, "#dataset=digits&T=1&method=nq&method=worse&sort=accuracy&order=down")
    assert shown == ["first.digits.smallnet.nq.L4.T1", "first.digits.smallnet.worse.L4.T1"]
    assert said == "2 of 10 rows"


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_a_permalink_shows_its_row_among_those_of_its_kind(site):
    shown, _ = seen(site, "#first.digits.smallnet.close.L4.T2")
    assert set(shown) == {
        f"first.digits.smallnet.{name}.L4.T2" for name in ("nq", "close", "worse", "pre")
    }
