"""Define `wasms utility`: measure what anonymity costs."""

from datetime import timedelta
from typing import Annotated

import typer

from pipelines.cli.options import HomeOption, JsonOption, OutputOption, runtime_at
from pipelines.cli.reading import published_path, restricted_zone
from pipelines.cli.report import ERR, OUT, show_rows
from pipelines.declarations.cube import load_cubes
from pipelines.disclosure.utility import HEADINGS, described, utility_of

_WARNING = "[yellow]Days are built anew from pseudonymous rows; only means and shares leave memory.[/yellow]"


def utility(
    days: Annotated[
        int, typer.Option(help="How many days to measure, up to the last that is built.", min=1)
    ] = 40,
    as_json: JsonOption = False,
    output: OutputOption = None,
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
    ERR.print(f"{last - timedelta(days=days - 1)} to {last}; published: base {base}.", highlight=False)
    rows = [dict(zip(HEADINGS, described(each), strict=True)) for each in found]
    show_rows(rows, as_json=as_json, output=output)
