"""Define `wasms quarantine`: list records that could not be loaded, and load them again."""

from typing import Annotated

import typer

from pipelines.cli.options import AsOfOption, HomeOption, JsonOption, OutputOption, clock_at, runtime_at
from pipelines.cli.report import EXIT_QUARANTINED, OUT, print_summary, show_rows
from pipelines.ingestion.options import Options
from pipelines.ingestion.quarantine import list_quarantined, retry_quarantined

app = typer.Typer(no_args_is_help=True, help="List records that could not be loaded, and load them again.")

_NOTHING = "Nothing is in quarantine."

ReasonOption = Annotated[
    str | None,
    typer.Option(help="Only files with records of this reason, e.g. unknown_channel.", show_default=False),
]
FeedOption = Annotated[str | None, typer.Option(help="Only this feed, e.g. whatsapp.", show_default=False)]


@app.command("list")
def list_(as_json: JsonOption = False, output: OutputOption = None, home: HomeOption = None) -> None:
    """List how many records wait, by day, data set and reason. Their content is not shown."""
    rows = [
        {
            "since": line.since,
            "feed": line.feed,
            "data set": line.source,
            "reason": line.reason,
            "records": line.records,
        }
        for line in list_quarantined(runtime_at(home).store)
    ]
    show_rows(rows, as_json=as_json, output=output, nothing=_NOTHING)


@app.command()
def retry(
    feed: FeedOption = None,
    reason: ReasonOption = None,
    workspace: Annotated[
        str | None,
        typer.Option(
            help="Whose records these are, where a record names only a channel.", show_default=False
        ),
    ] = None,
    as_of: AsOfOption = None,
    home: HomeOption = None,
) -> None:
    """Load quarantined records again, e.g. after a channel was added.

    Records that fail again stay in quarantine. Their time there does not begin anew. Exit code 3: some did.
    """
    runtime = runtime_at(home)
    options = Options(as_of=clock_at(runtime, as_of), workspace=workspace)
    results = list(retry_quarantined(*runtime, options=options, feed=feed, reason=reason))
    if not results:
        OUT.print(_NOTHING)
        return
    if print_summary(results):
        raise typer.Exit(EXIT_QUARANTINED)
