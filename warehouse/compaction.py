"""Compaction: the parts of a closed day become one."""

import secrets
from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime

import duckdb

from warehouse.connection import Engine
from warehouse.errors import ConflictError, StoreError
from warehouse.home import Home
from warehouse.ledger import Commit, Ledger, Part
from warehouse.locks import writer_lease
from warehouse.store import write_part
from warehouse.views import raw_scan


def compact_day(
    home: Home, *, ledger: Ledger, engine: Engine, source: str, day: date, as_of: datetime
) -> int:
    """Rewrite each partition of a closed day as one part, in order of workspace; return parts replaced.

    The same rows; if another batch adds to the day meanwhile, nothing is replaced and 0 returned.
    """
    snapshot = ledger.generation()
    by_partition: dict[str, list[Part]] = defaultdict(list)
    for part in ledger.live_parts(source, under=f"event_date={day}/"):
        by_partition[part.partition].append(part)
    batch_id = f"compact{secrets.token_hex(8)}"
    added: list[Part] = []
    removed: list[Part] = []
    with writer_lease(home.locks, batch_id):
        connection = engine.cursor()
        try:
            for parts in by_partition.values():
                if len(parts) < 2:
                    continue
                engine.add_keys(connection, (part.key_name for part in parts))
                query = (
                    f"select * from ({raw_scan(parts, data=home.data)}) order by workspace_id, received_at"
                )
                template = replace(parts[0], rows=sum(p.rows for p in parts), batch_id=batch_id)
                added.append(write_part(connection, template, query, home=home, engine=engine))
                removed.extend(parts)
            if not removed:
                return 0
            ledger.commit(
                Commit(
                    batch_id=batch_id,
                    as_of=as_of,
                    snapshot=snapshot,
                    added=added,
                    removed=removed,
                    removed_why="compacted",
                )
            )
        except ConflictError:
            for part in added:
                (home.data / part.path).unlink(missing_ok=True)
            return 0
        except duckdb.Error as error:
            raise StoreError(source, f"its parts could not be merged ({type(error).__name__})") from None
        finally:
            connection.close()
    return len(removed)
