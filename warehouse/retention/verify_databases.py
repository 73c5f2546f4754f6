"""Verify the DuckDB files: only anonymous tables, only of living workspaces, no leftover blocks.

And Dagster's own records, which have a window like all other data.
"""

import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from warehouse.errors import KeyringError
from warehouse.home import Home
from warehouse.keys.keyring import KeyStore
from warehouse.ledger.ledger import Ledger
from warehouse.publishing.publish import PUBLISHED_SCHEMAS, is_as_left
from warehouse.publishing.releases import changed_after_release
from warehouse.publishing.revisions import SCHEMA as REVISIONS
from warehouse.retention.account_end import INTERNAL_SCHEMA
from warehouse.retention.databases import needs_rewrite
from warehouse.retention.finding import REPORT, Finding
from warehouse.store.connection import connect, identifier, number, quoted, tables_in
from warehouse.store.session import attach_database

# `reference` holds lists that ship with the code.
_SCHEMAS = {
    "warehouse": {*PUBLISHED_SCHEMAS, "reference", INTERNAL_SCHEMA, REVISIONS},
    "published": set(PUBLISHED_SCHEMAS.values()),
}
_RESTORE = "The difference of two releases may be one person. Restore it from a backup of before."
_WORKSPACE = "workspace_key"
# Tables that name single workspaces on purpose; their rows go when the account ends.
_NAMING = "dim_published_"
# No anonymous table has one of these; surrogates are called `_key`.
_PERSONAL = re.compile(r".*_(token|id|email|phone|network|url|at)|email|phone|received_at|event_date|body.*")
# Deleted contents stay in free blocks until the file is rewritten, which each apply does.
LONGEST_UNREWRITTEN = timedelta(days=1)

# Where Dagster keeps what happened, and since when. Lists of what exists have no window.
_DAGSTER_TABLES = {
    "runs": "create_timestamp",
    "event_logs": "timestamp",
    "job_ticks": "timestamp",
    "bulk_actions": "timestamp",
    "asset_check_executions": "create_timestamp",
}


@dataclass(frozen=True, slots=True)
class Keys:
    """Hold what stands for workspaces in published tables: for living ones, and for no single one."""

    living: frozenset[str]
    coarse: frozenset[str]


def database_findings(home: Home, *, ledger: Ledger, keyring: KeyStore, keys: Keys) -> Iterator[Finding]:
    """Report what is wrong with the warehouse file and the published copy; the caller holds the lock."""
    with closing(connect(tmp=home.tmp)) as connection:
        for name, path in (("warehouse", home.warehouse_path), ("published", home.published_path)):
            if not path.exists():
                continue
            try:
                if name == "warehouse":
                    attach_database(connection, path, alias=name, keyring=keyring, read_only=True)
                else:
                    connection.execute(f"attach {quoted(str(path))} as {name} (read_only)")
                yield from _contents(connection, name, keys)
                # A copy from which a workspace was withdrawn has to differ until the next publication.
                is_released = name == "warehouse" or is_as_left(home, ledger)
                if is_released and (changed := changed_after_release(ledger, connection, database=name)):
                    yield Finding(path.name, "released slice(s) that changed since", len(changed), _RESTORE)
                yield from _leftovers(connection, home, ledger, name, path)
            except (duckdb.Error, KeyringError) as error:
                kind = "its key is missing" if isinstance(error, KeyringError) else type(error).__name__
                yield Finding(path.name, f"file that could not be read ({kind})", 1, REPORT)
    # In homes older than decision 0091 the copy lay below the data: nobody takes ended accounts out of it.
    copies = (*home.published.iterdir(), *(home.data / "published").glob("*"))
    # A hidden file is a copy that is being written; one that a crash left has a window of its own (tmp).
    others = [path for path in copies if path != home.published_path and not path.name.startswith(".")]
    if others:
        yield Finding("published", "file(s) beside the one published copy", len(others), REPORT)


def dagster_findings(home: Home, *, days: int, as_of: datetime) -> Iterator[Finding]:
    """Report Dagster's records of runs, events and ticks that are past their window."""
    # A run ages from its end, so its first records may be a day older.
    last = datetime.combine(as_of.date() - timedelta(days=days + 1), datetime.min.time())
    old: dict[str, int] = {}
    for path in sorted((home.dagster / "storage").rglob("*.db")):
        try:
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
                for table, rows in _old_rows(connection, last):
                    old[table] = old.get(table, 0) + rows
        except sqlite3.Error as error:
            kind = type(error).__name__
            yield Finding("dagster", f"database that could not be read ({kind})", 1, REPORT)
    for table, rows in old.items():
        yield Finding("dagster", f"record(s) in {table} older than {days} days", rows)


def _contents(connection: duckdb.DuckDBPyConnection, database: str, keys: Keys) -> Iterator[Finding]:
    for (schema, table), columns in tables_in(connection, database).items():
        place = f"{database}: {schema}.{table}"
        if schema not in _SCHEMAS[database]:
            yield Finding(place, "table where only views may be: its rows cannot be erased", 1, REPORT)
        if personal := [name for name in columns if _PERSONAL.fullmatch(name)]:
            yield Finding(place, f"column(s) of rows about persons ({', '.join(personal)})", 1, REPORT)
        if _WORKSPACE in columns:
            allowed = keys.living if table.startswith(_NAMING) else keys.living | keys.coarse
            yield from _strangers(
                connection, f"{database}.{identifier(schema)}.{identifier(table)}", place, allowed
            )


def _strangers(
    connection: duckdb.DuckDBPyConnection, table: str, place: str, allowed: Collection[str]
) -> Iterator[Finding]:
    sql = f"select count(*) from {table} where not list_contains(?::varchar[], {_WORKSPACE})"
    if rows := number(connection, sql, [sorted(allowed)]):
        yield Finding(place, "row(s) of workspaces that have ended, or that no account data knows", rows)


def _leftovers(
    connection: duckdb.DuckDBPyConnection, home: Home, ledger: Ledger, database: str, path: Path
) -> Iterator[Finding]:
    sql = "select free_blocks from pragma_database_size() where database_name = ?"
    free = number(connection, sql, [database])
    if database == "warehouse":
        may_have = needs_rewrite(home, ledger) and _is_fresh(path)
    else:
        # A copy that was only ever added to: what its free blocks keep is still in its tables.
        may_have = is_as_left(home, ledger)
    if free and not may_have:
        yield Finding(path.name, "free block(s), which keep what was deleted: rewrite it by copy", free)
    log = path.with_name(f"{path.name}.wal")
    if log.exists() and not _is_fresh(log):
        yield Finding(log.name, "write-ahead log that a crash left, which keeps what was deleted", 1)


def _is_fresh(path: Path) -> bool:
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return datetime.now(UTC) - changed < LONGEST_UNREWRITTEN


def _old_rows(connection: sqlite3.Connection, last: datetime) -> Iterator[tuple[str, int]]:
    tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
    for table, column in _DAGSTER_TABLES.items():
        if table in tables:
            # Some are stored as text, some as seconds.
            (rows,) = connection.execute(
                f"select count(*) from {table} where case when typeof({column}) = 'text' "
                f"then {column} < ? else {column} < ? end",
                (last.isoformat(sep=" "), last.replace(tzinfo=UTC).timestamp()),
            ).fetchone()
            if rows:
                yield table, rows
