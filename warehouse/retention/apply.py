"""Carrying a plan out in the store: files written anew, then one commit that hides, adds and remembers.

What comes after the commit (unlinking, other files, databases, keys) is remembered as pending in the same
commit, so that a crash at any point is finished by whoever comes next. Before it, nothing has happened.
"""

import json
import secrets
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from warehouse.errors import RowsError, StoreError
from warehouse.home import Home
from warehouse.keys.keyring import Purpose
from warehouse.keys.locks import reader_lease, writer_lease
from warehouse.ledger.batches import Commit
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.progress import Progress, silent
from warehouse.retention import evidence, records
from warehouse.retention import journal as known
from warehouse.retention.errors import PlanError
from warehouse.retention.plan import CLASS, GONE, HOLD, Outcome, PartItem, Plan
from warehouse.retention.planner import Planned, event_key
from warehouse.retention.rows import RowFates
from warehouse.store.connection import Engine
from warehouse.store.parts import discard_uncommitted, write_part

# Why a file was removed whose rows live on in others.
REWRITTEN = "rewritten"
# Kind of the evidence entry that a commit writes.
APPLIED = "retention applied"
_SHORTEST_PREFIX = 8


@dataclass(frozen=True, slots=True)
class Applied:
    """What the commit did.

    Attributes:
        evidence: Number of the entry; None where nothing was due.
    """

    plan: Plan
    evidence: int | None
    parts_removed: int
    parts_written: int


def commit_plan(
    home: Home, planned: Planned, *, ledger: Ledger, engine: Engine, progress: Progress = silent
) -> Applied:
    """Carry out the store's part of a plan: all of it, or nothing.

    Raises:
        ConflictError: A file of the plan was replaced meanwhile; plan again.
        PlanError: Rows do not come out as planned.
        KeyringError, StoreError: A file cannot be read or written.
    """
    batch_id = f"retention{secrets.token_hex(8)}"
    written: list[Part] = []
    with writer_lease(home.locks, batch_id), reader_lease(home.locks, ledger.generation()):
        committed = False
        try:
            written = _write_anew(home, planned, batch_id=batch_id, engine=engine, progress=progress)
            number = _commit(home, planned, written, ledger=ledger, engine=engine, batch_id=batch_id)
            committed = True
        finally:
            if not committed:
                discard_uncommitted(home, ledger, written)
    return Applied(planned.plan, number, len(planned.plan.parts), len(written))


def _write_anew(
    home: Home, planned: Planned, *, batch_id: str, engine: Engine, progress: Progress
) -> list[Part]:
    """Write what stays, moves or is held of files that lose only some of their rows."""
    mixed = [item for item in planned.plan.parts if not item.is_whole]
    written: list[Part] = []
    fates = RowFates(engine, data=home.data)
    try:
        for done, item in enumerate(mixed):
            progress("rewrite", done, len(mixed))
            part, case = planned.parts[item.path], planned.cases[item.path]
            rows: Counter[str] = Counter()
            for outcome in item.outcomes:
                rows[outcome.to] += outcome.rows
            for to, count in sorted(rows.items()):
                if to == GONE:
                    continue
                template = replace(_moved(part, to), rows=count, batch_id=batch_id)
                query = fates.select(case, part, to)
                written.append(_write(fates.connection, template, query, home=home, engine=engine))
    except BaseException:
        for part in written:
            (home.data / part.path).unlink(missing_ok=True)
        raise
    finally:
        fates.close()
    return written


def _write(
    connection: duckdb.DuckDBPyConnection, template: Part, query: str, *, home: Home, engine: Engine
) -> Part:
    try:
        return write_part(connection, template, query, home=home, engine=engine)
    except RowsError as error:
        raise PlanError(str(error)) from None
    except duckdb.Error as error:
        raise StoreError(
            template.source, f"its files could not be rewritten ({type(error).__name__})"
        ) from None


def _moved(part: Part, to: str) -> Part:
    """Where rows of a file go: the same place, another class, a hold."""
    kind, _, which = to.partition(" ")
    if kind == HOLD:
        # A file that was held before lies below the hold that ended.
        own = part.partition.partition("/")[2] if part.hold is not None else part.partition
        return replace(part, partition=f"hold={which}/{own}", hold=which, key_name=f"hold.{which}")
    if kind == CLASS:
        days = int(which)
        return replace(
            part,
            partition=f"event_date={part.event_date}/retention_days={days}",
            retention_days=days,
            key_name=event_key(part, to),
        )
    if part.event_date is None:
        # State is rewritten under a new key each time, so that what it replaces can be destroyed.
        return replace(part, key_name=f"{part.key_name.rpartition('.')[0]}.{secrets.token_hex(6)}")
    return part


def _commit(
    home: Home, planned: Planned, written: list[Part], *, ledger: Ledger, engine: Engine, batch_id: str
) -> int | None:
    plan = planned.plan
    number: int | None = None
    sealing = engine.keyring.get(Purpose.LEDGER, "evidence")
    naming = records.subject_key(engine.keyring)
    rules_changed = plan.facts != records.facts_digest(ledger)

    def also(connection: sqlite3.Connection, _generation: int) -> None:
        nonlocal number
        if not plan.is_empty:
            number = evidence.append(
                connection, key=sealing, kind=APPLIED, as_of=plan.as_of, body=_body(plan)
            )
        _remember(connection, planned, number, naming=naming, rules_changed=rules_changed)

    whole = [planned.parts[item.path] for item in plan.parts if item.is_whole]
    mixed = [planned.parts[item.path] for item in plan.parts if not item.is_whole]
    if plan.parts:
        ledger.commit(
            Commit(
                batch_id=batch_id,
                as_of=plan.as_of,
                snapshot=ledger.generation(),
                added=written,
                removed={**dict.fromkeys(whole, "expired"), **dict.fromkeys(mixed, REWRITTEN)},
                also=also,
            )
        )
    else:
        with ledger.transaction() as connection:
            also(connection, 0)
    evidence.write_anchor(ledger, home.keys / evidence.ANCHOR)
    return number


def _remember(
    connection: sqlite3.Connection,
    planned: Planned,
    number: int | None,
    *,
    naming: bytes,
    rules_changed: bool,
) -> None:
    plan = planned.plan
    for verdicts in planned.verdicts.values():
        records.set_applied_windows(connection, verdicts.applied)
        records.raise_horizons(connection, verdicts.horizons)
    records.note_applied(connection, digest=plan.facts, as_of=plan.as_of)
    if rules_changed or plan.endings:
        records.advance_epoch(connection)
    if rules_changed:
        known.remember(connection, planned.facts, key=naming, as_of=plan.as_of)
    records.note_terminated(connection, (ending.subject for ending in plan.endings), since=plan.as_of.date())
    records.note_gaps(connection, plan.gaps, as_of=plan.as_of)
    records.add_row_fates(connection, _fates(plan.parts))
    if number is None:
        return
    records.set_tombstones(
        connection,
        (
            records.Tombstone(part.source, part.event_date, part.retention_days, plan.as_of, number)
            for item in plan.parts
            if any(outcome.to == GONE for outcome in item.outcomes)
            and (part := planned.parts[item.path]).event_date is not None
            and part.retention_days is not None
        ),
    )
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


def _fates(items: Iterable[PartItem]) -> Mapping[tuple[str, str], int]:
    """Rows that go although their file is written anew."""
    fates: Counter[tuple[str, str]] = Counter()
    for item in items:
        if not item.is_whole:
            for outcome in item.outcomes:
                if outcome.to == GONE:
                    fates[item.source, "expired"] += outcome.rows
    return fates


def _body(plan: Plan) -> dict[str, object]:
    """The evidence of a plan: what went, moved or is held under which rule, in counts."""
    return {
        "plan": plan.hash,
        "policy_version": plan.policy_version,
        "rows_gone": plan.rows_gone,
        "bytes": plan.bytes_gone,
        "files_rewritten": sum(not part.is_whole for part in plan.parts),
        "files_outside_the_store": len(plan.files),
        "keys_to_be_destroyed": len(plan.keys),
        "endings": [ending.subject for ending in plan.endings],
        "gaps": list(plan.gaps),
        "held": [{"hold": name, "rows": rows} for name, rows in plan.held],
        "rows": _by_rule(plan),
    }


def _by_rule(plan: Plan) -> list[dict[str, object]]:
    """Rows by data set, destination and rule, with the days they span."""
    rows: Counter[tuple[str, str, str, str, int | None, date | None]] = Counter()
    partitions: dict[tuple[object, ...], set[str]] = {}
    for part, outcome in plan.outcomes():
        key = _rule_of(part, outcome)
        if key is not None:
            rows[key] += outcome.rows
            partitions.setdefault(key, set()).add(part.partition)
    return [
        {
            "data_set": source,
            "to": to,
            "rule": rule,
            "category": category,
            "window_days": window,
            "policy_version": version,
            "rows": count,
            "partitions": len(partitions[source, to, rule, category, window, version]),
            "first_partition": min(partitions[source, to, rule, category, window, version]),
            "last_partition": max(partitions[source, to, rule, category, window, version]),
        }
        for (source, to, rule, category, window, version), count in sorted(
            rows.items(), key=lambda found: str(found[0])
        )
    ]


def _rule_of(part: PartItem, outcome: Outcome) -> tuple[str, str, str, str, int | None, date | None] | None:
    if outcome.to == "stay":
        return None
    reason = outcome.reason
    return part.source, outcome.to, reason.rule, reason.category, reason.window_days, reason.version


def written_plan(directory: Path, prefix: str) -> tuple[str, datetime]:
    """Hash and clock of the plan whose hash begins so.

    Raises:
        PlanError: There is none, or more than one.
    """
    # `prefix` may be anything, so it is compared, never made a path.
    found = [path for path in directory.glob("*.json") if path.stem.startswith(prefix)]
    if len(prefix) < _SHORTEST_PREFIX or len(found) != 1:
        raise PlanError(f"{len(found)} plan(s) begin with this hash ({_SHORTEST_PREFIX} characters at least)")
    (path,) = found
    return path.stem, datetime.fromisoformat(json.loads(path.read_text("utf-8"))["as_of"])
