"""The command that docs/reproduce.md gives for a table is the one that its records come from."""

import re
import shlex
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from resnoise.compare import runner
from resnoise.records.store import RecordStore
from resnoise.report.comparisons import usual_reference
from resnoise.report.sections import make_report
from resnoise.studies import ablation
from tests.command_line import run

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reproduce.md").read_text().replace("\\\n", "")
TABLES = ROOT / "results" / "tables"
ABLATIONS = sorted(TABLES.glob("cifar*/ablation.csv"))
# Of a training that was not at its end, the name says after which epoch.
UNFINISHED = re.compile(r"(.*)-epoch-(\d+)")
COMPARISONS = re.findall(
    r"tables/(?![\w-]*-epoch-)([\w-]+)/comparison\.md[^\0]*?\n\n((?:    .*\n)+)", PAGE
)


def test_every_comparison_has_a_command():
    tables = {path.parent.name for path in TABLES.glob("*/comparison.md")}
    finished = {name for name in tables if not UNFINISHED.fullmatch(name)}
    assert {name for name, _ in COMPARISONS} == finished - {"digits", "first-run"}


@pytest.mark.parametrize("path", TABLES.glob("*-epoch-*"), ids=lambda path: path.name)
def test_unfinished_trainings_are_those_of_a_finished_table(path):
    finished, epoch = UNFINISHED.fullmatch(path.name).groups()
    recipes = {record.key: record.recipe for record in RecordStore(TABLES / finished).load()}
    records = RecordStore(path).load()
    assert records
    assert all(record.recipe == recipes[record.key] for record in records)
    assert {record.best_epoch for record in records} == {int(epoch)}
    assert f"tables/{path.name}/comparison.md" in PAGE


@pytest.mark.parametrize(("name", "commands"), COMPARISONS, ids=[name for name, _ in COMPARISONS])
def test_records_are_of_the_recipe_of_their_command(name, commands, monkeypatch, tmp_path):
    plans = []

    def plan(plan, *_, **options):
        plans.append(plan)
        reference = options["reference"] or usual_reference(plan.methods)
        return runner.Comparison(report(reference), [])

    monkeypatch.setattr(runner, "compare", plan)
    records = RecordStore(TABLES / name).load()
    report = cache(lambda reference: make_report(records, reference=reference))
    for command in re.findall(r"make compare (.*)", commands):
        given = dict(word.split("=", 1) for word in shlex.split(command))
        run("compare", "--methods", given["METHODS"], *shlex.split(given["ARGS"]),
            "--out", tmp_path)  # fmt: skip
    recipes = {
        key: plan.recipes[cell.method].to_json()
        for plan in plans
        for cell in plan.cells()
        for key in plan.keys(cell)
    }
    for record in records:
        assert recipes[record.key] == record.recipe, record.key


def test_ablations_have_the_rows_of_their_command(monkeypatch):
    planned = []

    def plan(study, *_):
        planned.append({(v.method, v.change, n) for v in study.variants for n in study.seeds})
        return []

    monkeypatch.setattr(ablation, "ablate", plan)
    for command in re.findall(r"resnoise (ablate .*)", PAGE):
        run(*shlex.split(command))
    tables = {path: pd.read_csv(path, keep_default_na=False) for path in ABLATIONS}
    rows = {
        path.parent.name: set(zip(table.method, table.change, table.seed, strict=True))
        for path, table in tables.items()
    }
    # Two rows of it are of another table, and the page says which.
    rows["cifar10-ablation-plus"] = {("nq", "", 0)}
    assert all(one in planned for one in rows.values())
    assert all(one in rows.values() for one in planned)
