"""Keep retention's records in the ledger: windows, horizons, account ends, tombstones, gaps, pending work.

Workspaces appear as subjects only: keyed hashes, which name nobody to a reader without the key. Work that is
pending is the one exception: it must know whose keys to destroy, and is erased when done.
"""

import hmac
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from warehouse.keys.keyring import KeyStore, Purpose
from warehouse.ledger.ledger import Ledger

# Stands for every workspace that has no record of its own.
DEFAULT_SUBJECT = ""
# Name of the LEDGER key under which workspaces become subjects.
SUBJECT_KEY = "subject"

_SUBJECT_HEX = 32


def subject_key(keyring: KeyStore) -> bytes:
    """Return the key under which workspaces become subjects."""
    return keyring.get(Purpose.LEDGER, SUBJECT_KEY)


def subject(key: bytes, workspace_id: str) -> str:
    """Return what stands for a workspace in everything that outlives it: HMAC-SHA-256, 32 hex characters."""
    return hmac.digest(key, workspace_id.encode(), "sha256").hex()[:_SUBJECT_HEX]


@dataclass(frozen=True, slots=True)
class AppliedWindow:
    """Hold the class of a subject's rows of a category, and the digest of the choices that led to it."""

    days: int
    history: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Mark a partition that lost all or some rows; ``evidence`` is the number of the entry that proves it."""

    source: str
    event_date: date
    retention_days: int
    deleted_as_of: datetime
    evidence: int


@dataclass(frozen=True, slots=True)
class Pending:
    """Hold a plan whose store part is committed and whose other steps may not be done yet.

    Attributes:
        workspaces: Ended workspaces that must leave the marts and whose surrogate keys go.
        released: Those of them whose pseudonym keys go too: no hold needs them.
        rewrites_database: Whether the warehouse file holds what must go.
    """

    plan_hash: str
    as_of: datetime
    workspaces: tuple[str, ...]
    released: tuple[str, ...]
    rewrites_database: bool


def epoch(ledger: Ledger) -> int:
    """Count changes of windows, account ends and holds; a batch that began in another epoch is refused."""
    return int(ledger.value("retention_epoch") or 0)


def advance_epoch(connection: sqlite3.Connection) -> None:
    """Refuse every batch that has begun."""
    connection.execute(
        "insert into meta values ('retention_epoch', '1') "
        "on conflict (name) do update set value = cast(cast(value as integer) + 1 as text)"
    )


def inputs_digest(ledger: Ledger) -> str:
    """Return the digest of the retention inputs at the last apply; empty before the first."""
    return ledger.value("retention_inputs") or ""


def applied_as_of(ledger: Ledger) -> datetime | None:
    """Return the clock of the last apply; None before the first."""
    value = ledger.value("retention_as_of")
    return datetime.fromisoformat(value) if value else None


def note_applied(connection: sqlite3.Connection, *, digest: str, as_of: datetime) -> None:
    """Record which retention inputs were applied, and when."""
    values = [("retention_inputs", digest), ("retention_as_of", as_of.isoformat())]
    connection.executemany("replace into meta values (?, ?)", values)


def applied_windows(ledger: Ledger) -> dict[tuple[str, str], AppliedWindow]:
    """Return (category, subject) → the class its rows are in."""
    return {
        (r["category"], r["subject"]): AppliedWindow(r["days"], r["history"])
        for r in ledger.read("select * from applied_windows")
    }


def set_applied_windows(
    connection: sqlite3.Connection, windows: Mapping[tuple[str, str], AppliedWindow]
) -> None:
    """Record the classes in which the rows are now."""
    connection.executemany(
        "replace into applied_windows values (?, ?, ?, ?)",
        [(category, who, w.days, w.history) for (category, who), w in windows.items()],
    )


def horizons(ledger: Ledger) -> dict[tuple[str, str], date]:
    """Return (category, subject) → newest event day that was ever past its window; nothing so old comes back.

    A workspace without a record of its own has that of the default subject.
    """
    return {
        (r["category"], r["subject"]): date.fromisoformat(r["through"])
        for r in ledger.read("select * from horizons")
    }


def raise_horizons(connection: sqlite3.Connection, reached: Mapping[tuple[str, str], date]) -> None:
    """Move horizons forward; never back."""
    connection.executemany(
        "insert into horizons values (?, ?, ?) "
        "on conflict (category, subject) do update set through = max(through, excluded.through)",
        [(category, who, through.isoformat()) for (category, who), through in reached.items()],
    )


def lower_horizons(connection: sqlite3.Connection, to: Mapping[tuple[str, str], date]) -> None:
    """Move horizons back, for a clock that is set back."""
    connection.executemany(
        "update horizons set through = ? where category = ? and subject = ?",
        [(through.isoformat(), category, who) for (category, who), through in to.items()],
    )


def refused(ledger: Ledger) -> dict[str, date]:
    """Return the subject of each ended workspace → since when. Its rows are not taken in again."""
    rows = ledger.read("select subject, since from terminated")
    return {r["subject"]: date.fromisoformat(r["since"]) for r in rows}


def note_terminated(connection: sqlite3.Connection, subjects: Iterable[str], *, since: date) -> None:
    """Remember ended workspaces."""
    connection.executemany(
        "insert or ignore into terminated values (?, ?)", [(s, since.isoformat()) for s in subjects]
    )


def forget_terminated(connection: sqlite3.Connection, *, after: date) -> None:
    """Take rows of workspaces that ended after a day in again."""
    connection.execute("delete from terminated where since > ?", (after.isoformat(),))


def tombstones(ledger: Ledger, source: str | None = None) -> list[Tombstone]:
    """List partitions that lost rows for good, of one data set or all; by data set and day."""
    rows = ledger.read(
        "select source, event_date, retention_days, deleted_as_of, evidence from tombstones "
        "where ? is null or source = ? order by source, event_date, retention_days",
        *(source, source),
    )
    return [
        Tombstone(source, date.fromisoformat(day), days, datetime.fromisoformat(at), evidence)
        for source, day, days, at, evidence in rows
    ]


def set_tombstones(connection: sqlite3.Connection, stones: Iterable[Tombstone]) -> None:
    """Remember partitions that lost rows; the last loss counts."""
    connection.executemany(
        "replace into tombstones values (?, ?, ?, ?, ?)",
        [
            (s.source, s.event_date.isoformat(), s.retention_days, s.deleted_as_of.isoformat(), s.evidence)
            for s in stones
        ],
    )


def gaps(ledger: Ledger) -> list[date]:
    """List days whose rows were deleted before their slice was built, oldest first."""
    return [date.fromisoformat(day) for (day,) in ledger.read("select event_date from gaps order by 1")]


def note_gaps(connection: sqlite3.Connection, days: Iterable[date], *, as_of: datetime) -> None:
    """Remember days whose rows were deleted before their slice was built."""
    connection.executemany(
        "insert or ignore into gaps values (?, ?)", [(d.isoformat(), as_of.isoformat()) for d in days]
    )


def add_row_decisions(connection: sqlite3.Connection, rows: Mapping[tuple[str, str], int]) -> None:
    """Count rows that went although their file lives on, rewritten: (data set, why) → rows."""
    connection.executemany(
        "insert into row_decisions values (?, ?, ?) "
        "on conflict (source, decision) do update set rows = rows + excluded.rows",
        [(source, decision, count) for (source, decision), count in rows.items()],
    )


def pending(ledger: Ledger) -> list[Pending]:
    """List plans whose steps after the commit are not all done, oldest first."""
    found = []
    for row in ledger.read("select * from pending order by as_of, plan_hash"):
        body = json.loads(row["body"])
        workspaces, released = tuple(body["workspaces"]), tuple(body["released"])
        as_of = datetime.fromisoformat(row["as_of"])
        found.append(Pending(row["plan_hash"], as_of, workspaces, released, body["rewrites_database"]))
    return found


def set_pending(connection: sqlite3.Connection, work: Pending) -> None:
    """Remember what is to be done after the commit."""
    body = {
        "workspaces": work.workspaces,
        "released": work.released,
        "rewrites_database": work.rewrites_database,
    }
    connection.execute(
        "replace into pending values (?, ?, ?)", (work.plan_hash, work.as_of.isoformat(), json.dumps(body))
    )


def clear_pending(ledger: Ledger, work: Sequence[Pending]) -> None:
    """Forget work that is done, and leave no copy of it in the ledger's files."""
    with ledger.transaction() as connection:
        connection.executemany("delete from pending where plan_hash = ?", [(w.plan_hash,) for w in work])
    ledger.checkpoint()
