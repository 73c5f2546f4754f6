"""Which days a query of messages asks for: never fewer than it needs."""

from datetime import date

import duckdb
import pytest

from pipelines.metrics.asked_days import ask_for_days_of

FIRST, LAST = date(2026, 6, 1), date(2026, 6, 30)
ASKED = "select getvariable('first_day'), getvariable('last_day')"


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("from fct_messages where send_date = date '2026-06-01'", (FIRST, FIRST)),
        ("from restricted.fct_messages as m where m.send_date = '2026-06-01' and is_read", (FIRST, FIRST)),
        ("from fct_messages where send_date between '2026-06-01' and '2026-06-30'", (FIRST, LAST)),
        ("from FCT_MESSAGES where SEND_DATE >= '2026-06-01' and send_date < '2026-06-30'", (FIRST, LAST)),
        ("from fct_messages where send_date > '2026-06-01'", (FIRST, None)),
        ("with m as (from fct_messages where send_date <= '2026-06-30') from m", (None, LAST)),
        ("from fct_messages", (None, None)),
        ("from fct_messages where send_date = '2026-06-01' or is_read", (None, None)),
        ("from fct_messages where not send_date = '2026-06-01'", (None, None)),
        ("from fct_messages where send_date = current_date", (None, None)),
        ("from fct_messages where send_date >= timestamp '2026-06-01 12:00:00'", (None, None)),
        ("from fct_messages where send_date in ('2026-06-01')", (None, None)),
        ("from fct_messages a, fct_messages b where a.send_date = '2026-06-01'", (None, None)),
        ("with fct_messages as (select 1) from fct_messages where send_date = '2026-06-01'", (None, None)),
        (
            "from c where exists (select 1 from fct_messages as m where c.send_date = '2026-06-01')",
            (None, None),
        ),
        (
            "from fct_messages where send_date = '2026-06-01' union all from query_table('fct_messages')",
            (None, None),
        ),
        ("from fct_messages as m(send_date) where send_date = '2026-06-01'", (None, None)),
        ("from fct_messages tablesample 5 rows where send_date = '2026-06-01'", (None, None)),
        ("from fct_messages where fct_messages.send_date = '2026-06-01'", (FIRST, FIRST)),
        ("from fct_clicks where send_date = '2026-06-01'", (None, None)),
        ("this is no query of fct_messages", (None, None)),
        ("select 1; from fct_messages where send_date = '2026-06-01'; from fct_messages", (None, None)),
    ],
)  # fmt: skip
def test_only_bounds_that_every_row_must_meet_are_taken(query, asked):
    with duckdb.connect() as connection:
        ask_for_days_of(connection, query)

        assert connection.execute("select getvariable('first_day'), getvariable('last_day')").fetchall() == [
            asked
        ]


def test_the_days_of_the_last_query_are_forgotten():
    with duckdb.connect() as connection:
        ask_for_days_of(connection, "from fct_messages where send_date = '2026-06-01'")
        ask_for_days_of(connection, "from fct_messages")

        assert connection.execute(ASKED).fetchall() == [(None, None)]
