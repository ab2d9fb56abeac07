"""Importing torchvision: installed or not, its operators loadable or not.

Each case runs in its own process, most with a stand-in for torchvision, so that they do not depend
on which builds are installed.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
CALL = "from resnoise.datasets.torchvision_compat import import_torchvision\n"
# What torchvision's _meta_registrations does; fails unless the operator is known.
ANNOTATE = "import torch\ntorch.library.register_fake('torchvision::{}')(lambda *a: None)\n"


def run(code, stand_in=None):
    """Run `code` in a new interpreter, with `stand_in` before the installed torchvision."""
    path = [str(part) for part in (stand_in, REPOSITORY) if part]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def stand_in(tmp_path):
    def make(source, **modules):
        package = tmp_path / "torchvision"
        package.mkdir()
        (package / "__init__.py").write_text(source)
        for name, text in modules.items():
            (package / f"{name}.py").write_text(text)
        return tmp_path

    return make


def test_importing_the_package_does_no_work():
    modules = "{'torchvision', 'sklearn', 'PIL'} & set(sys.modules)"
    result = run(f"import sys, resnoise.datasets\nprint({modules} or 'none')")
    assert result.stdout.strip() == "none", result.stderr


def test_missing_torchvision_says_how_to_install_it():
    code = (
        "import sys\nsys.modules['torchvision'] = None\n"
        "from resnoise.errors import DataError\nfrom resnoise.datasets import load\n"
        "try:\n    load('cifar10')\nexcept DataError as error:\n    print(error)"
    )
    result = run(code)
    assert "pip install 'resnoise[vision]'" in result.stdout, result.stderr


def test_operators_that_do_not_load_are_declared(stand_in):
    place = stand_in(
        "from torchvision import early, annotations\nready = early.runs",
        early="import builtins\nruns = builtins.runs = getattr(builtins, 'runs', 0) + 1\n",
        annotations=ANNOTATE.format("nms") + ANNOTATE.format("qnms"),
    )
    result = run(CALL + "print(import_torchvision().ready, import_torchvision().ready)", place)
    # Once in the import that failed, once more in the next one, and not a third time.
    assert result.stdout.split() == ["2", "2"], result.stderr


def test_operators_that_load_are_left_alone(stand_in):
    place = stand_in("ready = True")
    code = CALL + "import torch\nimport_torchvision()\nprint(hasattr(torch.ops.torchvision, 'nms'))"
    result = run(code, place)
    assert result.stdout.strip() == "False", result.stderr


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("raise RuntimeError('wrong CUDA version')", "RuntimeError: wrong CUDA version"),
        ("import no_such_dependency", "No module named 'no_such_dependency'"),
    ],
)
def test_other_failures_pass_through(stand_in, source, expected):
    result = run(CALL + "import_torchvision()", stand_in(source))
    assert result.returncode == 1
    assert expected in result.stderr.splitlines()[-1]
    assert "DataError" not in result.stderr


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="no torchvision")
def test_installed_torchvision_imports_whatever_its_build():
    code = CALL + (
        "import_torchvision()\nfrom torchvision import datasets, transforms\n"
        "print(datasets.CIFAR10.__name__, transforms.AutoAugment.__name__)"
    )
    result = run(code)
    assert result.stdout.split() == ["CIFAR10", "AutoAugment"], result.stderr
