"""What commands that read have in common: the published copy, and the restricted zone, which is logged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines.cli.report import ERR
from pipelines.errors import PipelineError
from pipelines.runtime import Runtime
from warehouse.session import open_session


class NothingPublishedError(PipelineError):
    """There is no published copy yet."""

    def __init__(self) -> None:
        super().__init__("Nothing is published yet. Run `wasms run` (or `make demo`) first.")


def published_path(runtime: Runtime) -> Path:
    """The published copy.

    Raises:
        NothingPublishedError: There is none.
    """
    path = runtime.home.published_path
    if not path.exists():
        raise NothingPublishedError
    return path


@contextmanager
def restricted_zone(
    runtime: Runtime, *, what: str, warning: str, memory_limit: str = "2GB"
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The restricted zone as the current schema, read only; the access is logged before anything is read.

    Args:
        what: The command, for the log.
        warning: What the reader is told.
    """
    runtime.ledger.log_access(what)
    ERR.print(f"{warning} This access is logged.")
    with open_session(
        runtime.home, schemas=runtime.schemas, read_only=True, memory_limit=memory_limit, timeout_s=30
    ) as connection:
        connection.execute("set schema 'warehouse.restricted'")
        yield connection
