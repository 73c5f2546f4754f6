"""Define the one resource: a handle on the warehouse and its clock."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from pipelines.runtime import Runtime, open_runtime
from warehouse.home import Home


class Warehouse(dg.ConfigurableResource["Warehouse"]):
    """A warehouse, by its directory.

    Attributes:
        home: Directory that holds `data/` and `keys/`.
        as_of: The clock, ISO 8601 in UTC, for warehouses of generated or old data; None = now.
    """

    home: str
    as_of: str | None = None

    _runtime: Runtime | None = PrivateAttr(default=None)

    @property
    def runtime(self) -> Runtime:
        """Return contracts, policy, keys and ledger; opened at first use, then kept for the run."""
        if self._runtime is None:
            self._runtime = open_runtime(Home(Path(self.home)))
        return self._runtime

    def now(self) -> datetime:
        """Return the time that decides expiry and closing, naive UTC."""
        if self.as_of is None:
            return datetime.now(UTC).replace(tzinfo=None)
        at = datetime.fromisoformat(self.as_of)
        return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
