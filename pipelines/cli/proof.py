"""Define `wasms retention verify` and `report`: show that nothing is past its window."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from pipelines.cli.options import AsOfOption, HomeOption, moment, runtime_at
from pipelines.cli.report import ERR, EXIT_FAILED, OUT, bare_table, stages
from pipelines.retention.gather import make_report
from pipelines.retention.page import write_page
from pipelines.retention.verify import accept_restored_ledger, prove
from warehouse.retention.verify import Verified


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
    print_verified(verified)
    if verified.findings:
        raise typer.Exit(EXIT_FAILED)


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
    print_verified(verified)
    OUT.print(
        f"Written to {out}. It may name workspaces: keep it no longer than you need it.", soft_wrap=True
    )
    if verified.findings:
        raise typer.Exit(EXIT_FAILED)


def print_verified(verified: Verified) -> None:
    """Say what was looked at and found."""
    OUT.print(
        f"Searched {verified.rows:,} row(s) in {verified.files:,} file(s), the databases, logs, temporary "
        f"files and keys; checked {verified.entries:,} entries of evidence."
    )
    if not verified.findings:
        OUT.print("Nothing is past its window.", style="green")
        return
    table = bare_table(style="red")
    table.add_column("where", no_wrap=True)
    table.add_column("how many", justify="right")
    table.add_column("what", overflow="fold")
    for found in verified.findings:
        table.add_row(Text(found.place), f"{found.count:,}", Text(found.problem))
    ERR.print(table)
    for remedy in dict.fromkeys(found.remedy for found in verified.findings):
        ERR.print(remedy, markup=False, highlight=False)
