"""`wasms metrics query`: answers on stdout or in a file; a filter without rows says what was meant."""

import json
from datetime import date

import duckdb
import pytest

from tests.support.commands import run_wasms
from tests.support.metric_tables import insert, published


@pytest.fixture
def query(home):
    """Ask how many messages were attempted, of one workspace called "Corner shop" and one channel."""
    counted = {"send_date": date(2026, 5, 4), "workspace_key": "w", "attempted_messages": 20}
    with duckdb.connect(home.published_path) as connection:
        published(connection)
        insert(connection, "cubes.cube_campaign_daily", [{**counted, "level": "workspace"}])
        insert(connection, "cubes.cube_campaign_daily", [{**counted, "level": "channel", "channel": "sms"}])
        named = {"workspace_key": "w", "workspace_name": "Corner shop"}
        insert(connection, "dim_published_workspaces", [named])

    def _query(*arguments: str):
        return run_wasms("metrics", "query", "attempted_messages", *arguments, "--home", str(home.root))

    return _query


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("channel=smss", "No row has channel=smss. Did you mean 'sms'?"),
        ("workspace=Corner Shop", "No row has workspace=Corner Shop. Did you mean 'Corner shop'?"),
        ("channel=fax", "No row has channel=fax."),
    ],
)
def test_a_filter_that_matches_nothing_says_so_and_suggests(query, where, said):
    result = query("--where", where, "--format", "json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert said in result.stderr.splitlines()


@pytest.mark.parametrize("where", ["channel=sms", "workspace=Corner shop"])
def test_a_filter_that_matches_says_nothing(query, where):
    result = query("--where", where, "--format", "json")

    assert [row["attempted_messages"] for row in json.loads(result.stdout)] == [20]
    assert "No row" not in result.stderr


@pytest.mark.parametrize("ending", ["csv", "json", "txt"])
def test_an_answer_may_go_to_a_file(query, tmp_path, ending):
    path = tmp_path / f"answer.{ending}"

    assert query("--where", "channel=sms", "--output", str(path)).stdout == ""
    assert "attempted_messages" in path.read_text()
    assert "20" in path.read_text()
