"""`wasms metrics`: answers on stdout or in a file; a filter without rows says what was meant."""

import json
from datetime import date, timedelta

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
        ("channel=fax", "No row has channel=fax. Some have: sms."),
        ("channel=SMS", "No row has channel=SMS. Did you mean 'sms'?"),
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
    assert "Groups of fewer than 11 contacts are counted in `other`" in result.stderr


@pytest.mark.parametrize("ending", ["csv", "json", "txt"])
def test_an_answer_may_go_to_a_file(query, tmp_path, ending):
    path = tmp_path / f"answer.{ending}"

    assert query("--where", "channel=sms", "--output", str(path)).stdout == ""
    assert "attempted_messages" in path.read_text()
    assert "20" in path.read_text()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (["campaign=Sale"], "Sale: 2 campaigns together, of 2 workspace(s)."),
        (["campaign=Sale", "workspace=w"], None),
        (["campaign=Thanks", "workspace=w"], "Thanks: 2 campaigns together, of 1 workspace(s)."),
        (["campaign=s"], None),
    ],
)
@pytest.mark.usefixtures("compare")
def test_campaigns_of_one_name_are_said_to_be_together(home, where, said):
    limits = [part for each in where for part in ("--where", each)]
    result = run_wasms("metrics", "query", "click_rate", *limits, "--home", str(home.root))

    assert result.exit_code == 0, result.stderr
    assert ("together, of" in result.stderr) is (said is not None)
    assert (said or "") in result.stderr


@pytest.fixture
def compare(home):
    """Compare campaigns: Sale and Thanks, which has two variants, and another Sale of another workspace."""
    campaigns = [
        ("w", "s", "Sale", None, 140, 14),
        ("v", "x", "Sale", None, 140, 14),
        ("w", "ta", "Thanks", "A", 700, 70),
        ("w", "tb", "Thanks", "B", 700, 350),
    ]
    with duckdb.connect(home.published_path) as connection:
        published(connection)
        for workspace, key, name, variant, delivered, clicked in campaigns:
            keys = {"workspace_key": workspace, "campaign_key": key}
            named = {"campaign_name": name, "variant": variant}
            insert(connection, "dim_published_campaigns", [keys | named])
            counted = {"send_date": date(2026, 5, 4), "level": "campaign", "channel": "sms"}
            counted |= {"delivered_messages": delivered, "clicked_messages": clicked}
            counted |= {"delivered_messages_squares": 98, "clicked_messages_squares": 49}
            insert(connection, "cubes.cube_campaign_daily", [keys | counted])

    def _compare(*arguments: str):
        metric = () if "--metric" in arguments else ("--metric", "click_rate")
        return run_wasms("metrics", "compare", *arguments, *metric, "--home", str(home.root))

    return _compare


@pytest.mark.parametrize(
    ("arguments", "groups"),
    [
        (["s", "tb"], ("s", "tb")),
        (["Sale", "Thanks", "--where", "workspace=w"], ("Sale", "Thanks")),
        (["Thanks", "--by", "variant"], ("A", "B")),
    ],
)
def test_two_campaigns_or_variants_are_compared(compare, arguments, groups):
    (row,) = json.loads(compare(*arguments, "--json").stdout)

    assert (row["first"], row["second"]) == groups
    assert row["low"] < row["difference"] < row["high"]
    assert row["p_value"] < 0.05


def test_a_comparison_without_a_message_is_empty(compare):
    (row,) = json.loads(compare("s", "tb", "--from", "2026-06-01", "--json").stdout)

    assert {row[name] for name in ("first_rate", "second_rate", "difference", "p_value")} == {None}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("Sale", "Name two campaigns, or one and `--by variant`."),
        ("Sale Thanks --by variant", "Name two campaigns, or one and `--by variant`."),
        ("Sale Thanks", "2 workspaces have a campaign called Sale. Add --where workspace="),
        ("Sale Thank", "No published campaign named 'Thank'. Did you mean 'Thanks'?"),
        ("ta Thanks", "ta and Thanks are the same campaign."),
        ("s --by variant", "s has 0 published variant(s); two are needed."),
        ("s ta --metric click_rat", "No rate named 'click_rat'. Did you mean 'click_rate'"),
        ("s ta --metric cost_per_message", "No rate named 'cost_per_message'."),
        ("s ta --metric reading_contact_rate", "cannot be split by workspace and campaign"),
        ("s ta --from 2026-06-01 --to 2026-05-01", "--from 2026-06-01 is after --to 2026-05-01"),
    ],
)
def test_a_comparison_that_makes_no_sense_exits_with_2_and_says_why(compare, arguments, said):
    result = compare(*arguments.split())

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_each_period_is_compared_with_the_one_before_it(query):
    result = query("--by", "workspace", "--by", "day", "--vs", "previous", "--format", "json")

    (row,) = json.loads(result.stdout)
    assert [row[name] for name in ("previous", "difference", "difference_low")] == [None, None, None]
    assert query("--vs", "previous").exit_code == 2


def test_a_week_or_month_appears_with_its_last_day_and_what_limits_cut_is_said(home):
    with duckdb.connect(home.published_path) as connection:
        published(connection)
        # From the first Monday of April to the first Sunday of May.
        days = [date(2026, 4, 6) + timedelta(days=n) for n in range(28)]
        counted = {"level": "platform", "attempted_messages": 7}
        insert(connection, "cubes.cube_campaign_daily", [counted | {"send_date": day} for day in days])

    def periods(*asked: str):
        said = run_wasms("metrics", "query", "attempted_messages", *asked, "--home", str(home.root))
        return [row["attempted_messages"] for row in json.loads(said.stdout)], said.stderr

    asked = ("--format", "json", "--vs", "previous", "--by")
    assert periods(*asked, "week") == ([49] * 4, "From cubes.cube_campaign_daily, level platform.\n")
    assert periods(*asked, "month")[0] == [175]
    numbers, said = periods(*asked, "week", "--from", "2026-04-08", "--to", "2026-04-19")
    assert numbers == [35, 49]
    assert "2026-04-08 is inside a week" in said
    assert "2026-04-19" not in said
    assert (
        "There are rows from 2026-04-06 to 2026-05-03." in periods(*asked, "day", "--from", "2027-01-01")[1]
    )
    with duckdb.connect(home.published_path) as connection:
        insert(connection, "cubes.cube_coverage_monthly", [{"month": date(2026, 5, 1)}])
    # May was built, so it is over: nobody sent anything after its third day.
    assert periods(*asked, "month")[0] == [175, 21]


def test_a_month_that_does_not_count_all_workspaces_says_so(home):
    with duckdb.connect(home.published_path) as connection:
        published(connection)
        month = {"month": date(2026, 5, 1)}
        cell = month | {"level": "workspace", "workspace_key": "w", "reached_contacts": 21}
        insert(connection, "cubes.cube_workspace_monthly", [cell])
        counted = [month | {"workspaces_counted": 7, "workspaces_total": 11}]
        counted.append({"month": date(2026, 6, 1), "workspaces_counted": 9, "workspaces_total": 9})
        insert(connection, "cubes.cube_coverage_monthly", counted)

    asked = ("reached_contacts", "--by", "month", "--by", "workspace", "--home", str(home.root))
    result = run_wasms("metrics", "query", *asked)

    assert result.exit_code == 0, result.stderr
    assert "2026-05 counts 7 of 11 workspaces" in result.stderr
    assert "2026-06" not in result.stderr
