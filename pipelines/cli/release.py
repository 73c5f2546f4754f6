"""Define `wasms release`: list revisions, and reissue published days."""

from typing import Annotated

import typer

from pipelines.cli.options import HomeOption, JsonOption, OutputOption, moment, not_empty, runtime_at
from pipelines.cli.report import OUT, show_rows, stages
from pipelines.marts.reissue import reissuable
from pipelines.marts.reissue import reissue as reissue_days
from warehouse.publishing.releases import revisions_made

app = typer.Typer(no_args_is_help=True, help="List and make revisions: published days that were built again.")


@app.command("list")
def list_(as_json: JsonOption = False, output: OutputOption = None, home: HomeOption = None) -> None:
    """List revisions: which published slices were built again, when and why."""
    rows = [
        {
            "cube": each.cube,
            "from": each.first,
            "to": each.last,
            "revision": each.revision,
            "slices": each.slices,
            "since": each.released_at,
            "why": each.why,
        }
        for each in revisions_made(runtime_at(home).store.ledger)
    ]
    show_rows(
        rows, as_json=as_json, output=output, nothing="Every released slice is as it was published first."
    )


@app.command()
def reissue(
    from_: Annotated[str, typer.Option("--from", metavar="DATE", help="First day.", show_default=False)],
    to: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day.", show_default=False)],
    why: Annotated[
        str,
        typer.Option(
            help="The reason. It stays on record, so it must name nobody.",
            callback=not_empty,
            show_default=False,
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be built again; change nothing.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Build published days again, because they are wrong.

    Rows that would change by less than the threshold stay as they are. Old and new slices are attacked
    together. It is not possible once rows of these days were deleted. A slice has three revisions at most.
    """
    runtime = runtime_at(home)
    first, last = moment(from_, option="--from").date(), moment(to, option="--to").date()
    if dry_run:
        slices = reissuable(*runtime, first=first, last=last)
        days, months = ({p for c, p in slices if c.endswith(end)} for end in ("_daily", "_monthly"))
        OUT.print(
            f"{len(slices)} slices of {len(days)} day(s) and {len(months)} month(s) would be built again."
        )
        return
    with stages() as stage:
        done = reissue_days(*runtime, first=first, last=last, why=why.strip(), progress=stage)
    k = runtime.declarations.policy.disclosure.minimum_contacts
    OUT.print(
        f"{done.changed} of {done.slices} slices changed. {done.rows_kept:,} rows stayed as they were, "
        f"because less than {k} in them changed. {done.published}"
    )
