"""Changes of templates: what is published of them, and of which templates."""

from datetime import datetime

import pytest


@pytest.fixture
def changed(sql):
    """Return what is published of notices about template `Offer`, whose key cubes show or do not show."""
    sql.connection.execute("create macro surrogate(w, kind, value) as kind || ' ' || value")
    columns = "level varchar, workspace_key varchar, template_key varchar"
    sql.connection.execute(f"create table cube_campaign_daily ({columns})")

    def build(notices, *, templates=("t1",), shown="template t1"):
        names = {"workspace_id": "w", "template_name": "Offer", "template_language": "en"}
        sql.load("stg_app__templates", [{**names, "template_id": each} for each in templates])
        sql.load(
            "stg_whatsapp__template_updates",
            [{**names, "occurred_at": datetime.fromisoformat(at), **notice} for at, notice in notices],
        )
        cell = {"level": "template", "workspace_key": "workspace w", "template_key": shown}
        sql.load("cube_campaign_daily", [cell])
        sql.connection.execute(f"create table dim_templates as {sql.models.model('dim_templates')}")
        rows = sql.rows(sql.models.model("dim_published_template_changes"))
        return [(f"{r['change_date']}", r["change_kind"], r["old_value"], r["new_value"]) for r in rows]

    return build


WORSE = ("2026-05-04 08:00", {"previous_quality": "GREEN", "new_quality": "YELLOW"})
BAD = ("2026-05-04 19:00", {"previous_quality": "YELLOW", "new_quality": "RED"})
GOOD = ("2026-05-04 21:00", {"previous_quality": "RED", "new_quality": "GREEN"})
APPROVED, PAUSED = ("2026-05-01 08:00", {"event": "APPROVED"}), ("2026-05-06 08:00", {"event": "PAUSED"})
MOVED = ("2026-05-07 08:00", {"previous_category": "UTILITY", "new_category": "MARKETING"})


@pytest.mark.parametrize(
    ("case", "notices", "more", "rows"),
    [
        ("one change", [WORSE], {}, [("2026-05-04", "quality", "green", "yellow")]),
        ("two on a day are one", [WORSE, BAD], {}, [("2026-05-04", "quality", "green", "red")]),
        ("what is as before by the evening", [WORSE, BAD, GOOD], {}, []),
        (
            "a status knows the one before",
            [APPROVED, PAUSED],
            {},
            [("2026-05-01", "status", None, "approved"), ("2026-05-06", "status", "approved", "paused")],
        ),
        ("a category", [MOVED], {}, [("2026-05-07", "category", "utility", "marketing")]),
        ("a template that no cube shows", [WORSE], {"shown": "other"}, []),
        ("a name of two templates", [WORSE], {"templates": ("t1", "t2")}, []),
    ],
)
def test_changes_of_shown_templates_are_published_by_day(changed, case, notices, more, rows):
    assert changed(notices, **more) == rows, case
