"""Decide which months are complete for which workspace: tables of months count these and no others.

A month is complete if nothing that it is made from was past its window when it closed. Windows are those of
the retention rules at each time: the policy's versions and what workspaces chose. Legal holds complete no
month: what they keep is out of sight.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, time, timedelta

import pyarrow as pa

from pipelines.declarations.calendar import CLOCK_SKEW_DAYS, closing_day, first_day_read, month_end
from pipelines.declarations.contract import Contract, Kind, lateness_days
from pipelines.declarations.declarations import Declarations
from pipelines.identities import identities
from pipelines.windows.inputs import window_inputs
from warehouse.retention import records
from warehouse.retention.rules import RetentionInputs, expired_through
from warehouse.store.store import Store

MONTHS, IDENTITIES = "retention__months", "identity__contacts"
_SCHEMA = pa.schema(
    {"category": pa.string(), "month": pa.date32(), "workspace_id": pa.string(), "is_complete": pa.bool_()}
)


def store_tables(declarations: Declarations, store: Store) -> dict[str, pa.Table]:
    """Return the tables that a session has in `store` beside the views of data sets: name → rows.

    `retention__months` has one row per data category, workspace with a choice of its own (null: all others)
    and month of which there may be rows; `identity__contacts` has one per token for which another stands.
    """
    rows = [dict(zip(_SCHEMA.names, row, strict=True)) for row in _months(declarations, store)]
    return {MONTHS: pa.Table.from_pylist(rows, _SCHEMA), IDENTITIES: identities(declarations, store)}


def is_complete(
    inputs: RetentionInputs, category: str, workspace: str | None, month: date, *, lateness_days: int
) -> bool:
    """Return whether all rows that a month needs are within their window when it closes.

    Args:
        workspace: None = one without a choice of its own.
        month: Its first day.
    """
    closes = datetime.combine(closing_day(month_end(month), lateness_days=lateness_days), time())
    expired = expired_through(inputs, category, workspace, closes)
    return expired is None or expired < first_day_read(month, lateness_days=lateness_days)


def loses_rows(month: date, on: date, *, windows: Collection[int], lateness_days: int) -> bool:
    """Return whether rows of a month expire on a day, under a window by which it would be complete.

    Args:
        month: Its first day.
    """
    needed = closing_day(month_end(month), lateness_days=lateness_days) - first_day_read(
        month, lateness_days=lateness_days
    )
    return any(needed < timedelta(days=days) <= on - month for days in windows)


def _months(declarations: Declarations, store: Store) -> Iterator[tuple[str, date, str | None, bool]]:
    inputs, lateness = window_inputs(declarations, store), lateness_days(declarations.contracts)
    stones, horizons = records.tombstones(store.ledger), records.horizons(store.ledger)
    key = records.subject_key(store.keyring)
    for category, sources in _event_sources(declarations.contracts).items():
        months = list(_stored_months(store, sources))
        lost = {stone.event_date for stone in stones if stone.source in sources}
        may_choose = any(version.rules[category].per_workspace for version in inputs.versions)
        of_others = horizons.get((category, records.DEFAULT_SUBJECT), date.min)
        for workspace in (None, *(inputs.settings if may_choose else ())):
            who = records.subject(key, workspace) if workspace is not None else records.DEFAULT_SUBJECT
            reached = horizons.get((category, who), of_others)
            # A month may be built long after it closed: what was deleted meanwhile is not in it.
            gone = {day.replace(day=1) for day in lost if day <= reached}
            for month in months:
                in_time = is_complete(inputs, category, workspace, month, lateness_days=lateness)
                yield category, month, workspace, in_time and month not in gone


def _event_sources(contracts: Mapping[str, Contract]) -> dict[str, set[str]]:
    """Return the data sets with days, by category."""
    found: dict[str, set[str]] = defaultdict(set)
    for contract in contracts.values():
        if contract.kind is Kind.EVENT:
            found[contract.policy.value].add(contract.source)
    return found


def _stored_months(store: Store, sources: Collection[str]) -> Iterator[date]:
    """Yield the months of which there may be rows: of events, or of their arrival."""
    days = [day for source in sources for day, _ in store.ledger.live_days(source)]
    if not days:
        return
    clock = store.ledger.clock()
    # An event may be filed under the day before its own.
    last = max([*days, *([clock.date()] if clock else [])]) + timedelta(days=CLOCK_SKEW_DAYS)
    month = min(days).replace(day=1)
    while month <= last:
        yield month
        month = month_end(month) + timedelta(days=1)
