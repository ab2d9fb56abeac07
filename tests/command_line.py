"""Commands as a user gives them, in this process or in one of their own."""

import subprocess
import sys

from typer.testing import CliRunner

from resnoise.cli import app

RUN = [sys.executable, "-c", "from resnoise.cli import main; main()"]


def run(*arguments):
    """Run `resnoise` with these arguments, which must succeed, and return what it prints."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def resnoise(*arguments, cwd, status=0):
    """The same as a process, which must end with `status`."""
    done = subprocess.run(
        [*RUN, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done
