"""Define the command `wasms`: one module per noun, errors in plain words, exit codes that scripts can use."""

import gc
import sys
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated

import typer

from anonymizers.errors import AnonymizerError
from pipelines.cli.lazy import lazy
from pipelines.declarations.errors import PipelineError, UsageError
from warehouse.errors import WarehouseError

_OBJECTS_BETWEEN_COLLECTIONS = 100_000


@cache
def commands() -> dict[str, tuple[str, str]]:
    """Return command → where it is, and the first sentence of its help, as `commands.toml` lists them."""
    listed = tomllib.loads((files("pipelines.cli") / "commands.toml").read_text("utf-8"))
    return {name: (f"pipelines.cli.{target}", text) for name, (target, text) in listed.items()}


def build_app() -> typer.Typer:
    """Put the commands together; imports none of them."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        help="Turn raw campaign data into anonymous statistics: the WaSMS analytics warehouse.",
    )
    app.callback()(_options)
    for name, (target, text) in commands().items():
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
