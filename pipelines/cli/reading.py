"""Open what commands read: the published copy, and the restricted zone, where access is logged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipelines.cli.report import ERR
from pipelines.declarations.errors import PipelineError
from warehouse.home import Home

if TYPE_CHECKING:
    from pipelines.runtime import Runtime


# Questions to the restricted zone may read all rows there are.
_THREADS = 2
# Facts, what they are made of, and each data set by its contract's name.
_SCHEMAS = "warehouse.restricted,warehouse.intermediate,warehouse.staging,memory.store"


class NothingThereError(PipelineError):
    """There is nothing to read yet."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Nothing is {what} yet. Run `wasms run` (or `make demo`) first.")


def published_path(home: Home) -> Path:
    """Return the path of the published copy.

    Raises:
        NothingThereError: There is none.
    """
    path = home.published_path
    if not path.exists():
        raise NothingThereError("published")
    return path


@contextmanager
def restricted_zone(
    runtime: "Runtime", *, what: str, warning: str, memory_limit: str = "2GB"
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the restricted zone read-only, as the current schema; log the access before anything is read.

    Args:
        what: The command, for the log.
        warning: Text printed before anything is read.

    Raises:
        NothingThereError: No day was built yet, so there are no facts.
    """
    from pipelines.windows.completeness import store_tables
    from warehouse.store.session import open_session

    if not runtime.store.home.warehouse_path.exists():
        raise NothingThereError("built")
    runtime.store.ledger.log_access(what)
    ERR.print(f"{warning} This access is logged.")
    with open_session(
        runtime.store.home,
        schemas=runtime.declarations.schemas,
        tables=store_tables(*runtime),
        read_only=True,
        memory_limit=memory_limit,
        threads=_THREADS,
        timeout_s=30,
    ) as connection:
        connection.execute(f"set search_path = '{_SCHEMAS}'")
        yield connection
