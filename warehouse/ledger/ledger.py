"""Commit changes of the store to the ledger, which says what files are live and what each batch did."""

import sqlite3

from warehouse.errors import ConflictError, DuplicateBatchError, RulesChangedError
from warehouse.ledger.batches import Batches, Commit, reconcile
from warehouse.ledger.file import now
from warehouse.ledger.parts import COLUMNS, Parts, cells_of
from warehouse.ledger.state import State


class Ledger(Parts, Batches, State):
    """Read everything that the ledger knows, and commit changes: the only commit of the store."""

    def commit(self, change: Commit) -> int:
        """Apply one change, or nothing of it; return the new generation.

        Raises:
            DuplicateBatchError: The same content was committed for the feed before.
            ConflictError: A watched partition got a part after ``snapshot``, or a part to be removed
                is not live any more. Read again and retry.
            RulesChangedError: Retention's epoch is not the one of the change.
            ReconciliationError: The counts of a source do not add up to the rows read.
        """
        reconcile(change)
        with self.transaction() as connection:
            duplicate = connection.execute(
                "select 1 from batches where feed = ? and content_hash = ?",
                (change.feed, change.content_hash),
            ).fetchone()
            if duplicate:
                raise DuplicateBatchError
            _check_epoch(connection, change)
            _check_conflicts(connection, change)
            row = connection.execute("select value from meta where name = 'generation'").fetchone()
            generation = int(row["value"]) + 1 if row else 1
            connection.execute("replace into meta values ('generation', ?)", (str(generation),))
            _write_batch(connection, change, generation)
            _write_parts(connection, change, generation)
            if change.also is not None:
                change.also(connection, generation)
        return generation


def _write_batch(connection: sqlite3.Connection, change: Commit, generation: int) -> None:
    """Record what a file brought; a change of no feed brought nothing new."""
    if change.feed is None:
        return
    connection.execute(
        "insert into batches values (?, ?, ?, ?, ?, ?)",
        (change.batch_id, change.feed, change.content_hash, change.as_of.isoformat(), now(), generation),
    )
    connection.executemany(
        "insert into counts values (?, ?, ?, ?, ?)",
        [(change.batch_id, c.source, c.outcome, c.reason, c.rows) for c in change.counts],
    )
    connection.executemany(
        "replace into dirty_days values (?, ?, ?)",
        {(p.source, p.event_date.isoformat(), generation) for p in change.added if p.event_date},
    )


def _write_parts(connection: sqlite3.Connection, change: Commit, generation: int) -> None:
    columns = (*COLUMNS, "added")
    connection.executemany(
        f"insert into parts ({', '.join(columns)}) values ({', '.join(f':{name}' for name in columns)})",
        [{**cells_of(part), "added": generation} for part in change.added],
    )
    connection.executemany(
        "update parts set removed = ?, removed_at = ?, removed_why = ? where path = ?",
        [(generation, now(), why, part.path) for part, why in change.removed.items()],
    )


def _check_epoch(connection: sqlite3.Connection, change: Commit) -> None:
    row = connection.execute("select value from meta where name = 'retention_epoch'").fetchone()
    if change.epoch is not None and change.epoch != (int(row["value"]) if row else 0):
        raise RulesChangedError


def _check_conflicts(connection: sqlite3.Connection, change: Commit) -> None:
    newer = {
        (row["source"], row["partition"])
        for row in connection.execute(
            "select source, partition from parts where added > ?", (change.snapshot,)
        )
    }
    clashes = [f"{s}/{p}" for s, p in newer if any(s == ws and p.startswith(wp) for ws, wp in change.watched)]
    for part in change.removed:
        live = connection.execute(
            "select 1 from parts where path = ? and removed is null", (part.path,)
        ).fetchone()
        if not live:
            clashes.append(f"{part.source}/{part.partition}")
    if clashes:
        raise ConflictError(sorted(set(clashes)))
