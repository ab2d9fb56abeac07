"""The registry of methods: the suite's own, one from another package, and none by name."""

import ast
import configparser
import dataclasses
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from resnoise_baselines.noise_adaptor import NoiseAdaptorPlus
from resnoise_baselines.qcfs import QCFSPlus
from tiny_job import tiny_job

from resnoise import methods
from resnoise.config.recipe import ActivationConfig, Recipe
from resnoise.errors import ConfigError
from resnoise.methods.plus import NQPlus
from resnoise.training.defaults import recipe_for
from tests.command_line import resnoise

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "new-baseline.md"


def test_own_methods_are_installed_under_their_names():
    assert {"direct", "nq", "qcfs", "srp"} <= set(methods.names())
    for name in methods.names():
        assert methods.get(name).name == name


def test_declared_methods_have_the_names_they_are_declared_under():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = project["entry-points"][methods.GROUP]
    assert {"nq-plus", "qcfs-plus"} <= set(declared)
    for name, place in declared.items():
        assert EntryPoint(name, place, methods.GROUP).load().named(name).name == name


@pytest.mark.parametrize(
    ("name", "trained"),
    [
        ("cos", "qcfs"),
        ("cos-plus", "qcfs-plus"),
        ("signed-if-nq", "nq"),
        ("ftbc-snm-nq-plus", "nq-plus"),
        ("srp-noise-adaptor", "noise-adaptor"),
    ],
)
def test_what_trains_nothing_is_named_with_what_trains(name, trained):
    method = methods.get(name)
    assert (method.name, method.trained.name) == (name, trained)


@pytest.mark.parametrize("name", ["cos-cos", "cos-direct", "cos-", "cos-qcfs", "nq-cos", "qcfs-nq"])
def test_no_combination_of_what_does_not_fit(name):
    with pytest.raises(ConfigError, match=f"unknown method '{name}'; known: cos, .*such as cos-nq"):
        methods.get(name)


@pytest.mark.parametrize("plus", [NQPlus, QCFSPlus, NoiseAdaptorPlus])
@pytest.mark.parametrize(("epochs", "further"), [(60, 10), (15, 2), (1, 1)])
def test_plus_is_fine_tuned_from_as_many_epochs_of_qcfs(plus, epochs, further):
    base = Recipe(epochs=epochs, activation=ActivationConfig(levels=2, threshold=3.0))
    recipe = plus().recipe(base)
    assert (recipe.epochs, recipe.activation) == (further, base.activation)
    job = dataclasses.replace(tiny_job(), method=plus(), recipe=recipe)
    before = job.predecessor()
    assert before.method.name == before.training == "qcfs"
    assert before.recipe == dataclasses.replace(base, learning_rate=0.1)


@pytest.mark.parametrize(
    "method", ["nq-plus", "qcfs-plus", "noise-adaptor-plus", "srp-plus", "srp-nq-plus"]
)
def test_plus_has_no_published_recipe(method):
    place = (method, "cifar10", ["resnet20"])
    assert recipe_for(*place, published=True) == recipe_for(*place)


@pytest.mark.parametrize(
    ("method", "dataset", "architecture", "expected"),
    [
        ("qcfs", "cifar10", "vgg16", (300, 300, 0.1, 8)),
        ("srp", "cifar10", "vgg16", (300, 300, 0.1, 8)),
        ("qcfs", "cifar100", "resnet20", (300, 300, 0.05, 8)),
        ("nq", "cifar10", "vgg16", (400, 256, 0.05, 4)),
        ("nq", "cifar100", "vgg16", (400, 128, 0.05, 4)),
        ("nq", "cifar100", "resnet20", (400, 100, 0.05, 4)),
    ],
)
def test_published_recipes_are_those_of_the_authors_code(method, dataset, architecture, expected):
    recipe = recipe_for(method, dataset, [architecture], published=True)
    found = (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.activation.levels)
    assert found == expected
    assert (recipe.activation.threshold, recipe.warmup_epochs) == (8.0, 0.0)


@pytest.mark.parametrize("method", ["nq", "qcfs"])
@pytest.mark.parametrize("dataset", ["digits", "imagefolder:photographs"])
def test_data_that_no_paper_trains_on_have_no_published_recipe(method, dataset):
    place = (method, dataset, ["resnet20"])
    assert recipe_for(*place, published=True) == recipe_for(*place)


def test_architectures_of_different_published_recipes_are_not_trained_by_one():
    both = ["vgg16", "resnet20"]
    assert recipe_for("nq", "cifar10", both, published=True).batch_size == 256
    with pytest.raises(ConfigError, match=r"each of vgg16, resnet20 on cifar100; train one"):
        recipe_for("nq", "cifar100", both, published=True)


def test_unknown_method_names_the_known_ones():
    known = r"nq, nq-plus, qcfs, qcfs-plus, .*srp"
    with pytest.raises(ConfigError, match=f"unknown method 'nqq'; known: .*{known}"):
        methods.get("nqq")


def test_core_imports_no_baseline():
    sources = list((ROOT / "resnoise").rglob("*.py"))
    assert sources
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            imported = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            baselines = {"baselines", "resnoise_baselines"}
            assert not any(name.split(".")[0] in baselines for name in imported), path


def code_blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def install(directory, modules, project):
    """Put in `directory` what installing the page's package would put in site-packages."""
    metadata = tomllib.loads(project)
    names = metadata["tool"]["setuptools"]["py-modules"]
    for name, module in zip(names, modules, strict=True):
        (directory / f"{name}.py").write_text(module)
    distribution = metadata["project"]["name"].replace("-", "_")
    info = directory / f"{distribution}-{metadata['project']['version']}.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {metadata['project']['name']}\n"
        f"Version: {metadata['project']['version']}\n"
    )
    entry_points = configparser.ConfigParser()
    entry_points.read_dict(metadata["project"]["entry-points"])
    with info.joinpath("entry_points.txt").open("w") as file:
        entry_points.write(file)


USE = """
import torch
from resnoise import methods, models
from resnoise.config import ActivationConfig, Recipe

toy, qcfs = methods.get("toy"), methods.get("qcfs")
recipe = Recipe(activation=ActivationConfig(threshold=1.0))
model = models.build("digits-cnn", classes=10, shape=(1, 8, 8))
network = toy.network(model, "toy", recipe).eval()
images, labels = torch.rand(4, 1, 8, 8), torch.arange(4)
smoothed, logits = toy.loss(network, images, labels)
plain, _ = qcfs.loss(network, images, labels)
uniform = -torch.log_softmax(logits, -1).mean()
torch.testing.assert_close(smoothed, 0.9 * plain + 0.1 * uniform)
print(methods.names(), tuple(toy.simulation(network, "reference")(images, 2).shape))
"""


def test_page_adds_a_baseline_of_another_package(tmp_path):
    install(tmp_path, code_blocks("python"), *code_blocks("toml"))
    ran = subprocess.run(
        [sys.executable, "-c", USE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == f"{sorted([*methods.names(), 'empty', 'toy'])} (2, 4, 10)"


def test_the_method_of_the_page_that_trains_nothing_runs_by_its_command(tmp_path, monkeypatch):
    install(tmp_path, code_blocks("python"), *code_blocks("toml"))
    monkeypatch.syspath_prepend(tmp_path)
    (command,) = re.findall(r"resnoise (evaluate .*--method empty .*)", PAGE.read_text("utf-8"))
    said = resnoise(*shlex.split(command), cwd=ROOT).stdout
    (row,) = (line.split() for line in said.splitlines() if "empty-nq" in line)
    ann, _, *spiking = (float(word) for word in row if re.fullmatch(r"\d+\.\d", word))
    assert "plain" in row
    assert spiking[0] < 15
    assert spiking == sorted(spiking)
    assert spiking[-1] > ann - 5


def test_page_explains_all_that_can_be_overridden():
    described = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))
    members = {name for name in vars(methods.Method) if not name.startswith("_")}
    assert described == members | {"name"}
