"""Define `wasms ingest`: load files of one source into the store."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anonymizers.errors import AnonymizerError
from pipelines.cli.options import (
    AllowExpiredOption,
    AsOfOption,
    ClockIsRightOption,
    HomeOption,
    clock_at,
    moment,
    runtime_at,
)
from pipelines.cli.report import OUT, leave, print_problems, print_summary, stages
from pipelines.declarations.contract import WORKSPACE_PATTERN, Contract, contracts_of
from pipelines.declarations.errors import PipelineError
from pipelines.ingestion.ingest import Ingested, ingest_file
from pipelines.ingestion.options import Options
from pipelines.retention.closing import close_days
from pipelines.sources.inbox import feeds
from warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from pipelines.runtime import Runtime


def ingest(
    source: Annotated[
        str,
        typer.Argument(
            help="What the files hold: a source, feed or contract, e.g. whatsapp, app, access_log."
        ),
    ],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders to load.", exists=True)],
    as_of: AsOfOption = None,
    received_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When records that do not say so were received. Default: --as-of.",
            show_default=False,
        ),
    ] = None,
    workspace: Annotated[
        str | None,
        typer.Option(
            help="Whose records these are, where a record names only a channel. Overrides the channels.",
            show_default=False,
        ),
    ] = None,
    clock_is_right: ClockIsRightOption = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the files of the inbox where they are.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Delete loaded files that lie outside of the inbox, too.")
    ] = False,
    allow_expired: AllowExpiredOption = False,
    allow_shrink: Annotated[
        bool,
        typer.Option("--allow-shrink", help="Accept a full export that deletes more than half of a table."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would become of the rows; change nothing.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Load files of one source: anonymize their rows, write them to the store.

    Files of the inbox are removed once they are loaded. Files that lie elsewhere stay.

    Exit code 0: all rows are kept, dropped by rule, or duplicates. 1: a file was not loaded; the others were.
    2: wrong usage. 3: some records are in quarantine.
    """
    import re

    runtime = runtime_at(home, may_make=True)
    if workspace is not None and not re.fullmatch(WORKSPACE_PATTERN, workspace):
        raise typer.BadParameter("letters, digits, _ and -, at most 64", param_hint="--workspace")
    at = moment(as_of, option="--as-of") if dry_run else clock_at(runtime, as_of, is_right=clock_is_right)
    options = Options(
        as_of=at,
        received_at=moment(received_at, option="--received-at") if received_at else None,
        workspace=workspace,
        keep=keep,
        allow_shrink=allow_shrink,
        allow_expired=allow_expired,
        dry_run=dry_run,
    )
    chosen = contracts_of(source, runtime.declarations.contracts)
    results, problems = _load(runtime, source, paths, chosen, options, remove=remove)
    print_problems(problems)
    quarantined = print_summary(results)
    if dry_run:
        OUT.print("Dry run: nothing was stored, and the files are where they were.")
    elif results:
        close_days(*runtime, as_of=at)
    leave(failed=bool(problems), quarantined=quarantined)


def _load(
    runtime: "Runtime",
    source: str,
    paths: list[Path],
    chosen: tuple[Contract, ...],
    options: Options,
    *,
    remove: bool,
) -> tuple[list[Ingested], list[str]]:
    """Load files; return what became of them, and what is wrong with those that were not loaded."""
    results = []
    by_feed = feeds(runtime.declarations.contracts)
    files, problems = _with_feeds(_expanded(paths), chosen, order=list(by_feed))
    with stages() as stage:
        for done, (path, feed) in enumerate(files):
            stage(source, done, len(files))
            contracts = by_feed[feed]
            stays = options.keep or not (
                remove or path.resolve().is_relative_to(runtime.store.home.inbox.resolve())
            )
            one = replace(options, keep=stays)
            try:
                results.append(ingest_file(*runtime, path, contracts=contracts, options=one, progress=stage))
            except (PipelineError, AnonymizerError, WarehouseError) as error:
                problems.append(f"{path.name}: {error}")
        stage(source, len(files), len(files))
    return results, problems


def _with_feeds(
    paths: list[Path], chosen: tuple[Contract, ...], *, order: list[str]
) -> tuple[list[tuple[Path, str]], list[str]]:
    """Return files with their feeds in the order of loading, lookups first, and errors of the others."""
    files, problems = [], []
    for path in paths:
        try:
            files.append((path, _feed_for(path, chosen)))
        except UnclearFeedError as error:
            problems.append(f"{path.name}: {error}")
    return sorted(files, key=lambda file: order.index(file[1])), problems


def _feed_for(path: Path, chosen: tuple[Contract, ...]) -> str:
    """Return the feed of a file: the only one there is, else the one that its name or folder names."""
    names = {contract.feed for contract in chosen}
    if len(names) == 1:
        return names.pop()
    stem = path.name.split(".")[0]
    for contract in chosen:
        if contract.entity in (stem, path.parent.name) or contract.feed == path.parent.name:
            return contract.feed
    raise UnclearFeedError(sorted(names))


class UnclearFeedError(PipelineError):
    """A file could belong to several feeds."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            "its name does not say what it holds. It was not loaded. Name it after its table, put it into a "
            f"directory of that name, or name the feed: {', '.join(names)}."
        )


def _expanded(paths: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        else:
            files.append(path)
    return files
