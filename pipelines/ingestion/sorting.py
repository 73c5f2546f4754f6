"""Sort out the rows that may not be stored, each under the first reason that applies to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from pipelines.declarations.calendar import CLOCK_SKEW_DAYS
from pipelines.declarations.contract import Contract, Kind
from pipelines.ingestion.channels import as_declared
from pipelines.ingestion.lookups import Reference
from pipelines.windows.inputs import HOLDS

# A time stamp of 2099 must not live for ever; clocks of providers do differ by hours.
LONGEST_CLOCK_SKEW = timedelta(days=CLOCK_SKEW_DAYS)
# What lies in the store or in the clock may be right tomorrow; the records wait in quarantine.
MAY_BE_RIGHT_LATER = frozenset({"unknown_channel", "future_event"})


@dataclass(frozen=True, slots=True, repr=False)
class Sorted:
    """The rows of one data set, sorted. ``repr`` is off: it holds raw rows.

    Attributes:
        rows: Those that may be stored, with `_workspace_id`; events with `_event_date` and `_retention_days`.
        reasons: Reason → rows that are sorted out for it.
        waiting: record, source, reason; of rows that wait in quarantine.
        ended: Workspaces of the rows whose account has ended.
    """

    rows: pl.DataFrame
    reasons: Mapping[str, int]
    waiting: pl.DataFrame
    ended: frozenset[str]


def sort_out(
    rows: pl.DataFrame, contract: Contract, reference: Reference, *, workspace: str | None
) -> Sorted:
    """Find the workspace of each row, and sort out the rows that may not be stored.

    Args:
        rows: Parsed rows of a contract.
        workspace: Workspace of rows whose channel would name it.
    """
    rows = _with_workspace(rows, contract, reference, workspace)
    rows = _with_windows(rows, contract, reference)
    ended = ended_accounts(rows["_workspace_id"], contract, reference)
    conditions = _conditions(rows, contract, reference, ended)
    first = pl.coalesce([pl.when(holds).then(pl.lit(reason)) for reason, holds in conditions.items()])
    rows = rows.with_columns(first.alias("_reason"))
    kept, out = rows, rows.clear()
    if rows["_reason"].null_count() < rows.height:
        kept, out = rows.filter(pl.col("_reason").is_null()), rows.drop_nulls("_reason")
    return Sorted(
        rows=kept.drop("_reason", "_expired_through", strict=False),
        reasons=dict(out["_reason"].value_counts().iter_rows()),
        waiting=out.filter(pl.col("_reason").is_in(MAY_BE_RIGHT_LATER)).select(
            pl.col("_record").alias("record"),
            pl.lit(contract.source).alias("source"),
            pl.col("_reason").alias("reason"),
        ),
        ended=frozenset(ended),
    )


def _with_workspace(
    rows: pl.DataFrame, contract: Contract, reference: Reference, override: str | None
) -> pl.DataFrame:
    """Read values as the rows' channels declare them, and add `_workspace_id`."""
    if contract.asks_the_channel:
        # Only the channel says on whose clock the event's time is.
        told_at = rows["_received_at"]
        channels = reference.channels(rows, contract, at=told_at, override=override)
        rows = as_declared(rows, contract, channels)
    at = rows.select(pl.min_horizontal(_happened_at(contract), "_received_at")).to_series()
    channels = reference.channels(rows, contract, at=at, override=override)
    return rows.with_columns(channels["_workspace_id"])


def _with_windows(rows: pl.DataFrame, contract: Contract, reference: Reference) -> pl.DataFrame:
    """Add the newest expired day of each row; to events also their day, their class and a missing time."""
    if contract.event_time is None:
        return rows
    windows = reference.windows(rows["_workspace_id"], contract.policy)
    if contract.kind is Kind.ENTITY:
        return rows.with_columns(windows["_expired_through"])
    time = _event_time(contract)
    return rows.with_columns(
        # An event that names no time happened when we were told.
        time.fill_null(pl.col("_received_at")),
        # Retention starts at the earlier of the two clocks.
        pl.min_horizontal(time, "_received_at").dt.date().alias("_event_date"),
        *windows,
    )


def _happened_at(contract: Contract) -> pl.Expr:
    """Return when an event happened; entities are asked about as they arrive."""
    return pl.col("_received_at") if contract.kind is Kind.ENTITY else _event_time(contract)


def _event_time(contract: Contract) -> pl.Expr:
    return pl.col("_received_at" if contract.event_time == "received_at" else str(contract.event_time))


def ended_accounts(workspaces: pl.Series, contract: Contract, reference: Reference) -> list[str]:
    """Return the workspaces whose account has ended, unless rows of the contract outlive it."""
    if reference.outlives_account(contract.policy):
        return []
    return reference.ended(workspaces, source=contract.source)


def _conditions(
    rows: pl.DataFrame, contract: Contract, reference: Reference, ended: list[str]
) -> dict[str, pl.Expr | pl.Series]:
    """Return reason → condition that a row is sorted out for it, the first reason first."""
    conditions: dict[str, pl.Expr | pl.Series] = {"unknown_channel": pl.col("_workspace_id").is_null()}
    if ended:
        is_ended = pl.col("_workspace_id").is_in(ended)
        needed = _still_needed(rows, contract, reference) if contract.source == HOLDS else pl.lit(value=False)
        conditions["terminated"] = is_ended & ~needed
    if contract.kind is Kind.EVENT:
        conditions["future_event"] = _event_time(contract) > pl.col("_received_at") + LONGEST_CLOCK_SKEW
    if contract.event_time is not None:
        day = pl.col("_event_date") if contract.kind is Kind.EVENT else _event_time(contract).dt.date()
        conditions["expired"] = (day <= pl.col("_expired_through")).fill_null(value=True)
    if contract.consent is not None:
        member = next(name for name, column in contract.columns.items() if column.as_ == "member_token")
        withdrawn = reference.withdrawn(rows, member=member, at=str(contract.event_time))
        conditions["no_consent"] = ~pl.col(contract.consent).fill_null(value=False) | withdrawn
    return conditions


def _still_needed(rows: pl.DataFrame, contract: Contract, reference: Reference) -> pl.Expr:
    """Return which legal holds outlive the account: those that run, and changes of those that are there.

    One that names a person needs the workspace's key, which is there for as long as a hold runs.
    """
    known = reference.known_holds()
    keyed = reference.keyed(rows["_workspace_id"])
    is_known = pl.Series([key in known for key in rows.select("_workspace_id", "hold_id").iter_rows()])
    names_nobody = pl.all_horizontal(pl.col(contract.plan.identities).is_null())
    runs = (pl.col("expires_at") > reference.as_of).fill_null(value=False)
    return (is_known | runs) & (names_nobody | pl.col("_workspace_id").is_in(keyed))
