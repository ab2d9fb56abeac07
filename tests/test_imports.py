"""What importing the package costs and gives, each time in a fresh interpreter."""

import subprocess
import sys

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


@pytest.mark.parametrize("first", ["import resnoise.train", "from resnoise import train as f", ""])
def test_a_function_is_not_hidden_by_the_module_of_its_name(first):
    code = "import resnoise\nfrom resnoise.train import Trainer\nassert callable(resnoise.train)"
    run(f"{first}\n{code}\nfrom resnoise import train\nassert callable(train)")


@pytest.mark.parametrize(
    "module", ["backends", "compare", "methods.nq", "metrics", "report", "train"]
)
def test_every_module_can_be_the_first_that_is_imported(module):
    run(f"import resnoise.{module}")
