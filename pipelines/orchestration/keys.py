"""Share what all Dagster definitions need: keys, days, pools, retries, errors without values."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import dagster as dg

from anonymizers.errors import AnonymizerError
from pipelines.declarations.errors import PipelineError
from warehouse.errors import ConflictError, LockedError, WarehouseError

# Dagster's UI slows beyond some 100,000 partition keys: twenty day-partitioned assets reach that
# number 13 years after this day. No event day of a running warehouse lies before it.
FIRST_DAY = "2024-01-01"
# Rows arrive for the running day, so its partition is there before the day is over.
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone="UTC", end_offset=1)

# One writer of `warehouse.duckdb`; ingestion never waits for it. Pools hold one op each (dagster.yaml).
WRITER_POOL = "warehouse"

# The job that builds slices; it takes the store as it is.
MARTS_JOB = "marts"

# For what passes by itself (`_PASSING`); anything else fails at once.
RETRIES = dg.RetryPolicy(max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)

_PASSING = (ConflictError, LockedError, OSError, sqlite3.OperationalError)


def inbox_key(feed: str) -> dg.AssetKey:
    """Return the key of a feed's inbox; prefixed like a dbt model, for the graph shows last parts only."""
    return dg.AssetKey(["inbox", f"inbox_{feed.replace('/', '_')}"])


def batches_key(feed: str) -> dg.AssetKey:
    """Return the key of a feed's batches."""
    return dg.AssetKey(["batches", f"batches_{feed.replace('/', '_')}"])


def store_key(source: str) -> dg.AssetKey:
    """Return the key of a contract's stored rows."""
    return dg.AssetKey(["store", source])


def published_key() -> dg.AssetKey:
    """Return the key of the published copy."""
    return dg.AssetKey(["published", "marts"])


def retention_key() -> dg.AssetKey:
    """Return the key of the evidence: what was deleted, when and under which rule."""
    return dg.AssetKey(["retention", "evidence"])


def months_key() -> dg.AssetKey:
    """Return the key of the complete months."""
    return dg.AssetKey(["retention", "months"])


def identities_key() -> dg.AssetKey:
    """Return the key of the identity graph."""
    return dg.AssetKey(["identity", "contacts"])


def team(name: str) -> str:
    """Return an owner, spelt as Dagster wants it."""
    return f"team:{name}"


def day_range(first: date, last: date) -> dict[str, str]:
    """Run tags that select all partitions from ``first`` to ``last``, both inclusive."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def selected_days(context: dg.AssetExecutionContext) -> tuple[date, date] | None:
    """Return the first and last day of the run's partitions; None in a run without partitions."""
    if not context.has_partition_key and not context.has_partition_key_range:
        return None
    keys = context.partition_key_range
    return date.fromisoformat(keys.start), date.fromisoformat(keys.end)


def days_between(first: date, last: date) -> list[date]:
    """Return all days from ``first`` to ``last``, both inclusive."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@contextmanager
def values_stay_inside() -> Iterator[None]:
    """Replace errors that may quote a value: Dagster keeps messages longer than any retention window.

    Our own messages never hold values, so they pass. Of any other error only its type and its origin in
    the code are shown.

    Raises:
        dg.Failure: In place of any error; retried unless trying again cannot help.
    """
    try:
        yield
    except dg.Failure:
        raise
    except (PipelineError, AnonymizerError, WarehouseError) as error:
        raise dg.Failure(description=str(error), allow_retries=isinstance(error, _PASSING)) from None
    except Exception as error:  # noqa: BLE001 - nothing may pass as it is
        raise dg.Failure(
            description=f"{type(error).__name__} in {_origin(error)}.",
            allow_retries=isinstance(error, _PASSING),
        ) from None


def _origin(error: Exception) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "unknown code"
    return f"{traceback.tb_frame.f_globals.get('__name__', '?')}, line {traceback.tb_lineno}"
