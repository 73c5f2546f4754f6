"""A generated year delivered day by day, and every row of it given to the oracle, apart from the pipeline.

What events there are is taken from a second warehouse that never deletes anything; what entities there are,
from the raw files themselves.
"""

import csv
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from anonymizers.engine import anonymize
from anonymizers.tokens import PLATFORM
from pipelines.declarations.contract import Contract, Kind
from pipelines.declarations.declarations import view_schema
from pipelines.declarations.policy import Policy
from pipelines.ingestion.ingest import ingest_file
from pipelines.ingestion.options import Options
from pipelines.runtime import Runtime, open_runtime
from pipelines.sources.inbox import Landed, feeds, landed_files
from pipelines.sources.reading import read
from pipelines.synthetic import WorldSpec, generate
from pipelines.windows.inputs import retention_inputs
from tests.support.oracle import Hold, Known, Oracle, Row, Rule
from tests.support.plans import Untouched
from warehouse.home import Home
from warehouse.keys.keyring import Purpose
from warehouse.ledger.parts import Part
from warehouse.store.reading import read_columns, read_parts

# The privacy policy, said again.
POLICY = {
    date(2026, 4, 1): {
        "account": Rule(None),
        "message_log": Rule(90, chosen=True),
        "contact": Rule(None),
        "usage": Rule(90),
        "device": Rule(90),
        "error_log": Rule(90),
        "financial": Rule(2_557, outlives=True),
    }
}
# Logs and uses of the platform are many and say nothing of workspaces: a few of them do.
THINNED = {"access_log": 12, "error_log": 12, "usage": 4}
REPEATING = ("whatsapp", "twilio", "smpp")
FACTS = ("app/workspace_settings", "app/subscriptions", "privacy/legal_holds")
HOLDS = "privacy__legal_holds"
FOR_EVER = 20_000
# (data set, id, event day) → class, or hold. An event that comes again on another day is there twice.
Content = dict[tuple[str, str, date | None], str]


def thin_out(inbox: Path) -> None:
    """Keep each n-th file of the feeds that are mostly the platform's."""
    for feed, step in THINNED.items():
        for number, path in enumerate(sorted((inbox / feed).iterdir())):
            if number % step:
                path.unlink()


def put_together(files: Sequence[Path], target: Path) -> None:
    """One file of several of one feed, as if all had been delivered at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    match files[0].suffix:
        case ".parquet":
            pq.write_table(pa.concat_tables([pq.read_table(f) for f in files]), target)
        case ".csv":
            head, *_ = files[0].read_text("utf-8").partition("\n")
            bodies = [f.read_text("utf-8").partition("\n")[2] for f in files]
            target.write_text(head + "\n" + "".join(bodies), "utf-8")
        case _:
            target.write_bytes(b"".join(f.read_bytes() for f in files))


@dataclass(frozen=True)
class Delivery:
    """One file that comes on a day."""

    feed: str
    path: Path
    day: date
    days: frozenset[date]


def deliveries(
    inbox: Path, runtime: Runtime, *, until: date, block_days: int, first: date, last: date | None = None
) -> list[Delivery]:
    """Files in order: those up to ``until`` put together by block, the others day by day.

    Args:
        last: Put those up to here together too, apart from feeds that repeat themselves: which copy of an
            event came first is known by its file alone.
    """
    landed = landed_files(inbox, runtime.declarations.contracts)
    early: dict[tuple[date, str], list[Landed]] = defaultdict(list)
    made: list[Delivery] = []
    for file in landed:
        in_blocks = until if last is None or file.feed in REPEATING else last
        if file.arrival > in_blocks or ".full." in file.path.name:
            made.append(Delivery(file.feed, file.path, file.arrival, frozenset({file.arrival})))
        else:
            block = (file.arrival - first).days // block_days
            end = min(in_blocks, first + timedelta(days=(block + 1) * block_days - 1))
            early[end, file.feed].append(file)
    for (end, feed), files in early.items():
        suffix = files[0].path.name.partition(".")[2]
        path = inbox / f"blocks until {last or until}" / feed / f"{end}.{suffix}"
        put_together([f.path for f in files], path)
        made.append(Delivery(feed, path, end, frozenset(f.arrival for f in files)))
    rank = {feed: number for number, feed in enumerate(feeds(runtime.declarations.contracts))}
    return sorted(made, key=lambda d: (d.day, rank[d.feed], ".full." not in d.path.name, d.path.name))


def at_end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time())


def ingest(runtime: Runtime, delivery: Delivery) -> None:
    """Take one file in, as `wasms run` does when its day is over."""
    ingest_file(
        *runtime,
        delivery.path,
        contracts=feeds(runtime.declarations.contracts)[delivery.feed],
        options=Options(as_of=at_end_of(delivery.day), keep=True),
    )


def everlasting(policy: Policy) -> Policy:
    """A policy under which nothing is ever past its window."""
    versions = [
        version.model_copy(
            update={
                "categories": {
                    category: rule.model_copy(update={"window_days": rule.window_days and FOR_EVER})
                    for category, rule in version.categories.items()
                }
            }
        )
        for version in policy.versions
    ]
    return policy.model_copy(update={"retention_classes_days": (FOR_EVER,), "versions": tuple(versions)})


@dataclass
class Year:
    """The real warehouse on one side, the oracle on the other."""

    runtime: Runtime
    events: Mapping[date, list[Row]]
    hold_tokens: Mapping[str, str | None]
    oracle: Oracle = field(default_factory=Oracle)
    known: Known = field(default_factory=lambda: Known(POLICY))
    state: dict[str, dict[str, tuple[datetime, Row]]] = field(default_factory=lambda: defaultdict(dict))
    hold_names: dict[str, str] = field(default_factory=dict)
    cache: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def prepare(cls, root: Path, inbox: Path, blocks: Iterable[Delivery]) -> "Year":
        """Take everything into a warehouse that keeps all, and open a second one with the same keys."""
        everything = open_runtime(Home(root / "everything"))
        policy = everlasting(everything.declarations.policy)
        everything = everything._replace(declarations=replace(everything.declarations, policy=policy))
        for delivery in blocks:
            ingest(everything, delivery)
        home = Home(root / "home")
        shutil.copytree(everything.store.home.keys, home.keys, ignore=shutil.ignore_patterns("parquet"))
        holds = read_columns(
            everything.store,
            HOLDS,
            schema=view_schema(everything.declarations.contracts[HOLDS]),
            columns=["workspace_id", "contact_token"],
        ).to_pylist()
        return cls(
            open_runtime(home),
            _events_by_arrival(everything),
            {hold["workspace_id"]: hold["contact_token"] for hold in holds},
        )

    def take_in(self, delivery: Delivery) -> None:
        """One file, for both."""
        now = at_end_of(delivery.day)
        contracts = feeds(self.runtime.declarations.contracts)[delivery.feed]
        if contracts[0].kind is Kind.ENTITY:
            self._tell_entities(delivery, contracts[0], now)
        else:
            sources = {contract.source for contract in contracts}
            rows = [
                r for day in sorted(delivery.days) for r in self.events.get(day, ()) if r.source in sources
            ]
            self.oracle.arrive(rows, at=now, known=self.known)
        ingest(self.runtime, delivery)
        if delivery.feed in FACTS:
            self._learn(delivery, now)

    def expected(self) -> Content:
        return {
            (row.source, row.id, row.day if row.moves else None): decision
            for row, decision in self.oracle.decisions.items()
        }

    def survivors(self) -> Content:
        """What the ledger's files hold; each file is read once, for files never change.

        Without quarantine: raw records do not say whose they are until they are read.
        """
        ledger = self.runtime.store.ledger
        parts = [
            part
            for part in (*ledger.live_parts(), *ledger.held_parts())
            if part.source in self.runtime.declarations.contracts
        ]
        self._read([part for part in parts if part.path not in self.cache])
        found: Content = {}
        for part in parts:
            for id_, decision in self.cache[part.path].items():
                row = part.source, id_, part.event_date
                assert row not in found, "a row is there twice"
                found[row] = decision
        return found

    def survivors_in_views(self) -> Content:
        """The same, read through the views; held rows are not in them."""
        found: Content = {}
        for source, contract in self.runtime.declarations.contracts.items():
            columns = ("event_id", "event_date", "retention_days")
            if contract.kind is not Kind.EVENT:
                columns = ("entity_id",)
            table = read_columns(
                self.runtime.store,
                source,
                schema=view_schema(contract),
                columns=columns,
            )
            for id_, *more in zip(*(table[name].to_pylist() for name in columns), strict=True):
                found[source, id_, more[0] if more else None] = f"class {more[1]}" if more else "kept"
        return found

    def _read(self, parts: Sequence[Part]) -> None:
        for part in parts:
            table = read_parts(self.runtime.store.home, engine=self.runtime.store.engine, parts=[part])
            is_event = self.runtime.declarations.contracts[part.source].kind is Kind.EVENT
            decision = f"class {part.retention_days}" if is_event else "kept"
            if part.hold is not None:
                decision = f"hold {self._label(part.hold)}"
            ids = table["event_id" if is_event else "entity_id"].to_pylist()
            deleted = (
                table["deleted_at"].to_pylist() if "deleted_at" in table.column_names else [None] * len(ids)
            )
            self.cache[part.path] = {
                i: decision for i, gone in zip(ids, deleted, strict=True) if gone is None
            }

    def _label(self, name: str) -> str:
        """A hold as the oracle calls it: by its workspace, for each has one at most."""
        for hold in retention_inputs(*self.runtime, as_of=at_end_of(date(2100, 1, 1))).holds:
            self.hold_names[hold.name] = hold.workspace_id
        return self.hold_names[name]

    def _tell_entities(self, delivery: Delivery, contract: Contract, now: datetime) -> None:
        source, state = contract.source, self.state[contract.source]
        incoming = list(self._entities(delivery, contract))
        taken = [
            (v, d, row) for v, d, row in incoming if not self.oracle.is_refused(row, at=now, known=self.known)
        ]
        newest = max((version for version, _, _ in incoming), default=None)
        present = {row.id for _, _, row in incoming}
        for version, deleted, row in taken:
            if row.id in state and state[row.id][0] > version:
                continue
            _, before = state.get(row.id, (version, row))
            state[row.id] = version, row
            if deleted:
                # As it was: what is left of a deleted row need not say whose it was.
                self.oracle.leave([before], at=now, known=self.known)
            elif before in self.oracle.decisions:
                self.oracle.decisions[row] = self.oracle.decisions.pop(before)
            else:
                self.oracle.arrive([row], at=now, known=self.known)
        follows = any(name == "deleted_at" for name, _ in contract.plan.stored_columns())
        if ".full." in delivery.path.name and follows and newest is not None:
            absent = [
                row
                for id_, (version, row) in state.items()
                if id_ not in present
                and version <= newest
                and not self.oracle.is_refused(row, at=now, known=self.known)
            ]
            self.oracle.leave(absent, at=now, known=self.known)
        assert source not in self.events

    def _entities(self, delivery: Delivery, contract: Contract) -> Iterator[tuple[datetime, bool, Row]]:
        """Version, whether it says that the row was deleted, and the row, as the raw file has them."""
        keyring = self.runtime.store.keyring
        version = contract.stored_name(str(contract.version))
        time_column = contract.stored_name(contract.event_time) if contract.event_time else None
        for batch in read(delivery.path, contracts=[contract], received_at=at_end_of(delivery.day)):
            for table in batch.tables.values():
                raw = pl.DataFrame(pl.from_arrow(table)).drop("_record", "_channel")
                raw = raw.with_columns(pl.col(contract.workspace.columns[0]).alias("_workspace_id"))
                if contract.plan.needs_regions:
                    # The world's numbers are international.
                    raw = raw.with_columns(pl.lit(None, pl.String).alias("_region"))
                names = {PLATFORM, *raw["_workspace_id"].unique()}
                there = {
                    n: keyring.find(Purpose.PSEUDONYM, n) for n in names if keyring.has(Purpose.PSEUDONYM, n)
                }
                raw = raw.filter(pl.col("_workspace_id").is_in(list(there)))
                safe = anonymize(raw.to_arrow(), plan=contract.plan, keys=there, text=Untouched())
                for row in safe.to_pylist():
                    at = row[time_column] if time_column else None
                    yield (
                        row[version],
                        row.get("deleted_at") is not None,
                        Row(
                            contract.source,
                            contract.policy.value,
                            row["workspace_id"],
                            row["entity_id"],
                            day=at.date() if at is not None else None,
                            at=at,
                            contact=row.get("contact_token", ""),
                            moves=False,
                            needed_until=row["expires_at"] if contract.source == HOLDS else None,
                        ),
                    )

    def _learn(self, delivery: Delivery, now: datetime) -> None:
        """Settings, ends and holds, from the raw file."""
        if delivery.feed == "privacy/legal_holds":
            with delivery.path.open(encoding="utf-8", newline="") as file:
                holds = [self._hold(row) for row in csv.DictReader(file)]
            self.known = replace(self.known, holds=(*self.known.holds, *holds))
            return
        for row in pq.read_table(delivery.path).to_pylist():
            workspace = row["workspace_id"]
            if delivery.feed == "app/subscriptions":
                if row["ended_at"] is not None:
                    ended = self.known.ended | {workspace: row["ended_at"].replace(tzinfo=None)}
                    self.known = replace(self.known, ended=ended)
            else:
                since = row["valid_from"].replace(tzinfo=None)
                history = dict(self.known.chosen.get(workspace, ())) | {
                    since: row["message_log_retention_days"]
                }
                chosen = {**self.known.chosen, workspace: tuple(sorted(history.items()))}
                self.known = replace(self.known, chosen=chosen)

    def _hold(self, row: Mapping[str, str]) -> Hold:
        workspace = row["workspace_id"]
        return Hold(
            workspace,
            workspace,
            _moment(row["expires_at"]),
            source=row["held_source"] or None,
            contact=self.hold_tokens[workspace],
            since=_moment(row["held_from"]),
            until=_moment(row["held_to"]),
        )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _events_by_arrival(runtime: Runtime) -> dict[date, list[Row]]:
    """Rows of all event data sets by the day on which they came."""
    found: dict[date, list[Row]] = defaultdict(list)
    for source, contract in runtime.declarations.contracts.items():
        if contract.kind is not Kind.EVENT:
            continue
        stored = [name for name, _ in contract.plan.stored_columns()]
        time_column = contract.stored_name(str(contract.event_time))
        columns = ["workspace_id", "event_id", "event_date", "received_at", time_column]
        has_contact = "contact_token" in stored
        table = read_columns(
            runtime.store,
            source,
            schema=view_schema(contract),
            columns=[*dict.fromkeys(columns), *(["contact_token"] if has_contact else [])],
        )
        # What comes in envelopes says when it was received; all else is of its file's day.
        has_envelope = contract.feed in (*REPEATING, "usage", "twilio_export")
        for row in table.to_pylist():
            arrival = row["received_at"].date() if has_envelope else row["event_date"]
            found[arrival].append(
                Row(
                    source,
                    contract.policy.value,
                    row["workspace_id"],
                    row["event_id"],
                    day=row["event_date"],
                    at=row[time_column] or row["received_at"],
                    contact=row.get("contact_token") if has_contact else "",
                )
            )
    return found


def world(inbox: Path, spec: WorldSpec) -> None:
    """Generate, and thin out."""
    generate(inbox, spec)
    thin_out(inbox)
