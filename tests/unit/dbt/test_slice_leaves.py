"""The spine of a day: every campaign has one place, and no node of any level has fewer than k contacts."""

from collections import defaultdict
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.codegen.model_sql import DBT_PROJECT

K = 11
DAY = date(2026, 5, 10)
PATH = ("workspace_key", "channel", "message_category", "template_key", "campaign_key")


@pytest.fixture(scope="module")
def leaves(new_sql):
    """Place campaigns: {(workspace, campaign): (audience, channel, category, template)} → their paths."""
    sql = new_sql()
    sql.connection.create_function(
        "surrogate", lambda workspace, _kind, value: f"{workspace}.{value}", ["VARCHAR"] * 3, "VARCHAR"
    )
    sql.connection.execute(
        "create table slice_messages (send_date date, workspace_id varchar, campaign_ref varchar, "
        "unit_token varchar, channel varchar, message_category varchar, template_ref varchar)"
    )
    models = DBT_PROJECT / "models" / "slices"
    groups = sql.render((models / "slice_campaign_groups.sql").read_text("utf-8"))
    sql.connection.execute(f"create view slice_campaign_groups as {groups}")
    text = (models / "slice_leaves.sql").read_text("utf-8")

    def place(campaigns):
        sql.connection.execute("delete from slice_messages")
        rows = [
            (DAY, workspace, campaign, f"{workspace}{contact}", channel, category, template)
            for (workspace, campaign), (audience, channel, category, template) in campaigns.items()
            for contact in audience
        ]
        if rows:
            sql.connection.executemany("insert into slice_messages values (?, ?, ?, ?, ?, ?, ?)", rows)
        found = sql.rows(text)
        assert len({(row["workspace_id"], row["campaign_ref"]) for row in found}) == len(found)
        return {
            (row["workspace_id"], row["campaign_ref"]): tuple(row[column] for column in PATH) for row in found
        }

    yield place
    sql.connection.close()


def campaign(size, *, first=0, channel="sms", category="marketing", template="t"):
    return range(first, first + size), channel, category, template


def test_a_campaign_of_enough_contacts_stands_alone(leaves):
    placed = leaves({("w", "a"): campaign(20), ("w", "b"): campaign(20, first=100)})
    assert placed["w", "a"] == ("w.w", "sms", "marketing", "w.t", "w.a")
    assert placed["w", "b"][-1] == "w.b"


@pytest.mark.parametrize(
    ("case", "other", "keys"),
    [
        ("five contacts more", campaign(25), {"w.a"}),
        ("ten contacts apart", campaign(20, first=5), {"w.a"}),
        ("eleven contacts more", campaign(31), {"w.a", "w.b"}),
        ("the same contacts", campaign(20), {"w.a", "w.b"}),
        ("other contacts", campaign(20, first=50), {"w.a", "w.b"}),
    ],
)
def test_campaigns_that_few_contacts_tell_apart_are_one_group(leaves, case, other, keys):
    placed = leaves({("w", "a"): campaign(20), ("w", "b"): other})
    assert {path[-1] for path in placed.values()} == keys, case


def test_a_group_says_mixed_where_its_campaigns_differ(leaves):
    placed = leaves({("w", "a"): campaign(20), ("w", "b"): campaign(22, channel="whatsapp", template="u")})
    assert set(placed.values()) == {("w.w", "mixed", "marketing", "mixed", "w.a")}


def test_a_campaign_of_few_is_in_the_largest_of_those_it_shares_a_level_with(leaves):
    placed = leaves(
        {
            ("w", "a"): campaign(30),
            ("w", "b"): campaign(30, first=50),
            ("w", "c"): campaign(3, first=90),
        }
    )
    assert placed["w", "c"][:4] == ("w.w", "sms", "marketing", "w.t")
    assert {key: path[-1] for key, path in placed.items()} == {
        ("w", "a"): "w.a",
        ("w", "b"): "w.b",
        # Three alone would be too few: the largest takes them in, and keeps its name.
        ("w", "c"): "w.b",
    }


def test_no_workspace_is_taken_in_by_another(leaves):
    placed = leaves({("v", "a"): campaign(300), ("w", "a"): campaign(30), ("x", "a"): campaign(3)})
    assert placed["v", "a"][0] == "v.v"
    assert placed["w", "a"][0] == placed["x", "a"][0] == "other"


def test_a_day_of_too_few_contacts_has_no_place_at_all(leaves):
    assert leaves({("w", "a"): campaign(10)}) == {}


worlds = st.dictionaries(
    st.tuples(st.sampled_from("vwx"), st.sampled_from("abcde")),
    st.builds(
        campaign,
        st.integers(1, 30),
        first=st.integers(0, 40),
        channel=st.sampled_from(["sms", "whatsapp"]),
        template=st.sampled_from(["t", "u"]),
    ),
    max_size=9,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(worlds)
def test_no_node_of_any_level_has_fewer_than_k_contacts(leaves, campaigns):
    placed = leaves(campaigns)
    everybody = {(w, c) for (w, _), (audience, *_) in campaigns.items() for c in audience}
    assert set(placed) == (set(campaigns) if len(everybody) >= K else set())
    nodes = defaultdict(set)
    for (workspace, name), path in placed.items():
        contacts = {(workspace, contact) for contact in campaigns[workspace, name][0]}
        for depth in range(len(PATH) + 1):
            nodes[path[:depth]] |= contacts
    assert [node for node, contacts in nodes.items() if len(contacts) < K] == []
