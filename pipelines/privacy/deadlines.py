"""Compute by when a request must be answered and carried out, and which are late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from warehouse.ledger.requests import OPEN, Request, Status

# The privacy policy, section 8: a first answer within five business days, the whole within 30 days.
ANSWER_BUSINESS_DAYS = 5
DUE_DAYS = 30
# GDPR article 12(3): two further months where necessary.
LONGEST_EXTENSION_DAYS = 60
# Of the 30 days: when somebody should look, and when somebody must.
LATE_DAYS, TOO_LATE_DAYS = 20, 27


@dataclass(frozen=True, slots=True)
class Lateness:
    """Count open requests.

    Attributes:
        unanswered: Nobody has acted on them, and the days for a first answer are over.
        late, too_late: Open for so many of the days they have; more by as many as they were extended.
    """

    open: int
    unanswered: int
    late: int
    too_late: int


def lateness(requests: Sequence[Request], *, today: date) -> Lateness:
    """Count which requests are late."""
    waiting = [each for each in requests if each.status in OPEN]
    left = [(each.due_on - today).days for each in waiting]
    return Lateness(
        open=len(waiting),
        unanswered=sum(each.status is Status.RECEIVED and each.answer_by < today for each in waiting),
        late=sum(days <= DUE_DAYS - LATE_DAYS for days in left),
        too_late=sum(days <= DUE_DAYS - TOO_LATE_DAYS for days in left),
    )


def after_business_days(day: date, number: int) -> date:
    """Return the day that is so many business days after another; Saturdays and Sundays are none."""
    while number:
        day += timedelta(days=1)
        number -= day.weekday() < 5
    return day
