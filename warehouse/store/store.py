"""Hold one opened warehouse on disk: its directories, keys, ledger and DuckDB engine."""

from dataclasses import dataclass, field

import pyarrow as pa

from warehouse.home import Home
from warehouse.keys.keyring import KeyRing
from warehouse.ledger.ledger import Ledger
from warehouse.store.connection import Engine


@dataclass(frozen=True)
class Store:
    """Hold what reads and writes one warehouse; put together once per process.

    Attributes:
        tables_read: What `read_cached` read, by what was asked, with the files it came from.
    """

    home: Home
    keyring: KeyRing
    ledger: Ledger
    engine: Engine
    tables_read: dict[tuple[object, ...], tuple[frozenset[str], pa.Table]] = field(
        default_factory=dict, repr=False, compare=False
    )
