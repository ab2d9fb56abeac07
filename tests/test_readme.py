"""What the README shows works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RESULTS = ROOT / "results"
FINDINGS = ROOT / "docs" / "findings.md"


def test_the_python_of_the_readme_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    accuracies = [float(a) for a in re.findall(r"\d\.\d+", done.stdout)]
    assert max(accuracies) > 0.9


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets.issuperset(re.findall(r"make (\w+)", README))


def links_of(page):
    return re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())


def test_every_local_link_of_readme_and_docs_leads_somewhere():
    for page in (ROOT / "README.md", RESULTS / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in links_of(page):
            assert (page.parent / link).exists(), f"{page}: {link}"


def test_the_index_of_the_results_names_every_table():
    tables = RESULTS / "tables"
    linked = {(RESULTS / link).parent for link in links_of(RESULTS / "README.md")}
    assert {path for path in tables.iterdir() if path.is_dir()} <= linked


def test_a_newcomer_can_read_it_in_five_minutes():
    assert len(README.split()) <= 1300


def test_the_findings_are_read_in_a_quarter_of_an_hour():
    page = re.sub(r"<!--.*?-->", "", FINDINGS.read_text(), flags=re.DOTALL)
    assert len(page.split()) <= 2000
