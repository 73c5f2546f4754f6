"""Define `wasms demo`: run the main job on a generated world."""

import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path

import typer
from rich.table import Column

from pipelines.cli.options import HomeOption, runtime_at
from pipelines.cli.reading import published_copy
from pipelines.cli.report import OUT, bare_table, print_summary, right, stages
from pipelines.cli.run import print_run
from pipelines.declarations.calendar import CLOSING_MARGIN_DAYS
from pipelines.declarations.disclosure import Disclosure
from pipelines.declarations.errors import PipelineError
from pipelines.ingestion.options import Options
from pipelines.run import run as run_pipeline
from pipelines.synthetic import WorldSpec, generate
from warehouse.home import Home
from warehouse.store.store import Store

CAMPAIGNS_SHOWN = 15
_MEASURES = (
    "attempted_messages",
    "delivered_messages",
    "read_messages",
    "clicked_messages",
    "replied_72h_messages",
    "opted_out_messages",
)
_FUNNEL = f"""
    select
        campaign_name, channel, {", ".join(_MEASURES)}, delivery_rate, read_rate
    -- Where nobody reports that a message was read, no number of them is known.
    from (
        select * replace (if(readable_messages > 0, read_messages, null) as read_messages)
        from mart_campaign_funnel
    )
    where campaign_key not in ('none', 'other', 'former')
    order by attempted_messages desc nulls last, workspace_key, campaign_key
    limit {CAMPAIGNS_SHOWN}
"""


class NotADemoError(PipelineError):
    """The home holds data of its own."""

    def __init__(self) -> None:
        super().__init__(
            "This warehouse holds other data, which must not be mixed with invented data. "
            "Name another directory: wasms demo --home .wasms-demo"
        )


def demo(
    workspaces: int = typer.Option(WorldSpec.workspaces, help="How many workspaces (businesses) to invent."),
    contacts: int = typer.Option(WorldSpec.contacts, help="Contacts per workspace, on average."),
    days: int = typer.Option(WorldSpec.days, help="How many days of campaigns."),
    seed: int = typer.Option(
        WorldSpec.seed, help="Seed of the random numbers: the same seed gives the same files."
    ),
    home: HomeOption = None,
) -> None:
    """Invent raw files, turn them into published numbers, print the largest campaigns."""
    runtime = runtime_at(home, may_make=True)
    if runtime.store.ledger.generation() and not runtime.store.ledger.is_demo():
        raise NotADemoError
    runtime.store.ledger.mark_demo()
    # What an interrupted demo left: it is written again, equal to the byte.
    shutil.rmtree(runtime.store.home.inbox)
    started = time.monotonic()
    with stages() as stage:
        world = generate(
            runtime.store.home.inbox,
            WorldSpec(workspaces=workspaces, contacts=contacts, days=days, seed=seed),
            progress=stage,
        )
        # By then the slice of the last day is closed.
        as_of = datetime.combine(
            world.last_arrival_day + timedelta(days=CLOSING_MARGIN_DAYS + 1), datetime.min.time()
        )
        summary = run_pipeline(
            *runtime,
            options=Options(as_of=runtime.store.ledger.no_earlier(as_of)),
            progress=stage,
        )
    OUT.print(
        f"Generated {world.messages:,} messages of {world.workspaces} workspaces to {world.contacts:,} "
        f"contacts: {world.files:,} raw files, {world.size_bytes / 1e6:,.0f} MB.\n"
    )
    print_summary(summary.ingested)
    print_run(summary)
    disclosure = runtime.declarations.policy.disclosure
    _print_funnel(runtime.store)
    _print_next(
        runtime.store.home,
        disclosure,
        report=_write_report(runtime.store.home),
        seconds=time.monotonic() - started,
    )


def _print_funnel(store: Store) -> None:
    with published_copy(store.home) as connection:
        rows = connection.execute(_FUNNEL).fetchall()
    table = bare_table(
        *(Column(name, overflow="ellipsis", no_wrap=True) for name in ("campaign", "channel")),
        *right("attempted", "delivered", "read", "clicked", "replied", "opted out", "delivery", "read rate"),
        title=f"Campaign funnel: the {CAMPAIGNS_SHOWN} largest",
    )
    for name, channel, *measures, delivery_rate, read_rate in rows:
        counts = ["–" if number is None else f"{number:,}" for number in measures]
        rates = ["–" if rate is None else f"{rate:.1%}" for rate in (delivery_rate, read_rate)]
        table.add_row(name, channel, *counts, *rates)
    OUT.print()
    OUT.print(table)


def _write_report(home: Home) -> Path | None:
    """Write the platform's report where `wasms portal` will; return its path, None where no day is closed."""
    from pipelines.reports.portal import PLATFORM, replaced
    from pipelines.reports.report import platform_report, span_of

    with published_copy(home) as connection:
        if (span := span_of(connection, None)) is None:
            return None
        html = platform_report(connection, span)
    with replaced(home.portal) as folder:
        (folder / PLATFORM).write_text(html, "utf-8")
    return home.portal / PLATFORM


def _print_next(home: Home, disclosure: Disclosure, *, report: Path | None, seconds: float) -> None:
    OUT.print(
        f"\nDone in {seconds:.0f} s. Every group above has at least {disclosure.minimum_contacts} contacts; "
        "smaller ones are in `other`.\n"
        f"Every count of a day is a multiple of {disclosure.rounding_base}, rounded at random and right on "
        "average (docs/analysts.md).\n"
        "Next:\n"
        "  .venv/bin/wasms sql                        ask the published marts\n"
        '  .venv/bin/wasms sql "from mart_platform_daily"\n'
        "  make dev                                   open the pipeline in the Dagster UI\n"
        f"  {home.published_path}   open read-only with any DuckDB client\n"
        "  .venv/bin/wasms portal                     pages of all workspaces, and what each number means"
        + (f"\nThe report of all workspaces, for any browser:\n  {report}" if report else ""),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
