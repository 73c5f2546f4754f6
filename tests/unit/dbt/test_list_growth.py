"""How a list of contacts grew in a month: who came, who left, who came back, and the net of it."""

from datetime import date, datetime

import pytest

from pipelines.codegen.cubes import cube_sql
from pipelines.codegen.model_sql import UNBOUNDED, UNROUNDED
from pipelines.declarations.cube import load_cubes
from pipelines.disclosure.attacks.worlds import NO_THRESHOLD
from pipelines.disclosure.slices import make_slices

GROWTH = load_cubes()["cube_list_growth_monthly"].model_copy(update={"minimum_units": NO_THRESHOLD})
MAY = (date(2026, 5, 1), date(2026, 5, 31))

# What is counted of the restricted facts, in SQL that shares nothing with the slice's.
BY_HAND = """
    with changes as (
        select *, row_number() over (partition by contact_token order by changed_at) as n,
            count(*) over (partition by contact_token) as of_all
        from fct_list_changes where change_date between '2026-05-01' and '2026-05-31'
    )
    select
        count(distinct contact_token) filter (where list_change = 'added'),
        count(distinct contact_token) filter (where list_change = 'opted_out'),
        count(distinct contact_token) filter (where list_change = 'opted_in'),
        (select count(distinct a.contact_token) from changes as a join changes as b using (contact_token)
            where a.list_change = 'opted_out' and b.list_change = 'opted_in' and a.changed_at < b.changed_at),
        count(*) filter (where n = of_all and list_change <> 'opted_out')
            - count(*) filter (where n = 1 and list_change = 'opted_out')
    from changes
"""


@pytest.fixture
def grown(sql):
    """Return measures of May, and what SQL by hand counts, of contacts and what each did on which days."""
    sql.connection.execute("create macro record_key(w, unit) as 1")
    sql.connection.execute("create macro surrogate(w, kind, value) as value")
    sql.connection.execute(
        "create table stg_retention__months as select 'message_log' as category, date '2026-05-01' as month, "
        "null::varchar as workspace_id, true as is_complete"
    )

    def build(people):
        for contact, changes in people.items():
            for change, day in changes:
                at = datetime.fromisoformat(f"{day}T12:00:00")
                row = {"workspace_id": "w", "event_id": f"{contact}{day}", "contact_token": contact}
                if change == "new":
                    contact_row = {"workspace_id": "w", "contact_token": contact, "created_at": at}
                    sql.load("stg_app__contacts", [contact_row])
                else:
                    row |= {"preference": change, "occurred_at": at, "event_date": at.date()}
                    sql.load("stg_whatsapp__preferences", [row])
        for model in ("dim_contacts", "int_list_changes", "fct_list_changes"):
            sql.connection.execute(f"create or replace table {model} as {sql.models.model(model)}")
        sql.connection.execute(
            "create table slice_month_leaves as select date '2026-05-01' as month, 'w' as workspace_id, "
            "'w' as workspace_key"
        )
        sql.models.bounds = {"day": MAY, "month": MAY, "all": MAY}
        make_slices(sql.connection, sql.models, ["slice_month_list_changes"])
        cube = sql.render(cube_sql(GROWTH), **UNROUNDED, **UNBOUNDED)
        (row,) = sql.connection.execute(
            "select new_contacts, opted_out_contacts, opted_in_contacts, repeat_opt_in_contacts, "
            f"gained_contacts - lost_contacts from ({cube}) where level = 'workspace'"
        ).fetchall()
        return row, sql.connection.execute(BY_HAND).fetchall()[0]

    return build


@pytest.mark.parametrize(
    ("case", "people", "counted"),
    [
        ("added", {"a": [("new", "2026-05-03")]}, (1, 0, 0, 0, 1)),
        ("added before", {"a": [("new", "2026-04-30")], "b": [("new", "2026-05-01")]}, (1, 0, 0, 0, 1)),
        ("left", {"a": [("new", "2026-01-03"), ("stop", "2026-05-03")]}, (0, 1, 0, 0, -1)),
        ("came and left", {"a": [("new", "2026-05-03"), ("stop", "2026-05-04")]}, (1, 1, 0, 0, 0)),
        ("left and came back", {"a": [("stop", "2026-05-03"), ("resume", "2026-05-04")]}, (0, 1, 1, 1, 0)),
        (
            "left, came back, left",
            {"a": [("stop", "2026-05-03"), ("resume", "2026-05-04"), ("stop", "2026-05-06")]},
            (0, 1, 1, 1, -1),
        ),
        ("back after a month", {"a": [("stop", "2026-04-03"), ("resume", "2026-05-04")]}, (0, 0, 1, 0, 1)),
        (
            "people add up",
            {"a": [("new", "2026-05-03")], "b": [("stop", "2026-05-31")], "c": [("resume", "2026-05-09")]},
            (1, 1, 1, 0, 1),
        ),
    ],
)
def test_a_list_grows_by_who_came_and_shrinks_by_who_left(grown, case, people, counted):
    assert grown(people) == (counted, counted), case
