"""What docs/libraries.md says to the maintainers of Norse and snnTorch."""

import ast
import re
from pathlib import Path

import pytest

from resnoise import backends
from tests.command_line import resnoise

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "libraries.md").read_text()


@pytest.mark.parametrize("library", ["norse", "snntorch"])
def test_everything_that_a_backend_takes_from_its_library_is_named(library):
    tree = ast.parse((ROOT / "resnoise" / "backends" / f"{library}.py").read_text())
    taken = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == library
        for alias in node.names
    }
    # Parameters of a neuron that is named itself.
    taken -= {"LIFParameters", "LSNNParameters"}
    assert taken
    assert all(re.search(rf"\b{name}\b", PAGE) for name in taken), taken


@pytest.mark.parametrize("library", ["norse", "snntorch"])
def test_every_neuron_that_is_watched_is_named(library):
    if library not in backends.available():
        pytest.skip(backends.missing()[library])
    for name in backends.get(library).trainable:
        assert f"| `{name.split()[0]}` |" in PAGE


def test_the_workflow_can_be_read_and_calls_options_that_there_are():
    yaml = pytest.importorskip("yaml")
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    steps = yaml.safe_load(text)["jobs"]["spikes"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    (check,) = (command for command in commands if command.startswith("resnoise check"))
    help_text = resnoise("check", "--help", cwd=ROOT).stdout
    assert all(option in help_text for option in re.findall(r"--\w+", check))
