"""Reading the store without the warehouse file: a few columns of one data set, as a table."""

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from warehouse.connection import Engine, add_parquet_keys, identifier
from warehouse.errors import StoreError
from warehouse.home import Home
from warehouse.ledger import Ledger, Part
from warehouse.locks import reader_lease
from warehouse.views import Schema, create_views, raw_scan


def read_columns(
    home: Home, *, ledger: Ledger, engine: Engine, source: str, schema: Schema, columns: Sequence[str]
) -> pa.Table:
    """All living rows of a data set, the given columns, in no order.

    Raises:
        KeyringError: A key is missing.
        StoreError: A file could not be read.
    """
    with reader_lease(home.locks, ledger.generation()):
        connection = engine.cursor()
        try:
            parts = ledger.live_parts(source)
            add_parquet_keys(connection, engine.keyring, (part.key_name for part in parts))
            create_views(connection, parts, data=home.data, schemas={source: schema})
            names = ", ".join(identifier(column) for column in columns)
            return connection.execute(
                f"select {names} from memory.store.{identifier(source)}"
            ).to_arrow_table()
        except duckdb.Error as error:
            raise StoreError(source, f"the store could not be read ({type(error).__name__})") from None
        finally:
            connection.close()


def read_parts(home: Home, *, engine: Engine, parts: Sequence[Part]) -> pa.Table:
    """All rows of some store files as they were written, in the order of the files.

    Raises:
        KeyringError: A key is missing.
        StoreError: A file could not be read.
    """
    connection = engine.cursor()
    try:
        add_parquet_keys(connection, engine.keyring, (part.key_name for part in parts))
        return connection.execute(raw_scan(parts, data=home.data)).to_arrow_table()
    except duckdb.Error as error:
        source = parts[0].source if parts else "store"
        raise StoreError(source, f"the store could not be read ({type(error).__name__})") from None
    finally:
        connection.close()
