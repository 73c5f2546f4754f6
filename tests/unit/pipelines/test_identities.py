"""Tokens of one contact, whatever the shape of the graph that rows say: against a plain union-find."""

from collections import defaultdict
from itertools import combinations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.treatments import KeyScope
from pipelines.declarations.contract import OF_CONTACTS, Subject, load_contracts
from pipelines.identities import COUNTRIES, LINKS, MOST_OF_A_KIND, resolved

N, U, E, C = range(4)  # Number, user id, e-mail address, contact id, as in `OF_CONTACTS`.
NODES = [(kind, f"{name}{i}") for kind, name in ((N, "n"), (U, "u"), (E, "e"), (C, "c")) for i in range(9)]


def found(links, countries=()):
    """(workspace, token) → the token that stands for it, where another does."""
    rows = [(w, a[1], a[0], b[1], b[0]) for w, a, b in links]
    result = resolved(
        pl.DataFrame(rows, schema=LINKS, orient="row"),
        pl.DataFrame(list(countries), schema=COUNTRIES, orient="row"),
    )
    assert result.columns == ["workspace_id", "token", "contact_token", "contact_country"]
    return {(w, token): contact for w, token, contact, _ in result.iter_rows()}


def plain(links):
    """The same by a plain union-find, one workspace after another."""
    beside = defaultdict(set)
    for w, a, b in links:
        if a != b:
            beside[w, a, b[0]].add(b)
            beside[w, b, a[0]].add(a)
    parent = {}

    def root(node):
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for w, a, b in links:
        own = max(len(beside[w, a, b[0]]), len(beside[w, b, a[0]])) <= MOST_OF_A_KIND
        ends = (root((w, a)), root((w, b)))
        if own:
            # The pair of kind and name of the least is the root's.
            parent[max(ends)] = min(ends)
    stands = {(w, node[1]): root((w, node))[1][1] for w, node in list(parent) if node[0] <= U}
    return {key: contact for key, contact in stands.items() if key[1] != contact}


LINKED = st.tuples(st.sampled_from(["w1", "w2"]), st.sampled_from(NODES), st.sampled_from(NODES))


@given(st.lists(LINKED, max_size=40), st.randoms(use_true_random=False))
def test_contacts_are_what_a_union_find_says_in_any_order_and_however_often_it_is_said(links, random):
    once = found(links)

    again = [(w, *pair) for w, *pair in links for _ in range(2)]
    random.shuffle(again)
    turned = [(w, b, a) if random.random() < 0.5 else (w, a, b) for w, a, b in again]

    assert once == plain(links)
    assert found(turned) == once


@given(st.lists(LINKED, max_size=40))
def test_who_stands_for_another_stands_for_himself_and_is_of_the_same_workspace(links):
    stands = found(links)
    there = {(w, node[1]) for w, *pair in links for node in pair}

    assert all((w, contact) in there - stands.keys() for (w, _), contact in stands.items())
    for workspace in ("w1", "w2"):
        alone = [link for link in links if link[0] == workspace]
        assert found(alone) == {key: value for key, value in stands.items() if key[0] == workspace}


def chain(length, kind=N, name="n"):
    return [("w", (kind, f"{name}{i:03}"), (kind, f"{name}{i + 1:03}")) for i in range(length)]


@pytest.mark.parametrize(
    ("shape", "links", "expected"),
    [
        ("nothing", [], {}),
        ("itself", [("w", (N, "n"), (N, "n"))], {}),
        ("a number before a user id", [("w", (U, "a"), (N, "z"))], {"a": "z"}),
        ("user ids alone", [("w", (U, "b"), (U, "a"))], {"b": "a"}),
        ("no fact names an e-mail address", [("w", (C, "c"), (E, "e"))], {}),
        ("50 changes of number", chain(50), {f"n{i:03}": "n000" for i in range(1, 51)}),
        (
            "a clique",
            [("w", (N, a), (N, b)) for a, b in combinations("abcde", 2)],
            dict.fromkeys("bcde", "a"),
        ),
        (
            "a number and a user id on two rows of one address",
            [
                ("w", (C, "c1"), (N, "n")),
                ("w", (C, "c2"), (U, "u")),
                *[("w", (C, c), (E, "e")) for c in ("c1", "c2")],
            ],
            {"u": "n"},
        ),
        ("a user id in a number's place", [("w", (N, "a"), (N, "z")), ("w", (U, "a"), (C, "c"))], {"a": "z"}),
        (
            "as many user ids as one number may have",
            [("w", (N, "n"), (U, f"u{i}")) for i in range(MOST_OF_A_KIND)],
            {f"u{i}": "n" for i in range(MOST_OF_A_KIND)},
        ),
        ("a reception's number", [("w", (N, "n"), (U, f"u{i}")) for i in range(MOST_OF_A_KIND + 1)], {}),
        (
            "an address that all customers have, who stay themselves",
            [
                link
                for i in range(300)
                for link in (
                    ("w", (E, "info"), (C, f"c{i}")),
                    ("w", (C, f"c{i}"), (N, f"n{i}")),
                    ("w", (C, f"c{i}"), (U, f"u{i}")),
                )
            ],
            {f"u{i}": f"n{i}" for i in range(300)},
        ),
    ],
)
def test_a_graph_of_this_shape(shape, links, expected):
    assert found(links) == {("w", token): contact for token, contact in expected.items()}, shape


def test_a_user_id_has_the_country_of_the_number_that_stands_for_it_and_a_number_its_own():
    links = [("w", (U, "u"), (N, "a")), ("w", (N, "a"), (N, "b")), ("v", (U, "u"), (N, "c"))]
    rows = pl.DataFrame([(w, x[1], x[0], y[1], y[0]) for w, x, y in links], schema=LINKS, orient="row")
    known = pl.DataFrame(
        [("w", "a", "DE"), ("w", "b", "AT"), ("w", "c", "FR")], schema=COUNTRIES, orient="row"
    )

    countries = {(w, token): country for w, token, _, country in resolved(rows, known).iter_rows()}

    assert countries == {("w", "u"): "DE", ("w", "b"): None, ("v", "u"): None}


def test_every_row_that_names_a_contact_twice_says_so():
    # Of a Twilio message one of two numbers is the workspace's; requests are no record of who is who.
    others = {"privacy__requests", "twilio__messages"}
    named = {
        contract.source: {
            name
            for name, column in contract.columns.items()
            if column.identity in OF_CONTACTS and column.scope is KeyScope.WORKSPACE
        }
        for contract in load_contracts().values()
        if contract.subject is Subject.CONTACT
    }
    twice = {source: names for source, names in named.items() if len(names) > 1}

    assert set(twice) - others == {c.source for c in load_contracts().values() if c.same_person}
    for source, names in twice.items():
        linked = {name for group in load_contracts()[source].same_person for name in group}
        assert linked == (set() if source in others else names), source
