"""Open what commands read: the published copy, and the restricted zone, where access is logged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipelines.cli.report import ERR
from pipelines.declarations.errors import MetricError, PipelineError
from warehouse.home import Home

if TYPE_CHECKING:
    from pipelines.runtime import Runtime


# Questions to the restricted zone may read all rows there are.
_THREADS = 2
# Facts, and what they are made of. After them comes each data set by its contract's name.
_FACTS = "warehouse.restricted,warehouse.intermediate,warehouse.staging"


class NothingThereError(PipelineError):
    """There is nothing to read yet."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Nothing is {what} yet. Run `wasms run` (or `make demo`) first.")


class NotPublishedYetError(MetricError):
    """A metric was declared after the last publication."""

    def __init__(self, metric: str) -> None:
        super().__init__(
            f"{metric} is declared, but not published yet. `wasms run` publishes it with the next days, "
            "`wasms release reissue` for days that are published already. `wasms metrics query --restricted` "
            "answers at once."
        )


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
def published_copy(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published copy read-only.

    Raises:
        NothingThereError: There is none.
    """
    with duckdb.connect(published_path(home), read_only=True) as connection:
        # A table that is not there is an error, and not a variable of this process that has its name.
        connection.execute("set python_enable_replacements = false")
        yield connection


@contextmanager
def restricted_zone(
    runtime: "Runtime", *, what: str, warning: str, memory_limit: str = "4GB", needs_facts: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the restricted zone read-only, as the current schema; log the access before anything is read.

    Args:
        what: The command, for the log.
        warning: Text printed before anything is read.
        needs_facts: Whether data sets of the store are not enough. Those are there from the first file on,
            facts from the first build.

    Raises:
        NothingThereError: No day was built yet, and facts are needed or no row is there.
    """
    from pipelines.windows.completeness import store_tables
    from warehouse.store.session import open_session

    is_built = runtime.store.home.warehouse_path.exists()
    if not is_built and (needs_facts or not runtime.store.ledger.live_parts()):
        raise NothingThereError("built" if needs_facts else "loaded")
    runtime.store.ledger.log_access(what)
    ERR.print(f"{warning} This access is logged.")
    if not is_built:
        ERR.print("Nothing is built yet: there are data sets (store.<name>), and no facts (fct_*).")
    with open_session(
        runtime.store.home,
        schemas=runtime.declarations.schemas,
        tables=store_tables(*runtime),
        read_only=True,
        memory_limit=memory_limit,
        threads=_THREADS,
        timeout_s=30,
    ) as connection:
        connection.execute(f"set search_path = '{f'{_FACTS},' if is_built else ''}memory.store'")
        yield connection
