"""Find days that lose rows before their slice is built: now (gaps), or soon (alarms)."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from warehouse.ledger.ledger import Ledger
from warehouse.retention.plan import ALARM_DAYS, GONE
from warehouse.retention.planning.context import Slices
from warehouse.retention.planning.parts import DuePart
from warehouse.retention.rules import Precedence


def days_at_risk(ledger: Ledger, slices: Slices, *, as_of: datetime) -> list[date]:
    """Return days that could be in the cubes, are not, and lose rows within the days of an alarm."""
    if slices.closed_until is None:
        return []
    soon = as_of.date() + timedelta(days=ALARM_DAYS)
    spread = timedelta(days=slices.spread_days)
    after = slices.built_until - spread if slices.built_until else date.min
    days = set()
    for source, window in ledger.live_classes():
        if source in slices.sources:
            last = min(soon - timedelta(days=window), slices.closed_until + spread)
            days |= {p.event_date for p in ledger.parts_through(source, window, last, after=after)}
    at_risk = {slice_ for day in days if day is not None for slice_ in slices.unbuilt(day)}
    return sorted(day for day in at_risk if day <= slices.closed_until)


def days_lost(slices: Slices, due: Iterable[DuePart]) -> tuple[date, ...]:
    """Return days that lose rows because of a window, and whose slice was never built."""
    windows = (Precedence.DEFAULT, Precedence.SETTING)
    lost = {
        each.part.event_date
        for each in due
        if each.part.source in slices.sources
        and any(outcome.to == GONE and outcome.reason.rule in windows for outcome in each.outcomes)
    }
    return tuple(sorted({slice_ for day in lost if day is not None for slice_ in slices.unbuilt(day)}))
