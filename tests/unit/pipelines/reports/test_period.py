"""Months and weeks are named as people name them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.declarations.errors import UsageError
from pipelines.reports.period import Span

DAYS = st.dates(date(2024, 1, 1), date(2100, 1, 1))


@pytest.mark.parametrize(
    ("text", "first", "last", "before", "title"),
    [
        ("2026-05", "2026-05-01", "2026-05-31", "2026-04", "May 2026"),
        ("2026-01", "2026-01-01", "2026-01-31", "2025-12", "January 2026"),
        ("2026-W43", "2026-10-19", "2026-10-25", "2026-W42", "week 43 of 2026"),
        # Weeks belong to the year of their Thursday.
        ("2027-W01", "2027-01-04", "2027-01-10", "2026-W53", "week 01 of 2027"),
    ],
)
def test_a_period_has_days_a_title_and_one_before(text, first, last, before, title):
    span = Span.parse(text)

    assert [str(span.first), str(span.last), span.before.name, span.title] == [first, last, before, title]
    assert span.name == text


@pytest.mark.parametrize("text", ["2026-13", "2026-W54", "2026", "May 2026", "2026-5", "2026-05-01", ""])
def test_what_is_no_period_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="2026-10 or 2026-W43"):
        Span.parse(text)


@given(DAYS)
def test_periods_lie_beside_each_other_without_a_gap(day):
    month = Span.month_of(day)
    week = Span.parse(f"{day:%G-W%V}")

    assert week.first <= day <= week.last
    for span in (month, week):
        assert (span.first - span.before.last).days == 1
        assert span.before.name == Span.parse(span.before.name).name


@pytest.mark.parametrize(
    ("last_day", "complete"),
    [("2026-05-30", "2026-04"), ("2026-05-31", "2026-05"), ("2026-06-01", "2026-05")],
)
def test_a_month_is_complete_with_its_last_day(last_day, complete):
    assert Span.last_complete_month(date.fromisoformat(last_day)).name == complete
