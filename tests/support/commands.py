"""Run command lines as a process would: known errors are messages and exit codes."""

import typer
from typer.testing import CliRunner, Result

from pipelines.cli.app import main


def run_wasms(*arguments: str, given: str | None = None) -> Result:
    """Run `wasms`; return its exit code, stdout and stderr.

    Args:
        given: What stands on its stdin.
    """
    whole = typer.Typer(add_completion=False)
    whole.command()(lambda: main(arguments))
    return CliRunner().invoke(whole, [], input=given)
