"""Statuses that no slice counts: which they are, and in which month they are counted."""

from datetime import datetime, timedelta

import pytest

SENT = datetime(2026, 5, 20, 9)


@pytest.fixture
def late(sql):
    """Months in which a status is late, sent on 20 May, that happens and reaches us days later."""
    sql.connection.execute(
        "create table stg_retention__months as select 'message_log' as category, "
        "unnest([date '2026-05-01', date '2026-06-01']) as month, null::varchar as workspace_id, "
        "true as is_complete"
    )
    sql.connection.execute("drop view int_message_events_unioned")
    sql.connection.create_function("record_key", lambda _w, _t: 1, ["VARCHAR", "VARCHAR"], "INTEGER")

    def months(*, happens, comes, has_outbox=True, month="2026-05", status="read"):
        first = datetime.fromisoformat(f"{month}-01")
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        bounds = (f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}")
        sql.models.bounds = {"day": bounds, "month": bounds, "all": bounds}
        common = {"workspace_id": "w", "message_token": "m"}
        sql.connection.execute(
            "create or replace table slice_outbox "
            "(workspace_id varchar, message_token varchar, utc_date date)"
        )
        sql.connection.execute(
            "create or replace table int_message_events_unioned "
            "(workspace_id varchar, message_token varchar, contact_token varchar, "
            "occurred_at timestamp, received_at timestamp, is_start boolean)"
        )
        if has_outbox:
            sql.load("slice_outbox", [common | {"utc_date": SENT.date()}])
        sql.load(
            "int_message_events_unioned",
            [
                common
                | {
                    "contact_token": "c",
                    "occurred_at": SENT + timedelta(days=happens),
                    "received_at": SENT + timedelta(days=comes),
                    "is_start": status == "sent",
                }
            ],
        )
        sql.connection.execute("create or replace table slice_events as from int_message_events_unioned")
        return len(sql.rows(sql.models.model("slice_month_late")))

    return months


@pytest.mark.parametrize(
    ("what", "facts", "may", "june"),
    [
        ("in time", {"happens": 1, "comes": 1}, 0, 0),
        ("the last day that counts", {"happens": 7, "comes": 8}, 0, 0),
        ("happened after the horizon", {"happens": 8, "comes": 8}, 1, 0),
        ("happened after the horizon, in the next month", {"happens": 15, "comes": 15}, 0, 1),
        ("came when the day was closed, its month was open", {"happens": 1, "comes": 9}, 1, 0),
        ("came when the month was closed", {"happens": 1, "comes": 20}, 0, 1),
        ("its beginning is its own", {"happens": 0, "comes": 1, "has_outbox": False, "status": "sent"}, 0, 0),
        ("it has no beginning", {"happens": 0, "comes": 1, "has_outbox": False}, 1, 0),
    ],
)
def test_a_status_that_no_slice_counts_is_late_in_one_month(late, what, facts, may, june):
    assert (late(**facts), late(**facts, month="2026-06")) == (may, june), what
