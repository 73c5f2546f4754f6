"""The SQL function that names workspaces and campaigns in published tables."""

import re
from pathlib import Path

import duckdb
import pytest

from pipelines.marts.dbt_plugin import register_surrogate
from warehouse.home import Home


class OneKeyEach:
    """A key per name, as a key ring gives."""

    def get(self, purpose, name):
        return f"{purpose} {name}".encode()


@pytest.fixture
def connection():
    connection = duckdb.connect()
    register_surrogate(connection, OneKeyEach())
    return connection


def test_a_surrogate_has_sixteen_hex_digits_and_hides_what_it_stands_for(connection):
    (value,) = connection.execute("select surrogate('w1', 'campaign', 'spring')").fetchone()

    assert re.fullmatch("[0-9a-f]{16}", value)


def test_workspaces_kinds_and_values_have_surrogates_of_their_own(connection):
    rows = connection.execute(
        "select surrogate(workspace_id, kind, value) from (values ('w1', 'campaign', 'spring'), "
        "('w2', 'campaign', 'spring'), ('w1', 'workspace', 'spring'), ('w1', 'campaign', 'summer')) "
        "as t (workspace_id, kind, value)"
    ).fetchall()

    assert len(set(rows)) == 4


def test_nothing_has_no_surrogate(connection):
    assert connection.execute("select surrogate('w1', 'campaign', null)").fetchone() == (None,)


def test_values_survive_being_passed_on(connection):
    """As in the cubes: distinct, joined, coalesced (duckdb issue 20606 garbled them)."""
    query = """
    with campaigns as (
        select distinct 'w' || i % 3 as workspace, 'c' || i % 50 as name from range(5000) as t (i)
    ),
    keyed as (
        select name, workspace, surrogate(workspace, 'workspace', 'w') as workspace_key,
            coalesce(surrogate(workspace, 'campaign', name), 'none') as campaign_key
        from campaigns
    )
    select name, campaign_key, workspace_key
    from keyed join keyed as again using (campaign_key, workspace_key, name)
    """

    results = {tuple(sorted(connection.execute(query).fetchall())) for _ in range(50)}

    assert len(results) == 1
    assert all(
        re.fullmatch("[0-9a-f]{16}", key) for (rows,) in [tuple(results)] for row in rows for key in row[1:]
    )


def test_the_warehouse_is_found_by_where_dbt_writes(tmp_path):
    home = Home(tmp_path / "home")

    assert Home.of_dbt_target(home.dbt_target) == home


@pytest.mark.parametrize("elsewhere", ["target", "/target", "/srv/project/dbt/target"])
def test_what_dbt_writes_elsewhere_names_no_warehouse(elsewhere):
    assert Home.of_dbt_target(Path(elsewhere)) is None
