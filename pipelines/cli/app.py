"""Define the command `wasms`: one module per noun, errors in plain words, exit codes that scripts can use."""

import gc
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from anonymizers.errors import AnonymizerError
from pipelines.cli.lazy import lazy
from pipelines.declarations.errors import PipelineError, UsageError
from warehouse.errors import WarehouseError

# Command → where it is, and the first sentence of its help: to list them all, none is imported.
COMMANDS = {
    "demo": (
        "pipelines.cli.demo:demo",
        "Invent raw files, turn them into published numbers, print the largest campaigns.",
    ),
    "generate": (
        "pipelines.cli.generate:generate",
        "Write invented raw files of every source, in their real formats, to a folder.",
    ),
    "ingest": (
        "pipelines.cli.ingest:ingest",
        "Load files of one source: anonymize their rows, write them to the store.",
    ),
    "run": (
        "pipelines.cli.run:run",
        "Load all files in the inbox, build and publish the marts of closed days, delete what is due.",
    ),
    "sql": (
        "pipelines.cli.sql:sql",
        "Query the published marts in SQL and print the rows.",
    ),
    "export": (
        "pipelines.cli.export:export",
        "Write the published marts to files, one each, and a data dictionary beside them.",
    ),
    "notebook": (
        "pipelines.cli.notebook:notebook",
        "Write a marimo notebook with charts of the published marts, to look at and to change.",
    ),
    "report": (
        "pipelines.cli.reports:report",
        "Write a page about a workspace's month, or all workspaces', from the published numbers.",
    ),
    "portal": (
        "pipelines.cli.reports:portal",
        "Write a folder of pages: reports of the last month, dictionary, metrics, lineage, windows, attacks.",
    ),
    "utility": (
        "pipelines.cli.utility:utility",
        "Measure what anonymity costs: compare rounded with true numbers, for several bases of the rounding.",
    ),
    "dev": (
        "pipelines.cli.dev:dev",
        "Open the Dagster UI. Schedules and sensors run while it is open.",
    ),
    "attack": (
        "pipelines.cli.attack:attack_command",
        "Try to find exact numbers, small groups and contacts in the published copy; exit 1 if one is found.",
    ),
    "debug": ("pipelines.cli.debug:app", "Find out where a published number comes from."),
    "sync": (
        "pipelines.cli.sync:sync_command",
        "Write what is generated from the declarations: dbt models, data dictionary, record of processing.",
    ),
    "contract": (
        "pipelines.cli.contract:app",
        "List, show, check and draft contracts: what becomes of each column.",
    ),
    "metrics": (
        "pipelines.cli.metrics:app",
        "List, explain and query named numbers, e.g. delivery_rate.",
    ),
    "keys": ("pipelines.cli.keys:app", "Show which published keys stand for which ids."),
    "quarantine": (
        "pipelines.cli.quarantine:app",
        "List records that could not be loaded, and load them again.",
    ),
    "release": (
        "pipelines.cli.release:app",
        "List and make revisions: published days that were built again.",
    ),
    "retention": (
        "pipelines.cli.retention:app",
        "Show what is due, delete it, and prove that nothing is left.",
    ),
    "privacy": (
        "pipelines.cli.privacy:app",
        "Record, carry out and prove requests of data subjects: erasure, access and more.",
    ),
    "text": ("pipelines.cli.text:app", "Try and measure the anonymizer of free text."),
}


_OBJECTS_BETWEEN_COLLECTIONS = 100_000


def build_app() -> typer.Typer:
    """Put the commands together; imports none of them."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        help="Turn raw campaign data into anonymous statistics: the WaSMS analytics warehouse.",
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


def home_apart(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the last `--home` and what else stands on the line: it may stand before any command."""
    home: str | None = None
    rest: list[str] = []
    given = iter(arguments)
    for argument in given:
        name, equals, value = argument.partition("=")
        if argument == "--":
            return home, [*rest, argument, *given]
        if name == "--home" and (value := value if equals else next(given, "")):
            home = value
        else:
            rest.append(argument)
    return home, rest


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a known error is one message on stderr and exit code 1, wrong usage is 2."""
    # Nearly all that a command makes lives as long as it does: looking for garbage finds none.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        home, rest = home_apart(sys.argv[1:] if arguments is None else arguments)
        build_app()(rest, obj=home)
    except (PipelineError, AnonymizerError, WarehouseError) as error:
        from pipelines.cli.report import ERR, EXIT_FAILED, EXIT_USAGE

        ERR.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED)
