"""Laws of the roll-up: what is published is never below the threshold, and not coarser than it must be."""

from collections import defaultdict
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

K = 3
WORKSPACES = ["w1", "w2"]
rows_strategy = st.lists(
    st.tuples(
        st.sampled_from(WORKSPACES),
        st.sampled_from([None, "a", "b", "c", "d", "e"]),
        st.one_of(st.none(), st.integers(0, 9)),
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def roll_up(new_sql):
    sql = new_sql(minimum_contacts=K)
    sql.connection.execute(
        "create table units (workspace_id varchar, campaign_id varchar, contact_token varchar)"
    )

    def place(rows):
        sql.connection.execute("delete from units")
        sql.load(
            "units", [{"workspace_id": w, "campaign_id": c, "contact_token": _token(p)} for w, c, p in rows]
        )
        placed = sql.rows("{{ roll_up('units', parent=['workspace_id'], child='campaign_id') }}")
        return {(row["workspace_id"], row["campaign_id"]): row["placement"] for row in placed}

    def absorb(rows):
        place(rows)
        macro = "{{ roll_up('units', parent=['workspace_id'], child='campaign_id', absorbs=true) }}"
        return {row["campaign_id"]: (row["placement"], row["shown_as"]) for row in sql.rows(macro)}

    place.absorb = absorb
    yield place
    sql.connection.close()


def _token(person):
    return None if person is None else f"t{person}"


def campaign(name, *numbers, workspace="w1"):
    return [(workspace, name, number) for number in numbers]


@pytest.mark.parametrize(
    ("case", "rows", "expected"),
    [
        ("exactly k stands alone", campaign("a", 1, 2, 3), {"a": "own"}),
        ("one below k has nobody to join", campaign("a", 1, 2), {"a": "unsafe"}),
        ("the same contact twice is one contact", campaign("a", 1, 2, 2), {"a": "unsafe"}),
        ("an unknown contact is nobody", campaign("a", 1, 2, None), {"a": "unsafe"}),
        (
            "two small ones make a safe other",
            campaign("a", 1, 2) + campaign("b", 3),
            {"a": "other", "b": "other"},
        ),
        (
            "a safe one joins until other is safe",
            campaign("a", 1) + campaign("b", 2, 3, 4) + campaign("c", 5, 6, 7, 8),
            {"a": "other", "b": "other", "c": "own"},
        ),
        (
            "small ones with the same contacts are no bigger together",
            campaign("a", 1, 2) + campaign("b", 1, 2) + campaign("c", 1, 2, 3),
            {"a": "other", "b": "other", "c": "other"},
        ),
        (
            "other takes the smallest that is left, not all",
            campaign("a", 1, 2) + campaign("b", 1, 2) + campaign("c", 1, 2, 3) + campaign("d", 4, 5, 6, 7),
            {"a": "other", "b": "other", "c": "other", "d": "own"},
        ),
        (
            "messages of no campaign are a group like any other",
            campaign(None, 1, 2, 3) + campaign("a", 4, 5, 6),
            {None: "own", "a": "own"},
        ),
    ],
)
def test_groups_below_the_threshold_join(roll_up, case, rows, expected):
    assert {name: placement for (_, name), placement in roll_up(rows).items()} == expected, case


@pytest.mark.parametrize(
    ("case", "rows", "expected"),
    [
        (
            "the largest takes in what is too little for other",
            campaign("a", 1) + campaign("b", 2, 3, 4) + campaign("c", 5, 6, 7, 8),
            {"a": ("absorbed", "c"), "b": ("own", "b"), "c": ("own", "c")},
        ),
        (
            "enough of them are other",
            campaign("a", 1, 2) + campaign("b", 3) + campaign("c", 5, 6, 7, 8),
            {"a": ("other", None), "b": ("other", None), "c": ("own", "c")},
        ),
        (
            "without a large one they are other",
            campaign("a", 1, 2) + campaign("b", 3),
            {"a": ("other", None), "b": ("other", None)},
        ),
        (
            "too few of all are nothing",
            campaign("a", 1) + campaign("b", 2),
            {"a": ("unsafe", None), "b": ("unsafe", None)},
        ),
    ],
)
def test_what_is_too_little_to_be_other_is_absorbed(roll_up, case, rows, expected):
    assert roll_up.absorb(rows) == expected, case


def test_parents_do_not_mix(roll_up):
    placed = roll_up(campaign("a", 1, 2) + campaign("a", 1, 2, 3, workspace="w2"))

    assert placed == {("w1", "a"): "unsafe", ("w2", "a"): "own"}


@given(rows_strategy)
def test_every_group_is_safe_and_other_no_larger_than_needed(roll_up, rows):
    contacts = defaultdict(set)
    for workspace, name, person in rows:
        contacts[workspace, name] |= {person} - {None}

    placed = roll_up(rows)

    assert placed.keys() == contacts.keys()
    for workspace in {w for w, _, _ in rows}:
        here = {key: placement for key, placement in placed.items() if key[0] == workspace}
        own = [contacts[key] for key, placement in here.items() if placement == "own"]
        joined = sorted((len(contacts[key]), key[1] or "") for key, p in here.items() if p == "other")
        other = [contacts[workspace, name or None] for _, name in joined]
        everyone = set(chain.from_iterable(contacts[key] for key in here))
        assert ("unsafe" in here.values()) == (len(everyone) < K)
        assert all(len(group) >= K for group in own)
        if other:
            assert len(set().union(*other)) >= K
            assert min(len(group) for group in other) < K
            assert all(len(group) >= len(other[-1]) for group in own)
            if len(other[-1]) >= K:
                assert len(set().union(*other[:-1])) < K, "the last one joined for nothing"


@given(rows_strategy, st.randoms())
def test_order_and_repetition_do_not_matter(roll_up, rows, random):
    shuffled = rows + rows[::2]
    random.shuffle(shuffled)

    assert roll_up(shuffled) == roll_up(rows)
