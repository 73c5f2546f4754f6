"""List store files: live, kept by a legal hold only, or removed and not unlinked yet."""

import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from warehouse.ledger.file import LedgerFile, now

# Live, and not kept by a legal hold alone.
_IN_SIGHT = "removed is null and hold is null"


@dataclass(frozen=True, slots=True)
class Part:
    """Describe one store file.

    Attributes:
        partition: Hive path, e.g. `event_date=2026-03-01/retention_days=90`.
        key_name: The Parquet key that encrypts it.
        path: Relative to the data directory; empty until the file is written, as ``bytes`` is 0.
        columns: Names of the columns in the file; older files may lack newer columns.
        hold: Name of the legal hold that keeps it out of sight; None = an ordinary file.
    """

    source: str
    partition: str
    key_name: str
    rows: int
    batch_id: str
    path: str = ""
    bytes: int = 0
    columns: tuple[str, ...] = ()
    event_date: date | None = None
    retention_days: int | None = None
    hold: str | None = None


# Of a part in the ledger.
COLUMNS = tuple(field.name for field in fields(Part))


class Parts(LedgerFile):
    """Read and note store files. `Ledger.commit` adds and removes them."""

    def live_parts(self, source: str | None = None, *, under: str = "") -> list[Part]:
        """List live store files, of one source or all, whose partition starts with ``under``; by path.

        Files that only a legal hold keeps are left out: nobody may use them.
        """
        return self._parts(
            f"{_IN_SIGHT} and (? is null or source = ?) and substr(partition, 1, length(?)) = ?",
            *(source, source, under, under),
        )

    def parts_through(self, source: str, retention_days: int, day: date, *, after: date) -> list[Part]:
        """List live files of one class whose event day is later than ``after`` and not later than ``day``."""
        return self._parts(
            f"{_IN_SIGHT} and source = ? and retention_days = ? and event_date > ? and event_date <= ?",
            *(source, retention_days, after.isoformat(), day.isoformat()),
        )

    def held_parts(self) -> list[Part]:
        """List store files that only a legal hold keeps, by path."""
        return self._parts("removed is null and hold is not null")

    def removed_parts(self, *, before: int, removed_before: datetime) -> list[Part]:
        """List files that are hidden but not unlinked, and that no reader needs any more.

        They were hidden at generation ``before`` or earlier, or longer ago than the longest lease.
        """
        return self._parts(
            "removed is not null and unlinked_at is null and (removed <= ? or removed_at < ?)",
            *(before, removed_before.isoformat()),
        )

    def has_hidden_files(self) -> bool:
        """Return whether a file that was removed is still on disk."""
        sql = "select 1 from parts where removed is not null and unlinked_at is null limit 1"
        return bool(self.read(sql))

    def _parts(self, where: str, *parameters: object) -> list[Part]:
        rows = self.read(f"select {', '.join(COLUMNS)} from parts where {where} order by path", *parameters)
        return [_part(row) for row in rows]

    def sources(self) -> frozenset[str]:
        """Return the data sets that have files, held ones included."""
        rows = self.read("select distinct source from parts where removed is null")
        return frozenset(r["source"] for r in rows)

    def live_classes(self) -> list[tuple[str, int]]:
        """List the (data set, retention class) pairs that have files by day."""
        rows = self.read(
            f"select distinct source, retention_days from parts where {_IN_SIGHT} "
            "and event_date is not null order by 1, 2"
        )
        return [(r["source"], r["retention_days"]) for r in rows]

    def live_days(self, source: str) -> list[tuple[date, int]]:
        """List the event days of one source with their rows, oldest first."""
        rows = self.read(
            f"select event_date, sum(rows) as rows from parts where {_IN_SIGHT} and source = ? "
            "and event_date is not null group by event_date order by event_date",
            source,
        )
        return [(date.fromisoformat(r["event_date"]), r["rows"]) for r in rows]

    def first_days(self) -> dict[str, date]:
        """Return data set → the first event day that ever had rows."""
        rows = self.read(
            "select source, min(event_date) as day from parts where event_date is not null group by source"
        )
        return {r["source"]: date.fromisoformat(r["day"]) for r in rows}

    def changed_since(self, generation: int) -> list[tuple[str, date | None]]:
        """List the (source, event day) pairs whose files changed after a generation; of entities, no day."""
        rows = self.read(
            "select distinct source, event_date from parts where added > ? or removed > ? order by 1, 2",
            *(generation, generation),
        )
        return [(r["source"], date.fromisoformat(r["event_date"]) if r["event_date"] else None) for r in rows]

    def known_paths(self) -> frozenset[str]:
        """Return the paths of all files that are live or wait for their removal."""
        return frozenset(r["path"] for r in self.read("select path from parts where unlinked_at is null"))

    def mark_unlinked(self, parts: Sequence[Part], *, destroyed: Sequence[str] = ()) -> None:
        """Record that the files of removed parts are gone from disk, and the keys that went with them."""
        with self.transaction() as connection:
            connection.executemany(
                "update parts set unlinked_at = ? where path = ?", [(now(), p.path) for p in parts]
            )
            connection.executemany(
                "insert into destroyed_keys values (?, ?)", [(name, now()) for name in destroyed]
            )

    def key_names(self) -> list[str]:
        """List the Parquet keys that files on disk need."""
        rows = self.read("select distinct key_name from parts where unlinked_at is null")
        return [r["key_name"] for r in rows]

    def unused_keys(self, names: Collection[str], *, besides: Sequence[Part] = ()) -> list[str]:
        """List those of some keys that no file on disk needs, apart from some files; in order of name."""
        leaving = Counter(part.key_name for part in besides)
        used = "select count(*) as files from parts where key_name = ? and unlinked_at is null"
        return sorted(name for name in set(names) if self.read(used, name)[0]["files"] <= leaving[name])

    def rows_by_decision(self, source: str) -> dict[str, int]:
        """Count rows of all files a source ever had: under `live`, or under why they were removed."""
        rows = self.read(
            "select decision, sum(rows) as rows from ("
            "select coalesce(removed_why, 'live') as decision, rows from parts where source = ? "
            "union all select decision, rows from row_decisions where source = ?) group by 1 order by 1",
            *(source, source),
        )
        return {r["decision"]: r["rows"] for r in rows}

    def dirty_days(self) -> list[tuple[str, date]]:
        """List the (source, event day) pairs changed since they were last closed, oldest first."""
        rows = self.read("select source, event_date from dirty_days order by event_date, source")
        return [(r["source"], date.fromisoformat(r["event_date"])) for r in rows]

    def clear_dirty_days(self, *, until: date, generation: int) -> None:
        """Forget changes of days up to ``until`` that were seen at ``generation``."""
        with self.transaction() as connection:
            connection.execute(
                "delete from dirty_days where event_date <= ? and generation <= ?",
                (until.isoformat(), generation),
            )


def cells_of(part: Part) -> dict[str, object]:
    """Return what the ledger stores of a part, by column."""
    day = part.event_date and part.event_date.isoformat()
    cells = {name: getattr(part, name) for name in COLUMNS}
    return {**cells, "columns": ",".join(part.columns), "event_date": day}


def _part(row: sqlite3.Row) -> Part:
    day = date.fromisoformat(row["event_date"]) if row["event_date"] else None
    return Part(**{**dict(row), "columns": tuple(row["columns"].split(",")), "event_date": day})
