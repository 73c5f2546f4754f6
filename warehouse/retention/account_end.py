"""Remove ended workspaces from cubes and marts; sums over several of them stay."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import duckdb

from warehouse.errors import CoarseningError
from warehouse.home import Home
from warehouse.keys.keyring import KeyStore
from warehouse.keys.locks import warehouse_lock
from warehouse.ledger.ledger import Ledger
from warehouse.publishing.releases import expect_change
from warehouse.publishing.revisions import SCHEMA as REVISIONS
from warehouse.store.connection import identifier, number, tables_in, without_values
from warehouse.store.session import LOCK_TIMEOUT_S, open_warehouse_file

FORMER = "former"
# Holds the sums that the group `former` is made from; never published.
INTERNAL_SCHEMA = "internal"

_CUBES = "cubes"
_MARTS = "marts"
_WORKSPACE_KEY = "workspace_key"
_PATH = ("channel", "message_category", "template_key", "campaign_key")


@dataclass(frozen=True, slots=True)
class Coarsened:
    """Count rows that lost their workspace in cubes, and rows that left marts; name the slices changed."""

    cube_rows: int = 0
    mart_rows: int = 0
    slices: tuple[tuple[str, date], ...] = ()


@dataclass(frozen=True, slots=True)
class _Cube:
    """Sort a cube's columns by what happens to them.

    Attributes:
        period: The slice.
        path: Columns that name a node below the workspace; they read `all` in the sums.
        splits: The free dimension, if there is one.
        measures: Counts, each with the squares of its rounding beside it.
    """

    name: str
    period: str
    path: tuple[str, ...]
    splits: tuple[str, ...]
    measures: tuple[str, ...]

    @property
    def table(self) -> str:
        return f"warehouse.{_CUBES}.{identifier(self.name)}"

    @property
    def state(self) -> str:
        """Return the table of sums of ended workspaces, also of those too few to be shown."""
        return f"warehouse.{INTERNAL_SCHEMA}.{identifier(self.name)}"

    @property
    def cells(self) -> str:
        return ", ".join(map(identifier, (self.period, *self.splits)))

    @property
    def sums(self) -> str:
        """Return the SQL that sums each measure, and its squares."""
        return ", ".join(
            f"cast(sum({m}) as bigint) as {m}, sum({squares}) as {squares}"
            for m, squares in ((identifier(m), identifier(f"{m}_squares")) for m in self.measures)
        )


def coarsen(
    home: Home, *, keyring: KeyStore, workspace_keys: Collection[str], fewest_shown: int
) -> Coarsened:
    """Remove ended workspaces from cubes and marts: all of them or, on any error, none.

    In cubes, the totals of ended workspaces are summed per slice and value of the free dimension. A sum of
    at least ``fewest_shown`` workspaces is shown as the workspace `former`; a smaller one is kept
    unpublished, without any workspace. Rows below the workspace (campaigns and the like) go. Rows of the
    platform and of `other` are cells of their own and stay as they are. Distinct contacts can be added up,
    because no contact is the same in two workspaces.

    Marts lose the rows and have to be built anew: until then the ledger says that they are unsound, and
    nothing is published.

    Running it again changes nothing; further workspaces are added to the sums. The caller makes sure that
    no slice in which an ended workspace had a part is built again.

    Args:
        workspace_keys: Surrogates of the ended workspaces.
        fewest_shown: Workspaces behind a sum that is shown.

    Raises:
        CoarseningError: No rule says what happens to a column of a cube.
        LockedError: Another process has the warehouse file.
        StoreError: The file could not be changed.
    """
    if not workspace_keys or not home.warehouse_path.exists():
        return Coarsened()
    ended = sorted(workspace_keys)
    with (
        warehouse_lock(home.locks, timeout_s=LOCK_TIMEOUT_S),
        without_values(home.warehouse_path.name, "ended workspaces could not be removed"),
        open_warehouse_file(home, keyring=keyring, read_only=False) as connection,
    ):
        with _transaction(connection):
            done = coarsen_tables(connection, ended, fewest_shown=fewest_shown)
            if done != Coarsened():
                # Before the commit, so that marts that do not fit their cubes are never published.
                ledger = Ledger(home.ledger_path)
                marts = {table for _, table in tables_in(connection, "warehouse", _MARTS)}
                ledger.set_unsound_marts(ledger.unsound_marts() | marts)
                expect_change(ledger, done.slices)
        connection.execute("detach warehouse")
    return done


def coarsen_tables(
    connection: duckdb.DuckDBPyConnection, ended: Sequence[str], *, fewest_shown: int
) -> Coarsened:
    """Do what `coarsen` does, in the attached database `warehouse` and the caller's transaction.

    Raises:
        CoarseningError: No rule says what happens to a column of a cube.
    """
    cubes = [_cube(name, columns) for name, columns in _keyed_tables(connection, _CUBES).items()]
    marts = [f"warehouse.{_MARTS}.{identifier(name)}" for name in _keyed_tables(connection, _MARTS)]
    # Earlier revisions are for attacks alone, and leave out ended workspaces.
    for name in _keyed_tables(connection, REVISIONS):
        _delete(connection, f"warehouse.{REVISIONS}.{identifier(name)}", ended)
    slices = tuple((cube.name, period) for cube in cubes for period in _periods(connection, cube, ended))
    return Coarsened(
        cube_rows=sum(_coarsen_cube(connection, cube, ended, fewest_shown=fewest_shown) for cube in cubes),
        mart_rows=sum(_delete(connection, mart, ended) for mart in marts),
        slices=slices,
    )


def _periods(connection: duckdb.DuckDBPyConnection, cube: _Cube, ended: Sequence[str]) -> list[date]:
    rows = connection.execute(
        f"select distinct {identifier(cube.period)} from {cube.table} "
        f"where {_WORKSPACE_KEY} in (select unnest($ended)) order by all",
        {"ended": ended},
    ).fetchall()
    return [period for (period,) in rows]


def _coarsen_cube(
    connection: duckdb.DuckDBPyConnection, cube: _Cube, ended: Sequence[str], *, fewest_shown: int
) -> int:
    """Move the rows of ended workspaces into sums; return how many."""
    if not _periods(connection, cube, ended):
        return 0
    connection.execute(f"create schema if not exists warehouse.{INTERNAL_SCHEMA}")
    own = (
        f"select {cube.cells}, count(*) as workspaces, {cube.sums} from {cube.table} "
        f"where {_WORKSPACE_KEY} in (select unnest($ended)) and level = 'workspace' group by {cube.cells}"
    )
    # Not in one statement with the table's first making, which takes no parameters.
    connection.execute(f"create or replace temp table ended as {own}", {"ended": ended})
    connection.execute(f"create table if not exists {cube.state} as from temp.ended limit 0")
    connection.execute(
        f"create or replace temp table former as select {cube.cells}, "
        f"cast(sum(workspaces) as bigint) as workspaces, {cube.sums} "
        f"from (from {cube.state} union all by name from temp.ended) group by {cube.cells}"
    )
    connection.execute(f"delete from {cube.state}")
    connection.execute(f"insert into {cube.state} by name from temp.former")
    moved = _delete(connection, cube.table, ended)
    _delete(connection, cube.table, [FORMER])
    path = "".join(f", 'all' as {identifier(column)}" for column in cube.path)
    connection.execute(
        f"insert into {cube.table} by name select * exclude (workspaces), 'workspace' as level, "
        f"'{FORMER}' as {_WORKSPACE_KEY}{path} from temp.former "
        f"where workspaces >= {fewest_shown}"
    )
    connection.execute("drop table temp.ended")
    connection.execute("drop table temp.former")
    return moved


def _delete(connection: duckdb.DuckDBPyConnection, table: str, keys: Sequence[str]) -> int:
    sql = f"delete from {table} where {_WORKSPACE_KEY} in (select unnest($keys))"
    return number(connection, sql, {"keys": keys})


def _cube(name: str, columns: Mapping[str, str]) -> _Cube:
    """Sort the columns of a cube by what happens to them.

    Raises:
        CoarseningError: No rule says it for some of them.
    """
    periods = [column for column, type_ in columns.items() if type_ == "DATE"]
    measures = tuple(column for column, type_ in columns.items() if type_ == "BIGINT")
    squares = {f"{measure}_squares" for measure in measures}
    texts = [column for column, type_ in columns.items() if type_ == "VARCHAR"]
    path = tuple(column for column in texts if column in _PATH)
    splits = tuple(column for column in texts if column not in (*_PATH, _WORKSPACE_KEY, "level"))
    known = {*periods, *measures, *squares, *path, *splits[:1], _WORKSPACE_KEY, "level"}
    # A second free text may name somebody, and a number that is no count has no sum.
    doubtful = sorted((set(columns) ^ known) or (set() if len(periods) == 1 else {"the period"}))
    if doubtful:
        raise CoarseningError(name, doubtful)
    return _Cube(name, periods[0], path, splits, measures)


def _keyed_tables(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, dict[str, str]]:
    """Return the tables of a schema that name workspaces: columns and their types, by name."""
    tables = tables_in(connection, "warehouse", schema)
    return {table: columns for (_, table), columns in tables.items() if _WORKSPACE_KEY in columns}


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
