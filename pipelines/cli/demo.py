"""`wasms demo`: the main job on a generated world."""

import shutil
import time
from datetime import datetime, timedelta

import duckdb
import typer
from rich.table import Table

from pipelines.cli.options import HomeOption, runtime_at
from pipelines.cli.report import OUT, print_summary, stages
from pipelines.cli.run import print_run
from pipelines.errors import PipelineError
from pipelines.loading import Options
from pipelines.run import run as run_pipeline
from pipelines.runtime import Runtime
from pipelines.slices import CLOSING_MARGIN_DAYS
from pipelines.synthetic import WorldSpec, generate
from warehouse.home import Home

CAMPAIGNS_SHOWN = 15
_FUNNEL = f"""
    select
        campaign_name, channel, attempted_messages, delivered_messages, read_messages, clicked_messages,
        replied_72h_messages, opted_out_messages, delivery_rate, read_rate
    from mart_campaign_funnel
    where campaign_key not in ('none', 'other', 'former')
    order by attempted_messages desc, workspace_key, campaign_key
    limit {CAMPAIGNS_SHOWN}
"""


class NotADemoError(PipelineError):
    """The home holds data of its own."""

    def __init__(self) -> None:
        super().__init__(
            "This warehouse holds data that no demo wrote; a generated world would mix with it. "
            "Name another directory: wasms demo --home .wasms-demo"
        )


def demo(
    workspaces: int = typer.Option(WorldSpec.workspaces, help="Workspaces to generate."),
    contacts: int = typer.Option(WorldSpec.contacts, help="Average contacts per workspace."),
    days: int = typer.Option(WorldSpec.days, help="Days of campaigns."),
    seed: int = typer.Option(WorldSpec.seed, help="Equal seeds give equal worlds."),
    home: HomeOption = None,
) -> None:
    """Generate a world of raw files, run it from inbox to published marts, print the campaign funnel."""
    runtime = runtime_at(home)
    if runtime.ledger.generation() and not runtime.ledger.is_demo():
        raise NotADemoError
    runtime.ledger.mark_demo()
    # What an interrupted demo left: it is written again, equal to the byte.
    shutil.rmtree(runtime.home.inbox)
    started = time.monotonic()
    with stages() as stage:
        world = generate(
            runtime.home.inbox,
            WorldSpec(workspaces=workspaces, contacts=contacts, days=days, seed=seed),
            progress=stage,
        )
        # By then the slice of the last day is closed.
        as_of = datetime.combine(
            world.last_arrival_day + timedelta(days=CLOSING_MARGIN_DAYS + 1), datetime.min.time()
        )
        summary = run_pipeline(
            runtime, options=Options(as_of=max(as_of, runtime.ledger.clock() or as_of)), stage=stage
        )
    OUT.print(
        f"Generated {world.messages:,} messages of {world.workspaces} workspaces to {world.contacts:,} "
        f"contacts: {world.files:,} raw files, {world.size_bytes / 1e6:,.0f} MB.\n"
    )
    print_summary(summary.ingested)
    print_run(summary)
    _print_funnel(runtime)
    _print_next(runtime.home, seconds=time.monotonic() - started)


def _print_funnel(runtime: Runtime) -> None:
    with duckdb.connect(runtime.home.published_path, read_only=True) as connection:
        rows = connection.execute(_FUNNEL).fetchall()
    title = f"Campaign funnel: the {CAMPAIGNS_SHOWN} largest"
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for name in ("campaign", "channel"):
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    for name in (
        "attempted",
        "delivered",
        "read",
        "clicked",
        "replied",
        "opted out",
        "delivery",
        "read rate",
    ):
        table.add_column(name, justify="right")
    for *names, attempted, delivered, read, clicked, replied, opted_out, delivery_rate, read_rate in rows:
        # Nobody reports that an SMS was read.
        is_reported = "sms" not in names
        table.add_row(
            *names,
            f"{attempted:,}",
            f"{delivered:,}",
            f"{read:,}" if is_reported else "–",
            *(f"{n:,}" for n in (clicked, replied, opted_out)),
            f"{delivery_rate or 0:.1%}",
            f"{read_rate or 0:.1%}" if is_reported else "–",
        )
    OUT.print()
    OUT.print(table)


def _print_next(home: Home, *, seconds: float) -> None:
    OUT.print(
        f"\nDone in {seconds:.0f} s. Every group above has at least 11 contacts; "
        "smaller ones are in `other`.\n"
        "Next:\n"
        "  .venv/bin/wasms sql                        ask the published marts\n"
        '  .venv/bin/wasms sql "from mart_platform_daily"\n'
        "  make dev                                   open the pipeline in the Dagster UI\n"
        f"  {home.published_path}   open read-only with any DuckDB client",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
