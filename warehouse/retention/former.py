"""The end of an account in cubes and marts: its rows lose their workspace, the sums stay."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import duckdb

from warehouse.connection import connect, identifier
from warehouse.errors import CoarseningError, StoreError
from warehouse.home import Home
from warehouse.keyring import KeyStore
from warehouse.ledger import Ledger
from warehouse.locks import warehouse_lock
from warehouse.session import LOCK_TIMEOUT_S, attach_database

# Sums of ended workspaces may be shown as a group of their own where so many stand behind them (DESIGN 6).
MINIMUM_FORMER_WORKSPACES = 5
OTHER = "other"
FORMER = "former"
# Holds the sums that the groups `other` and `former` are made from; never published.
INTERNAL_SCHEMA = "internal"

_CUBES = "cubes"
_MARTS = "marts"
_WORKSPACE_KEY = "workspace_key"


@dataclass(frozen=True, slots=True)
class Coarsened:
    """Rows that lost their workspace in cubes, rows that went from marts."""

    cube_rows: int = 0
    mart_rows: int = 0


@dataclass(frozen=True, slots=True)
class _Cube:
    """A cube's columns by what becomes of them; with each measure its type, with each amount its currency."""

    name: str
    keys: tuple[str, ...]
    days: tuple[str, ...]
    measures: tuple[tuple[str, str], ...]
    amounts: tuple[tuple[str, str, str], ...]

    @property
    def table(self) -> str:
        return f"warehouse.{_CUBES}.{identifier(self.name)}"

    @property
    def state(self) -> str:
        """Per day the sums of ended workspaces (`former`) and the row they may have to join (`other`)."""
        return f"warehouse.{INTERNAL_SCHEMA}.{identifier(self.name)}"

    @property
    def values(self) -> tuple[str, ...]:
        return (*(m for m, _ in self.measures), *(c for a, _, m in self.amounts for c in (a, m)))

    @property
    def per_day(self) -> str:
        return ", ".join(map(identifier, self.days))

    @property
    def sums(self) -> tuple[str, ...]:
        """Every value over several rows; amounts have no sum where currencies differ or one is missing."""
        return (
            *(f"cast(sum({identifier(m)}) as {t}) as {identifier(m)}" for m, t in self.measures),
            *(text for amount in self.amounts for text in _summed_amount(*amount)),
        )

    def is_group(self, *groups: str) -> str:
        """Condition: the row of a group that holds no workspace of its own."""
        one_of = [" and ".join(f"{identifier(key)} = '{group}'" for key in self.keys) for group in groups]
        return "(" + " or ".join(f"({each})" for each in one_of) + ")"


def coarsen(home: Home, *, keyring: KeyStore, workspace_keys: Collection[str]) -> Coarsened:
    """Take the identity of ended workspaces from cubes and marts; all of it or, on any error, nothing.

    In cubes, rows of ended workspaces are summed over all keys but the day. Where at least
    `MINIMUM_FORMER_WORKSPACES` stand behind a day, the sums are a row of their own, `former`; where fewer
    do, they are part of the day's row `other`, which is made if need be. Every sum over all rows of a day
    is what it was. Distinct contacts add up between workspaces, for no contact is the same in two; of one
    workspace they are counted once per campaign, so their sum is an upper bound. Amounts have no sum where
    currencies differ or one is missing.

    Marts lose the rows and have to be built anew: until then the ledger says that they are unsound, and
    nothing is published.

    Running it again changes nothing; with further workspaces it goes on from there. The caller makes
    sure that no slice in which an ended workspace had a part is built again.

    Args:
        workspace_keys: Surrogates of the ended workspaces.

    Raises:
        CoarseningError: A cube has a column that is neither key, nor day, nor measure.
        LockedError: Another process has the warehouse file.
        StoreError: The file could not be changed.
    """
    if not workspace_keys or not home.warehouse_path.exists():
        return Coarsened()
    ended = sorted(workspace_keys)
    lock = warehouse_lock(home.locks, timeout_s=LOCK_TIMEOUT_S)
    with lock, closing(connect(tmp=home.tmp)) as connection:
        try:
            attach_database(
                connection, home.warehouse_path, alias="warehouse", keyring=keyring, read_only=False
            )
            with _transaction(connection):
                done = coarsen_tables(connection, ended)
                if done != Coarsened():
                    # Before the commit, so that marts that do not fit their cubes are never published.
                    _note_unsound(connection, Ledger(home.ledger_path))
            connection.execute("detach warehouse")
        except duckdb.Error as error:
            reason = f"ended workspaces could not be coarsened ({type(error).__name__})"
            raise StoreError("warehouse.duckdb", reason) from None
    return done


def coarsen_tables(connection: duckdb.DuckDBPyConnection, ended: Sequence[str]) -> Coarsened:
    """`coarsen` in the attached database `warehouse`, within the caller's transaction.

    Raises:
        CoarseningError: A cube has a column that is neither key, nor day, nor measure.
    """
    cubes = [_cube(name, columns) for name, columns in _keyed_tables(connection, _CUBES).items()]
    marts = [f"warehouse.{_MARTS}.{identifier(name)}" for name in _keyed_tables(connection, _MARTS)]
    return Coarsened(
        cube_rows=sum(_coarsen_cube(connection, cube, ended) for cube in cubes),
        mart_rows=sum(_delete(connection, mart, ended) for mart in marts),
    )


def _coarsen_cube(connection: duckdb.DuckDBPyConnection, cube: _Cube, ended: Sequence[str]) -> int:
    """Move the rows of ended workspaces into groups; return how many."""
    row = connection.execute(
        f"select count(*) from {cube.table} where {_WORKSPACE_KEY} in (select unnest($ended))",
        {"ended": ended},
    ).fetchone()
    if not row or not row[0]:
        return 0
    days, values = cube.per_day, "".join(f", {identifier(v)}" for v in cube.values)
    sums = "".join(f", {each}" for each in cube.sums)
    connection.execute(f"create schema if not exists warehouse.{INTERNAL_SCHEMA}")
    connection.execute(
        f"create table if not exists {cube.state} as "
        f"select {days}, '' as part, cast(0 as bigint) as workspaces{values} from {cube.table} limit 0"
    )
    connection.execute(
        f"create or replace temp table ended as select {days}, "
        f"count(distinct {_WORKSPACE_KEY}) as workspaces{sums} from {cube.table} "
        f"where {_WORKSPACE_KEY} in (select unnest($ended)) group by {days}",
        {"ended": ended},
    )
    # The row `other` as dbt built it: what joins it now may have to leave it again.
    connection.execute(
        f"insert into {cube.state} by name select {days}, '{OTHER}' as part, null as workspaces{values} "
        f"from {cube.table} semi join ended using ({days}) anti join {cube.state} using ({days}) "
        f"where {cube.is_group(OTHER)}"
    )
    connection.execute(
        f"create or replace temp table former as select {days}, '{FORMER}' as part, "
        f"cast(sum(workspaces) as bigint) as workspaces{sums} from ("
        f"select * exclude (part) from {cube.state} semi join ended using ({days}) where part = '{FORMER}' "
        f"union all by name from ended) group by {days}"
    )
    _delete_of_days(connection, cube.state, cube, f"part = '{FORMER}'")
    connection.execute(f"insert into {cube.state} by name from former")
    moved = _delete(connection, cube.table, ended)
    _delete_of_days(connection, cube.table, cube, cube.is_group(OTHER, FORMER))
    keys = "".join(f", shown_as as {identifier(key)}" for key in cube.keys)
    connection.execute(
        f"insert into {cube.table} by name select {days}{keys}{sums} from ("
        f"select *, case when workspaces >= {MINIMUM_FORMER_WORKSPACES} then part else '{OTHER}' end "
        f"as shown_as from {cube.state} semi join ended using ({days})) group by {days}, shown_as"
    )
    connection.execute("drop table temp.ended")
    connection.execute("drop table temp.former")
    return moved


def _delete(connection: duckdb.DuckDBPyConnection, table: str, ended: Sequence[str]) -> int:
    row = connection.execute(
        f"delete from {table} where {_WORKSPACE_KEY} in (select unnest($ended))", {"ended": ended}
    ).fetchone()
    return int(row[0]) if row else 0


def _delete_of_days(connection: duckdb.DuckDBPyConnection, table: str, cube: _Cube, condition: str) -> None:
    same_day = " and ".join(f"{table}.{identifier(day)} = ended.{identifier(day)}" for day in cube.days)
    connection.execute(f"delete from {table} where {condition} and exists (from ended where {same_day})")


def _summed_amount(amount: str, type_: str, currency: str) -> tuple[str, str]:
    # As `summed_cost` in dbt_project/macros/measures.sql.
    amount, currency = identifier(amount), identifier(currency)
    one = f"count(distinct {currency}) = 1 and count({currency}) = count(*) and count({amount}) = count(*)"
    return (
        f"cast(case when {one} then sum({amount}) end as {type_}) as {amount}",
        f"case when {one} then min({currency}) end as {currency}",
    )


def _cube(name: str, columns: Mapping[str, str]) -> _Cube:
    """What becomes of each column.

    Raises:
        CoarseningError: Of some it cannot be said.
    """
    amounts = {
        column: f"{column.removesuffix('_amount')}_currency"
        for column, type_ in columns.items()
        if column.endswith("_amount") and type_.startswith("DECIMAL")
    }
    keys = tuple(c for c, type_ in columns.items() if c.endswith("_key") and type_ == "VARCHAR")
    days = tuple(c for c, type_ in columns.items() if type_ == "DATE")
    measures = tuple((c, type_) for c, type_ in columns.items() if type_ == "BIGINT")
    # A text that is no key may name somebody, and a number that is no count has no sum.
    known = {*keys, *days, *(m for m, _ in measures), *amounts, *amounts.values()}
    doubtful = sorted((set(columns) ^ known) or (set() if days else {"the day"}))
    if doubtful:
        raise CoarseningError(name, doubtful)
    return _Cube(name, keys, days, measures, tuple((a, columns[a], c) for a, c in amounts.items()))


def _keyed_tables(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, dict[str, str]]:
    """Tables of a schema that name workspaces: columns and their types, by name."""
    listed = connection.execute(
        "select table_name, column_name, data_type from duckdb_columns() "
        "where database_name = 'warehouse' and schema_name = ? order by table_name, column_index",
        [schema],
    ).fetchall()
    tables: dict[str, dict[str, str]] = {}
    for table, column, type_ in listed:
        tables.setdefault(table, {})[column] = type_
    return {table: columns for table, columns in tables.items() if _WORKSPACE_KEY in columns}


def _note_unsound(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """Call all marts unsound until they are built again, those too that have no workspaces in them."""
    tables = connection.execute(
        "select table_name from duckdb_tables() where database_name = 'warehouse' and schema_name = ?",
        [_MARTS],
    ).fetchall()
    ledger.set_unsound_marts(ledger.unsound_marts() | {name for (name,) in tables})


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
