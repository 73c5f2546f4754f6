"""By when requests must be answered, and which are late."""

from datetime import date, datetime, timedelta

import pytest

from pipelines.privacy.deadlines import DUE_DAYS, after_business_days, lateness
from warehouse.ledger.requests import Kind, Request, Status

RECEIVED = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("day", "number_of_days", "expected"),
    [
        (date(2026, 6, 1), 5, date(2026, 6, 8)),
        (date(2026, 6, 5), 1, date(2026, 6, 8)),
        (date(2026, 6, 6), 5, date(2026, 6, 12)),
    ],
)
def test_answers_are_due_after_business_days(day, number_of_days, expected):
    assert after_business_days(day, number_of_days) == expected


@pytest.mark.parametrize(
    ("age", "status", "extended", "expected"),
    [
        # Days since it came: (unanswered, late, too late).
        (7, Status.RECEIVED, 0, (0, 0, 0)),
        (8, Status.RECEIVED, 0, (1, 0, 0)),
        (8, Status.VERIFIED, 0, (0, 0, 0)),
        (19, Status.VERIFIED, 0, (0, 0, 0)),
        (20, Status.PAUSED, 0, (0, 1, 0)),
        (27, Status.REWRITTEN, 0, (0, 1, 1)),
        (27, Status.VERIFIED, 60, (0, 0, 0)),
        (99, Status.DONE, 0, (0, 0, 0)),
        (99, Status.RESTRICTED, 0, (0, 0, 0)),
    ],
)
def test_open_requests_are_late_by_their_due_dates(age, status, extended, expected):
    asked = Request(
        number="rq_bcdfghjk",
        subject="",
        kind=Kind.ERASE,
        status=status,
        same_as="",
        received_at=datetime(2026, 6, 1, 10),
        answer_by=date(2026, 6, 8),
        due_on=RECEIVED + timedelta(days=DUE_DAYS + extended),
    )

    found = lateness([asked], today=RECEIVED + timedelta(days=age))

    assert (found.unanswered, found.late, found.too_late) == expected
