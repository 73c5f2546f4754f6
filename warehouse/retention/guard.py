"""Guard the amount: a plan that deletes far more than usual waits until a person confirms it.

A clock that jumped, a window with a digit too few or an account ended by mistake all look like ordinary
retention. Pure functions: from the plan and the deletions of earlier days to a decision.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from statistics import median

from warehouse.retention.evidence import Entry
from warehouse.retention.plan import Plan
from warehouse.retention.plan_entry import APPLIED

# A busy day after quiet ones stays below this. A window cut from 90 days to 60, the end of a large account
# or a clock a month ahead does not.
MOST_TIMES_THE_MEDIAN = 10
DAYS_LOOKED_BACK = 30
# With fewer days there is nothing to compare with.
FEWEST_DAYS = 7
# So many rows are deleted without a person, however few are usual.
FLOOR_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Unusual:
    """Say why a plan waits: rows it deletes, rows a day usually deletes, and rows that need no person."""

    rows: int
    median_rows: int
    most_rows: int


def unusual(plan: Plan, applied: Iterable[Entry]) -> Unusual | None:
    """Return what is unusual about the amount of a plan; None if nothing is.

    All plans of one day count as one, so that a large deletion does not pass in several small plans.

    Args:
        applied: The evidence; entries of other kinds are ignored.
    """
    by_day: Counter[date] = Counter()
    for entry in applied:
        if entry.kind == APPLIED:
            by_day[entry.as_of.date()] += _rows(entry)
    today = plan.as_of.date()
    earlier = [rows for day, rows in sorted(by_day.items()) if day < today][-DAYS_LOOKED_BACK:]
    if len(earlier) < FEWEST_DAYS:
        return None
    middle = round(median(earlier))
    most = max(FLOOR_ROWS, MOST_TIMES_THE_MEDIAN * middle)
    rows = plan.rows_gone + by_day[today]
    return Unusual(rows, middle, most) if plan.rows_gone and rows > most else None


def _rows(entry: Entry) -> int:
    rows = entry.body["rows_gone"]
    return rows if isinstance(rows, int) else 0
