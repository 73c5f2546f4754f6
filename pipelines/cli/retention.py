"""Define `wasms retention`: show what is due and why, delete it, and prove it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column
from rich.text import Text

from pipelines.cli.explain import explain
from pipelines.cli.options import (
    AsOfOption,
    ClockIsRightOption,
    HomeOption,
    JsonOption,
    clock_at,
    moment,
    runtime_at,
)
from pipelines.cli.report import ERR, EXIT_FAILED, OUT, bare_table, right, stages, write_text
from pipelines.declarations.declarations import Declarations
from pipelines.retention.apply import Finished, apply_by_hash
from pipelines.retention.clock import set_back
from pipelines.retention.gather import make_report
from pipelines.retention.page import write_page
from pipelines.retention.plan import plan_retention
from pipelines.retention.verify import accept_restored_ledger, prove
from pipelines.windows.inputs import retention_inputs
from warehouse.retention import records
from warehouse.retention.apply import Applied
from warehouse.retention.plan import CLASS, GONE, HOLD, AccountEnd, Plan, write_manifest
from warehouse.retention.verify import Verified
from warehouse.store.store import Store

app = typer.Typer(no_args_is_help=True, help="Show what is due, delete it, and prove that nothing is left.")

_SHORT = 12


@app.command()
def plan(as_of: AsOfOption = None, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """List everything that is due and why, and write it down as a plan. Deletes nothing."""
    runtime = runtime_at(home)
    found = plan_retention(*runtime, as_of=moment(as_of, option="--as-of")).plan
    path = None if found.is_empty else write_manifest(found, runtime.store.home.manifests)
    if as_json:
        write_text(found.manifest + "\n")
        return
    _print_rows(found)
    _print_other(found)
    _print_account_ends(found, _names(*runtime, found))
    _print_warnings(found)
    if path is None:
        OUT.print("Nothing is due.")
        return
    OUT.print(f"\nPlan {found.hash}\nwritten to {path}", soft_wrap=True, highlight=False)
    OUT.print(f"Carry it out today: [bold]wasms retention apply --plan {found.hash[:_SHORT]}[/bold]")


@app.command()
def apply(
    plan_hash: Annotated[
        str,
        typer.Option("--plan", metavar="HASH", help="The plan's hash, or its first 8 characters or more."),
    ],
    as_of: AsOfOption = None,
    clock_is_right: ClockIsRightOption = False,
    home: HomeOption = None,
) -> None:
    """Carry out exactly one plan. Refuses if what is due has changed since the plan was made."""
    runtime = runtime_at(home)
    with stages() as stage:
        applied, finished = apply_by_hash(
            *runtime,
            plan_hash,
            now=clock_at(runtime, as_of, is_right=clock_is_right),
            progress=stage,
        )
    _print_applied(applied, finished)


@app.command()
def set_clock_back(
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="TIME", help="The time to set: a date or ISO 8601 time (UTC). Default: now."
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it. Without it, what would be done is shown.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Repair what a wrong clock did: set the warehouse's clock back, so that it can work again.

    Files loaded under the wrong clock can be loaded again; all files, if it deleted rows. Accounts that it
    ended are accepted again. Days that had not closed are built when they close. Rows that were deleted and
    are in no file are lost. What was released stays. An entry in the evidence says that it was done.
    """
    runtime = runtime_at(home)
    at = clock_at(runtime, to, is_right=True)
    done = set_back(*runtime, to=at, dry_run=not yes)
    for what, count in (
        ("file(s) may be loaded again", done.batches),
        ("record(s) of expired days move back", done.horizons),
        ("ended account(s) are accepted again", done.account_ends),
        ("row(s) were deleted in the meantime and are lost", done.rows_deleted),
    ):
        OUT.print(f"{count:>9,} {what}", highlight=False)
    said = f"from {done.reached:%Y-%m-%dT%H:%M:%SZ} to {done.to:%Y-%m-%dT%H:%M:%SZ}"
    OUT.print(f"The clock was set back {said}." if yes else f"The clock would be set back {said}. Add --yes.")


def _print_applied(applied: Applied, finished: Finished) -> None:
    """Print what was deleted."""
    found = applied.plan
    OUT.print(
        f"Deleted {found.rows_gone:,} row(s). {finished.files_unlinked:,} store file(s) and "
        f"{finished.files_removed:,} other file(s) are removed from disk, {finished.keys_destroyed:,} key(s) "
        "destroyed."
    )
    waiting = applied.parts_removed - finished.files_unlinked
    if waiting > 0:
        OUT.print(
            f"{waiting:,} file(s) are hidden, and unlinked when no reader needs them (15 minutes at most)."
        )
    if applied.evidence is not None:
        OUT.print(f"Evidence: entry {applied.evidence}. Check it: wasms retention verify")


def _print_rows(found: Plan) -> None:
    rows = found.rows_by()
    if not rows:
        return
    texts = (Column(name, no_wrap=True) for name in ("data set", "what becomes of them", "rule"))
    table = bare_table(*texts, *right("rows"), title="Rows")
    for (source, to, rule), count in sorted(rows.items()):
        table.add_row(source, _destination(to), rule, f"{count:,}")
    OUT.print(table)


def _destination(to: str) -> str:
    kind, _, which = to.partition(" ")
    match kind:
        case str() if kind == CLASS:
            return f"move to the {which}-day class"
        case str() if kind == HOLD:
            return f"retained under hold {which[:_SHORT]}"
        case _:
            return "deleted" if kind == GONE else kind


def _print_other(found: Plan) -> None:
    whole = sum(part.is_whole for part in found.parts)
    OUT.print(
        f"Store files: {whole:,} removed, {len(found.parts) - whole:,} rewritten. "
        f"Other files past their window: {len(found.files):,}. Keys destroyed: {len(found.keys):,}."
    )
    if found.rewrites_database:
        OUT.print("warehouse.duckdb is rewritten, so that no deleted data is left in it.")


def _print_account_ends(found: Plan, names: dict[str, str]) -> None:
    def named(account: AccountEnd) -> str:
        return names.get(account.subject, account.subject[:_SHORT])

    for account in found.account_ends:
        OUT.print(
            f"The account of {named(account)} has ended: all its data was to be deleted by {account.due}."
        )
    for account in found.coming_account_ends:
        OUT.print(f"The account of {named(account)} ends: all its data will be deleted on {account.due}.")


def _print_warnings(found: Plan) -> None:
    for hold, rows in found.held:
        OUT.print(f"Hold {hold[:_SHORT]} keeps {rows:,} row(s) that are past their window.")
    if found.alarms:
        OUT.print(
            f"{len(found.alarms)} day(s) lose rows within a week and are not built yet, the first "
            f"{found.alarms[0]}: `wasms run` builds them.",
            style="yellow",
        )
    if found.gaps:
        OUT.print(
            f"{len(found.gaps)} day(s) were never built and cannot be any more, from {found.gaps[0]}: they "
            "stay a gap in the marts.",
            style="red",
        )
    if found.missing_keys:
        OUT.print(f"{found.missing_keys} file(s) have no key any more (a restored backup?): removed unread.")


def _names(declarations: Declarations, store: Store, found: Plan) -> dict[str, str]:
    key = records.subject_key(store.keyring)
    inputs = retention_inputs(declarations, store, as_of=found.as_of)
    return {records.subject(key, workspace): workspace for workspace in inputs.ended}


app.command()(explain)


@app.command()
def verify(
    as_of: AsOfOption = None,
    accept_restored: Annotated[
        bool,
        typer.Option(
            "--accept-restored",
            help="Note in the evidence that the ledger was restored from a backup, and go on from there.",
        ),
    ] = False,
    home: HomeOption = None,
) -> None:
    """Search everything for what is past its window, and check the evidence; exit 1 if anything is found."""
    runtime = runtime_at(home)
    at = moment(as_of, option="--as-of")
    if accept_restored:
        seq, due = accept_restored_ledger(*runtime, as_of=at)
        OUT.print("No entry of the evidence is lost." if seq is None else f"Noted as entry {seq}.")
        if due:
            OUT.print(f"{len(due)} erasure(s) are due again: `wasms privacy run` carries them out.")
    with stages() as stage:
        verified = prove(*runtime, as_of=at, progress=stage)
    _print_verified(verified)
    if verified.findings:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def report(
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")],
    as_of: AsOfOption = None,
    home: HomeOption = None,
) -> None:
    """Verify, then write a page for the privacy officer: every window, hold, deletion and proof."""
    runtime = runtime_at(home)
    at = moment(as_of, option="--as-of")
    with stages() as stage:
        verified = prove(*runtime, as_of=at, progress=stage)
        stage("page", 0, 1)
        write_page(make_report(*runtime, as_of=at, verified=verified), out.absolute())
    _print_verified(verified)
    OUT.print(
        f"Written to {out}. It may name workspaces: keep it no longer than you need it.", soft_wrap=True
    )
    if verified.findings:
        raise typer.Exit(EXIT_FAILED)


def _print_verified(verified: Verified) -> None:
    """Say what was looked at and found."""
    OUT.print(
        f"Searched {verified.rows:,} row(s) in {verified.files:,} file(s), the databases, logs, temporary "
        f"files and keys; checked {verified.entries:,} entries of evidence."
    )
    if not verified.findings:
        OUT.print("Nothing is past its window.", style="green")
        return
    headings = (Column("where", no_wrap=True), *right("how many"), Column("what", overflow="fold"))
    table = bare_table(*headings, style="red")
    for found in verified.findings:
        table.add_row(Text(found.place), f"{found.count:,}", Text(found.problem))
    ERR.print(table)
    for remedy in dict.fromkeys(found.remedy for found in verified.findings):
        ERR.print(remedy, markup=False, highlight=False)
