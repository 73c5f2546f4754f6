"""Create the tables of the ledger (`schema.sql`)."""

import sqlite3
from importlib import resources

from warehouse.errors import FormatError

# Raised by whoever changes what a ledger, the store or the cubes hold, so that older ones are told apart.
FORMAT = 2


def create_schema(connection: sqlite3.Connection) -> None:
    """Make the tables, indexes and triggers that are missing; in a new file all at once.

    Each commit waits for the disk, and a file without a table would wait forty times.

    Raises:
        FormatError: The ledger is of another version of this software.
    """
    is_new = connection.execute("select 1 from sqlite_schema").fetchone() is None
    (found,) = connection.execute("pragma user_version").fetchone()
    if not is_new and found != FORMAT:
        raise FormatError(found, FORMAT)
    schema = resources.files("warehouse.ledger").joinpath("schema.sql").read_text("utf-8")
    made = f"pragma user_version = {FORMAT}; {schema}"
    connection.executescript(f"begin immediate; {made} commit;" if is_new else schema)
