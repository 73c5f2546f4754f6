"""Measure deleting one day from a store of 730 days and of 73; also plans, moves and account ends.

    python bench/retention.py

A deletion is planning, commit, unlinking and destruction of keys. The ratio of the medians should be at
most 1.2: what a deletion takes depends on the partition, not on the store.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from warehouse.home import Home
from warehouse.keys.keyring import KeyRing
from warehouse.ledger.batches import Commit
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.retention import records
from warehouse.retention.apply import commit_plan
from warehouse.retention.plan import Plan
from warehouse.retention.planner import make_plan
from warehouse.retention.planning.context import PlanRequest
from warehouse.retention.rules import Clock, DataSet, Layout, RetentionInputs, Rule, Setting, Version
from warehouse.store.connection import Engine
from warehouse.store.housekeeping import sweep
from warehouse.store.parts import EventSet, commit_batch, writing

FIRST = date(2024, 1, 1)
WINDOW = 1_000
WORKSPACES = 20
SOURCE = "log__messages"
COLUMNS = ("workspace_id", "event_id", "received_at", "contact_token", "occurred_at")
DATA_SETS = {SOURCE: DataSet(SOURCE, "message_log", Layout.DAYS, "occurred_at", frozenset(COLUMNS))}
FACTS = RetentionInputs(
    versions=[
        Version(
            FIRST,
            {
                "message_log": Rule(Clock.EVENT, WINDOW, per_workspace=True),
                "account": Rule(Clock.SUBSCRIPTION_END, 30),
            },
        )
    ],
    classes=(180, 365, WINDOW),
    settings={"ws_01": (Setting(datetime.combine(FIRST, datetime.min.time()), WINDOW),)},
)


@dataclass
class Store:
    """A store of so many days, every one of which has rows of all workspaces."""

    home: Home
    ledger: Ledger
    engine: Engine
    keyring: KeyRing

    @classmethod
    def of(cls, root: Path, *, days: int, rows: int) -> "Store":
        home = Home(root).create()
        keyring = KeyRing(home.keys)
        store = cls(home, Ledger(home.ledger_path), Engine(home.tmp, keyring), keyring)
        for first in range(0, days, 50):
            store._fill(range(first, min(days, first + 50)), rows)
        # What every store has behind it: one apply that noted the windows.
        store.apply(FACTS, as_of=datetime.combine(FIRST, datetime.min.time()))
        return store

    def _fill(self, days: range, rows: int) -> None:
        numbers = [(day, n) for day in days for n in range(rows)]
        times = [
            datetime.combine(FIRST, datetime.min.time()) + timedelta(days=d, seconds=n) for d, n in numbers
        ]
        table = pa.table(
            {
                "workspace_id": [f"ws_{n % WORKSPACES:02}" for _, n in numbers],
                "event_id": [f"{d:06}{n:06}" for d, n in numbers],
                "received_at": pa.array(times, pa.timestamp("us")),
                "contact_token": [f"{n * 7919:032x}" for _, n in numbers],
                "occurred_at": pa.array(times, pa.timestamp("us")),
                "event_date": pa.array([t.date() for t in times], pa.date32()),
                "retention_days": pa.array([WINDOW] * len(times), pa.int32()),
            }
        )
        batch_id = f"bench{days.start:06}"
        with writing(self.home, ledger=self.ledger, engine=self.engine, batch_id=batch_id) as writer:
            writer.append(EventSet(SOURCE, "message_log"), table)
            commit_batch(
                writer,
                self.ledger,
                as_of=times[-1],
                feed=SOURCE,
                content_hash=batch_id,
                rows_read={SOURCE: table.num_rows},
                counts=[],
            )

    def plan(self, facts: RetentionInputs, *, as_of: datetime) -> Plan:
        request = PlanRequest(facts, DATA_SETS, as_of)
        return make_plan(self.home, ledger=self.ledger, engine=self.engine, request=request).plan

    def apply(self, facts: RetentionInputs, *, as_of: datetime) -> Plan:
        request = PlanRequest(facts, DATA_SETS, as_of)
        planned = make_plan(self.home, ledger=self.ledger, engine=self.engine, request=request)
        commit_plan(self.home, planned, ledger=self.ledger, engine=self.engine)
        sweep(self.home, ledger=self.ledger, keyring=self.keyring)
        records.clear_pending(self.ledger, records.pending(self.ledger))
        return planned.plan


def timed(work: Callable[[], Plan]) -> tuple[float, Plan]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def drop_days(stores: list[Store], trials: int) -> list[float]:
    """Median seconds to delete one day, by store; the stores take turns."""
    seconds: list[list[float]] = [[] for _ in stores]
    for trial in range(trials):
        as_of = datetime.combine(FIRST, datetime.min.time()) + timedelta(days=WINDOW + trial)
        for place, store in enumerate(stores):
            took, plan = timed(lambda store=store, as_of=as_of: store.apply(FACTS, as_of=as_of))
            assert len(plan.parts) == 1
            seconds[place].append(took)
    return [statistics.median(each) for each in seconds]


def plan_of_a_large_ledger(root: Path, parts: int) -> float:
    """Median seconds to plan one day's deletion where the ledger lists so many files."""
    store = Store.of(root, days=30, rows=WORKSPACES)
    listed = [
        Part(
            path=f"store/{SOURCE}/event_date={day}/retention_days={WINDOW}/part-large-{n:08x}.parquet",
            source=SOURCE,
            partition=f"event_date={day}/retention_days={WINDOW}",
            key_name=f"message_log.{day:%Y-%m}.{WINDOW}",
            rows=1_000,
            bytes=10_000,
            batch_id="large",
            columns=COLUMNS,
            event_date=day,
            retention_days=WINDOW,
        )
        for n in range(parts)
        if (day := FIRST + timedelta(days=30 + n % 700))
    ]
    change = Commit(
        "large", datetime.combine(FIRST, datetime.min.time()), store.ledger.generation(), added=listed
    )
    store.ledger.commit(change)
    as_of = datetime.combine(FIRST, datetime.min.time()) + timedelta(days=WINDOW)
    taken = []
    for _ in range(5):
        seconds, plan = timed(lambda: store.plan(FACTS, as_of=as_of))
        assert len(plan.parts) == 1
        taken.append(seconds)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000, help="Rows of a day.")
    parser.add_argument("--trials", type=int, default=21)
    parser.add_argument("--parts", type=int, default=200_000, help="Files in the large ledger.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        large = Store.of(root / "large", days=730, rows=arguments.rows)
        small = Store.of(root / "small", days=73, rows=arguments.rows)
        of_large, of_small = drop_days([large, small], arguments.trials)
        print(f"one day of 730: {of_large * 1000:.1f} ms, of 73: {of_small * 1000:.1f} ms", end="; ")
        print(f"ratio {of_large / of_small:.2f} (median of {arguments.trials}, taking turns)")
        seconds = plan_of_a_large_ledger(root / "ledger", arguments.parts)
        print(f"plan of one day, {arguments.parts:,} files in the ledger: {seconds * 1000:.1f} ms")
        store = Store.of(root / "other", days=180, rows=arguments.rows)
        as_of = datetime.combine(FIRST, datetime.min.time()) + timedelta(days=180)
        shorter = replace(FACTS, settings={"ws_01": (*FACTS.settings["ws_01"], Setting(as_of, 365))})
        seconds, plan = timed(lambda: store.apply(shorter, as_of=as_of))
        print(f"one workspace of {WORKSPACES} into another class, 180 days: {seconds:.2f} s", end=", ")
        print(f"{len(plan.parts)} files rewritten")
        ended = replace(shorter, ended={"ws_02": as_of - timedelta(days=30)})
        seconds, plan = timed(lambda: store.apply(ended, as_of=as_of + timedelta(days=1)))
        print(f"the end of one workspace of {WORKSPACES}, 180 days: {seconds:.2f} s", end=", ")
        print(f"{plan.rows_gone:,} rows gone")


if __name__ == "__main__":
    main()
