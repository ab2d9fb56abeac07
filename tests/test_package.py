"""What is built: where it says it is from, its links, its versions and its lowest requirements."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from resnoise.records import provenance

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ADDRESS = "https://example.org/someone/resnoise"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a source distribution, which has no git."""
    source = tmp_path_factory.mktemp("source")
    for name in ("resnoise", "baselines", "results/check/digits"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "resnoise" / "built.json").write_text('{"commit": "0123abc", "dirty": false}')
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*command, "--wheel-dir", str(source / "dist"), str(source)],
        check=True,
        env={
            "PATH": "/usr/bin:/bin",
            "RESNOISE_REPOSITORY": ADDRESS,
            "RESNOISE_NETWORKS": f"{ADDRESS}/files",
        },
    )
    (path,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_a_wheel_says_the_commit_and_where_networks_are(wheel):
    assert json.loads(wheel.read("resnoise/built.json"))["commit"] == "0123abc"
    assert json.loads(wheel.read("resnoise/networks/manifest.json"))["url"] == f"{ADDRESS}/files"
    assert "resnoise_baselines/published.csv" in wheel.namelist()
    assert "resnoise/check/weights/best.json" in wheel.namelist()


def test_every_link_of_the_description_is_whole(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    text = wheel.read(name).decode()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 20
    assert all(link.startswith(("https://", "http://")) for link in links)
    assert f"{ADDRESS}/raw/0123abc/results/tables/first-run/figures/" in text
    assert f"Project-URL: Repository, {ADDRESS}" in text


def test_provenance_outside_a_checkout_is_that_of_the_build(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "_ROOT", tmp_path)
    monkeypatch.setattr(provenance, "_BUILT", tmp_path / "built.json")
    assert provenance._commit() == ("", False)
    (tmp_path / "built.json").write_text('{"commit": "0123abc", "dirty": true}')
    assert provenance._commit() == ("0123abc", True)


def test_versions_are_one():
    networks = tomllib.loads((ROOT / "results" / "checkpoints" / "pyproject.toml").read_text())
    citation = (ROOT / "CITATION.cff").read_text()
    assert networks["project"]["version"] == PROJECT["version"]
    assert f"\nversion: {PROJECT['version']}\n" in citation


def test_every_requirement_has_a_lowest_version():
    lowest = runpy.run_path(str(ROOT / "constraints" / "lowest.py"))["lowest"]
    found = lowest(PROJECT)
    assert len(found) > len(PROJECT["dependencies"])
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in found)
    project = {"dependencies": ["numpy"], "optional-dependencies": PROJECT["optional-dependencies"]}
    with pytest.raises(ValueError, match="but got 'numpy'"):
        lowest(project)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_constraints_of_a_python_have_the_versions_of_continuous_integration(python):
    def versions(path):
        lines = (line.split("==") for line in path.read_text().splitlines() if "==" in line)
        return {name.lower().replace("_", "-"): version for name, version in lines}

    own = versions(ROOT / "constraints" / f"{python}.txt")
    for name, version in versions(ROOT / "constraints.txt").items():
        assert own.get(name, version) == version, name
    assert {"torch", "norse", "snntorch", "nir", "onnx"} <= own.keys()
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]
