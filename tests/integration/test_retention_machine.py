"""Whatever happens, in whatever order: what survives is what a second, simpler account of the rules says."""

import tempfile
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from tests.support.crashes import CrashError, Fuse
from tests.support.machines import run_machine
from tests.support.oracle import Hold, Known, Oracle, Row
from tests.support.retention_world import (
    CONTACTS,
    HOLDS,
    INVOICES,
    MESSAGES,
    VISITS,
    World,
    event,
    policy,
    state,
)
from warehouse.retention import apply, decisions, rows
from warehouse.retention.planning import context

WORKSPACES = ("ws_a", "ws_b", "ws_c")
PEOPLE = ("token_1", "token_2")
# Days on which calendars go wrong.
EDGES = (date(2027, 12, 31), date(2028, 1, 1), date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 1))

AGES = (0, 14, 29, 50, 80, 170)

workspaces = st.sampled_from(WORKSPACES)
windows = st.sampled_from((15, 30, 60, 90, 180))
hours = st.integers(0, 23).map(lambda h: timedelta(hours=h))
ago = st.one_of(st.integers(0, 40), st.sampled_from((14, 15, 29, 30, 31, 59, 60, 89, 90, 91, 180, 200)))


@cache
def world() -> World:
    """One place for all examples, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    root = tempfile.mkdtemp(prefix="retention", dir=memory if memory.is_dir() else None)
    return World.at(Path(root))


class Retention(RuleBasedStateMachine):
    """The real store and engine on one side, the oracle on the other."""

    def __init__(self) -> None:
        super().__init__()
        self.world = world()
        self.world.empty()
        self.oracle = Oracle()
        self.known = Known({date(2026, 4, 1): policy()})
        self.now = datetime(2027, 12, 20, 6)
        self.last_id = 0
        self.batches: list[list[Row]] = []
        self.applied: tuple[datetime, Known, int] | None = None

    @initialize(
        days=st.integers(0, 80),
        messages=windows,
        chosen=st.dictionaries(workspaces, st.one_of(st.none(), st.integers(1, 400)), max_size=3),
    )
    def begin(self, days: int, messages: int, chosen: dict[str, int | None]) -> None:
        self.now += timedelta(days=days)
        self.known = Known(
            {date(2026, 4, 1): policy(messages=messages)},
            chosen={w: ((datetime(2026, 5, 1), days_),) for w, days_ in chosen.items()},
        )
        # Something of every kind and age, so that whatever comes next has something to decide about.
        self._take_in(
            [
                event(
                    source,
                    workspace,
                    self._new_id(),
                    at=self.now - timedelta(days=age),
                    received=self.now,
                    contact=PEOPLE[AGES.index(age) % 2],
                )
                for source in (MESSAGES, VISITS)
                for age in AGES
                for workspace in WORKSPACES
            ]
        )
        self._take_in([state(CONTACTS, w, self._new_id(), contact=p) for w in WORKSPACES for p in PEOPLE])
        self._take_in(
            [
                state(INVOICES, w, self._new_id(), contact="", at=self.now - timedelta(days=age))
                for w in WORKSPACES
                for age in (0, 370)
            ]
        )

    def _new_id(self) -> str:
        self.last_id += 1
        return f"row_{self.last_id}"

    def _take_in(self, rows: list[Row]) -> None:
        self.world.store(rows, at=self.now, known=self.known)
        self.oracle.arrive(rows, at=self.now, known=self.known)

    @rule(
        source=st.sampled_from((MESSAGES, MESSAGES, VISITS)),
        drawn=st.lists(st.tuples(workspaces, ago, hours, st.sampled_from(PEOPLE)), min_size=1, max_size=6),
        ahead=st.booleans(),
    )
    def ingest_events(self, source: str, drawn: list[tuple[str, int, timedelta, str]], ahead: bool) -> None:
        rows = [
            event(
                source,
                workspace,
                self._new_id(),
                # A clock that is ahead: the event is later than its receipt.
                at=self.now + hour if ahead and not days else self.now - timedelta(days=days) - hour,
                received=self.now,
                contact=person,
            )
            for workspace, days, hour, person in drawn
        ]
        self.batches.append(rows)
        self._take_in(rows)

    @rule(drawn=st.lists(st.tuples(workspaces, st.sampled_from(PEOPLE)), min_size=1, max_size=3))
    def ingest_contacts(self, drawn: list[tuple[str, str]]) -> None:
        rows = [state(CONTACTS, workspace, self._new_id(), contact=person) for workspace, person in drawn]
        self.batches.append(rows)
        self._take_in(rows)

    @rule(drawn=st.lists(st.tuples(workspaces, st.integers(0, 450)), min_size=1, max_size=3))
    def ingest_invoices(self, drawn: list[tuple[str, int]]) -> None:
        rows = [
            state(INVOICES, workspace, self._new_id(), contact="", at=self.now - timedelta(days=days))
            for workspace, days in drawn
        ]
        self._take_in(rows)

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def replay_an_old_file(self, data: st.DataObject) -> None:
        self._take_in(data.draw(st.sampled_from(self.batches)))

    @rule(
        workspace=workspaces,
        days=st.one_of(st.none(), st.sampled_from((30, 60, 90, 180, 365)), st.integers(1, 400)),
        shift=st.one_of(st.integers(-3, 5), st.integers(-40, 40)),
        hour=hours,
    )
    def choose_a_window(self, workspace: str, days: int | None, shift: int, hour: timedelta) -> None:
        since = self.now + timedelta(days=shift) + hour
        history = dict(self.known.chosen.get(workspace, ()))
        chosen = tuple(sorted({**history, since: days}.items()))
        self.known = replace(self.known, chosen={**self.known.chosen, workspace: chosen})

    @rule(messages=windows, visits=windows, shift=st.integers(-30, 60))
    def publish_a_policy(self, messages: int, visits: int, shift: int) -> None:
        first = max(max(self.known.policy) + timedelta(days=1), self.now.date() + timedelta(days=shift))
        version = policy(messages=messages, visits=visits)
        self.known = replace(self.known, policy={**self.known.policy, first: version})

    @rule(workspace=workspaces, days=st.integers(0, 50))
    def end_a_subscription(self, workspace: str, days: int) -> None:
        ended = self.known.ended | {workspace: self.now - timedelta(days=days)}
        self.known = replace(self.known, ended=ended)

    @precondition(lambda self: self.known.ended)
    @rule(data=st.data())
    def renew_a_subscription(self, data: st.DataObject) -> None:
        workspace = data.draw(st.sampled_from(sorted(self.known.ended)))
        ended = {w: at for w, at in self.known.ended.items() if w != workspace}
        self.known = replace(self.known, ended=ended)

    @rule(
        workspace=workspaces,
        source=st.sampled_from((None, None, MESSAGES, CONTACTS, INVOICES)),
        contact=st.sampled_from((None, None, *PEOPLE)),
        begins=st.one_of(st.none(), st.integers(0, 200)),
        lasts=st.one_of(st.none(), st.integers(0, 150)),
        expires=st.integers(1, 120),
    )
    def hold(
        self,
        workspace: str,
        source: str | None,
        contact: str | None,
        begins: int | None,
        lasts: int | None,
        expires: int,
    ) -> None:
        since = None if begins is None else self.now - timedelta(days=begins)
        until = None if lasts is None else (since or self.now) + timedelta(days=lasts)
        hold = Hold(
            f"{len(self.known.holds) + self.last_id:032x}",
            workspace,
            self.now + timedelta(days=expires),
            source=source,
            contact=contact,
            since=since,
            until=until,
        )
        self.last_id += 1
        self.known = replace(self.known, holds=(*self.known.holds, hold))
        self._take_in([state(HOLDS, workspace, self._new_id(), contact="", at=hold.expires_at)])

    @precondition(lambda self: self.known.holds)
    @rule(data=st.data(), days=st.integers(-30, -1))
    def let_a_hold_end_earlier(self, data: st.DataObject, days: int) -> None:
        hold = data.draw(st.sampled_from(self.known.holds))
        changed = replace(hold, expires_at=hold.expires_at + timedelta(days=days))
        self.known = replace(self.known, holds=tuple(changed if h is hold else h for h in self.known.holds))

    @precondition(lambda self: self.known.holds)
    @rule(data=st.data())
    def withdraw_a_hold(self, data: st.DataObject) -> None:
        hold = data.draw(st.sampled_from(self.known.holds))
        over = replace(hold, expires_at=min(hold.expires_at, self.now))
        self.known = replace(self.known, holds=tuple(over if h is hold else h for h in self.known.holds))

    @rule(days=st.one_of(st.integers(0, 45), st.sampled_from((1, 30, 90))), hour=hours)
    def days_go_by(self, days: int, hour: timedelta) -> None:
        self.now += timedelta(days=days) + hour
        self.apply()

    @rule(edge=st.sampled_from(EDGES), clock=st.sampled_from((time(), time(23, 59, 59), time(12))))
    def it_is_a_special_day(self, edge: date, clock: time) -> None:
        self.now = max(self.now, datetime.combine(edge, clock))
        self.apply()

    def apply(self) -> None:
        self.world.apply(at=self.now, known=self.known)
        self.oracle.apply(at=self.now, known=self.known)
        self._compare()
        self.applied = self.now, self.known, self.last_id

    def _is_new(self) -> bool:
        return self.applied != (self.now, self.known, self.last_id)

    @precondition(_is_new)
    @rule()
    def apply_once(self) -> None:
        self.apply()

    @precondition(_is_new)
    @rule()
    def apply_twice(self) -> None:
        self.apply()

        again = self.world.apply(at=self.now, known=self.known)

        assert not again.parts
        self._compare()

    @precondition(_is_new)
    @rule(moment=st.integers(0, 25))
    def crash_while_applying(self, moment: int) -> None:
        before = self.world.survivors()
        expected = Oracle()
        expected.__dict__.update(
            decisions=dict(self.oracle.decisions),
            _through=dict(self.oracle._through),
            _ended=set(self.oracle._ended),
        )
        expected.apply(at=self.now, known=self.known)
        after = expected_decisions(expected)

        self.world.set_fuse(Fuse(at=moment))
        try:
            self.world.apply(at=self.now, known=self.known)
        except CrashError:
            self.world.restart()
            # All of it is visible, or nothing.
            seen = self.world.survivors()
            assert {} in (differences(seen, before), differences(seen, after))
        self.world.set_fuse(Fuse())
        self.apply()

    def _compare(self) -> None:
        assert differences(self.world.survivors(), expected_decisions(self.oracle)) == {}
        assert self.world.stray_files() == set()
        assert self.world.foreign_keys() == set()


def expected_decisions(oracle: Oracle) -> dict[tuple[str, str], str]:
    return {(row.source, row.id): decision for row, decision in oracle.decisions.items()}


def differences(
    found: dict[tuple[str, str], str], expected: dict[tuple[str, str], str]
) -> dict[tuple[str, str], tuple[str, str]]:
    """Row → where it is, where it should be."""
    return {
        row: (found.get(row, "gone"), expected.get(row, "gone"))
        for row in sorted(found.keys() | expected.keys())
        if found.get(row) != expected.get(row)
    }


def test_a_shorter_window_that_came_and_went_since_the_last_look_is_applied():
    """Found by the machine: a version of the policy that was superseded before retention saw it."""
    place, now = world(), datetime(2027, 12, 20, 6)
    place.empty()
    first = {date(2026, 4, 1): policy(messages=30)}
    late = {date(2027, 12, 19): policy(messages=15), date(2027, 12, 20): policy(messages=30)}
    row = event(MESSAGES, "ws_a", "row", at=now - timedelta(days=20), received=now, contact="token_1")
    place.store([row], at=now, known=Known(first))
    place.apply(at=now, known=Known(first))

    place.apply(at=now, known=Known({**first, **late}))

    assert place.survivors() == {}


@pytest.mark.slow
def test_what_survives_is_what_the_oracle_says(stress):
    run_machine(Retention, examples=2_500 if stress else 20, is_fixed=not stress)


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        (context, "ended_workspaces", lambda *_args, **_kwargs: {}),
        (rows, "first_hold_sql", lambda *_args, **_kwargs: "null"),
        (decisions, "expired_through", lambda *_args, **_kwargs: None),
        (apply, "event_key", lambda part, _to: part.key_name),
    ],
    ids=["forgets account ends", "forgets holds", "forgets days", "keeps one key for all classes"],
)
@pytest.mark.slow
def test_an_engine_with_a_fault_is_caught(module, name, broken, monkeypatch):
    monkeypatch.setattr(module, name, broken)

    with pytest.raises(AssertionError):
        run_machine(Retention, examples=60, is_fixed=True, phases=(Phase.generate,))
