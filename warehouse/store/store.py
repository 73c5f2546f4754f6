"""Hold one opened warehouse on disk: its directories, keys, ledger and DuckDB engine."""

from dataclasses import dataclass
from functools import cached_property

from warehouse.home import Home
from warehouse.keys.keyring import KeyRing
from warehouse.ledger.ledger import Ledger
from warehouse.store.connection import Engine
from warehouse.store.reading import CachedReader


@dataclass(frozen=True)
class Store:
    """Hold what reads and writes one warehouse; put together once per process."""

    home: Home
    keyring: KeyRing
    ledger: Ledger
    engine: Engine

    @cached_property
    def reader(self) -> CachedReader:
        """Return a reader of small data sets that reads each once."""
        return CachedReader(self.home, ledger=self.ledger, engine=self.engine)
