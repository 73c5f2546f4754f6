"""Tables of months count rows of complete months: by what is said of their workspace, else of all others."""

from datetime import date

import pytest

MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
SAID = [
    ("message_log", MAY, None, True),
    ("message_log", MAY, "short", False),
    ("message_log", JUNE, None, False),
    ("message_log", JUNE, "long", True),
    ("usage", MAY, None, False),
]


@pytest.fixture
def counted(sql):
    """Whether a row of a workspace and a day is counted."""
    names = ("category", "month", "workspace_id", "is_complete")
    sql.connection.execute(
        "create table stg_retention__months "
        "(category varchar, month date, workspace_id varchar, is_complete boolean)"
    )
    sql.load("stg_retention__months", [dict(zip(names, row, strict=True)) for row in SAID])
    sql.connection.execute("create table acts (workspace_id varchar, day date)")

    def _counted(workspace, day, **category):
        sql.connection.execute("delete from acts")
        sql.load("acts", [{"workspace_id": workspace, "day": day}])
        more = "".join(f", {name}='{value}'" for name, value in category.items())
        return len(sql.rows(f"{{{{ of_complete_months('acts', 'day'{more}) }}}}"))

    return _counted


@pytest.mark.parametrize(
    ("case", "row", "category", "times"),
    [
        ("a workspace that chose nothing", ("any", date(2026, 5, 31)), {}, 1),
        ("the same in a month that is not complete", ("any", date(2026, 6, 30)), {}, 0),
        ("one that chose a short window", ("short", date(2026, 5, 1)), {}, 0),
        ("one that chose a long window", ("long", date(2026, 6, 1)), {}, 1),
        ("of another category", ("any", date(2026, 5, 31)), {"category": "usage"}, 0),
        ("of no workspace", (None, date(2026, 5, 31)), {}, 1),
        ("of a month that nothing is said of", ("any", date(2026, 7, 1)), {}, 0),
    ],
)
def test_a_row_is_counted_once_if_its_month_is_complete(counted, case, row, category, times):
    assert counted(*row, **category) == times, case
