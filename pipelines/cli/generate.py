"""Define `wasms generate`: write an inbox without anybody's data."""

from datetime import date, datetime
from pathlib import Path

import typer

from pipelines.cli.report import OUT, bare_table, right, stages
from pipelines.synthetic import WorldSpec
from pipelines.synthetic import generate as generate_world

_START = WorldSpec.start.isoformat()


def generate(
    out: Path = typer.Option(..., help="Folder to write to, e.g. an inbox."),
    workspaces: int = typer.Option(WorldSpec.workspaces, help="How many workspaces (businesses) to invent."),
    contacts: int = typer.Option(WorldSpec.contacts, help="Contacts per workspace, on average."),
    days: int = typer.Option(WorldSpec.days, help="How many days messages are sent."),
    seed: int = typer.Option(
        WorldSpec.seed, help="Seed of the random numbers: the same seed gives the same files, byte for byte."
    ),
    start: datetime = typer.Option(_START, formats=["%Y-%m-%d"], help="First day (UTC)."),
    messages: int | None = typer.Option(
        None, help="How many messages in all, within a few percent. Default: two per contact and week."
    ),
) -> None:
    """Write invented raw files of every source, in their real formats, to a folder.

    Reads nothing. The feeds in the folder must be empty.
    """
    spec = WorldSpec(
        workspaces=workspaces,
        contacts=contacts,
        days=days,
        seed=seed,
        start=date(start.year, start.month, start.day),
        messages=messages,
    )
    with stages() as stage:
        summary = generate_world(out, spec, progress=stage)
    table = bare_table("data set", *right("rows"))
    for source, rows in summary.records.items():
        table.add_row(source, f"{rows:,}")
    OUT.print(table)
    OUT.print(
        f"{summary.messages:,} messages of {summary.workspaces:,} workspaces "
        f"to {summary.contacts:,} contacts, {summary.first_day} to {summary.last_arrival_day}: "
        f"{summary.files:,} files, {summary.size_bytes / 1e6:,.0f} MB below {out}.",
        highlight=False,
        soft_wrap=True,
    )
    OUT.print(f"{summary.late_statuses:,} statuses arrive late, {summary.repeated_statuses:,} arrive again.")
