"""Weeks and months that are sums of days appear when they are over."""

from datetime import date, timedelta

import pytest

APRIL, MAY = date(2026, 4, 1), date(2026, 5, 1)


@pytest.mark.parametrize(
    ("last_day", "built_months", "weeks", "months"),
    [
        (date(2026, 4, 30), [APRIL], 3, [APRIL]),
        (date(2026, 5, 3), [APRIL], 4, [APRIL]),
        # Nobody sent anything in the rest of May.
        (date(2026, 5, 5), [APRIL, MAY], 5, [APRIL, MAY]),
        (date(2026, 4, 29), [], 3, []),
    ],
)
def test_a_week_or_month_is_over_with_its_last_day_or_when_its_month_was_built(
    new_sql, last_day, built_months, weeks, months
):
    sql = new_sql()
    sql.connection.execute("create table cube (send_date date, level varchar, sent integer)")
    sql.connection.execute("create table cube_coverage_monthly (month date)")
    first = date(2026, 4, 6)
    days = [first + timedelta(days=n) for n in range((last_day - first).days + 1)]
    sql.load("cube", [{"send_date": day, "level": "platform", "sent": 1} for day in days])
    sql.load("cube_coverage_monthly", [{"month": month} for month in built_months])

    found = {
        per: sql.rows(
            f"{{{{ summed_days('cube', level='platform', per='{per}', measures=['sent']) }}}}", order_by=per
        )
        for per in ("week", "month")
    }

    assert [row["sent"] for row in found["week"]][:3] == [7, 7, 7]
    assert len(found["week"]) == weeks
    assert [row["month"] for row in found["month"]] == months
    sql.connection.close()
