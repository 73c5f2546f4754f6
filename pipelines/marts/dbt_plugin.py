"""What dbt-duckdb loads: attaches store and warehouse in process, defines `surrogate` and `record_key`."""

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.flags import get_flags
from duckdb import DuckDBPyConnection
from duckdb.func import PythonUDFType
from duckdb.sqltypes import INTEGER, VARCHAR

from pipelines.declarations.contract import load_contracts
from pipelines.declarations.declarations import view_schema
from pipelines.disclosure.surrogates import record_keys, surrogate
from pipelines.settings import home_from_environment
from warehouse.errors import StoreError
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing, KeyStore, Purpose
from warehouse.ledger.ledger import Ledger
from warehouse.store.session import attach

# With fewer rows a day more threads cost a quarter more CPU and gain no time.
_ROWS_FOR_MORE_THREADS = 250_000


class Plugin(BasePlugin):
    """Makes a connection that sees `memory.store.*` and `warehouse`; keys stay in this process's memory."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Find the warehouse, and take the memory limit from the profile."""
        self._home = _home()
        self._memory_limit = str(plugin_config["memory_limit"])

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:  # noqa: ARG002
        """Bound the memory; what does not fit spills encrypted (`warehouse.store.connection.prepare`)."""
        self._home.tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
        config["memory_limit"] = self._memory_limit
        config["temp_directory"] = str(self._home.tmp)
        config["autoinstall_known_extensions"] = False

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Add keys, create the store's views, attach the warehouse file, define the functions."""
        if _rows_of_busiest_day(self._home) < _ROWS_FOR_MORE_THREADS:
            conn.execute("set threads = 1")
        keyring = KeyRing(self._home.keys)
        schemas = {name: view_schema(contract) for name, contract in load_contracts().items()}
        try:
            attach(conn, home=self._home, keyring=keyring, schemas=schemas)
        except duckdb.Error as error:
            raise StoreError("store", f"it could not be opened for dbt ({type(error).__name__})") from None
        register_surrogate(conn, keyring)
        register_record_key(conn, keyring)


def _rows_of_busiest_day(home: Home) -> int:
    ledger = Ledger(home.ledger_path)
    return max((rows for source in load_contracts() for _, rows in ledger.live_days(source)), default=0)


def _home() -> Home:
    """The warehouse below which dbt was told to write; run by hand, the one that the environment names.

    Not by a variable or by the profile: with either another dbt would read the whole project again.
    """
    target = get_flags().TARGET_PATH  # type: ignore[no-untyped-call]
    return (target and Home.of_dbt_target(Path(target))) or home_from_environment()


def register_surrogate(connection: DuckDBPyConnection, keyring: KeyStore) -> None:
    """Define the SQL function `surrogate(workspace_id, kind, value)`; null where one of them is null.

    The result stands for a workspace or campaign in published tables (`pipelines.disclosure.surrogates`).
    """

    @cache
    def of_workspace(workspace_id: str, kind: str, value: str) -> str:
        return surrogate(keyring.get(Purpose.SURROGATE, workspace_id), kind, value)

    # Not of type Arrow: up to 1.5.5 at least, DuckDB lets go of the strings such a function returns before it
    # has read them (duckdb issue 20606). Called for each campaign of a slice, not for each message.
    connection.create_function(
        "surrogate", of_workspace, [VARCHAR, VARCHAR, VARCHAR], VARCHAR, type=PythonUDFType.NATIVE
    )


def register_record_key(connection: duckdb.DuckDBPyConnection, keyring: KeyStore) -> None:
    """Define the SQL function `record_key(workspace_id, token)`: 24 bits; see `disclosure.surrogates`."""

    def of_units(workspaces: pa.ChunkedArray, units: pa.ChunkedArray) -> pa.Array:
        names, tokens = pl.Series(workspaces), pl.Series(units)
        keys = {name: keyring.get(Purpose.SURROGATE, name) for name in names.unique().to_list()}
        return record_keys(names, tokens, keys=keys).to_arrow()

    # Numbers come back whole from a function of type Arrow; 50 times as fast as one call per row.
    connection.create_function("record_key", of_units, [VARCHAR, VARCHAR], INTEGER, type=PythonUDFType.ARROW)
