"""Share what all Dagster definitions need: keys, days, pools, retries, errors without values."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import dagster as dg

from anonymizers.errors import AnonymizerError
from pipelines.declarations.errors import PipelineError
from warehouse.errors import ConflictError, LockedError, WarehouseError

# One writer of `warehouse.duckdb`; ingestion never waits for it. Pools hold one op each (dagster.yaml).
WRITER_POOL, INBOX_POOL = "warehouse", "inbox"

# For what passes by itself (`_PASSING`); anything else fails at once.
RETRIES = dg.RetryPolicy(max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)

# Of what a night makes: a night may be late, not fail.
NIGHTLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=30))

# Keys of assets of which there is one each.
PUBLISHED = dg.AssetKey(["published", "marts"])
PORTAL = dg.AssetKey(["published", "portal"])
# The evidence: what was deleted, when and under which rule.
EVIDENCE = dg.AssetKey(["retention", "evidence"])
MONTHS = dg.AssetKey(["retention", "months"])
IDENTITIES = dg.AssetKey(["identity", "contacts"])
# Files in the inbox that lie in no feed's folder.
STRAY_FILES = dg.AssetKey(["inbox", "inbox_elsewhere"])

_PASSING = (ConflictError, LockedError, OSError, sqlite3.OperationalError)


def days_from(first: date, clock: date | None) -> dg.DailyPartitionsDefinition:
    """Return the days from the first that has rows.

    Args:
        clock: The last day, where the clock stands still. Else the running day, for which rows arrive.
    """
    if clock is not None:
        after = (max(clock, first) + timedelta(days=1)).isoformat()
        return dg.DailyPartitionsDefinition(start_date=first.isoformat(), end_date=after, timezone="UTC")
    return dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone="UTC", end_offset=1)


def months_from(first: date, clock: date | None) -> dg.MonthlyPartitionsDefinition:
    """Return the months from the first that has rows, up to the last that is over."""
    month = first.replace(day=1)
    end = max(clock.replace(day=1), month) if clock else None
    return dg.MonthlyPartitionsDefinition(
        start_date=month.isoformat(), end_date=end.isoformat() if end else None, timezone="UTC"
    )


def inbox_key(feed: str) -> dg.AssetKey:
    """Return the key of a feed's inbox; prefixed like a dbt model, for the graph shows last parts only."""
    return dg.AssetKey(["inbox", f"inbox_{feed.replace('/', '_')}"])


def batches_key(feed: str) -> dg.AssetKey:
    """Return the key of a feed's batches."""
    return dg.AssetKey(["batches", f"batches_{feed.replace('/', '_')}"])


def store_key(source: str) -> dg.AssetKey:
    """Return the key of a contract's stored rows."""
    return dg.AssetKey(["store", source])


def team(name: str) -> str:
    """Return an owner, spelt as Dagster wants it."""
    return f"team:{name}"


def day_range(first: date, last: date) -> dict[str, str]:
    """Run tags that select all partitions from ``first`` to ``last``, both inclusive."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def selected_periods(context: dg.AssetExecutionContext) -> list[date]:
    """Return the days, or the first days of months, that the run was asked for.

    Raises:
        dg.Failure: None was.
    """
    if not context.has_partition_key and not context.has_partition_key_range:
        raise dg.Failure(
            description="Cubes are built by day or month: choose partitions.", allow_retries=False
        )
    return [date.fromisoformat(key) for key in context.partition_keys]


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
