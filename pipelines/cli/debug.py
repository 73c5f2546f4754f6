"""Define `wasms debug`: find out where a number comes from."""

from typing import Annotated

import typer

from pipelines.cli.options import HomeOption, runtime_at
from pipelines.cli.reading import published_copy, restricted_zone
from pipelines.cli.report import OUT, bare_table
from pipelines.declarations.cube import load_cubes
from pipelines.disclosure.cell import Traced, published_row, trace

app = typer.Typer(no_args_is_help=True, help="Find out where a published number comes from.")

_WARNING = "[yellow]Pseudonymous rows are counted; treat what is printed as personal data.[/yellow]"


@app.callback()
def _group() -> None:
    """Keep `cell` a command of its own."""


@app.command()
def cell(
    table: Annotated[str, typer.Argument(help="A published mart or cube, e.g. mart_campaign_daily.")],
    where: Annotated[
        str, typer.Argument(help="Condition that names one row, e.g. \"send_date = '2026-05-03' and …\".")
    ],
    people: Annotated[int, typer.Option(help="How many of its people to list, by token.", min=0)] = 0,
    home: HomeOption = None,
) -> None:
    """Count one published row again from the restricted facts, and show each step between them."""
    runtime = runtime_at(home)
    with published_copy(runtime.store.home) as published:
        row = published_row(published, load_cubes(), table, where)
    with restricted_zone(runtime, what=f"debug cell {table}", warning=_WARNING) as connection:
        found = trace(connection, row, keyring=runtime.store.keyring, most_people=people)
    _print(found)


def _print(found: Traced) -> None:
    row = found.row
    keys = ", ".join(f"{key} {row.columns[key]}" for key in row.keys)
    until = f" to {row.last}" if row.last != row.first else ""
    OUT.print(f"{row.cube.cube}: {row.period} {row.first}{until}, {keys}", highlight=False)
    unit = row.cube.spine.unit
    levels = bare_table("level", "node", f"{unit}s", title="Where it lies")
    for level, node, count in found.levels:
        levels.add_row(level, node, f"{count:,}")
    OUT.print(levels)
    headings = ("measure", f"{unit}s", "exact", "rebuilt", "published")
    measures = bare_table(*headings, title="What was counted")
    for each in found.measures:
        counts = (each.people, each.exact, each.rebuilt, each.published)
        measures.add_row(each.measure, *("" if count is None else f"{count:,}" for count in counts))
    OUT.print(measures)
    for token, *adds in found.people:
        named = (f"{each.measure} {n}" for each, n in zip(found.measures, adds, strict=True) if n)
        OUT.print(f"{token}: {', '.join(named)}", highlight=False)
    OUT.print(
        "The facts that are there now give exactly what was published."
        if found.is_equal
        else "The facts that are there now give something else: some came later, or are deleted by now. "
        "A released slice stays as it was; see `wasms release list` and `wasms retention explain`."
    )
