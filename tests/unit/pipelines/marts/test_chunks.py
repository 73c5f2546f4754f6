"""How days are put together for a build: all of them once, months whole, few enough rows in memory."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.declarations.calendar import month_end
from pipelines.marts.chunks import EMPTY_DAY, MOST_DAYS_AT_ONCE, chunks_of

FIRST = date(2026, 5, 4)
MOST_ROWS = 1_000


@given(days=st.integers(1, 120), rows=st.lists(st.integers(0, 2 * MOST_ROWS), max_size=120))
def test_every_day_is_in_one_chunk_and_memory_holds_few_rows(days, rows):
    last = FIRST + timedelta(days=days - 1)
    by_day = {FIRST + timedelta(days=n): count for n, count in enumerate(rows)}

    chunks = list(chunks_of(FIRST, last, gaps=(), exist=True, rows=by_day, most_rows=MOST_ROWS))

    covered = [c.first + timedelta(days=n) for c in chunks for n in range(c.days)]
    assert covered == [FIRST + timedelta(days=n) for n in range(days)]
    for chunk in chunks:
        assert chunk.days <= MOST_DAYS_AT_ONCE
        assert chunk.has_month == (chunk.last == month_end(chunk.last))
        assert chunk.last <= month_end(chunk.first)
        held = sum(by_day.get(chunk.first + timedelta(days=n), 0) for n in range(chunk.days))
        assert held <= MOST_ROWS or chunk.days == 1


@pytest.mark.parametrize("exist", [True, False])
def test_without_tables_the_first_chunk_makes_those_of_months_too(exist):
    last = FIRST + timedelta(days=1)

    rows = {FIRST: MOST_ROWS, last: 1}

    chunks = chunks_of(FIRST, last, gaps=(), exist=exist, rows=rows, most_rows=MOST_ROWS)

    assert [(c.first, c.has_month) for c in chunks] == [(FIRST, not exist), (last, False)]


def test_a_month_that_lost_a_day_is_not_built_with_the_tables():
    end = date(2026, 5, 31)

    chunks = chunks_of(FIRST, end, gaps=[date(2026, 5, 2)], exist=False, rows={}, most_rows=MOST_ROWS)

    assert [(c.first, c.has_month) for c in chunks] == [(EMPTY_DAY, True), (FIRST, False)]


def test_a_month_that_lost_a_day_is_never_built():
    (chunk,) = chunks_of(
        FIRST, date(2026, 5, 31), gaps=[date(2026, 5, 7)], exist=True, rows={}, most_rows=MOST_ROWS
    )
    assert not chunk.has_month
