"""Define `wasms privacy access`, `page` and `verify`: what people are given, and what proves it."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import AsOfOption, HomeOption, clock_at, runtime_at
from pipelines.cli.report import EXIT_FAILED, OUT, stages
from pipelines.cli.reports import PDF, write
from pipelines.privacy.access import write_copy
from pipelines.privacy.accounts import certify
from pipelines.privacy.erasures import remains_of
from pipelines.privacy.receipt_page import receipt_page
from pipelines.privacy.receipts import PUBLIC_KEY, check_receipt

app = typer.Typer()

NumberArgument = Annotated[
    str, typer.Argument(metavar="REQUEST", help="Number of the request, e.g. rq_bkdmwqzt.")
]
_PublicKeyOption = Annotated[
    Path | None,
    typer.Option("--public-key", help="Default: public-key.json beside the receipt.", dir_okay=False),
]


@app.command()
def access(
    number: NumberArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Zip file to write.", dir_okay=False)],
    as_of: AsOfOption = None,
    home: HomeOption = None,
) -> None:
    """Write a copy of all that is held about the person of a confirmed request of access or portability.

    The zip file is encrypted. Its passphrase is printed once: tell it apart from the file.
    """
    runtime = runtime_at(home)
    with stages() as stage:
        copy = write_copy(*runtime, number, output, as_of=clock_at(runtime, as_of), progress=stage)
    OUT.print(f"{copy.rows:,} row(s) of {copy.data_sets} data set(s) are in {output}.", highlight=False)
    OUT.print(f"Passphrase, shown once: [bold]{copy.passphrase}[/bold]", highlight=False)


@app.command()
def page(
    receipt: Annotated[Path, typer.Argument(help="A receipt, data/receipts/rq_….json.", dir_okay=False)],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File to write: .html, or .pdf by Chromium.", dir_okay=False),
    ],
    language: Annotated[str, typer.Option(help="ISO 639-1 code, e.g. de.")] = "en",
    public_key: _PublicKeyOption = None,
) -> None:
    """Write a page for the person who asked: what a receipt says, in plain words."""
    body = check_receipt(receipt, public_key or receipt.with_name(PUBLIC_KEY))
    write(receipt_page(body, language=language), output.absolute(), is_pdf=output.suffix == PDF)
    OUT.print(f"Written: {output}", highlight=False)


@app.command()
def certificate(
    workspace: Annotated[str, typer.Option(help="Workspace whose account has ended.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Signed JSON file to write.", dir_okay=False)
    ],
    home: HomeOption = None,
) -> None:
    """Write a signed certificate that nothing of an ended account is left, after a search of the store."""
    runtime = runtime_at(home)
    rows = certify(*runtime, workspace, output.absolute())
    OUT.print(
        f"Nothing of {workspace} is left; {rows:,} row(s) were deleted. Written: {output}", highlight=False
    )


@app.command()
def verify(
    receipt: Annotated[
        Path | None,
        typer.Argument(help="A receipt to check by its signature; none: search the store.", dir_okay=False),
    ] = None,
    public_key: _PublicKeyOption = None,
    home: HomeOption = None,
) -> None:
    """Check a receipt by the public key alone, or search the whole store for rows of erased persons.

    Exits with 1 if the receipt is not valid, or a row is found.
    """
    if receipt is not None:
        body = check_receipt(receipt, public_key or receipt.with_name(PUBLIC_KEY))
        done = {place: sum(row["rows"] for row in body.get(place, ())) for place in ("deleted", "corrected")}
        said = ", ".join(f"{rows:,} row(s) {place}" for place, rows in done.items() if place in body)
        OUT.print(f"The receipt of {body.get('request', body.get('workspace'))} is valid: {said}.")
        return
    runtime = runtime_at(home)
    found = remains_of(*runtime)
    for source, count in found:
        if count:
            OUT.print(f"{source}: {count:,} row(s) of erased persons", style="red")
    if any(count for _, count in found):
        raise typer.Exit(EXIT_FAILED)
    OUT.print(f"Searched {len(found)} data sets: no row of an erased person is there.")
