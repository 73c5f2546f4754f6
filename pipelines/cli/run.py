"""Define `wasms run`: from the inbox to published marts."""

from datetime import date
from typing import Annotated

import typer

from pipelines.cli.options import (
    AllowExpiredOption,
    AsOfOption,
    ClockIsRightOption,
    HomeOption,
    clock_at,
    moment,
    runtime_at,
)
from pipelines.cli.report import ERR, OUT, leave, print_problems, print_summary, stages
from pipelines.ingestion.options import Options
from pipelines.run import RunPlan, RunSummary, plan_run
from pipelines.run import run as run_pipeline
from pipelines.runtime import Runtime
from pipelines.sources.inbox import stray_files

FEEDS_NAMED = 4


def run(
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DATE",
            help="First day of arrival to load. Default: the oldest.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DATE",
            help="Last day of arrival to load. Default: the newest.",
            show_default=False,
        ),
    ] = None,
    as_of: AsOfOption = None,
    clock_is_right: ClockIsRightOption = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the files in the inbox.")] = False,
    allow_expired: AllowExpiredOption = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what waits and what would be deleted; change nothing."),
    ] = False,
    home: HomeOption = None,
) -> None:
    """Load all files in the inbox, build and publish the marts of closed days, delete what is due."""
    runtime = runtime_at(home, may_make=True)
    at, first, last = moment(as_of, option="--as-of"), _day(from_, "--from"), _day(to, "--to")
    if dry_run:
        _print_plan(plan_run(*runtime, as_of=at, from_day=first, to_day=last))
        _print_strays(runtime)
        return
    at = clock_at(runtime, as_of, is_right=clock_is_right)
    with stages() as stage:
        summary = run_pipeline(
            *runtime,
            options=Options(as_of=at, keep=keep, allow_expired=allow_expired),
            from_day=first,
            to_day=last,
            progress=stage,
        )
    quarantined = print_summary(summary.ingested)
    print_run(summary)
    print_problems(summary.failed)
    _print_strays(runtime)
    leave(failed=bool(summary.failed), quarantined=quarantined)


def _print_strays(runtime: Runtime) -> None:
    if found := len(stray_files(runtime.store.home.inbox, runtime.declarations.contracts)):
        ERR.print(
            f"{found:,} file(s) in the inbox lie in no feed's folder: nobody reads them. "
            "Move each into the folder of its feed, e.g. app/contacts."
        )


def _print_plan(plan: RunPlan) -> None:
    for feed, files in plan.waiting.items():
        OUT.print(f"{feed}: {files:,} file(s) wait.")
    for first, last in plan.slices:
        OUT.print(f"Marts of {first} to {last} are due to be built.")
    for source, rows in plan.expiring.items():
        OUT.print(f"{source}: {rows:,} row(s) reach the end of their window.")
    OUT.print("Dry run: nothing was changed.")


def print_run(summary: RunSummary) -> None:
    """Say what was built, published and expired."""
    if summary.slices:
        first, last = summary.slices[0][0], summary.slices[-1][1]
        OUT.print(f"Built the marts of {first} to {last}.")
    else:
        OUT.print("No further day has closed. The marts are as they were.")
    if summary.published:
        OUT.print(str(summary.published))
    if summary.utility:
        lost = summary.utility
        OUT.print(
            f"Accuracy: {lost.campaign_share:.0%} of the last days' messages are in a row of their own "
            f"campaign; numbers are off by {lost.bias:+.1f} on average, {lost.spread:.1f} in spread "
            "(`wasms utility`).",
            highlight=False,
        )
    _print_time(summary.seconds)
    if summary.rows_deleted:
        OUT.print(f"Deleted {summary.rows_deleted:,} rows that reached the end of their window.")


def _print_time(seconds: dict[str, float]) -> None:
    feeds = {stage.removeprefix("ingest "): s for stage, s in seconds.items() if stage.startswith("ingest ")}
    slowest = sorted(feeds, key=lambda feed: -feeds[feed])[:FEEDS_NAMED]
    named = ", ".join(f"{feed} {feeds[feed]:.1f}" for feed in slowest)
    parts = [f"ingest {sum(feeds.values()):.1f} s (of it {named})"] if feeds else []
    parts += [
        f"{stage} {seconds[stage]:.1f} s"
        for stage in ("build", "publish", "utility", "close")
        if stage in seconds
    ]
    OUT.print(f"Time: {'; '.join(parts)}.", highlight=False)


def _day(text: str | None, option: str) -> date | None:
    return moment(text, option=option).date() if text else None
