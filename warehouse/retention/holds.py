"""Write the SQL that finds the legal hold of a row, for deletions by time and for deletions in the source."""

from collections.abc import Collection, Sequence

from warehouse.retention.rules import DataSet, Hold
from warehouse.store.connection import identifier, quoted


def first_hold_sql(data: DataSet, holds: Sequence[Hold], *, present: Collection[str], row: str) -> str:
    """Return the SQL for the name of the first hold that covers a row, or null.

    Args:
        holds: In order of preference.
        present: Columns that the rows have; a hold on a column that is not there covers no row.
        row: Alias of the rows.
    """
    cases = [
        f"when {_covers_sql(data, hold, present, row)} then {quoted(hold.name)}"
        for hold in holds
        if hold.covers(data)
    ]
    return f"case {' '.join(cases)} end" if cases else "null::varchar"


def _covers_sql(data: DataSet, hold: Hold, present: Collection[str], row: str) -> str:
    conditions = [f"{row}.workspace_id = {quoted(hold.workspace_id)}"]
    if hold.contact_token is not None:
        named = f"{row}.contact_token = {quoted(hold.contact_token)}"
        conditions.append(named if "contact_token" in present else "false")
    # State has no time of its own: a period does not leave it out.
    if data.event_time is not None and data.event_time in present:
        at = f"coalesce({row}.{identifier(data.event_time)}, {row}.received_at)"
        if hold.held_from is not None:
            conditions.append(f"{at} >= timestamp '{hold.held_from}'")
        if hold.held_to is not None:
            conditions.append(f"{at} < timestamp '{hold.held_to}'")
    return " and ".join(conditions)
