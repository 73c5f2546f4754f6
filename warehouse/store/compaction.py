"""Compact the store: the parts of a closed day become one."""

import secrets
from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime

import duckdb

from warehouse.errors import ConflictError
from warehouse.home import Home
from warehouse.keys.locks import reader_lease, writer_lease
from warehouse.ledger.batches import Commit
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.store.connection import Engine, without_values
from warehouse.store.part_files import write_part
from warehouse.store.views import raw_scan


def compact_day(
    home: Home, *, ledger: Ledger, engine: Engine, source: str, day: date, as_of: datetime
) -> int:
    """Rewrite each partition of a closed day as one part, in order of workspace; return parts replaced.

    The same rows; if another batch adds to the day meanwhile, nothing is replaced and 0 returned.
    """
    # Most days are not crowded, and leases cost more than a look.
    if not _crowded_partitions(ledger, source, day):
        return 0
    batch_id = f"compact{secrets.token_hex(8)}"
    with writer_lease(home.locks, batch_id), reader_lease(home.locks, ledger.generation()):
        snapshot = ledger.generation()
        if not (crowded := _crowded_partitions(ledger, source, day)):
            return 0
        problem = "its parts could not be merged"
        with without_values(source, problem), closing(engine.cursor()) as connection:
            added = [
                _merged(connection, parts, batch_id=batch_id, home=home, engine=engine) for parts in crowded
            ]
        removed = {part: "compacted" for parts in crowded for part in parts}
        change = Commit(batch_id, as_of, snapshot, added=added, removed=removed)
        try:
            ledger.commit(change)
        except ConflictError:
            for part in added:
                (home.data / part.path).unlink(missing_ok=True)
            return 0
    return len(removed)


def _crowded_partitions(ledger: Ledger, source: str, day: date) -> list[list[Part]]:
    by_partition: dict[str, list[Part]] = defaultdict(list)
    for part in ledger.live_parts(source, under=f"event_date={day}/"):
        by_partition[part.partition].append(part)
    return [parts for parts in by_partition.values() if len(parts) > 1]


def _merged(
    connection: duckdb.DuckDBPyConnection, parts: list[Part], *, batch_id: str, home: Home, engine: Engine
) -> Part:
    engine.add_keys(connection, (part.key_name for part in parts))
    query = f"select * from ({raw_scan(parts, data=home.data)}) order by workspace_id, received_at"
    rows = sum(part.rows for part in parts)
    template = replace(parts[0], rows=rows, columns=(), batch_id=batch_id)
    return write_part(connection, template, query, home=home, engine=engine)
