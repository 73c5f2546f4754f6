"""Define `wasms report` and `wasms portal`: the pages that people look at."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import HomeOption, home_at, in_a_folder
from pipelines.cli.reading import NothingThereError, published_copy, published_path
from pipelines.cli.report import OUT
from warehouse.files import replace_text

PDF = ".pdf"


def report(
    workspace: Annotated[
        str | None, typer.Argument(help="Key or name of a workspace. Without it: all workspaces together.")
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(
            help="A month or a week: 2026-10 or 2026-W43. Default: the last month that is complete.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write to: .html, or .pdf. Default: report-….html in this folder.",
            dir_okay=False,
            callback=in_a_folder,
            show_default=False,
        ),
    ] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Print the page as PDF, with the Chromium or Chrome on PATH.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Write a page about a workspace's month, or all workspaces', from the published numbers.

    The page is one file that needs nothing else: no network, no script.
    """
    from pipelines.reports.answers import published
    from pipelines.reports.report import key_of, platform_report, span_of, workspace_report

    with published_copy(home_at(home)) as connection:
        connection.execute("set enable_external_access = false")
        span = span_of(connection, period)
        if span is None:
            raise NothingThereError("published")
        key = key_of(published(connection, span), workspace) if workspace else None
        html = workspace_report(connection, span, key=key) if key else platform_report(connection, span)
    is_pdf = pdf or (output is not None and output.suffix == PDF)
    path = output or Path(f"report-{key or 'platform'}-{span.name}{PDF if is_pdf else '.html'}")
    write(html, path.absolute(), is_pdf=is_pdf)
    OUT.print(f"Written to {path}", markup=False, highlight=False, soft_wrap=True)


def portal(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder to write to; replaced as a whole. Default: data/portal in the warehouse.",
            file_okay=False,
            callback=in_a_folder,
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Write a folder of pages: reports of the last month, dictionary, metrics, lineage, windows, attacks.

    Open index.html in it. It lists all workspaces: hand an owner the page of their workspace alone.
    """
    from pipelines.declarations.contract import load_contracts
    from pipelines.declarations.policy import load_policy
    from pipelines.reports.portal import INDEX, build_portal
    from warehouse.ledger.ledger import Ledger

    place = home_at(home)
    folder = (output or place.portal).absolute()
    built = build_portal(
        published_path(place),
        folder,
        contracts=load_contracts(),
        policy=load_policy(),
        # Those who may read the published copy alone do without.
        ledger=Ledger(place.ledger_path) if os.access(place.ledger_path, os.R_OK) else None,
    )
    if built is None:
        raise NothingThereError("published")
    said = f"{built.pages} pages of {built.span.title}: {folder / INDEX}"
    OUT.print(said, markup=False, highlight=False, soft_wrap=True)


def write(html: str, path: Path, *, is_pdf: bool = False) -> None:
    """Write a page to a file, which is replaced as a whole."""
    if is_pdf:
        from pipelines.reports.pdf import write_pdf

        write_pdf(html, path)
        return
    replace_text(path, html)
