"""The guard on the amount: a plan that deletes far more than usual waits for a person.

A clock that jumped, a policy with a digit too few or a mistaken end of an account look like retention at
work. Pure: the plan and what went on earlier days in, a verdict out.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from statistics import median

from warehouse.retention.apply import APPLIED
from warehouse.retention.evidence import Entry
from warehouse.retention.plan import Plan

# A busy day against a quiet one stays below; a window cut from 90 days to 60, the end of a large account or
# a clock a month ahead do not.
MOST_TIMES_THE_MEDIAN = 10
DAYS_LOOKED_BACK = 30
# Before there is a habit there is nothing to compare with.
FEWEST_DAYS = 7
# However little goes as a rule, this much needs nobody.
FLOOR_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Unusual:
    """Why a plan waits: what it deletes, what days usually delete, and how much needs nobody."""

    rows: int
    median_rows: int
    most_rows: int


def unusual(plan: Plan, applied: Iterable[Entry]) -> Unusual | None:
    """What is unusual about the amount of a plan; None where nothing is.

    Plans of one day count as one, today's too: a large deletion does not pass in slices.

    Args:
        applied: The evidence; entries of other kinds are passed over.
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
