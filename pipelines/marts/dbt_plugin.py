"""Attach store and warehouse to dbt's connection in process; define `surrogate` and `record_key`."""

from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.flags import get_flags
from duckdb import DuckDBPyConnection

from pipelines.disclosure.surrogates import register_record_key, register_surrogate
from pipelines.runtime import runtime_of
from pipelines.settings import home_from_environment
from pipelines.windows.completeness import store_tables
from warehouse.errors import StoreError
from warehouse.home import Home
from warehouse.store.connection import is_library_checked
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
        config["allow_unsigned_extensions"] = is_library_checked()

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Add keys, create the store's views, attach the warehouse file, define the functions."""
        runtime = runtime_of(self._home)
        days = (runtime.store.ledger.live_days(source) for source in runtime.declarations.contracts)
        if max((rows for found in days for _, rows in found), default=0) < _ROWS_FOR_MORE_THREADS:
            conn.execute("set threads = 1")
        tables = store_tables(*runtime)
        runtime.store.engine.release()
        try:
            attach(
                conn,
                home=self._home,
                keyring=runtime.store.keyring,
                schemas=runtime.declarations.schemas,
                tables=tables,
            )
        except duckdb.Error as error:
            raise StoreError("store", f"it could not be opened for dbt ({type(error).__name__})") from None
        register_surrogate(conn, runtime.store.keyring)
        register_record_key(conn, runtime.store.keyring)


def _home() -> Home:
    """Return the warehouse that dbt writes below; without one, the one that the environment names.

    Not by a variable or by the profile: with either another dbt would read the whole project again.
    """
    target = get_flags().TARGET_PATH  # type: ignore[no-untyped-call]
    return (target and Home.of_dbt_target(Path(target))) or home_from_environment()
