"""Which store files there are: live, kept by a legal hold only, or removed and not unlinked yet."""

import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from warehouse.ledger.file import LedgerFile, now


@dataclass(frozen=True, slots=True)
class Part:
    """One store file.

    Attributes:
        path: Relative to the data directory.
        partition: Hive path, e.g. `event_date=2026-03-01/retention_days=90`.
        key_name: The Parquet key that encrypts it.
        columns: Names of the columns in the file; older files may lack newer columns.
        hold: Name of the legal hold that keeps it out of sight; None = an ordinary file.
    """

    path: str
    source: str
    partition: str
    key_name: str
    rows: int
    bytes: int
    batch_id: str
    columns: tuple[str, ...] = ()
    event_date: date | None = None
    retention_days: int | None = None
    hold: str | None = None


class Parts(LedgerFile):
    """Read and note store files; `Ledger.commit` adds and removes them."""

    def live_parts(self, source: str | None = None, *, under: str = "") -> list[Part]:
        """Live store files, of one source or all, whose partition starts with ``under``; by path.

        Without those that only a legal hold keeps: nobody may use them.
        """
        rows = self.read(
            "select * from parts where removed is null and hold is null and (? is null or source = ?) "
            "and substr(partition, 1, length(?)) = ? order by path",
            *(source, source, under, under),
        )
        return [_part(row) for row in rows]

    def sources(self) -> frozenset[str]:
        """Data sets of which there are files, held ones included."""
        rows = self.read("select distinct source from parts where removed is null")
        return frozenset(r["source"] for r in rows)

    def live_classes(self) -> list[tuple[str, int]]:
        """(data set, retention class) pairs of which there are files by day."""
        rows = self.read(
            "select distinct source, retention_days from parts "
            "where removed is null and hold is null and event_date is not null order by 1, 2"
        )
        return [(r["source"], r["retention_days"]) for r in rows]

    def live_days(self, source: str) -> list[tuple[date, int]]:
        """(event day, rows) of one source, oldest first."""
        rows = self.read(
            "select event_date, sum(rows) as rows from parts "
            "where source = ? and removed is null and hold is null and event_date is not null "
            "group by event_date order by event_date",
            source,
        )
        return [(date.fromisoformat(r["event_date"]), r["rows"]) for r in rows]

    def parts_through(self, source: str, retention_days: int, day: date, *, after: date) -> list[Part]:
        """Live files of one class whose event day is later than ``after`` and not later than ``day``."""
        rows = self.read(
            "select * from parts where removed is null and hold is null and source = ? "
            "and retention_days = ? and event_date > ? and event_date <= ? order by path",
            *(source, retention_days, after.isoformat(), day.isoformat()),
        )
        return [_part(row) for row in rows]

    def held_parts(self) -> list[Part]:
        """Store files that only a legal hold keeps, by path."""
        rows = self.read("select * from parts where removed is null and hold is not null order by path")
        return [_part(row) for row in rows]

    def removed_parts(self, *, before: int, removed_before: datetime) -> list[Part]:
        """Files hidden but not unlinked that no reader needs any more.

        Hidden at generation ``before`` or earlier, or longer ago than the longest lease.
        """
        rows = self.read(
            "select * from parts where removed is not null and unlinked_at is null "
            "and (removed <= ? or removed_at < ?) order by path",
            *(before, removed_before.isoformat()),
        )
        return [_part(row) for row in rows]

    def known_paths(self) -> frozenset[str]:
        """Paths of all files that are live or wait for their removal."""
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
        """Names of all Parquet keys that files on disk need."""
        rows = self.read("select distinct key_name from parts where unlinked_at is null")
        return [r["key_name"] for r in rows]

    def unused_keys(self, names: Collection[str], *, besides: Sequence[Part] = ()) -> list[str]:
        """Those of some keys that no file on disk needs, apart from some files; in order of name."""
        leaving = Counter(part.key_name for part in besides)
        used = "select count(*) as files from parts where key_name = ? and unlinked_at is null"
        return sorted(name for name in set(names) if self.read(used, name)[0]["files"] <= leaving[name])

    def rows_by_fate(self, source: str) -> dict[str, int]:
        """Rows of all files a source ever had: under `live`, or under why they or their file was removed."""
        rows = self.read(
            "select fate, sum(rows) as rows from ("
            "select coalesce(removed_why, 'live') as fate, rows from parts where source = ? "
            "union all select fate, rows from row_fates where source = ?) group by 1 order by 1",
            *(source, source),
        )
        return {r["fate"]: r["rows"] for r in rows}

    def dirty_days(self) -> list[tuple[str, date]]:
        """(source, event day) pairs changed since they were last closed, oldest first."""
        rows = self.read("select source, event_date from dirty_days order by event_date, source")
        return [(r["source"], date.fromisoformat(r["event_date"])) for r in rows]

    def clear_dirty_days(self, *, until: date, generation: int) -> None:
        """Forget changes of days up to ``until`` that were seen at ``generation``."""
        with self.transaction() as connection:
            connection.execute(
                "delete from dirty_days where event_date <= ? and generation <= ?",
                (until.isoformat(), generation),
            )


def _part(row: sqlite3.Row) -> Part:
    return Part(
        path=row["path"],
        source=row["source"],
        partition=row["partition"],
        key_name=row["key_name"],
        rows=row["rows"],
        bytes=row["bytes"],
        batch_id=row["batch_id"],
        columns=tuple(row["columns"].split(",")),
        event_date=date.fromisoformat(row["event_date"]) if row["event_date"] else None,
        retention_days=row["retention_days"],
        hold=row["hold"],
    )
