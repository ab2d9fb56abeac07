"""What importing the package costs and gives, each time in a fresh interpreter."""

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import resnoise


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


HELP = """
import sys
from resnoise.cli import main
sys.argv = ["resnoise", {arguments}]
try:
    main()
except SystemExit as stop:
    assert stop.code == 0
"""


@pytest.mark.parametrize(
    "code",
    [
        "import sys, resnoise",
        "import sys; from resnoise import Recipe, ResnoiseError",
        HELP.format(arguments='"--help"'),
        HELP.format(arguments='"compare", "--help"'),
        HELP.format(arguments='"check", "--help"'),
    ],
    ids=["import", "settings", "help", "compare --help", "check --help"],
)
def test_nothing_waits_for_torch_that_does_not_use_it(code):
    heavy = "[m for m in ('torch', 'pandas', 'scipy', 'matplotlib') if m in sys.modules]"
    assert run(f"{code}\nprint({heavy})").endswith("[]\n")


def test_every_public_name_is_there_and_listed():
    assert set(resnoise.__all__) <= set(dir(resnoise))
    assert all(getattr(resnoise, name).__name__ == name for name in resnoise.__all__)
    with pytest.raises(AttributeError, match="module 'resnoise' has no attribute 'nothing'"):
        _ = resnoise.nothing


@pytest.mark.parametrize("name", sorted(set(resnoise.__all__) - {"ResnoiseError"}))
def test_every_public_name_has_an_example(name):
    """`--doctest-modules` runs it."""
    assert ">>> " in getattr(resnoise, name).__doc__


def test_every_public_name_is_in_the_api_reference_and_no_other_looks_like_one():
    page = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
    public = set()
    for path, options in re.findall(r"^::: (\S+)((?:\n    .*)*)", page, re.MULTILINE):
        module, _, name = path.rpartition(".")
        documented = getattr(importlib.import_module(module), name)
        if name in resnoise.__all__ and getattr(resnoise, name) is documented:
            public.add(name)
        elif path != "resnoise.errors":  # a page of all of them, `ResnoiseError` too
            assert "show_root_full_path: true" in options
    assert public == set(resnoise.__all__) - {"ResnoiseError"}


def test_no_public_name_is_hidden_by_a_module():
    """Importing a module `resnoise.train` would put it in the place of the function."""
    modules = {module.name for module in pkgutil.iter_modules(resnoise.__path__)}
    assert not modules & set(resnoise.__all__)


@pytest.mark.parametrize(
    "module",
    [
        "backends",
        "compare",
        "compare.runner",
        "methods.nq",
        "metrics",
        "report",
        "training.trainer",
    ],
)
def test_every_module_can_be_the_first_that_is_imported(module):
    run(f"import resnoise.{module}")
