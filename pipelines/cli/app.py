"""The command `wasms`: one module per noun, errors in plain words, exit codes that scripts can use."""

import sys

import typer

from anonymizers.errors import AnonymizerError
from pipelines.cli import contract, metrics, quarantine, release, retention, text
from pipelines.cli.attack import attack_command
from pipelines.cli.demo import demo
from pipelines.cli.dev import dev
from pipelines.cli.generate import generate
from pipelines.cli.ingest import EXIT_FAILED, ingest
from pipelines.cli.report import ERR
from pipelines.cli.run import run
from pipelines.cli.sql import sql
from pipelines.cli.sync import sync_command
from pipelines.cli.utility import utility
from pipelines.errors import PipelineError
from warehouse.errors import WarehouseError


def build_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        help="Personal data in, anonymous campaign marts out: the WaSMS analytics warehouse.",
    )
    for command in (demo, generate, ingest, run, sql, utility, dev):
        app.command()(command)
    app.command("attack")(attack_command)
    app.command("sync")(sync_command)
    app.add_typer(contract.app, name="contract")
    app.add_typer(metrics.app, name="metrics")
    app.add_typer(quarantine.app, name="quarantine")
    app.add_typer(release.app, name="release")
    app.add_typer(retention.app, name="retention")
    app.add_typer(text.app, name="text")
    return app


def main() -> None:
    """Run the command line; known errors are one message on stderr and exit code 1."""
    try:
        build_app()()
    except (PipelineError, AnonymizerError, WarehouseError) as error:
        ERR.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(EXIT_FAILED)
