"""What retention remembers in the ledger: windows applied, horizons, endings, tombstones, gaps, work begun.

Workspaces appear as subjects only: keyed hashes, which say nothing once asked about nobody in particular.
The one exception is work that is pending, which must know whose keys to destroy; it is erased when done.
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
    """The key under which workspaces become subjects."""
    return keyring.get(Purpose.LEDGER, SUBJECT_KEY)


def subject(key: bytes, workspace_id: str) -> str:
    """Stands for a workspace in whatever outlives it: HMAC-SHA-256, 32 hex characters."""
    return hmac.digest(key, workspace_id.encode(), "sha256").hex()[:_SUBJECT_HEX]


@dataclass(frozen=True, slots=True)
class AppliedWindow:
    """The class in which a subject's rows of a category are, and the digest of the choices that led there."""

    days: int
    history: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A partition, all or some of whose rows were deleted; ``evidence`` is the number of the entry."""

    source: str
    event_date: date
    retention_days: int
    deleted_as_of: datetime
    evidence: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A day whose rows went before its slice was built."""

    event_date: date
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """A plan whose store part is committed and whose other steps may not be done yet.

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
    """Counts changes of windows, endings and holds; a batch that began in another one is refused."""
    return int(ledger.value("retention_epoch") or 0)


def advance_epoch(connection: sqlite3.Connection) -> None:
    """Refuse every batch that has begun."""
    connection.execute(
        "insert into meta values ('retention_epoch', '1') "
        "on conflict (name) do update set value = cast(cast(value as integer) + 1 as text)"
    )


def facts_digest(ledger: Ledger) -> str:
    """Digest of the facts at the last apply; empty before the first."""
    return ledger.value("retention_facts") or ""


def applied_as_of(ledger: Ledger) -> datetime | None:
    """The clock of the last apply."""
    value = ledger.value("retention_as_of")
    return datetime.fromisoformat(value) if value else None


def note_applied(connection: sqlite3.Connection, *, digest: str, as_of: datetime) -> None:
    """Record which facts were applied, and when."""
    connection.execute("replace into meta values ('retention_facts', ?)", (digest,))
    connection.execute("replace into meta values ('retention_as_of', ?)", (as_of.isoformat(),))


def applied_windows(ledger: Ledger) -> dict[tuple[str, str], AppliedWindow]:
    """(category, subject) → the class its rows are in."""
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
    """(category, subject) → newest event day that was ever past its window; nothing so old comes back.

    A workspace without a row of its own has that of the default subject.
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


def refused(ledger: Ledger) -> dict[str, date]:
    """Subject of each ended workspace → since when. Its rows are not taken in again."""
    rows = ledger.read("select subject, since from terminated")
    return {r["subject"]: date.fromisoformat(r["since"]) for r in rows}


def note_terminated(connection: sqlite3.Connection, subjects: Iterable[str], *, since: date) -> None:
    """Remember ended workspaces."""
    connection.executemany(
        "insert or ignore into terminated values (?, ?)", [(s, since.isoformat()) for s in subjects]
    )


def tombstones(ledger: Ledger, source: str | None = None) -> list[Tombstone]:
    """Partitions that lost rows for good, of one data set or all; by data set and day."""
    rows = ledger.read(
        "select * from tombstones where ? is null or source = ? order by source, event_date, retention_days",
        *(source, source),
    )
    return [
        Tombstone(
            source=r["source"],
            event_date=date.fromisoformat(r["event_date"]),
            retention_days=r["retention_days"],
            deleted_as_of=datetime.fromisoformat(r["deleted_as_of"]),
            evidence=r["evidence"],
        )
        for r in rows
    ]


def set_tombstones(connection: sqlite3.Connection, stones: Iterable[Tombstone]) -> None:
    """Remember partitions that lost rows; the last loss counts."""
    connection.executemany(
        "replace into tombstones values (?, ?, ?, ?, ?)",
        [
            (
                s.source,
                s.event_date.isoformat(),
                s.retention_days,
                s.deleted_as_of.isoformat(),
                s.evidence,
            )
            for s in stones
        ],
    )


def gaps(ledger: Ledger) -> list[Gap]:
    """Days that no slice will ever be built of, oldest first."""
    return [
        Gap(date.fromisoformat(r["event_date"]), datetime.fromisoformat(r["as_of"]))
        for r in ledger.read("select * from gaps order by event_date")
    ]


def note_gaps(connection: sqlite3.Connection, days: Iterable[date], *, as_of: datetime) -> None:
    """Remember days whose rows went unbuilt."""
    connection.executemany(
        "insert or ignore into gaps values (?, ?)", [(d.isoformat(), as_of.isoformat()) for d in days]
    )


def add_row_fates(connection: sqlite3.Connection, fates: Mapping[tuple[str, str], int]) -> None:
    """Count rows that went although their file lives on, rewritten: (data set, fate) → rows."""
    connection.executemany(
        "insert into row_fates values (?, ?, ?) "
        "on conflict (source, fate) do update set rows = rows + excluded.rows",
        [(source, fate, rows) for (source, fate), rows in fates.items()],
    )


def pending(ledger: Ledger) -> list[Pending]:
    """Plans whose steps after the commit are not all done, oldest first."""
    return [_pending(r) for r in ledger.read("select * from pending order by as_of, plan_hash")]


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


def _pending(row: sqlite3.Row) -> Pending:
    body = json.loads(row["body"])
    return Pending(
        plan_hash=row["plan_hash"],
        as_of=datetime.fromisoformat(row["as_of"]),
        workspaces=tuple(body["workspaces"]),
        released=tuple(body["released"]),
        rewrites_database=body["rewrites_database"],
    )
