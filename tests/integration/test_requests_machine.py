"""Requests in any order, late events, replays, crashes: what is kept and seen is what a model says."""

import json
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import pyzipper
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from anonymizers.tokens import token
from anonymizers.treatments import IdentityKind
from pipelines.declarations.contract import Subject, contracts_of
from pipelines.ingestion import batch
from pipelines.ingestion.ingest import ingest_file
from pipelines.ingestion.options import Options
from pipelines.privacy import erasures
from pipelines.privacy.access import write_copy
from pipelines.privacy.erasures import remains_of
from pipelines.privacy.errors import SameRequestError, UnknownIdentifierError
from pipelines.privacy.submit import close, confirm, give_more_time, lift, pause, submit
from pipelines.retention.apply import apply_planned, apply_retention
from pipelines.retention.plan import plan_retention
from pipelines.runtime import Runtime, open_runtime
from pipelines.windows.inputs import HOLDS
from tests.integration.test_identities import number, user_id
from tests.support.feeding import give
from tests.support.machines import run_machine
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing, Purpose
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.requests import (
    ERASING,
    OPEN,
    RESTRICTING,
    WITH_PERSON,
    Kind,
    RequestError,
    Status,
    request,
    restricted,
)
from warehouse.retention import rows as row_decisions
from warehouse.store.connection import Engine
from warehouse.store.store import Store
from warehouse.store.views import create_views

WORKSPACES = ("ws_a", "ws_b")
PERSONS = (1, 2)
BEGIN = datetime(2026, 6, 1, 9)
MESSAGES, STATUSES, CONTACTS = "app__messages", "whatsapp__statuses", "app__contacts"
# How a row is told by a stored column: what it names there → kind of the identifier.
TOLD_BY = {
    MESSAGES: ("message_token", IdentityKind.MESSAGE),
    STATUSES: ("message_token", IdentityKind.MESSAGE),
    CONTACTS: ("contact_id_token", IdentityKind.CONTACT),
}
KINDS = (Kind.ERASE, *Kind)

persons, workspaces = st.sampled_from(PERSONS), st.sampled_from(WORKSPACES)
# A label is what a row names: somebody's number, user id or contact id, or a message.
Label = tuple[str, object]


@dataclass(frozen=True)
class Row:
    """A row that came: where it belongs, what it names, when it happened."""

    source: str
    workspace: str
    id: str
    names: frozenset[Label]
    at: datetime

    @property
    def place(self) -> tuple[str, str, str]:
        return self.source, self.workspace, self.id


@dataclass
class Asked:
    """A request, as the model knows it."""

    kind: Kind
    workspace: str
    people: frozenset[Label]
    at: datetime
    status: Status = Status.RECEIVED
    extended: int = 0
    labels: frozenset[Label] = frozenset()
    is_whole: bool = False


@dataclass
class Model:
    """The promises in plain Python: what is kept, refused, and seen."""

    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict)
    refused: dict[tuple[str, Label], datetime | None] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    # Workspace and person → until when rows that name the number are held; and what is held.
    holds: dict[tuple[str, int], datetime] = field(default_factory=dict)
    held: list[tuple[tuple[str, int], Row]] = field(default_factory=list)

    def arrive(self, row: Row) -> None:
        if row.workspace in self.ended:
            return
        ends = [
            self.refused[row.workspace, name] for name in row.names if (row.workspace, name) in self.refused
        ]
        if any(end is None or row.at <= end for end in ends):
            return
        there = self.rows.get(row.place)
        if there is None or there.at < row.at:
            self.rows[row.place] = row

    def known_as(self, workspace: str, label: Label) -> frozenset[Label]:
        contacts = [
            row.names for row in self.rows.values() if (row.source, row.workspace) == (CONTACTS, workspace)
        ]
        return frozenset({label}).union(*(names for names in contacts if label in names))

    def all_of(self, asked: Asked) -> frozenset[Label]:
        """The person as known by now, and the messages that rows name with this person and nobody else."""
        people = asked.people.union(*(self.known_as(asked.workspace, label) for label in asked.people))
        messages: dict[Label, list[bool]] = {}
        for row in self.rows.values():
            named = {name for name in row.names if name[0] != "message"}
            if row.workspace == asked.workspace and named:
                for message in row.names - named:
                    messages.setdefault(message, []).append(bool(named & people))
        return people | {message for message, mine in messages.items() if all(mine)}

    def delete(self, as_of: datetime) -> None:
        """Carry out what is due: all of it is decided on the rows before."""
        holds = {hold for hold, until in self.holds.items() if until > as_of}
        self.held = [(hold, row) for hold, row in self.held if hold in holds]
        due = [a for a in self.asked.values() if a.kind in ERASING and a.status is Status.VERIFIED]
        gone: set[tuple[str, str, str]] = set()
        for asked, labels in [(asked, self.all_of(asked)) for asked in due]:
            asked.status = Status.REWRITTEN
            mine = [row for row in self.rows.values() if row.workspace == asked.workspace]
            gone |= {row.place for row in mine if asked.is_whole or row.names & labels}
            if asked.is_whole:
                self.ended.add(asked.workspace)
            until = None if asked.kind is Kind.MINOR else asked.at
            for label in labels:
                before = self.refused.get((asked.workspace, label), until)
                is_for_ever = before is None or until is None
                self.refused[asked.workspace, label] = None if is_for_ever else max(before, until)
        for row in [self.rows.pop(place) for place in sorted(gone)]:
            numbers = {(row.workspace, label[1]) for label in row.names if label[0] == "number"}
            # A status names by its participant, and a hold covers recipients.
            self.held += [(hold, row) for hold in holds & numbers if row.source != STATUSES]

    def correct(self) -> None:
        """Close the corrections whose rows have all been replaced."""
        for asked in self.asked.values():
            if asked.kind is Kind.CORRECT and asked.status is Status.VERIFIED:
                rows = [r for r in self.rows.values() if r.source == CONTACTS and r.names & asked.people]
                times = [row.at for row in rows if row.workspace == asked.workspace]
                if times and min(times) > asked.at:
                    asked.status = Status.DONE

    def seen(self) -> set[tuple[str, str, str]]:
        hidden = [a for a in self.asked.values() if a.status is Status.RESTRICTED]
        return {
            row.place
            for row in self.rows.values()
            if not any(row.workspace == a.workspace and row.names & a.labels for a in hidden)
        }


@cache
def begun() -> Runtime:
    """A warehouse with its channels, of which each example takes a copy."""
    memory = Path("/dev/shm")
    root = Path(tempfile.mkdtemp(prefix="requests", dir=memory if memory.is_dir() else None))
    runtime = open_runtime(Home(root / "begun"))
    for workspace in WORKSPACES:
        since = {"workspace_id": workspace, "updated_at": BEGIN, "valid_from": BEGIN}
        give(
            runtime,
            "app__channels",
            since | {"provider": "whatsapp", "sender_id": f"s-{workspace}"},
            as_of=BEGIN,
        )
        country = {"workspace_id": workspace, "country": "DE", "updated_at": BEGIN}
        give(runtime, "app__workspaces", country, as_of=BEGIN)
    runtime.store.engine.release()
    return runtime


class Requests(RuleBasedStateMachine):
    """The real store on one side, the model on the other."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.now = BEGIN
        self.files: list[tuple[str, list[dict[str, object]], list[Row]]] = []
        self.messages = 0
        home = Home(begun().store.home.root.parent / "example")
        shutil.rmtree(home.root, ignore_errors=True)
        shutil.copytree(begun().store.home.root, home.root)
        keyring = KeyRing(home.keys)
        store = Store(home, keyring, Ledger(home.ledger_path), Engine(home.tmp, keyring))
        self.runtime = Runtime(begun().declarations, store)

    def teardown(self) -> None:
        self.runtime.store.engine.release()

    @initialize()
    def everybody_is_known(self) -> None:
        for workspace in WORKSPACES:
            self._export(workspace, PERSONS)
        for person in PERSONS:
            self._send("ws_a", person, by="number", status="nobody", ago=timedelta())

    def _later(self) -> datetime:
        self.now += timedelta(minutes=10)
        return self.now

    def _take_in(self, source: str, cells: list[dict[str, object]], rows: list[Row]) -> None:
        as_of = self._later()
        if source == STATUSES:
            self._webhook(cells, as_of)
        else:
            give(self.runtime, source, *cells, as_of=as_of)
        for row in rows:
            self.model.arrive(row)

    def _webhook(self, cells: list[dict[str, object]], as_of: datetime) -> None:
        bodies = [
            {"entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]}
            for value in (
                {"metadata": {"phone_number_id": c["sender"]}, "statuses": [c["status"]]} for c in cells
            )
        ]
        records = [
            {"received_at": f"{as_of.isoformat()}Z", "channel": "x/y", "body": body} for body in bodies
        ]
        path = self.runtime.store.home.tmp.parent / "heard.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        contracts = contracts_of("whatsapp", self.runtime.declarations.contracts)
        ingest_file(*self.runtime, path, contracts=contracts, options=Options(as_of=as_of))

    def _export(self, workspace: str, known: tuple[int, ...]) -> None:
        at = self._later()
        cells: list[dict[str, object]] = [
            {
                "workspace_id": workspace,
                "contact_id": f"c{p}",
                "phone": number(p),
                "whatsapp_user_id": user_id(p),
            }
            | {"updated_at": at, "created_at": BEGIN}
            for p in known
        ]
        names = [frozenset({("contact", p), ("number", p), ("user id", p)}) for p in known]
        rows = [Row(CONTACTS, workspace, f"c{p}", n, at) for p, n in zip(known, names, strict=True)]
        self.files.append((CONTACTS, cells, rows))
        self._take_in(*self.files[-1])

    def _send(self, workspace: str, person: int, *, by: str, status: str, ago: timedelta) -> None:
        self.messages += 1
        at, id_ = self._later() - ago, f"m{self.messages}"
        recipient = number(person) if by == "number" else user_id(person)
        cell = {"workspace_id": workspace, "outbox_id": id_, "message_id": id_, "recipient": recipient}
        cell |= {"outcome": "accepted", "channel": "whatsapp", "provider": "whatsapp", "queued_at": at}
        row = Row(MESSAGES, workspace, id_, frozenset({(by, person), ("message", id_)}), at)
        self.files.append((MESSAGES, [cell], [row]))
        self._take_in(*self.files[-1])
        if status == "none":
            return
        at = self._later() - ago
        named = {} if status == "nobody" else {"recipient_participant_id": number(int(status))[1:]}
        seconds = str(int((at - datetime(1970, 1, 1)).total_seconds()))
        item = {"id": id_, "status": "delivered", "timestamp": seconds, **named}
        names = {("message", id_)} | ({("number", int(status))} if named else set())
        row = Row(STATUSES, workspace, id_, frozenset(names), at)
        self.files.append((STATUSES, [{"sender": f"s-{workspace}", "status": item}], [row]))
        self._take_in(*self.files[-1])

    @rule(
        workspace=workspaces,
        person=persons,
        by=st.sampled_from(("number", "user id")),
        status=st.sampled_from(("none", "nobody", "nobody", "1", "2")),
        hours=st.sampled_from((0, 0, 1, 5)),
    )
    def send(self, workspace: str, person: int, by: str, status: str, hours: int) -> None:
        self._send(workspace, person, by=by, status=status, ago=timedelta(hours=hours))

    @rule(workspace=workspaces, person=persons)
    def export_a_contact(self, workspace: str, person: int) -> None:
        self._export(workspace, (person,))

    @rule()
    def replay_old_files(self) -> None:
        for source in TOLD_BY:
            old = [(cells, rows) for named, cells, rows in self.files if named == source]
            if old:
                # A file of the same content would be known, and not be read.
                again = [cell for cells, _ in old for cell in cells]
                self._take_in(source, again * 2, [row for _, rows in old for row in rows])

    @rule(person=persons, minutes=st.sampled_from((5, 60, 10_000)))
    def hold(self, person: int, minutes: int) -> None:
        at = self._later()
        until = self.model.holds["ws_a", person] = at + timedelta(minutes=minutes)
        cells = {"workspace_id": "ws_a", "hold_id": f"h{person}", "phone": number(person)}
        give(self.runtime, HOLDS, cells | {"expires_at": until, "updated_at": at}, as_of=at)

    def _ask_for_all(self, kind: Kind, workspace: str) -> str | None:
        """Ask for all of a workspace, in its owner's name; None where there is nothing of it."""

        def record() -> str:
            given = {"kind": kind, "workspace": workspace, "identifiers": {}, "subject": Subject.WORKSPACE}
            return submit(*self.runtime, **given, as_of=at)[0].number

        at = self._later()
        if workspace in self.model.ended:
            with pytest.raises(UnknownIdentifierError):
                record()
            return None
        asked = record()
        self.model.asked[asked] = Asked(kind, workspace, frozenset(), at, is_whole=True)
        self._act(asked, "confirm")
        return asked

    @rule(workspace=workspaces)
    def copy_a_workspace(self, workspace: str) -> None:
        if (asked := self._ask_for_all(Kind.PORTABILITY, workspace)) is None:
            return
        path = self.runtime.store.home.tmp.parent / "copy.zip"
        copy = write_copy(*self.runtime, asked, path, as_of=self.now)
        self.model.asked[asked].status = Status.DONE
        kept = Counter(row.source for row in self.model.rows.values() if row.workspace == workspace)
        with pyzipper.AESZipFile(path) as archive:
            archive.setpassword(copy.passphrase.encode())
            names = archive.namelist()
            files = {source: f"{source}.csv" for source in TOLD_BY if f"{source}.csv" in names}
            copied = {source: archive.read(name).count(b"\n") - 1 for source, name in files.items()}
        assert copied == dict(kept)

    @rule()
    def end_a_workspace(self) -> None:
        if self._ask_for_all(Kind.ERASE, "ws_b") is not None:
            self.delete()

    @rule(
        kind=st.sampled_from(KINDS),
        workspace=workspaces,
        person=persons,
        by=st.sampled_from(("number", "user id")),
        is_confirmed=st.sampled_from((True, True, False)),
    )
    def submit(self, kind: Kind, workspace: str, person: int, by: str, is_confirmed: bool) -> None:
        labels = self.model.known_as(workspace, (by, person))
        same = [
            number_
            for number_, a in self.model.asked.items()
            if (a.kind, a.workspace, a.people) == (kind, workspace, labels) and a.status in WITH_PERSON
        ]
        is_number = by == "number"
        given = (
            (IdentityKind.PHONE, number(person))
            if is_number
            else (IdentityKind.WHATSAPP_USER, user_id(person))
        )
        at = self._later()

        def record() -> str:
            recorded, found = submit(
                *self.runtime, kind=kind, workspace=workspace, identifiers=dict([given]), as_of=at
            )
            assert len(found.tokens) == len(labels)
            return recorded.number

        if same or workspace in self.model.ended:
            with pytest.raises((SameRequestError, UnknownIdentifierError)):
                record()
        else:
            number_ = record()
            self.model.asked[number_] = Asked(kind, workspace, labels, at)
            if is_confirmed:
                self._act(number_, "confirm")

    @precondition(lambda self: self.model.asked)
    @rule(
        data=st.data(),
        action=st.sampled_from(("confirm", "confirm", "pause", "withdraw", "refuse", "extend", "lift")),
    )
    def act(self, data: st.DataObject, action: str) -> None:
        self._act(data.draw(st.sampled_from(list(self.model.asked))), action)

    def _act(self, number_: str, action: str) -> None:
        asked, as_of, store = self.model.asked[number_], self._later(), self.runtime.store
        received, paused, verified = Status.RECEIVED, Status.PAUSED, Status.VERIFIED
        allowed, do = {
            "confirm": ((received, paused), lambda: confirm(*self.runtime, number_, how="-", as_of=as_of)),
            "pause": ((received, verified), lambda: pause(store, number_, why="-", as_of=as_of)),
            "withdraw": (
                (received, verified, paused),
                lambda: close(store, number_, Status.WITHDRAWN, why="-", as_of=as_of),
            ),
            "refuse": (
                (received, verified, paused),
                lambda: close(store, number_, Status.REFUSED, why="-", as_of=as_of),
            ),
            "extend": (
                OPEN if asked.extended < 60 else (),
                lambda: give_more_time(store, number_, days=30, why="-", as_of=as_of),
            ),
            "lift": ((Status.RESTRICTED,), lambda: lift(store, number_, why="-", as_of=as_of)),
        }[action]
        if asked.status not in allowed:
            with pytest.raises(RequestError):
                do()
            return
        do()
        if action == "extend":
            asked.extended += 30
            return
        if action == "confirm" and asked.kind in RESTRICTING:
            asked.labels = self.model.all_of(asked)
            asked.status = Status.RESTRICTED
            return
        asked.status = {
            "confirm": verified,
            "pause": paused,
            "withdraw": Status.WITHDRAWN,
            "refuse": Status.REFUSED,
            "lift": Status.LIFTED,
        }[action]

    @rule()
    def delete(self) -> None:
        for asked in self.model.asked.values():
            if asked.status is Status.RESTRICTED:
                asked.labels = self.model.all_of(asked)
        apply_retention(*self.runtime, as_of=self._later())
        self.model.correct()
        self.model.delete(self.now)
        self.model.correct()
        for asked in self.model.asked.values():
            if asked.status is Status.REWRITTEN:
                asked.status = Status.DONE
        assert not sum(rows for _, rows in remains_of(*self.runtime))

    @rule(kind=st.sampled_from(ERASING), workspace=workspaces, person=persons, is_held=st.booleans())
    def erase(self, kind: Kind, workspace: str, person: int, is_held: bool) -> None:
        if is_held:
            self.hold(person, minutes=10_000)
        self.submit(kind, workspace, person, "number", is_confirmed=True)
        self.delete()

    @rule()
    def crash_after_the_commit(self) -> None:
        as_of = self._later()
        apply_planned(self.runtime.store, plan_retention(*self.runtime, as_of=as_of))
        self.model.delete(as_of)

    @invariant()
    def what_is_kept_and_what_is_seen_is_what_the_model_says(self) -> None:
        assert self._stored([]) == set(self.model.rows)
        store = self.runtime.store
        assert self._stored(restricted(store.ledger, store.keyring)) == self.model.seen()
        assert sum(part.rows for part in store.ledger.held_parts()) == len(self.model.held)

    @invariant()
    def what_is_open_has_a_person_and_what_is_closed_has_none(self) -> None:
        for number_, asked in self.model.asked.items():
            assert request(self.runtime.store.ledger, number_).status is asked.status
            is_open = asked.status in WITH_PERSON
            assert self.runtime.store.keyring.has(Purpose.REQUEST, number_) is is_open

    def _stored(self, hidden: list[tuple[str, str]]) -> set[tuple[str, str, str]]:
        store, found = self.runtime.store, []
        schemas = {source: self.runtime.declarations.schemas[source] for source in TOLD_BY}
        parts = store.ledger.live_parts()
        connection = store.engine.cursor()
        store.engine.add_keys(connection, (part.key_name for part in parts))
        create_views(connection, parts, data=store.home.data, schemas=schemas, restricted=hidden)
        for source, (column, kind) in TOLD_BY.items():
            of_token = {
                (w, token(id_, kind=kind, key=store.keyring.find(Purpose.PSEUDONYM, w))): id_
                for w in WORKSPACES
                if store.keyring.has(Purpose.PSEUDONYM, w)
                for id_ in (*(f"m{n + 1}" for n in range(self.messages)), *(f"c{p}" for p in PERSONS))
            }
            rows = connection.execute(f"select workspace_id, {column} from memory.store.{source}").fetchall()
            found += [(source, w, of_token[w, t]) for w, t in rows]
        connection.close()
        assert len(found) == len(set(found))
        return set(found)


@pytest.mark.slow
def test_what_is_kept_and_seen_is_what_the_model_says(stress):
    examples, steps = (2_000, 20) if stress else (1, 8)
    run_machine(Requests, examples=examples, steps=steps, is_fixed=not stress)


def erase_replay_and_end() -> None:
    machine = Requests()
    machine.everybody_is_known()
    machine.hold(1, minutes=10_000)
    machine.submit(Kind.ERASE, "ws_a", 1, "user id", is_confirmed=True)
    machine.end_a_workspace()
    machine.replay_old_files()
    machine.what_is_kept_and_what_is_seen_is_what_the_model_says()
    machine.what_is_open_has_a_person_and_what_is_closed_has_none()
    assert machine.model.held
    machine.teardown()


def test_a_replay_brings_nobody_back():
    erase_replay_and_end()


def takes_all(given, *_):
    return batch.pl.repeat(value=False, n=given.num_rows, eager=True)


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        (batch, "is_refused", takes_all),
        (erasures, "own_messages", lambda *given: [frozenset()] * len(given[-1])),
        (row_decisions, "first_hold_sql", lambda *_, **__: "null::varchar"),
    ],
    ids=["takes everything back", "forgets messages", "forgets holds"],
)
def test_a_fault_is_caught(module, name, broken, monkeypatch):
    monkeypatch.setattr(module, name, broken)

    with pytest.raises(AssertionError):
        erase_replay_and_end()
