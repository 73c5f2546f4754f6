"""What commands that read have in common: the published copy, and the restricted zone, which is logged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines.cli.report import ERR
from pipelines.errors import PipelineError
from pipelines.runtime import Runtime
from warehouse.session import open_session


class NothingThereError(PipelineError):
    """There is nothing to read yet."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Nothing is {what} yet. Run `wasms run` (or `make demo`) first.")


def published_path(runtime: Runtime) -> Path:
    """The published copy.

    Raises:
        NothingThereError: There is none.
    """
    path = runtime.home.published_path
    if not path.exists():
        raise NothingThereError("published")
    return path


@contextmanager
def restricted_zone(
    runtime: Runtime, *, what: str, warning: str, memory_limit: str = "2GB"
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The restricted zone as the current schema, read only; the access is logged before anything is read.

    Args:
        what: The command, for the log.
        warning: What the reader is told.

    Raises:
        NothingThereError: No day was built yet, so there are no facts.
    """
    if not runtime.home.warehouse_path.exists():
        raise NothingThereError("built")
    runtime.ledger.log_access(what)
    ERR.print(f"{warning} This access is logged.")
    with open_session(
        runtime.home, schemas=runtime.schemas, read_only=True, memory_limit=memory_limit, timeout_s=30
    ) as connection:
        connection.execute("set schema 'warehouse.restricted'")
        yield connection
