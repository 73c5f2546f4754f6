"""Measure the build of cubes and marts over many rows: memory, and time per stage.

    python bench/marts.py --rows 50000000

Fills a store with generated rows of message logs (an outbox row and three statuses per message), then runs
the build in a process of its own. The reference, in the same process: one plain DuckDB query that counts
distinct contacts and statuses by day, workspace and campaign over the same store; the ratio is the time of
the whole build against it.
"""

import argparse
import math
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from pipelines.declarations.declarations import view_schema
from pipelines.marts.build import build
from pipelines.runtime import Runtime, open_runtime
from warehouse.home import Home
from warehouse.store.parts import EventSet, commit_batch, writing
from warehouse.store.session import open_session

FIRST = date(2026, 5, 4)
STATUSES = ("sent", "delivered", "read")
# One in the outbox, and its statuses: all are sent, 95 % delivered, 90 % read.
ROWS_PER_MESSAGE = 1 + 1.0 + 0.95 + 0.9
MESSAGES_AT_ONCE = 250_000
STAGES = ("slice", "cube", "mart")
REFERENCE = """
    select cast(queued_at as date) as day, o.workspace_id, campaign_id, count(distinct o.contact_token),
        count(distinct o.message_token), count(*) filter (status = 'delivered'),
        count(*) filter (status = 'read')
    from memory.store.app__messages as o
    left join memory.store.whatsapp__statuses as s
        on o.workspace_id = s.workspace_id and o.message_token = s.message_token
    group by all
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--workspaces", type=int, default=50)
    parser.add_argument("--home", type=Path, help="Build in this home, which is filled already.")
    arguments = parser.parse_args()
    last = FIRST + timedelta(days=arguments.days - 1)
    if arguments.home:
        _build(open_runtime(Home(arguments.home)), last)
        return
    with tempfile.TemporaryDirectory() as directory:
        home = Home(Path(directory) / "home").create()
        started = time.perf_counter()
        rows = _fill(open_runtime(home), arguments.rows, days=arguments.days, workspaces=arguments.workspaces)
        print(f"filled with {rows:,} rows in {time.perf_counter() - started:.0f} s", flush=True)
        command = [sys.executable, __file__, "--home", str(home.root), "--days", str(arguments.days)]
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        if code := os.waitstatus_to_exitcode(status):
            raise SystemExit(f"the build ended with exit code {code}")
    cpu = usage.ru_utime + usage.ru_stime
    print(f"CPU {cpu:.0f} s, peak memory {usage.ru_maxrss / 1024:,.0f} MiB, reference included")


def _build(runtime: Runtime, last: date) -> None:
    started = time.perf_counter()
    summary = build(*runtime, from_day=FIRST, to_day=last)
    took = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stages: Counter[str] = Counter()
    for name, seconds in summary.seconds.items():
        stages[next((stage for stage in STAGES if name.startswith(stage)), "views, seeds and tests")] += (
            seconds
        )
    listed = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in stages.most_common())
    print(f"build of {summary.days} days: {took:.0f} s, peak memory {memory:,.0f} MiB ({listed})", flush=True)
    slowest = sorted(summary.seconds.items(), key=lambda item: -item[1])[:8]
    print("slowest: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in slowest), flush=True)
    started = time.perf_counter()
    with open_session(runtime.store.home, schemas=runtime.declarations.schemas, read_only=True) as connection:
        connection.execute(f"select count(*) from ({REFERENCE})").fetchall()
    reference = time.perf_counter() - started
    print(f"reference query: {reference:.0f} s ({took / reference:.1f}x)", flush=True)


def _fill(runtime: Runtime, rows: int, *, days: int, workspaces: int) -> int:
    """Write rows straight into the store: what anonymization would have left of raw ones."""
    messages = math.ceil(rows / ROWS_PER_MESSAGE / days)
    written = 0
    with duckdb.connect() as connection:
        for source in ("app__messages", "whatsapp__statuses"):
            columns = ", ".join(f"{n} {t}" for n, t in view_schema(runtime.declarations.contracts[source]))
            connection.execute(f"create table {source} ({columns})")
        for n in range(days):
            for first in range(0, messages, MESSAGES_AT_ONCE):
                last = min(first + MESSAGES_AT_ONCE, messages)
                _generate(connection, FIRST + timedelta(days=n), range(first, last), workspaces, messages)
                for source in ("app__messages", "whatsapp__statuses"):
                    written += _commit(runtime, connection, source)
    return written


def _generate(
    connection: duckdb.DuckDBPyConnection, day: date, numbers: range, workspaces: int, messages: int
) -> None:
    """Messages of a day: campaigns of about 2,000 contacts, who get one every fourth day."""
    connection.execute(
        f"create or replace temp table sent as select md5('{day}' || i) as message_token, "
        f"'w' || i % {workspaces} as workspace_id, 'c{day}-' || i % {workspaces} || '-' || i // "
        f"{workspaces * 2000} as campaign_id, "
        f"md5('p' || ({day.toordinal() % 4} * {messages} + i)) as contact_token, "
        f"['DE', 'BR', 'IN', 'SG', 'US'][1 + i % 5] as contact_country, "
        f"timestamp '{day} 08:00:00' + to_seconds(i % 36000) as queued_at, hash(i, '{day}') % 100 as luck "
        f"from range({numbers.start}, {numbers.stop}) as r(i)"
    )
    connection.execute("delete from app__messages")
    connection.execute(
        "insert into app__messages by name select md5('o' || message_token) as event_id, workspace_id, "
        "message_token, campaign_id, contact_token, contact_country, 'whatsapp' as channel, "
        "'whatsapp' as provider, 'accepted' as outcome, 'marketing' as message_category, queued_at, "
        f"date '{day}' as event_date, 90 as retention_days, queued_at as received_at from sent"
    )
    connection.execute("delete from whatsapp__statuses")
    for minutes, status in enumerate(STATUSES, start=1):
        connection.execute(
            "insert into whatsapp__statuses by name select md5($status || message_token) as event_id, "
            "workspace_id, message_token, contact_token, contact_country, $status as status, "
            f"queued_at + to_minutes({minutes}) as occurred_at, date '{day}' as event_date, "
            f"90 as retention_days, queued_at as received_at from sent where luck < {105 - 5 * minutes}",
            {"status": status},
        )


def _commit(runtime: Runtime, connection: duckdb.DuckDBPyConnection, source: str) -> int:
    contract = runtime.declarations.contracts[source]
    table = connection.execute(f"from {source}").to_arrow_table()
    arguments = {
        "ledger": runtime.store.ledger,
        "engine": runtime.store.engine,
        "batch_id": secrets.token_hex(8),
    }
    with writing(runtime.store.home, **arguments) as writer:
        writer.append(EventSet(source, contract.policy.value), table)
        commit_batch(
            writer,
            runtime.store.ledger,
            as_of=datetime.combine(FIRST, datetime.min.time()),
            feed=contract.feed,
            content_hash=secrets.token_hex(16),
            rows_read={source: table.num_rows},
            counts=(),
        )
    return table.num_rows


if __name__ == "__main__":
    main()
