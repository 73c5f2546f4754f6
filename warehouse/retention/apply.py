"""Carry out a plan in the store: write files anew, then commit once what is hidden, added and remembered.

What comes after the commit (unlinking, other files, databases, keys) is remembered as pending in the same
commit, so that a crash at any point is finished by the next run. Before the commit, nothing has happened.
"""

import secrets
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace

import duckdb

from warehouse.errors import ConflictError, RowsError
from warehouse.home import Home
from warehouse.keys.keyring import Purpose
from warehouse.keys.locks import reader_lease, writer_lease
from warehouse.ledger.batches import Commit
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.progress import Progress, silent
from warehouse.retention import evidence, journal, records, suppression
from warehouse.retention.errors import PlanError
from warehouse.retention.plan import CLASS, GONE, HOLD, Plan
from warehouse.retention.plan_entry import APPLIED, entry_of
from warehouse.retention.planner import Planned
from warehouse.retention.planning.keys import event_key
from warehouse.retention.rows import RowDecisions
from warehouse.store.connection import Engine, without_values
from warehouse.store.part_files import discard_uncommitted, write_part
from warehouse.store.sketches import sketch_path, write_sketch

# Why a file was removed: some of its rows live on in others, or all went.
REWRITTEN = "rewritten"
EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Applied:
    """Say what the commit of a plan did.

    Attributes:
        evidence: Number of the entry; None if nothing was due.
    """

    plan: Plan
    evidence: int | None
    parts_removed: int


def commit_plan(
    home: Home, planned: Planned, *, ledger: Ledger, engine: Engine, progress: Progress = silent
) -> Applied:
    """Carry out the store's part of a plan: all of it, or nothing.

    Raises:
        ConflictError: A file of the plan was replaced meanwhile, or one came that may have rows of an erased
            person; plan again.
        PlanError: Rows do not come out as planned.
        KeyringError, StoreError: A file cannot be read or written.
    """
    batch_id = f"retention{secrets.token_hex(8)}"
    written: list[Part] = []
    with writer_lease(home.locks, batch_id), reader_lease(home.locks, ledger.generation()):
        committed = False
        try:
            _write_anew(home, planned, written, batch_id=batch_id, engine=engine, progress=progress)
            number = _commit(home, planned, written, ledger=ledger, engine=engine, batch_id=batch_id)
            committed = True
        finally:
            if not committed:
                discard_uncommitted(home, ledger, written)
    return Applied(planned.plan, number, len(planned.plan.parts))


def _write_anew(
    home: Home, planned: Planned, written: list[Part], *, batch_id: str, engine: Engine, progress: Progress
) -> None:
    """Write what stays, moves or is held of files that lose some of their rows; add it to ``written``."""
    mixed = [item for item in planned.plan.parts if not item.is_whole]
    with closing(RowDecisions(engine, data=home.data)) as decisions:
        for done, item in enumerate(mixed):
            progress("rewrite", done, len(mixed))
            part, case = planned.parts[item.path], planned.cases[item.path]
            rows: Counter[str] = Counter()
            for outcome in item.outcomes:
                rows[outcome.to] += outcome.rows
            for to, count in sorted(rows.items()):
                if to != GONE:
                    template = replace(_moved(part, to), rows=count, batch_id=batch_id)
                    query = decisions.select(case, part, to)
                    written.append(_write(decisions.connection, template, query, home=home, engine=engine))
                    if sketch_path(home, part).exists():
                        write_sketch(
                            decisions.connection, written[-1], home=home, engine=engine, batch_id=batch_id
                        )


def _write(
    connection: duckdb.DuckDBPyConnection, template: Part, query: str, *, home: Home, engine: Engine
) -> Part:
    try:
        with without_values(template.source, "its files could not be rewritten"):
            return write_part(connection, template, query, home=home, engine=engine)
    except RowsError:
        raise PlanError(f"{template.source}: a file would not have the rows that were planned") from None


def _moved(part: Part, to: str) -> Part:
    """Return the part that rows of a file go to: in the same place, in another class, under a hold."""
    kind, _, which = to.partition(" ")
    if kind == HOLD:
        # A file that was held before lies below the hold that ended.
        own = part.partition.partition("/")[2] if part.hold is not None else part.partition
        return replace(part, partition=f"hold={which}/{own}", hold=which, key_name=f"hold.{which}")
    if kind == CLASS:
        days = int(which)
        partition = f"event_date={part.event_date}/retention_days={days}"
        return replace(part, partition=partition, retention_days=days, key_name=event_key(part, to))
    if part.event_date is None:
        # State is rewritten under a new key each time, so that what it replaces can be destroyed.
        return replace(part, key_name=f"{part.key_name.rpartition('.')[0]}.{secrets.token_hex(6)}")
    return part


def _commit(
    home: Home, planned: Planned, written: list[Part], *, ledger: Ledger, engine: Engine, batch_id: str
) -> int | None:
    plan = planned.plan
    number: int | None = None
    sealing = engine.keyring.get(Purpose.LEDGER, evidence.KEY)
    naming = records.subject_key(engine.keyring)
    rules_changed = plan.inputs != records.inputs_digest(ledger)

    def also(connection: sqlite3.Connection, generation: int) -> None:
        nonlocal number
        if plan.erasures and generation != planned.generation + 1:
            raise ConflictError([])
        if not plan.is_empty:
            body = entry_of(plan)
            number = evidence.append(connection, key=sealing, kind=APPLIED, as_of=plan.as_of, body=body)
            _remember_deletion(connection, planned, number)
        _remember(connection, planned, naming=naming, rules_changed=rules_changed)
        suppression.suppress(
            connection, planned.inputs.erasures, keyring=engine.keyring, subject_key=naming, as_of=plan.as_of
        )

    if plan.parts or plan.erasures:
        removed = {planned.parts[i.path]: EXPIRED if i.is_whole else REWRITTEN for i in plan.parts}
        snapshot = ledger.generation()
        ledger.commit(Commit(batch_id, plan.as_of, snapshot, added=written, removed=removed, also=also))
    else:
        with ledger.transaction() as connection:
            also(connection, 0)
    evidence.write_anchor(ledger, home.keys / evidence.ANCHOR)
    return number


def _remember(
    connection: sqlite3.Connection, planned: Planned, *, naming: bytes, rules_changed: bool
) -> None:
    """Record what was decided by which retention inputs."""
    plan = planned.plan
    for decisions in planned.decisions.values():
        records.set_applied_windows(connection, decisions.applied)
        records.raise_horizons(connection, decisions.horizons)
    records.note_applied(connection, digest=plan.inputs, as_of=plan.as_of)
    if rules_changed or plan.account_ends or plan.erasures:
        records.advance_epoch(connection)
    if rules_changed:
        journal.remember(connection, planned.inputs, key=naming, as_of=plan.as_of)
    records.note_terminated(connection, (end.subject for end in plan.account_ends), since=plan.as_of.date())
    records.note_gaps(connection, plan.gaps, as_of=plan.as_of)


def _remember_deletion(connection: sqlite3.Connection, planned: Planned, number: int) -> None:
    """Record what the entry of this number proves, and the work that is left to do."""
    plan = planned.plan
    losing = [item for item in plan.parts if any(outcome.to == GONE for outcome in item.outcomes)]
    rows: Counter[tuple[str, str]] = Counter()
    stones = []
    for item in losing:
        part = planned.parts[item.path]
        if not item.is_whole:
            rows[item.source, EXPIRED] += sum(o.rows for o in item.outcomes if o.to == GONE)
        if part.event_date is not None and part.retention_days is not None:
            day, days = part.event_date, part.retention_days
            stones.append(records.Tombstone(part.source, day, days, plan.as_of, number))
    records.add_row_decisions(connection, rows)
    records.set_tombstones(connection, stones)
    records.set_pending(
        connection,
        records.Pending(
            plan_hash=plan.hash,
            as_of=plan.as_of,
            workspaces=planned.workspaces,
            released=planned.released,
            rewrites_database=plan.rewrites_database,
        ),
    )
