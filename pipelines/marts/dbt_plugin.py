"""What dbt-duckdb loads: attaches store and warehouse in process, defines `surrogate` and `record_key`."""

from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.flags import get_flags
from duckdb import DuckDBPyConnection

from pipelines.declarations.contract import load_contracts
from pipelines.declarations.declarations import view_schema
from pipelines.disclosure.surrogates import register_record_key, register_surrogate
from pipelines.settings import home_from_environment
from warehouse.errors import StoreError
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing
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
