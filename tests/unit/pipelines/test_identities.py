"""Tokens of one contact, whatever the shape of the graph that rows say: against a plain union-find."""

from collections import Counter, defaultdict
from itertools import combinations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.treatments import KeyScope
from pipelines.declarations.contract import OF_CONTACTS, Subject, load_contracts
from pipelines.identities import COUNTRIES, LINKS, MOST_NUMBERS, MOST_OF_A_KIND, resolved

N, U, E, C = range(4)  # Number, user id, e-mail address, contact id, as in `OF_CONTACTS`.
NODES = [(kind, f"{name}{i}") for kind, name in ((U, "u"), (E, "e"), (C, "c")) for i in range(9)]


def found(links, countries=()):
    """(workspace, token) → the token that stands for it, where another does."""
    rows = [(w, a[1], a[0], b[1], b[0], is_reported) for w, a, b, is_reported in links]
    result = resolved(
        pl.DataFrame(rows, schema=LINKS, orient="row"),
        pl.DataFrame(list(countries), schema=COUNTRIES, orient="row"),
    )
    assert result.columns == ["workspace_id", "token", "contact_token", "contact_country"]
    return {(w, token): contact for w, token, contact, _ in result.iter_rows()}


def plain(links):
    """The same by a plain union-find: once, and again without what was only said of a crowd."""
    beside = defaultdict(set)
    for w, a, b, _ in links:
        if a != b:
            beside[w, a, b[0]].add(b)
            beside[w, b, a[0]].add(a)

    def is_own(w, a, b):
        return max(len(beside[w, a, b[0]]), len(beside[w, b, a[0]])) <= MOST_OF_A_KIND

    own = [link for link in links if is_own(*link[:3])]
    of_all = roots(links, own)
    numbers = Counter(root for (_, (kind, _)), root in of_all.items() if kind == N)
    kept = [x for x in own if x[3] or numbers[of_all[x[0], x[1]]] <= MOST_NUMBERS]
    stands = {(w, node[1]): root[1][1] for (w, node), root in roots(links, kept).items() if node[0] <= U}
    return {key: contact for key, contact in stands.items() if key[1] != contact}


def roots(links, joining):
    """Node → the least that it is joined with, by kind and name."""
    parent = {(w, node): (w, node) for w, *pair, _ in links for node in pair}

    def root(node):
        while parent[node] != node:
            node = parent[node]
        return node

    for w, a, b, _ in joining:
        ends = root((w, a)), root((w, b))
        parent[max(ends)] = min(ends)
    return {node: root(node) for node in parent}


# Many numbers, so that there are crowds of them; few of the others, so that some are shared.
NUMBERS = [(N, f"n{i:02}") for i in range(25)]
LINKED = st.tuples(
    st.sampled_from(["w1", "w1", "w1", "w2"]),
    st.sampled_from(NUMBERS),
    st.sampled_from([*NUMBERS, *NODES]),
    st.booleans(),
) | st.tuples(st.just("w1"), st.sampled_from(NODES), st.sampled_from(NODES), st.booleans())


@given(st.lists(LINKED, max_size=40), st.randoms(use_true_random=False))
def test_contacts_are_what_a_union_find_says_in_any_order_and_however_often_it_is_said(links, random):
    once = found(links)

    again = links * 2
    random.shuffle(again)
    turned = [(w, b, a, told) if random.random() < 0.5 else (w, a, b, told) for w, a, b, told in again]

    assert once == plain(links)
    assert found(turned) == once


@given(st.lists(LINKED, max_size=40))
def test_who_stands_for_another_stands_for_himself_and_is_of_the_same_workspace(links):
    stands = found(links)
    there = {(w, node[1]) for w, *pair, _ in links for node in pair}

    assert all((w, contact) in there - stands.keys() for (w, _), contact in stands.items())
    for workspace in ("w1", "w2"):
        alone = [link for link in links if link[0] == workspace]
        assert found(alone) == {key: value for key, value in stands.items() if key[0] == workspace}


def exported(*pairs):
    return [("w", a, b, False) for a, b in pairs]


def reported(*pairs):
    return [("w", a, b, True) for a, b in pairs]


CHANGES = [((N, f"n{i:03}"), (N, f"n{i + 1:03}")) for i in range(50)]
CUSTOMERS = [(C, f"c{i:03}") for i in range(300)]
# What a contact's row says, right and one line too low.
RIGHT = [pair for i, c in enumerate(CUSTOMERS) for pair in ((c, (N, f"n{i:03}")), (c, (U, f"u{i:03}")))]
SLIPPED = [pair for i, c in enumerate(CUSTOMERS) for pair in ((c, (N, f"n{i:03}")), (c, (U, f"u{i + 1:03}")))]
SEEN = [((N, f"n{i:03}"), (U, f"u{i:03}")) for i in range(300)]


@pytest.mark.parametrize(
    ("shape", "links", "expected"),
    [
        ("nothing", [], {}),
        ("itself", exported(((N, "n"), (N, "n"))), {}),
        ("a number before a user id", exported(((U, "a"), (N, "z"))), {"a": "z"}),
        ("user ids alone", exported(((U, "b"), (U, "a"))), {"b": "a"}),
        ("no fact names an e-mail address", exported(((C, "c"), (E, "e"))), {}),
        ("50 changes of number", reported(*CHANGES), {f"n{i:03}": "n000" for i in range(1, 51)}),
        (
            "a clique",
            exported(*(((N, a), (N, b)) for a, b in combinations("abcde", 2))),
            dict.fromkeys("bcde", "a"),
        ),
        (
            "a number and a user id on two rows of one address",
            exported(
                ((C, "c1"), (N, "n")), ((C, "c2"), (U, "u")), ((C, "c1"), (E, "e")), ((C, "c2"), (E, "e"))
            ),
            {"u": "n"},
        ),
        ("a user id in a number's place", exported(((N, "a"), (N, "z")), ((U, "a"), (C, "c"))), {"a": "z"}),
        (
            "as many user ids as one number may have",
            reported(*(((N, "n"), (U, f"u{i}")) for i in range(MOST_OF_A_KIND))),
            {f"u{i}": "n" for i in range(MOST_OF_A_KIND)},
        ),
        (
            "a reception's number",
            reported(*(((N, "n"), (U, f"u{i}")) for i in range(MOST_OF_A_KIND + 1))),
            {},
        ),
        (
            "an address that all customers have, who stay themselves",
            exported(*RIGHT, *(((E, "info"), c) for c in CUSTOMERS)),
            {f"u{i:03}": f"n{i:03}" for i in range(300)},
        ),
        (
            "an export that slipped by a line, beside what a provider reported",
            [*exported(*SLIPPED), *reported(*SEEN)],
            {f"u{i:03}": f"n{i:03}" for i in range(300)},
        ),
    ],
)
def test_a_graph_of_this_shape(shape, links, expected):
    assert found(links) == {("w", token): contact for token, contact in expected.items()}, shape


def test_a_user_id_has_the_country_of_the_number_that_stands_for_it_and_a_number_its_own():
    links = [*exported(((U, "u"), (N, "a")), ((N, "a"), (N, "b"))), ("v", (U, "u"), (N, "c"), False)]
    rows = [(w, x[1], x[0], y[1], y[0], told) for w, x, y, told in links]
    known = [("w", "a", "DE"), ("w", "b", "AT"), ("w", "c", "FR")]

    result = resolved(
        pl.DataFrame(rows, schema=LINKS, orient="row"), pl.DataFrame(known, schema=COUNTRIES, orient="row")
    )

    countries = {(w, token): country for w, token, _, country in result.iter_rows()}
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
