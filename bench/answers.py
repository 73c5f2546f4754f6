"""Measure how far published answers are from the truth, on an invented year.

    python bench/answers.py

Runs the main job on a generated world, two months at a time, without requests to the web site. As soon as
days are built, and before anything of them is deleted, their exact numbers are counted from the restricted
facts, by day and workspace, in memory. At the end the published copy is asked as `wasms metrics query` asks
it, after each run for what is published by then. Takes an hour on two cores.
"""

import argparse
import shutil
import tempfile
import time
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from pipelines.declarations.metric import load_metrics, load_tables
from pipelines.disclosure.surrogates import WORKSPACE, surrogate
from pipelines.ingestion.options import Options
from pipelines.metrics.asked_days import ask_for
from pipelines.metrics.published import published_query
from pipelines.metrics.question import Question
from pipelines.run import run
from pipelines.runtime import Runtime, open_runtime
from pipelines.synthetic import WorldSpec, generate
from pipelines.windows.completeness import store_tables
from warehouse.home import Home
from warehouse.keys.keyring import Purpose
from warehouse.store.session import open_session

# Metric → the flags of `fct_messages` that it divides.
RATES = {
    "delivery_rate": ("is_delivered", "is_attempted"),
    "read_rate": ("is_read", "is_readable"),
    "click_rate": ("is_clicked", "is_delivered"),
    "opt_out_rate": ("is_opted_out", "is_delivered"),
}
COUNTS = {
    "attempted_messages": "is_attempted",
    "delivered_messages": "is_delivered",
    "read_messages": "is_read",
    "clicked_messages": "is_clicked",
    "replied_72h_messages": "is_replied_72h",
    "opted_out_messages": "is_opted_out",
}
FLAGS = sorted({*COUNTS.values(), *(flag for pair in RATES.values() for flag in pair)})
LEAST_MESSAGES = 500
DAYS_OF_RUN = 56
# Nothing that is asked here is counted from these.
LEFT_OUT = ("usage", "access_log", "error_log")
FACTS = "warehouse.restricted,warehouse.intermediate,warehouse.staging,memory.store"
WEEKS = """
    with true_weeks as (
        select
            workspace, cast(date_trunc('week', send_date) as date) as week,
            sum({over}) / nullif(sum({under}), 0) as true_rate, sum(is_attempted) as attempted
        from truth inner join keys using (workspace_id)
        group by all
    )
    select
        count(*), 100 * avg({metric} - true_rate), 100 * avg(abs({metric} - true_rate)),
        100 * max(abs({metric} - true_rate)),
        100 * avg(cast(true_rate between low - 1e-9 and high + 1e-9 as integer)), 100 * avg(high - low) / 2
    from true_weeks inner join answers using (workspace, week)
    where attempted >= {least}"""
MONTHS = """
    with shown as (
        select {keys}, sum({metric}) as shown
        from answers
        where month in (select month from over)
        group by all
    ),
    counted as (
        select {keys}, sum({flag}) as counted
        from (
            select *, cast(date_trunc('month', send_date) as date) as month
            from truth inner join keys using (workspace_id)
        )
        group by all
    ),
    errors as (select shown / nullif(counted, 0) - 1 as error from counted inner join shown using ({keys}))
    select count(*), 100 * avg(error), 100 * avg(abs(error)), 100 * max(abs(error)) from errors"""


class Truth:
    """Exact counts by day and workspace, added as days are built."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._counted: date | None = None
        self.seconds = 0.0
        self.connection = duckdb.connect()
        columns = ", ".join(f"{flag} bigint" for flag in FLAGS)
        self.connection.execute(f"create table truth (workspace_id varchar, send_date date, {columns})")

    def on_progress(self, _stage: str, _done: int, _total: int | None) -> None:
        """Count the days that were built since the last call."""
        built = self._runtime.store.ledger.built_until()
        if built is None or built == self._counted:
            return
        started = time.perf_counter()
        first = self._counted + timedelta(days=1) if self._counted else None
        counts = ", ".join(f"count(*) filter ({flag}) as {flag}" for flag in FLAGS)
        home, schemas = self._runtime.store.home, self._runtime.declarations.schemas
        with open_session(
            home, schemas=schemas, tables=store_tables(*self._runtime), read_only=True
        ) as facts:
            facts.execute(f"set search_path = '{FACTS}'")
            ask_for(facts, first, built)
            rows = facts.execute(
                f"select workspace_id, send_date, {counts} from fct_messages "
                "where send_date between coalesce(?, send_date) and ? group by all",
                (first, built),
            ).to_arrow_table()
        self.connection.register("rows_counted", rows)
        self.connection.execute("insert into truth by name from rows_counted")
        self._counted = built
        self.seconds += time.perf_counter() - started

    def name_keys(self) -> None:
        """Note the published key of each workspace."""
        keyring = self._runtime.store.keyring
        self.connection.execute("create or replace table keys (workspace_id varchar, workspace varchar)")
        for (each,) in self.connection.execute("select distinct workspace_id from truth").fetchall():
            key = surrogate(keyring.find(Purpose.SURROGATE, each), WORKSPACE, each)
            self.connection.execute("insert into keys values (?, ?)", (each, key))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspaces", type=int, default=20)
    parser.add_argument("--contacts", type=int, default=250)
    parser.add_argument("--days", type=int, default=364)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        runtime = open_runtime(Home(Path(directory) / "home"))
        inbox = runtime.store.home.inbox
        inbox.rmdir()
        # Accounts that ended left the published tables; what they did could not be found in any sum.
        spec = WorldSpec(
            workspaces=arguments.workspaces,
            contacts=arguments.contacts,
            days=arguments.days,
            account_ends=0,
        )
        world = generate(inbox, spec)
        print(f"{world.messages:,} messages of {world.workspaces} workspaces in {spec.days} days", flush=True)
        for feed in LEFT_OUT:
            shutil.rmtree(inbox / feed)
        truth = Truth(runtime)
        last = world.last_arrival_day + timedelta(days=3)
        until = spec.start
        while until < last:
            until = min(until + timedelta(days=DAYS_OF_RUN), last)
            _run(runtime, truth, until)
            truth.name_keys()
            with duckdb.connect(runtime.store.home.published_path, read_only=True) as published:
                print_errors(truth.connection, published)


def _run(runtime: Runtime, truth: Truth, until: date) -> None:
    started = time.perf_counter()
    summary = run(
        *runtime,
        options=Options(as_of=datetime.combine(until, datetime.min.time())),
        to_day=until - timedelta(days=1),
        progress=truth.on_progress,
    )
    truth.on_progress("build", 0, None)
    for failed in summary.failed:
        print(failed, flush=True)
    stages = Counter({"truth": truth.seconds})
    truth.seconds = 0.0
    for stage, seconds in summary.seconds.items():
        stages[stage.split()[0]] += seconds
    listed = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in stages.items())
    print(f"\nuntil {until}: {time.perf_counter() - started:.0f} s ({listed})", flush=True)


def print_errors(truth: duckdb.DuckDBPyConnection, published: duckdb.DuckDBPyConnection) -> None:
    """Print errors of rates by week, and of sums over campaigns by month."""
    print(f"weeks of workspaces with {LEAST_MESSAGES} messages or more; in percentage points")
    _print_row("", "weeks", "mean error", "mean |error|", "largest", "% in range", "half range")
    for metric, (over, under) in RATES.items():
        _ask(truth, published, metric, "workspace", "week")
        sql = WEEKS.format(metric=metric, over=over, under=under, least=LEAST_MESSAGES)
        _print_row(metric, *truth.execute(sql).fetchall()[0])
    ((began,),) = truth.execute("select min(send_date) from truth").fetchall()
    months = published.execute(
        "select month from mart_platform_monthly where month > ?", [began]
    ).to_arrow_table()
    truth.register("over", months)
    for keys in ("month", "workspace, month"):
        print(f"sums over campaigns by {keys}; in percent")
        _print_row("", "sums", "mean error", "mean |error|", "largest")
        for metric, flag in COUNTS.items():
            _ask(truth, published, metric, "workspace", "campaign", "month")
            sql = MONTHS.format(metric=metric, flag=flag, keys=keys)
            _print_row(metric, *truth.execute(sql).fetchall()[0])


def _print_row(name: str, *cells: str | float | None) -> None:
    shown = (f"{cell:,.3f}" if isinstance(cell, float) else str(cell) for cell in cells)
    print(f"{name:22}" + "".join(f"{cell:>14}" for cell in shown), flush=True)


def _ask(
    truth: duckdb.DuckDBPyConnection, published: duckdb.DuckDBPyConnection, metric: str, *by: str
) -> None:
    """Put the published answers into a table `answers` beside the truth."""
    query = published_query(load_metrics()[metric], Question(by=by), load_tables())
    truth.register("answers", published.execute(query.sql, query.parameters).to_arrow_table())


if __name__ == "__main__":
    main()
