"""A store for retention's tests: the real ledger, keys, files and engine, inputs given as values."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from tests.support import oracle
from tests.support.crashes import CrashingKeyRing, CrashingLedger, Fuse
from warehouse.home import Home
from warehouse.keys.keyring import Purpose
from warehouse.retention import records, rules
from warehouse.retention.apply import commit_plan
from warehouse.retention.plan import Plan
from warehouse.retention.planner import make_plan
from warehouse.retention.planning.context import PlanRequest
from warehouse.store.connection import Engine
from warehouse.store.entities import EntityWriter
from warehouse.store.entity_sql import EntitySet
from warehouse.store.housekeeping import remove_orphans, sweep
from warehouse.store.parts import EventSet, commit_batch, writing
from warehouse.store.reading import read_columns, read_parts
from warehouse.store.store import Store
from warehouse.store.views import Schema, with_partition_columns

MESSAGES, VISITS, CONTACTS, INVOICES, HOLDS = (
    "log__messages",
    "web__visits",
    "app__contacts",
    "app__bills",
    "holds",
)
CATEGORIES = {
    MESSAGES: "message_log",
    VISITS: "usage",
    CONTACTS: "contact",
    INVOICES: "financial",
    HOLDS: "account",
}
_COMMON = (("workspace_id", "varchar"), ("received_at", "timestamp"))
COLUMNS: Mapping[str, Schema] = {
    MESSAGES: (*_COMMON, ("event_id", "varchar"), ("contact_token", "varchar"), ("happened_at", "timestamp")),
    VISITS: (*_COMMON, ("event_id", "varchar"), ("happened_at", "timestamp")),
    CONTACTS: (*_COMMON, ("entity_id", "varchar"), ("contact_token", "varchar"), ("version", "timestamp")),
    INVOICES: (*_COMMON, ("entity_id", "varchar"), ("happened_at", "timestamp"), ("version", "timestamp")),
    HOLDS: (*_COMMON, ("entity_id", "varchar"), ("expires_at", "timestamp"), ("version", "timestamp")),
}
EVENTS = (MESSAGES, VISITS)
LAYOUTS = {
    MESSAGES: rules.Layout.DAYS,
    VISITS: rules.Layout.DAYS,
    CONTACTS: rules.Layout.BUCKETS,
    INVOICES: rules.Layout.MONTHS,
    HOLDS: rules.Layout.BUCKETS,
}
DATA_SETS = {
    source: rules.DataSet(
        source=source,
        category=CATEGORIES[source],
        layout=LAYOUTS[source],
        event_time="happened_at" if any(name == "happened_at" for name, _ in COLUMNS[source]) else None,
        columns=frozenset(name for name, _ in COLUMNS[source]),
        holds=source == HOLDS,
    )
    for source in COLUMNS
}
_TYPES = {"varchar": pa.string(), "timestamp": pa.timestamp("us"), "date": pa.date32(), "integer": pa.int32()}
_CLOCKS = {"contact": rules.Clock.DELETION_OR_TERMINATION, "account": rules.Clock.SUBSCRIPTION_END}


def inputs_of(known: oracle.Known) -> rules.RetentionInputs:
    """What the oracle knows, in the engine's words."""
    return rules.RetentionInputs(
        versions=[
            rules.Version(
                first,
                {
                    category: rules.Rule(
                        _CLOCKS.get(category, rules.Clock.EVENT),
                        rule.days if rule.days is not None else known.account_days,
                        rule.chosen,
                        rule.outlives,
                    )
                    for category, rule in by_category.items()
                },
            )
            for first, by_category in sorted(known.policy.items())
        ],
        classes=known.classes,
        settings={
            workspace: tuple(rules.Setting(since, days) for since, days in choices)
            for workspace, choices in known.chosen.items()
        },
        ended=known.ended,
        holds=[
            rules.Hold(
                hold.name,
                hold.workspace,
                hold.expires_at,
                source=hold.source,
                contact_token=hold.contact,
                held_from=hold.since,
                held_to=hold.until,
            )
            for hold in known.holds
        ],
    )


@dataclass
class World:
    """One store at one place, used for one example after another: loading DuckDB takes longer than most."""

    home: Home
    engine: Engine
    ledger: CrashingLedger
    keyring: CrashingKeyRing
    batches: int = 0
    received: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def at(cls, root: Path) -> "World":
        home = Home(root).create()
        keyring = CrashingKeyRing(home.keys)
        return cls(home, Engine(home.tmp, keyring), CrashingLedger(home.ledger_path), keyring)

    def empty(self) -> None:
        """Begin anew: no data, no keys but the one that wraps them, no ledger."""
        for path in (self.home.data, *self.home.keys.glob("*/")):
            shutil.rmtree(path)
        self.home.create()
        self.set_fuse(Fuse())
        self.ledger = CrashingLedger(self.home.ledger_path)
        self.batches = 0

    def set_fuse(self, fuse: Fuse) -> None:
        CrashingLedger.fuse = CrashingKeyRing.fuse = fuse

    def store(self, rows: Sequence[oracle.Row], *, at: datetime, known: oracle.Known) -> None:
        """Take rows in as ingestion does: what is past its window, or of an ended account, is dropped."""
        inputs = inputs_of(known)
        for source in COLUMNS:
            taken = [row for row in rows if row.source == source and self._is_taken(row, at, inputs)]
            if taken and source in EVENTS:
                self._store_events(source, taken, at, inputs)
            elif taken:
                self._store_state(source, taken, at)

    def _is_taken(self, row: oracle.Row, at: datetime, inputs: rules.RetentionInputs) -> bool:
        key = records.subject_key(self.keyring)
        who = records.subject(key, row.workspace)
        if not rules.outlives_account(inputs, row.category, at):
            refused = rules.refused_from(inputs, row.workspace, at, inbox_ttl_days=oracle.INBOX_DAYS)
            if who in records.refused(self.ledger) or (refused is not None and refused <= at.date()):
                return False
        horizons = records.horizons(self.ledger)
        horizon = horizons.get((row.category, who), horizons.get((row.category, records.DEFAULT_SUBJECT)))
        reached = rules.expired_through(inputs, row.category, row.workspace, at)
        through = max((day for day in (horizon, reached) if day is not None), default=None)
        return row.day is None or through is None or row.day > through

    def _store_events(
        self, source: str, rows: Iterable[oracle.Row], at: datetime, inputs: rules.RetentionInputs
    ) -> None:
        lines = [
            _cells(row, at)
            | {
                "event_id": row.id,
                "event_date": row.day,
                "retention_days": rules.window_at(inputs, row.category, row.workspace, at).days,
            }
            for row in rows
        ]
        table = _table(lines, with_partition_columns(COLUMNS[source]))
        batch_id = self._next_batch()
        with writing(self.home, ledger=self.ledger, engine=self.engine, batch_id=batch_id) as writer:
            writer.append(EventSet(source, CATEGORIES[source]), table)
            commit_batch(
                writer,
                self.ledger,
                as_of=at,
                feed=source,
                content_hash=batch_id,
                rows_read={source: len(lines)},
                counts=[],
                epoch=records.epoch(self.ledger),
            )

    def _store_state(self, source: str, rows: Iterable[oracle.Row], at: datetime) -> None:
        lines = [
            _cells(row, at) | {"entity_id": row.id, "version": at, "expires_at": row.needed_until}
            for row in rows
        ]
        batch_id = self._next_batch()
        entities = EntitySet(
            source=source,
            key_prefix=CATEGORIES[source],
            columns=tuple(COLUMNS[source]),
            version="version",
            month_of="happened_at" if LAYOUTS[source] is rules.Layout.MONTHS else None,
        )
        entity_writer = EntityWriter(
            self.home, entities=entities, ledger=self.ledger, engine=self.engine, batch_id=batch_id
        )
        with writing(self.home, ledger=self.ledger, engine=self.engine, batch_id=batch_id) as writer:
            entity_writer.append(_table(lines, COLUMNS[source]))
            merge = entity_writer.merge(full=False, allow_shrink=False)
            commit_batch(
                writer,
                self.ledger,
                as_of=at,
                feed=source,
                content_hash=batch_id,
                rows_read={source: len(lines)},
                counts=merge.counts,
                merge=merge,
            )
        entity_writer.close(committed=True)

    def _next_batch(self) -> str:
        self.batches += 1
        return f"b{self.batches:06}"

    def apply(self, *, at: datetime, known: oracle.Known) -> Plan:
        """One whole retention run, finishing what an earlier one left undone."""
        self.finish()
        planned = make_plan(
            self.home,
            ledger=self.ledger,
            engine=self.engine,
            request=PlanRequest(inputs_of(known), DATA_SETS, at),
        )
        commit_plan(
            self.home,
            planned,
            ledger=self.ledger,
            engine=self.engine,
            progress=CrashingLedger.fuse.progress,
        )
        self.finish()
        return planned.plan

    def finish(self) -> None:
        """What comes after the commit; and what daily work sweeps, due or not."""
        sweep(self.home, ledger=self.ledger, keyring=self.keyring)
        for work in records.pending(self.ledger):
            for workspace in work.released:
                self.keyring.destroy(Purpose.PSEUDONYM, workspace)
            records.clear_pending(self.ledger, [work])

    def restart(self) -> None:
        """As after a crash: another process, that sweeps what nobody owns."""
        self.set_fuse(Fuse())
        self.ledger = CrashingLedger(self.home.ledger_path)
        remove_orphans(self.home, ledger=self.ledger)

    def survivors(self) -> dict[tuple[str, str], str]:
        """(data set, id) → where the row is: `class 90`, `kept`, `hold <name>`; views and held files."""
        found: dict[tuple[str, str], str] = {}
        for source, schema in COLUMNS.items():
            id_, *more = ("event_id", "retention_days") if source in EVENTS else ("entity_id",)
            rows = read_columns(
                Store(self.home, self.keyring, self.ledger, self.engine),
                source,
                schema=with_partition_columns(schema) if source in EVENTS else schema,
                columns=(id_, *more),
            ).to_pylist()
            for row in rows:
                assert (source, row[id_]) not in found, "a row is there twice"
                found[source, row[id_]] = f"class {row['retention_days']}" if more else "kept"
        for part in self.ledger.held_parts():
            id_ = "event_id" if part.source in EVENTS else "entity_id"
            for row in read_parts(self.home, engine=self.engine, parts=[part]).to_pylist():
                assert (part.source, row[id_]) not in found, "a held row is there twice"
                found[part.source, row[id_]] = f"hold {part.hold}"
        return found

    def foreign_keys(self) -> set[str]:
        """Files of events whose key is not that of their category, month and class."""
        return {
            part.path
            for part in self.ledger.live_parts()
            if part.event_date is not None
            and part.key_name != f"{CATEGORIES[part.source]}.{part.event_date:%Y-%m}.{part.retention_days}"
        }

    def stray_files(self) -> set[str]:
        """Files and keys that are on disk but not in the ledger, or in the ledger but not on disk."""
        listed = {part.path for part in (*self.ledger.live_parts(), *self.ledger.held_parts())}
        on_disk = {str(p.relative_to(self.home.data)) for p in self.home.store.rglob("*") if p.is_file()}
        keys = {part.key_name for part in (*self.ledger.live_parts(), *self.ledger.held_parts())}
        there = len(list((self.home.keys / Purpose.PARQUET.value).glob("*.key")))
        missing = {name for name in keys if not self.keyring.has(Purpose.PARQUET, name)}
        surplus = {f"{there - len(keys)} key(s) too many"} if there > len(keys) else set()
        return (listed ^ on_disk) | missing | surplus


def event(
    source: str, workspace: str, id_: str, *, at: datetime, received: datetime, contact: str
) -> oracle.Row:
    """A row of events; its window starts at the earlier of the two clocks."""
    has_contact = any(name == "contact_token" for name, _ in COLUMNS[source])
    return oracle.Row(
        source=source,
        category=CATEGORIES[source],
        workspace=workspace,
        id=id_,
        day=min(at, received).date(),
        at=at,
        contact=contact if has_contact else "",
    )


def state(source: str, workspace: str, id_: str, *, contact: str, at: datetime | None = None) -> oracle.Row:
    """A row of latest state; of an invoice ``at`` is its date, of a hold its end."""
    return oracle.Row(
        source=source,
        category=CATEGORIES[source],
        workspace=workspace,
        id=id_,
        day=at.date() if at is not None and source == INVOICES else None,
        at=at if source == INVOICES else None,
        contact=contact if source == CONTACTS else "",
        moves=False,
        needed_until=at if source == HOLDS else None,
    )


def policy(*, messages: int = 90, visits: int = 90, financial: int = 400) -> dict[str, oracle.Rule]:
    """Rules of one version."""
    return {
        "message_log": oracle.Rule(messages, chosen=True),
        "usage": oracle.Rule(visits),
        "contact": oracle.Rule(None),
        "account": oracle.Rule(None),
        "financial": oracle.Rule(financial, outlives=True),
    }


def _cells(row: oracle.Row, at: datetime) -> dict[str, object]:
    return {
        "workspace_id": row.workspace,
        "received_at": at,
        "contact_token": row.contact,
        "happened_at": row.at,
    }


def _table(lines: Sequence[Mapping[str, object]], schema: Schema) -> pa.Table:
    fields = pa.schema([(name, _TYPES[type_]) for name, type_ in schema])
    return pa.Table.from_pylist(
        [{name: line.get(name) for name, _ in schema} for line in lines], schema=fields
    )


def days(count: float) -> timedelta:
    return timedelta(days=count)


def noon(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(hours=12)
