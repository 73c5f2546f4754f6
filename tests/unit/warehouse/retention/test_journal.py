"""What was known when can be asked later, and says nothing of anybody in particular."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.home import Home
from warehouse.ledger.ledger import Ledger
from warehouse.retention.errors import NothingKnownError
from warehouse.retention.journal import SOMEBODY, inputs_known_on, remember
from warehouse.retention.records import subject
from warehouse.retention.rules import Clock, Hold, RetentionInputs, Rule, Setting, Version

KEY = b"s" * 32
ACME = subject(KEY, "ws_acme")
POLICY = Version(date(2026, 4, 1), {"orders": Rule(Clock.EVENT, 90, per_workspace=True)})


def at(day: int, hour: int = 6) -> datetime:
    return datetime(2026, 6, day, hour)


def inputs(*settings: Setting, **changes: object) -> RetentionInputs:
    known = RetentionInputs((POLICY,), (15, 30, 90), {"ws_acme": settings} if settings else {})
    return replace(known, **changes)


def note(ledger: Ledger, known: RetentionInputs, when: datetime) -> None:
    with ledger.transaction() as connection:
        remember(connection, known, key=KEY, as_of=when)


def test_each_day_is_answered_by_what_was_known_on_it(ledger):
    short, long = Setting(at(1), 30), Setting(at(5), 90)
    note(ledger, inputs(), at(1))
    note(ledger, inputs(short), at(2))
    note(ledger, inputs(short, long), at(9))
    note(ledger, inputs(), at(12))

    known = {day: inputs_known_on(ledger, at(day, 7)).settings.get(ACME, ()) for day in (1, 2, 8, 9, 12)}

    assert known == {1: (), 2: (short,), 8: (short,), 9: (short, long), 12: ()}


def test_all_that_decides_comes_back_by_subject_and_a_held_person_as_somebody(ledger):
    scope = {"source": "shop__orders", "contact_token": "canary", "held_from": at(1), "held_to": None}
    hold = Hold("0123456789abcdef", "ws_acme", at(30), **scope)
    kept = Version(date(2026, 7, 1), {"orders": Rule(Clock.EVENT, 2557, outlives_account=True)})
    known = inputs(Setting(at(1), None), versions=(POLICY, kept), ended={"ws_gone": at(3)}, holds=(hold,))
    note(ledger, known, at(4))

    assert inputs_known_on(ledger, at(5)) == replace(
        known,
        settings={ACME: (Setting(at(1), None),)},
        ended={subject(KEY, "ws_gone"): at(3)},
        holds=(replace(hold, workspace_id=ACME, contact_token=SOMEBODY),),
    )


def test_the_journal_names_no_workspace_and_no_person(ledger, home):
    hold = Hold("0123456789abcdef", "ws_acme", at(30), contact_token="token_canary")
    note(ledger, inputs(Setting(at(1), 30), ended={"ws_gone": at(3)}, holds=(hold,)), at(4))

    written = "\n".join(str(tuple(row)) for row in ledger.read("select * from known_inputs"))

    assert ACME in written
    assert not [canary for canary in ("ws_acme", "ws_gone", "token_canary") if canary in written]


def test_what_did_not_change_is_written_once(ledger):
    for day in (1, 2, 3):
        note(ledger, inputs(Setting(at(1), 30)), at(day))

    assert len(ledger.read("select * from known_inputs")) == 3  # classes, one version, one setting


def test_a_second_look_at_the_same_moment_replaces_the_first(ledger):
    note(ledger, inputs(Setting(at(1), 30)), at(2))
    note(ledger, inputs(Setting(at(1), 15)), at(2))

    assert inputs_known_on(ledger, at(2)).settings[ACME] == (Setting(at(1), 15),)


@pytest.mark.parametrize(("noted", "begins"), [([], "it is empty"), ([5], "it begins on 2026-06-05")])
def test_before_the_first_entry_nothing_is_known(ledger, noted, begins):
    for day in noted:
        note(ledger, inputs(), at(day))

    with pytest.raises(NothingKnownError, match=begins):
        inputs_known_on(ledger, at(4))


CHOICES = st.dictionaries(
    st.sampled_from(["ws_a", "ws_b"]),
    st.lists(st.integers(1, 3), unique=True, max_size=2)
    .map(lambda days: tuple(Setting(at(day), day * 15) for day in sorted(days)))
    .filter(bool),
)


@given(days=st.lists(CHOICES, min_size=1, max_size=6))
def test_the_journal_gives_back_every_day_whatever_changed(
    days: list[Mapping[str, tuple[Setting, ...]]], tmp_path_factory
):
    ledger = Ledger(Home(tmp_path_factory.mktemp("home")).create().ledger_path)
    for day, chosen in enumerate(days, start=1):
        note(ledger, inputs(settings=chosen), at(day))

    for day, chosen in enumerate(days, start=1):
        known = inputs_known_on(ledger, at(day, 23)).settings
        assert known == {subject(KEY, workspace): history for workspace, history in chosen.items()}
