"""Define `wasms utility`: measure what anonymity costs."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from pipelines.cli.options import HomeOption, runtime_at
from pipelines.cli.reading import published_path, restricted_zone
from pipelines.cli.report import OUT, bare_table
from pipelines.declarations.cube import load_cubes
from pipelines.disclosure.utility import HEADINGS, Variant, described, utility_of

_WARNING = "[yellow]Days are built anew from pseudonymous rows; only means and shares leave memory.[/yellow]"


def utility(
    days: Annotated[
        int, typer.Option(help="How many days to measure, up to the last that is built.", min=1)
    ] = 40,
    home: HomeOption = None,
) -> None:
    """Measure what anonymity costs: compare rounded with true numbers, for several bases of the rounding.

    Errors of rates are in percentage points. Needs the keys, and is logged.
    """
    runtime = runtime_at(home)
    published_path(runtime.store.home)
    last = runtime.store.ledger.built_until()
    if last is None:
        OUT.print("No day is built yet.")
        return
    with restricted_zone(runtime, what="utility", warning=_WARNING) as connection:
        found = utility_of(connection, load_cubes(), first=last - timedelta(days=days - 1), last=last)
    base = runtime.declarations.policy.disclosure.rounding_base
    _print(found, title=f"{last - timedelta(days=days - 1)} to {last}; published: base {base}")


def _print(found: Sequence[Variant], *, title: str) -> None:
    table = bare_table(title=title)
    for name in HEADINGS:
        table.add_column(name, justify="right")
    for each in found:
        table.add_row(*described(each))
    OUT.print(table)
