"""Closing: days that no event may reach any more are compacted; what is past its window goes."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pipelines.contract import lateness_days
from pipelines.runtime import Runtime
from warehouse.compaction import compact_day
from warehouse.housekeeping import expire, sweep

# A slice closes when its latest status may have come and two more days have passed.
CLOSING_MARGIN_DAYS = 2


@dataclass(frozen=True, slots=True)
class Closed:
    """What closing did: partitions compacted and expired, files unlinked, keys destroyed."""

    parts_compacted: int
    parts_expired: int
    files_unlinked: int
    keys_destroyed: int


def last_closed_day(as_of: datetime, *, lateness_days: int) -> date:
    """The newest event day whose slice is closed."""
    return as_of.date() - timedelta(days=lateness_days + CLOSING_MARGIN_DAYS)


def close_days(runtime: Runtime, *, as_of: datetime) -> Closed:
    """Hide partitions past their window, compact every closed day that changed, make removals physical.

    Running it again does nothing more.
    """
    # First, so that nothing that may fail comes before a deletion that is due.
    expired = expire(runtime.ledger, as_of=as_of)
    first = sweep(runtime.home, ledger=runtime.ledger, keyring=runtime.keyring)
    generation = runtime.ledger.generation()
    lateness = lateness_days(runtime.contracts)
    last = last_closed_day(as_of, lateness_days=lateness)
    compacted = sum(
        compact_day(
            runtime.home, ledger=runtime.ledger, engine=runtime.engine, source=source, day=day, as_of=as_of
        )
        for source, day in runtime.ledger.dirty_days()
        # Quarantine has days too, but nothing reads it often enough to be worth it.
        if day <= last and source in runtime.contracts
    )
    runtime.ledger.clear_dirty_days(until=last, generation=generation)
    swept = sweep(runtime.home, ledger=runtime.ledger, keyring=runtime.keyring)
    return Closed(
        parts_compacted=compacted,
        parts_expired=len(expired),
        files_unlinked=first.files + swept.files,
        keys_destroyed=first.keys + swept.keys,
    )
