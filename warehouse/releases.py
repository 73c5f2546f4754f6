"""Released slices of cubes: published once, then unchanged for ever but for the end of an account.

A slice built again after somebody was erased would differ from the published one by that person. So what
is published is recorded by its hash, and nothing is published that differs from its record.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb

from warehouse.connection import identifier
from warehouse.errors import ThawedSliceError, UnreleasedSliceError
from warehouse.ledger import Ledger

_CUBES = "cubes"
PERIODS = ("send_date", "month")


@dataclass(frozen=True, order=True, slots=True)
class Slice:
    """What a cube says of one period.

    Attributes:
        period: Its day, or the first day of its month.
        digest: SHA-256 over its rows, whatever their order.
    """

    cube: str
    period: date
    digest: str
    rows: int


def slices_in(connection: duckdb.DuckDBPyConnection, *, cubes: Collection[str] | None = None) -> list[Slice]:
    """All slices of the attached database `warehouse`, or of some of its cubes; in order."""
    listed = connection.execute(
        "select table_name, column_name from duckdb_columns() "
        "where database_name = 'warehouse' and schema_name = ? order by table_name, column_index",
        [_CUBES],
    ).fetchall()
    columns: dict[str, list[str]] = {}
    for table, column in listed:
        columns.setdefault(table, []).append(column)
    return sorted(
        each
        for cube, names in columns.items()
        if cubes is None or cube in cubes
        for each in _slices_of(connection, cube, names)
    )


def _slices_of(connection: duckdb.DuckDBPyConnection, cube: str, columns: Iterable[str]) -> Iterable[Slice]:
    names = list(columns)
    period = identifier(next(name for name in PERIODS if name in names))
    # A null and the text that stands for it must differ, and so must two values and one with a separator.
    cells = ", ".join(
        f"coalesce(len({c}::varchar) || ':' || {c}::varchar, '-')" for c in map(identifier, names)
    )
    rows = connection.execute(
        f"select {period}, sha256(string_agg(digest, '' order by digest)), count(*) from "
        f"(select {period}, sha256(concat_ws(',', {cells})) as digest "
        f"from warehouse.{_CUBES}.{identifier(cube)}) group by {period}"
    ).fetchall()
    return [Slice(cube, day, digest, count) for day, digest, count in rows]


def released(ledger: Ledger) -> dict[tuple[str, date], Slice]:
    """The record of every released slice, by cube and period."""
    rows = ledger.read("select cube, period, digest, rows from released_slices where ended_at is null")
    slices = (Slice(r["cube"], date.fromisoformat(r["period"]), r["digest"], r["rows"]) for r in rows)
    return {(each.cube, each.period): each for each in slices}


def released_periods(ledger: Ledger, *, suffix: str) -> frozenset[date]:
    """Periods of which some cube is released; ``suffix`` is `_daily` or `_monthly`."""
    rows = ledger.read(
        "select distinct period from released_slices where ended_at is null and cube like ?", f"%{suffix}"
    )
    return frozenset(date.fromisoformat(row["period"]) for row in rows)


def unreleased(
    ledger: Ledger, slices: Iterable[Slice], *, renewed: Collection[tuple[str, date]] = ()
) -> list[Slice]:
    """The slices that are not recorded yet.

    Args:
        renewed: Slices that were built again on purpose: what is recorded of them is an earlier line.

    Raises:
        ThawedSliceError: A recorded slice is gone or differs from its record.
    """
    present = {(each.cube, each.period): each for each in slices}
    known = {key: record for key, record in released(ledger).items() if key not in renewed}
    changed = sorted(key for key, record in known.items() if differs(record, present.get(key)))
    if changed:
        raise ThawedSliceError(changed)
    return sorted(each for key, each in present.items() if key not in known)


def differs(record: Slice, now: Slice | None) -> bool:
    """Whether a slice is another one than recorded; None: it has no row."""
    # A cube without a row for a period has no slice there, then as now.
    return record.rows > 0 if now is None else record != now


def release(ledger: Ledger, slices: Iterable[Slice], *, why: str) -> None:
    """Record slices; from now on they do not change. A recorded one gets a new record, with its reason."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with ledger.transaction() as connection:
        for each in slices:
            key = (each.cube, each.period.isoformat())
            line = connection.execute(
                "select coalesce(max(line), 0) + 1 from released_slices where cube = ? and period = ?", key
            ).fetchone()[0]
            connection.execute(
                "update released_slices set ended_at = ? where cube = ? and period = ? and ended_at is null",
                (now, *key),
            )
            connection.execute(
                "insert into released_slices (cube, period, line, digest, rows, why, released_at) "
                "values (?, ?, ?, ?, ?, ?, ?)",
                (*key, line, each.digest, each.rows, why, now),
            )


@dataclass(frozen=True, slots=True)
class Renewed:
    """Slices of one cube that were recorded again at once.

    Attributes:
        line: 2 for the first time.
        released_at: ISO 8601, UTC.
    """

    cube: str
    first: date
    last: date
    line: int
    slices: int
    released_at: str
    why: str


def renewals(ledger: Ledger) -> list[Renewed]:
    """All slices that were recorded more than once, by time and cube."""
    rows = ledger.read(
        "select cube, min(period) as first, max(period) as last, line, count(*) as slices, released_at, why "
        "from released_slices where line > 1 group by cube, line, released_at, why "
        "order by released_at, cube, line"
    )
    return [
        Renewed(
            cube=row["cube"],
            first=date.fromisoformat(row["first"]),
            last=date.fromisoformat(row["last"]),
            line=row["line"],
            slices=row["slices"],
            released_at=row["released_at"],
            why=row["why"],
        )
        for row in rows
    ]


def expect_change(ledger: Ledger, slices: Collection[tuple[str, date]]) -> None:
    """Note slices that are about to be changed for a reason that is allowed to: an account's end.

    Before the change is committed, so that a crash after it leaves no slice that looks tampered with.
    """
    with ledger.transaction() as connection:
        connection.executemany(
            "update released_slices set is_changing = 1 where cube = ? and period = ? and ended_at is null",
            [(cube, period.isoformat()) for cube, period in slices],
        )


def renew(ledger: Ledger, connection: duckdb.DuckDBPyConnection, *, why: str) -> None:
    """Record again the slices of which a change was expected, as they are now.

    Args:
        connection: With the database `warehouse` attached, after the change.
    """
    rows = ledger.read("select cube, period from released_slices where is_changing = 1 and ended_at is null")
    changing = [(row["cube"], date.fromisoformat(row["period"])) for row in rows]
    if not changing:
        return
    now = {(s.cube, s.period): s for s in slices_in(connection, cubes={cube for cube, _ in changing})}
    release(ledger, [now.get(key, Slice(*key, digest="", rows=0)) for key in changing], why=why)


def check_released(ledger: Ledger, connection: duckdb.DuckDBPyConnection) -> None:
    """Let nothing be published but what was released, as it was.

    Raises:
        ThawedSliceError: A slice differs from its record.
        UnreleasedSliceError: A slice has none.
    """
    if waiting := unreleased(ledger, slices_in(connection)):
        raise UnreleasedSliceError([(each.cube, each.period) for each in waiting])
