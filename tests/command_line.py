"""Commands as a user gives them, in this process."""

from typer.testing import CliRunner

from resnoise.cli import app


def run(*arguments):
    """Run `resnoise` with these arguments, which must succeed, and return what it prints."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output
