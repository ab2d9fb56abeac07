"""What is built: where it says it is from, its links, its versions and its lowest requirements."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from resnoise.records import built

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = (
    "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md",
    "CITATION.cff",
)  # fmt: skip
ADDRESS = "https://example.org/someone/resnoise"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel from a source distribution, which has neither git nor the variables of a release."""
    tree, unpacked = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("unpacked")
    for name in ("resnoise", "baselines", "results/check/digits"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, tree)
    (tree / "tests").mkdir()
    (tree / "tests" / "test_half.py").touch()
    (tree / "resnoise" / "built.json").write_text('{"commit": "0123abc", "dirty": false}')
    path = {"PATH": "/usr/bin:/bin"}
    addresses = {"RESNOISE_REPOSITORY": ADDRESS, "RESNOISE_NETWORKS": f"{ADDRESS}/files"}
    command = [sys.executable, "setup.py", "--quiet", "sdist"]
    subprocess.run(command, cwd=tree, check=True, env=path | addresses)
    (packed,) = (tree / "dist").glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    assert not (source / "tests").exists()
    assert all((source / name).exists() for name in FILES)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(tree), str(source)], check=True, env=path)
    (path,) = tree.glob("*.whl")
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
    monkeypatch.setattr(built, "_ROOT", tmp_path)
    monkeypatch.setattr(built, "_BUILT", tmp_path / "built.json")
    assert built.commit_of_code() == ("", False)
    (tmp_path / "built.json").write_text('{"commit": "0123abc", "dirty": true}')
    assert built.commit_of_code() == ("0123abc", True)


def test_versions_are_one():
    networks = tomllib.loads((ROOT / "results" / "checkpoints" / "pyproject.toml").read_text())
    citation = (ROOT / "CITATION.cff").read_text()
    assert networks["project"]["version"] == PROJECT["version"]
    wanted = [f"{networks['project']['name']}=={PROJECT['version']}"]
    assert PROJECT["optional-dependencies"]["networks"] == wanted
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
