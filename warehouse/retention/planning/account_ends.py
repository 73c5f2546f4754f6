"""Find the accounts that end now, and those that are about to."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from warehouse.retention.decisions import ended_workspaces
from warehouse.retention.plan import ALARM_DAYS, AccountEnd
from warehouse.retention.rules import RetentionInputs, active_holds, terminated_on


def accounts_to_end(
    inputs: RetentionInputs, *, as_of: datetime, refused: Mapping[str, date], subject: Callable[[str], str]
) -> dict[str, date]:
    """Return the workspaces whose data must be gone by now → since which day.

    A workspace that was ended earlier, but kept in part by a hold that has expired since, is among them.

    Args:
        refused: Subject of each workspace that was ended → since when.
    """
    active = {hold.name for hold in active_holds(inputs, as_of)}
    expired = {hold.workspace_id for hold in inputs.holds if hold.name not in active}
    no_longer_held = {w: refused[subject(w)] for w in expired if subject(w) in refused}
    return ended_workspaces(inputs, as_of=as_of) | no_longer_held


def accounts_about_to_end(inputs: RetentionInputs, as_of: datetime) -> dict[str, date]:
    """Return the workspaces whose data goes within the days of an alarm → on which day."""
    soon = as_of.date() + timedelta(days=ALARM_DAYS)
    days = {workspace: terminated_on(inputs, workspace, as_of) for workspace in inputs.ended}
    return {w: day for w, day in days.items() if day is not None and as_of.date() < day <= soon}


def account_ends(days: Mapping[str, date], subject: Callable[[str], str]) -> tuple[AccountEnd, ...]:
    """Return the items of a plan for some workspaces, by day."""
    ends = (AccountEnd(subject(workspace), day) for workspace, day in days.items())
    return tuple(sorted(ends, key=lambda end: (end.due, end.subject)))
