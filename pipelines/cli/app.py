"""The command `wasms`: one module per noun, errors in plain words, exit codes that scripts can use."""

import gc
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from anonymizers.errors import AnonymizerError
from pipelines.cli.lazy import lazy
from pipelines.errors import PipelineError
from warehouse.errors import WarehouseError

# Command → where it is, and the first sentence of its help: to list them all, none is imported.
COMMANDS = {
    "demo": (
        "pipelines.cli.demo:demo",
        "Generate a world of raw files, run it from inbox to published marts, print the campaign funnel.",
    ),
    "generate": (
        "pipelines.cli.generate:generate",
        "Write generated raw files of every source, in their real formats, below OUT; nothing is read.",
    ),
    "ingest": (
        "pipelines.cli.ingest:ingest",
        "Read files of one source, strip or pseudonymize personal data, write the store; remove the files.",
    ),
    "run": (
        "pipelines.cli.run:run",
        "Ingest what lies in the inbox, build the marts of closed days, publish them, expire what is due.",
    ),
    "sql": (
        "pipelines.cli.sql:sql",
        "Read the published marts (never locked, never personal) and print rows; writes nothing.",
    ),
    "utility": (
        "pipelines.cli.utility:utility",
        "Compare published numbers with true ones, for several thresholds, with and without noise.",
    ),
    "dev": (
        "pipelines.cli.dev:dev",
        "Open the Dagster UI; schedules run while it is open. Its state is kept in data/dagster.",
    ),
    "attack": (
        "pipelines.cli.attack:attack_command",
        "Attack the published copy; exit 1 if a small group, a coded count or a contact comes out.",
    ),
    "sync": (
        "pipelines.cli.sync:sync_command",
        "Read contracts and policy; write the dbt sources, the data dictionary and the record of processing.",
    ),
    "contract": ("pipelines.cli.contract:app", "Read the contracts, check them, draft a new one."),
    "metrics": (
        "pipelines.cli.metrics:app",
        "Numbers by their names: what they mean, and what they are.",
    ),
    "quarantine": (
        "pipelines.cli.quarantine:app",
        "Records that could not be loaded: list them, try them again.",
    ),
    "release": (
        "pipelines.cli.release:app",
        "What was published once: which slices have a new line, or start one.",
    ),
    "retention": ("pipelines.cli.retention:app", "Delete what is past its window, and prove it."),
    "text": ("pipelines.cli.text:app", "Try the anonymizer of free text; measure it."),
}


_OBJECTS_BETWEEN_COLLECTIONS = 100_000


def build_app() -> typer.Typer:
    """Put the commands together; imports none of them."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        help="Personal data in, anonymous campaign marts out: the WaSMS analytics warehouse.",
    )
    app.callback()(_options)
    for name, (target, text) in COMMANDS.items():
        app.command(name, cls=lazy(target), help=text)(_nothing)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"wasms {version('wasms-warehouse')}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Take the options of `wasms` itself."""


def _nothing() -> None:
    """Stand for a command that is not loaded."""


def main() -> None:
    """Run the command line; known errors are one message on stderr and exit code 1."""
    # Nearly all that a command makes lives as long as it does: looking for garbage finds none.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        build_app()()
    except (PipelineError, AnonymizerError, WarehouseError) as error:
        from pipelines.cli.report import ERR, EXIT_FAILED

        ERR.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(EXIT_FAILED)
