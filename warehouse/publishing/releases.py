"""Record released slices of cubes: published once, then unchanged unless an account ends.

A slice built again after a person was erased would differ from the published one by that person. So the
hash of what is published is recorded, and no slice is published that differs from its record.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeAlias

import duckdb

from warehouse.errors import ChangedAfterReleaseError
from warehouse.ledger.ledger import Ledger
from warehouse.store.connection import identifier, quoted, tables_in

# A cube and a period.
Key: TypeAlias = tuple[str, date]
# Name in the ledger's `meta`: how the published copy was left; none where it must begin afresh.
COPY = "published_copy"

CUBES = "cubes"
PERIODS = ("send_date", "month")


@dataclass(frozen=True, order=True, slots=True)
class Slice:
    """Describe what a cube says of one period.

    Attributes:
        period: Its day, or the first day of its month.
        digest: SHA-256 over its rows, whatever their order.
    """

    cube: str
    period: date
    digest: str
    rows: int


def rows_in(connection: duckdb.DuckDBPyConnection, *, database: str = "warehouse") -> dict[Key, int]:
    """Count the rows of every slice in an attached database; cheap, for nothing but periods is read."""
    return {
        (cube, period): rows
        for cube, columns in _columns(connection, database).items()
        for period, rows in connection.execute(
            f"select {_period(columns)}, count(*) from {database}.{CUBES}.{identifier(cube)} group by all"
        ).fetchall()
    }


def slices_in(
    connection: duckdb.DuckDBPyConnection, keys: Iterable[Key], *, database: str = "warehouse"
) -> list[Slice]:
    """Return some slices of an attached database, with their hashes, in order; none where there is no row."""
    periods: dict[str, list[date]] = defaultdict(list)
    for cube, period in keys:
        periods[cube].append(period)
    columns = _columns(connection, database)
    return sorted(
        Slice(cube, *found)
        for cube in periods.keys() & columns.keys()
        for found in _hashed(
            connection, f"{database}.{CUBES}.{identifier(cube)}", columns[cube], periods[cube]
        )
    )


def _columns(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    return {cube: [*columns] for (_, cube), columns in tables_in(connection, database, CUBES).items()}


def period_column(connection: duckdb.DuckDBPyConnection, cube: str) -> str:
    """Return the column that holds the period of a cube's rows."""
    return _period(_columns(connection, "warehouse")[cube])


def _period(columns: Iterable[str]) -> str:
    return identifier(next(name for name in PERIODS if name in set(columns)))


def _hashed(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], periods: Sequence[date]
) -> list[tuple[date, str, int]]:
    """Return period, hash and rows of each slice of a cube that has any."""
    period = _period(columns)
    # Empty cells are left out, so that a column that a cube gains changes no slice that was built before.
    # Names and lengths tell one value from two with a separator, and one column from another.
    cells = ", ".join(
        f"{quoted(c)} || '=' || len({identifier(c)}::varchar) || ':' || {identifier(c)}::varchar"
        for c in columns
    )
    return connection.execute(
        f"select {period}, sha256(string_agg(digest, '' order by digest)), count(*) from "
        f"(select {period}, sha256(concat_ws(',', {cells})) as digest "
        f"from {table} where {period} in (select unnest(?))) group by {period}",
        [list(periods)],
    ).fetchall()


def released(ledger: Ledger) -> dict[Key, Slice]:
    """Return the record of every released slice, by cube and period."""
    rows = ledger.read("select cube, period, digest, rows from released_slices where ended_at is null")
    slices = (Slice(r["cube"], date.fromisoformat(r["period"]), r["digest"], r["rows"]) for r in rows)
    return {(each.cube, each.period): each for each in slices}


def released_periods(ledger: Ledger, *, suffix: str) -> frozenset[date]:
    """Return the periods that some cube is released for; ``suffix`` is `_daily` or `_monthly`."""
    rows = ledger.read(
        "select distinct period from released_slices where ended_at is null and cube like ?", f"%{suffix}"
    )
    return frozenset(date.fromisoformat(row["period"]) for row in rows)


def unreleased(ledger: Ledger, rows: Mapping[Key, int], *, reissued: Collection[Key] = ()) -> list[Key]:
    """Return the slices that are not recorded yet, in order.

    Args:
        rows: Of every slice there is (`rows_in`).
        reissued: Slices that were built again on purpose: the record of them is an earlier revision.

    Raises:
        ChangedAfterReleaseError: A recorded slice is gone, or has more or fewer rows than it had.
    """
    known = {key: record for key, record in released(ledger).items() if key not in reissued}
    changed = sorted(key for key, record in known.items() if record.rows != rows.get(key, 0))
    if changed:
        raise ChangedAfterReleaseError(changed)
    return sorted(rows.keys() - known.keys())


def differs(record: Slice, now: Slice | None) -> bool:
    """Return whether a slice differs from its record; ``now`` is None if it has no row."""
    # A cube without a row for a period has no slice there, then as now.
    return record.rows > 0 if now is None else record != now


def changed_after_release(
    ledger: Ledger,
    connection: duckdb.DuckDBPyConnection,
    keys: Collection[Key] | None = None,
    *,
    database: str = "warehouse",
) -> list[Key]:
    """Return released slices, of some or of all, whose hash is not what was released; in order."""
    records = released(ledger)
    asked = records.keys() if keys is None else records.keys() & set(keys)
    now = {(each.cube, each.period): each for each in slices_in(connection, asked, database=database)}
    return sorted(key for key in asked if differs(records[key], now.get(key)))


def release(ledger: Ledger, slices: Iterable[Slice], *, why: str) -> None:
    """Record slices as released; from now on they do not change. A recorded one gets a new revision.

    The published copy of a slice with a new revision is out of date: `publish` writes the file afresh.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with ledger.transaction() as connection:
        for each in slices:
            key = (each.cube, each.period.isoformat())
            revision = connection.execute(
                "select coalesce(max(revision), 0) + 1 from released_slices where cube = ? and period = ?",
                key,
            ).fetchone()[0]
            connection.execute(
                "update released_slices set ended_at = ? where cube = ? and period = ? and ended_at is null",
                (now, *key),
            )
            connection.execute(
                "insert into released_slices (cube, period, revision, digest, rows, why, released_at) "
                "values (?, ?, ?, ?, ?, ?, ?)",
                (*key, revision, each.digest, each.rows, why, now),
            )
            if revision > 1:
                connection.execute("delete from meta where name = ?", (COPY,))


@dataclass(frozen=True, slots=True)
class RevisionsMade:
    """Describe slices of one cube that were released again at the same time.

    Attributes:
        revision: 2 for the first time.
        released_at: ISO 8601, UTC.
    """

    cube: str
    first: date
    last: date
    revision: int
    slices: int
    released_at: str
    why: str


def revisions_made(ledger: Ledger) -> list[RevisionsMade]:
    """Return all slices that were released more than once, by time and cube."""
    rows = ledger.read(
        "select cube, min(period) as first, max(period) as last, revision, count(*) as slices, released_at, "
        "why from released_slices where revision > 1 group by cube, revision, released_at, why "
        "order by released_at, cube, revision"
    )
    return [
        RevisionsMade(
            **{**dict(r), "first": date.fromisoformat(r["first"]), "last": date.fromisoformat(r["last"])}
        )
        for r in rows
    ]


def expect_change(ledger: Ledger, slices: Collection[tuple[str, date]]) -> None:
    """Note slices that are about to change because an account ends, the one reason that is allowed.

    Call it before the change is committed, so that a crash after it leaves no slice that looks tampered with.
    """
    with ledger.transaction() as connection:
        connection.executemany(
            "update released_slices set is_changing = 1 where cube = ? and period = ? and ended_at is null",
            [(cube, period.isoformat()) for cube, period in slices],
        )


def release_changed(ledger: Ledger, connection: duckdb.DuckDBPyConnection, *, why: str) -> None:
    """Release again the slices for which a change was expected, as they are now.

    Args:
        connection: With the database `warehouse` attached, after the change.
    """
    rows = ledger.read("select cube, period from released_slices where is_changing = 1 and ended_at is null")
    changing = [(row["cube"], date.fromisoformat(row["period"])) for row in rows]
    if not changing:
        return
    now = {(s.cube, s.period): s for s in slices_in(connection, changing)}
    release(ledger, [now.get(key, Slice(*key, digest="", rows=0)) for key in changing], why=why)
