"""Requests of data subjects: who asked is erased everywhere, stays erased, and nobody else is touched."""

import csv
import json
import os
import random
import re
import shlex
import shutil
import subprocess
from collections import Counter
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import pytest
import pyzipper

from anonymizers.treatments import IdentityKind
from pipelines.declarations.contract import PolicyCategory, Subject, contracts_of
from pipelines.ingestion import batch
from pipelines.ingestion.ingest import ingest_file
from pipelines.ingestion.options import Options
from pipelines.ingestion.quarantine import list_quarantined
from pipelines.marts.build import build
from pipelines.privacy import erasures
from pipelines.privacy import restored as restored_module
from pipelines.privacy import submit as submit_module
from pipelines.privacy.access import write_copy
from pipelines.privacy.accounts import certify
from pipelines.privacy.erasures import person_of, remains_of
from pipelines.privacy.errors import (
    NotCorrectableError,
    NotEndedError,
    ReceiptError,
    RemainsError,
    SameRequestError,
    UnknownIdentifierError,
    UnknownPurposeError,
    UnknownRecipientError,
    WholeWorkspaceError,
)
from pipelines.privacy.people import Person
from pipelines.privacy.receipt_page import languages, receipt_page
from pipelines.privacy.receipts import check_receipt
from pipelines.privacy.submit import (
    close,
    confirm,
    give_more_time,
    lift,
    note_told,
    pause,
    submit,
)
from pipelines.retention.apply import apply_planned, apply_retention
from pipelines.retention.closing import compact_closed_days
from pipelines.retention.plan import plan_retention
from pipelines.retention.verify import accept_restored_ledger, prove
from pipelines.runtime import open_runtime
from pipelines.windows.inputs import tokens_of_people
from tests.integration.test_identities import (
    AS_OF,
    DAY,
    NINE,
    delivered,
    hear,
    know,
    number,
    restricted,
    send,
    user_id,
)
from tests.support.commands import run_wasms
from tests.support.feeding import give, outcomes
from tests.support.homes import ROOT, copied, prepared
from tests.support.kills import Moment, processes, run_and_kill, signs
from tests.support.leaks import find_leaks
from warehouse.keys.keyring import Purpose
from warehouse.ledger.requests import Kind, RequestError, Status, request, requests, waiting
from warehouse.ledger.requests import restricted as restricted_tokens
from warehouse.retention.plan import ERASURE, GONE
from warehouse.store import session, sketches
from warehouse.store.reading import read_columns

ASKED = datetime(2026, 6, 1, 10)
HOUR = timedelta(hours=1)
WORKSPACES = ("ws_a", "ws_b")
PHONE, EMAIL = number(1), "mira.quell@example.org"
OTHERS = [number(i) for i in range(2, 9)]


@pytest.fixture(scope="module")
def filled(empty, tmp_path_factory):
    """Two workspaces that write to the same people; one of them has a number, a user id and an address."""
    folder = tmp_path_factory.mktemp("filled")
    with prepared(empty, folder) as runtime:
        for workspace in WORKSPACES:
            channel = {"workspace_id": workspace, "provider": "whatsapp", "sender_id": f"sender-{workspace}"}
            give(runtime, "app__channels", channel | {"valid_from": NINE, "updated_at": NINE}, as_of=AS_OF)
            row = {"workspace_id": workspace, "country": "DE", "updated_at": NINE}
            give(runtime, "app__workspaces", row, as_of=AS_OF)
        fill(runtime, folder)
    return runtime.store.home


@pytest.fixture
def runtime(filled, tmp_path):
    return open_runtime(copied(filled, tmp_path))


def fill(runtime, folder, *, at=NINE, again=""):
    """Everything that is known of these people; ``again`` makes files of the same rows others."""
    for workspace in WORKSPACES:
        known = {"contact_id": "c1", "phone": PHONE, "whatsapp_user_id": user_id(1), "email": EMAIL}
        others = [{"contact_id": f"c{i}", "phone": phone} for i, phone in enumerate(OTHERS, start=2)]
        rows = [
            {"workspace_id": workspace, "updated_at": at, "created_at": at, "language": "de", **row}
            for row in (known, *others)
        ]
        give(runtime, "app__contacts", *rows, *([rows[0]] if again else []), as_of=AS_OF)
        ids = send(runtime, f"spring{again}", PHONE, *OTHERS, workspace=workspace) + send(
            runtime, f"by-id{again}", user_id(1), workspace=workspace
        )
        # Of the first nobody is named: the message alone says whose it is.
        statuses = [delivered(id_) for id_ in ids]
        hear(runtime, folder, "statuses", *statuses, workspace=workspace)
        told = [
            {"from": PHONE[1:], "id": f"in{again}.{workspace}", "type": "text", "text": {"body": "Danke"}}
        ]
        hear(runtime, folder, "messages", *told, workspace=workspace, minutes=9)


def ask(
    runtime,
    kind=Kind.ERASE,
    *,
    workspace="ws_a",
    by=IdentityKind.PHONE,
    value=PHONE,
    at=ASKED,
    confirmed=True,
):
    recorded, person = submit(*runtime, kind=kind, workspace=workspace, identifiers={by: value}, as_of=at)
    if confirmed:
        confirm(*runtime, recorded.number, how="code by SMS", as_of=at)
    return recorded.number, person


def erase(runtime, *, at=ASKED, **asked):
    asked_number, _ = ask(runtime, at=at, **asked)
    apply_retention(*runtime, as_of=at)
    return asked_number


def stored(runtime):
    """All rows of all data sets: (data set, row) → how often."""
    rows = Counter()
    for contract in runtime.declarations.contracts.values():
        columns = contract.plan.stored_columns()
        table = read_columns(
            runtime.store,
            contract.source,
            schema=columns,
            columns=[name for name, _ in columns],
            deleted=True,
        )
        rows.update(
            (contract.source, json.dumps(row, default=str, sort_keys=True)) for row in table.to_pylist()
        )
    return rows


def of_person(runtime, rows, recorded, workspace="ws_a"):
    """The rows that name the person or one of the person's messages, by the request."""
    tokens = person_of(*runtime, request(runtime.store.ledger, recorded)).tokens
    found = Counter()
    for (source, text), count in rows.items():
        row = json.loads(text)
        named = tokens_of_people(runtime.declarations.contracts[source])
        if row.get("workspace_id") == workspace and tokens & {row.get(name) for name in named}:
            found[source, text] = count
    return found


@pytest.mark.parametrize(
    ("by", "value"),
    [
        (IdentityKind.PHONE, PHONE),
        (IdentityKind.PHONE, "0151 / 55500-001"),
        (IdentityKind.WHATSAPP_USER, user_id(1)),
        (IdentityKind.EMAIL, EMAIL.upper()),
        (IdentityKind.CONTACT, "c1"),
    ],
)
def test_who_asks_is_erased_by_whatever_is_named_and_nobody_else_is_touched(runtime, by, value):
    before = stored(runtime)
    recorded, person = ask(runtime, by=by, value=value)
    mine = of_person(runtime, before, recorded)

    apply_retention(*runtime, as_of=ASKED)

    assert person.kinds == {"contact": 1, "email": 1, "phone": 1, "whatsapp_user": 1}
    assert {source: sum(n for (s, _), n in mine.items() if s == source) for source, _ in mine} == {
        "app__contacts": 1,
        "app__messages": 2,
        "whatsapp__messages": 1,
        "whatsapp__statuses": 2,
    }
    assert stored(runtime) == before - mine
    assert request(runtime.store.ledger, recorded).status is Status.DONE
    assert not sum(rows for _, rows in remains_of(*runtime))


def test_nothing_is_done_before_the_identity_is_verified(runtime):
    before = stored(runtime)
    recorded, _ = ask(runtime, confirmed=False)
    apply_retention(*runtime, as_of=ASKED)
    assert stored(runtime) == before

    pause(runtime.store, recorded, why="asked back", as_of=ASKED)
    with pytest.raises(RequestError):
        close(runtime.store, "rq_unknown", Status.WITHDRAWN, why="-", as_of=ASKED)
    close(runtime.store, recorded, Status.WITHDRAWN, why="changed their mind", as_of=ASKED)
    apply_retention(*runtime, as_of=ASKED)

    assert stored(runtime) == before
    assert not runtime.store.keyring.has(Purpose.REQUEST, recorded)


def test_what_came_before_never_comes_back_and_what_comes_later_is_welcome(runtime, tmp_path):
    recorded = erase(runtime)
    gone = stored(runtime)
    kept = sum(gone.values())

    fill(runtime, tmp_path, again="-2")  # the same people, in other files
    assert not sum(rows for _, rows in remains_of(*runtime))
    others = sum(stored(runtime).values()) - kept

    back = give(
        runtime,
        "app__messages",
        {
            "workspace_id": "ws_a",
            "outbox_id": "new",
            "message_id": "new",
            "recipient": PHONE,
            "outcome": "accepted",
        }
        | {"channel": "whatsapp", "provider": "whatsapp", "queued_at": ASKED + timedelta(hours=1)},
        as_of=ASKED + timedelta(hours=2),
    )
    assert outcomes(back) == {"kept": 1}
    assert not sum(rows for _, rows in remains_of(*runtime))
    assert others > 0
    assert request(runtime.store.ledger, recorded).status is Status.DONE


def test_without_suppression_a_replay_brings_them_back(runtime, tmp_path, monkeypatch):
    erase(runtime)
    nobody = lambda rows, *_, **__: batch.pl.repeat(value=False, n=rows.num_rows, eager=True)  # noqa: E731
    monkeypatch.setattr(batch, "is_refused", nobody)

    fill(runtime, tmp_path, again="-2")

    assert sum(rows for _, rows in remains_of(*runtime))


def test_rows_of_somebody_under_16_are_refused_for_ever(runtime):
    erase(runtime, kind=Kind.MINOR)
    row = {"workspace_id": "ws_a", "outbox_id": "new", "message_id": "new", "recipient": PHONE}
    row |= {"outcome": "accepted", "channel": "whatsapp", "provider": "whatsapp"}
    later = ASKED + timedelta(days=5)

    back = give(runtime, "app__messages", row | {"queued_at": later}, as_of=later)

    assert outcomes(back) == {"erased": 1}


def test_the_same_person_of_another_workspace_stays(runtime):
    before = stored(runtime)
    erase(runtime)
    assert {k: n for k, n in stored(runtime).items() if '"ws_b"' in k[1]} == {
        k: n for k, n in before.items() if '"ws_b"' in k[1]
    }


def test_rows_under_a_legal_hold_stay_and_the_receipt_says_so(runtime):
    hold = {"workspace_id": "ws_a", "hold_id": "h1", "phone": PHONE, "held_source": "app__messages"}
    hold |= {"expires_at": datetime(2027, 1, 1), "updated_at": NINE, "reason": "dispute"}
    give(runtime, "privacy__legal_holds", hold, as_of=AS_OF)

    recorded = erase(runtime)

    said = check_receipt(*paths(runtime, recorded))
    assert [(row["data_set"], row["rows"]) for row in said["kept_under_legal_hold"]] == [("app__messages", 1)]
    assert sum(part.rows for part in runtime.store.ledger.held_parts()) == 1


def test_a_crash_after_the_commit_is_finished_by_the_next_run(runtime):
    recorded, _ = ask(runtime)
    apply_planned(runtime.store, plan_retention(*runtime, as_of=ASKED))
    assert request(runtime.store.ledger, recorded).status is Status.REWRITTEN

    apply_retention(*runtime, as_of=ASKED)

    assert request(runtime.store.ledger, recorded).status is Status.DONE
    check_receipt(*paths(runtime, recorded))


def test_an_erasure_killed_at_any_moment_ends_verified(runtime, tmp_path, stress):
    recorded, _ = ask(runtime)
    before = stored(runtime)
    expected = before - of_person(runtime, before, recorded)
    home = runtime.store.home
    moments = signs(generation=runtime.store.ledger.generation(), files=len(list(home.store.rglob("part-*"))))
    runtime.store.engine.release()
    context, dice = processes(), random.Random(1)
    arguments = ("privacy", "run", "--as-of", ASKED.isoformat(), "--home")
    reached = Counter()

    for kill in range(300 if stress else 6):
        killed = copied(home, tmp_path / f"kill-{kill}")
        moment = Moment(dice.random() * 0.05, moments[kill % len(moments)])
        run_and_kill(context, [*arguments, str(killed.root)], home=killed, moment=moment)
        again = open_runtime(killed)
        reached[request(again.store.ledger, recorded).status] += 1
        apply_retention(*again, as_of=ASKED)

        assert request(again.store.ledger, recorded).status is Status.DONE
        assert stored(again) == expected
        assert not sum(rows for _, rows in remains_of(*again))
        check_receipt(*paths(again, recorded))
        again.store.engine.release()
        shutil.rmtree(killed.root)

    assert reached[Status.VERIFIED]
    assert reached[Status.REWRITTEN] + reached[Status.DONE]


def test_files_with_a_sketch_lose_the_same_rows_and_the_new_ones_have_a_sketch_again(runtime, monkeypatch):
    monkeypatch.setattr(sketches, "FEWEST_ROWS", 1)
    compact_closed_days(*runtime, as_of=ASKED)
    before, sketched = stored(runtime), len(list(runtime.store.home.store.rglob("*.sketch")))
    recorded, _ = ask(runtime)
    mine = of_person(runtime, before, recorded)

    apply_retention(*runtime, as_of=ASKED)

    assert stored(runtime) == before - mine
    assert len(list(runtime.store.home.store.rglob("*.sketch"))) == sketched > 0
    assert prove(*runtime, as_of=ASKED).findings == ()


def test_twin_a_sketch_that_leaves_the_person_out_gets_no_receipt_and_is_found(runtime, monkeypatch):
    monkeypatch.setattr(sketches, "FEWEST_ROWS", 1)
    # The first deletion of all looks into every file.
    apply_retention(*runtime, as_of=AS_OF)
    with monkeypatch.context() as broken:
        broken.setattr(sketches, "_distinct", lambda bits: bits[:0])
        compact_closed_days(*runtime, as_of=ASKED)
    recorded, _ = ask(runtime)

    with pytest.raises(RemainsError):
        apply_retention(*runtime, as_of=ASKED)

    assert request(runtime.store.ledger, recorded).status is Status.REWRITTEN
    assert "sketch(es) of tokens" in str(prove(*runtime, as_of=ASKED).findings)


def test_rows_that_are_still_there_are_confirmed_by_nobody_and_stop_no_other(runtime, monkeypatch):
    recorded, _ = ask(runtime)
    other, _ = ask(runtime, workspace="ws_b")
    left = {"ws_a": 3, "ws_b": 0}
    monkeypatch.setattr(
        erasures, "remains_of", lambda *given: [("app__messages", sum(left[name] for name in given[2]))]
    )

    with pytest.raises(RemainsError, match="3 row"):
        apply_retention(*runtime, as_of=ASKED)

    assert request(runtime.store.ledger, recorded).status is Status.REWRITTEN
    assert request(runtime.store.ledger, other).status is Status.DONE
    assert not (runtime.store.home.receipts / f"{recorded}.json").exists()


def test_a_receipt_says_what_went_and_cannot_be_changed(runtime, tmp_path):
    recorded = erase(runtime)
    receipt, key = paths(runtime, recorded)
    said = check_receipt(receipt, key)
    assert {row["data_set"]: row["rows"] for row in said["deleted"]} == {
        "app__contacts": 1,
        "app__messages": 2,
        "whatsapp__messages": 1,
        "whatsapp__statuses": 2,
    }
    assert "valid" in run_wasms("privacy", "verify", str(receipt)).stdout

    changed = tmp_path / "changed.json"
    changed.write_text(receipt.read_text().replace('"rows": 2', '"rows": 3', 1))
    with pytest.raises(ReceiptError, match="does not fit"):
        check_receipt(changed, key)
    with pytest.raises(ReceiptError, match="there is no file none"):
        check_receipt(tmp_path / "none.json", key)


def test_a_search_of_every_file_finds_the_person_before_and_not_after(runtime):
    needles = [PHONE, EMAIL, user_id(1), "wamid.ws_a.spring." + PHONE]
    recorded, person = ask(runtime)
    of_request = person_of(*runtime, request(runtime.store.ledger, recorded)).tokens
    tokens = sorted(person.tokens | of_request)
    assert len(find_leaks(runtime.store.home, tokens)) > len(tokens)

    apply_retention(*runtime, as_of=ASKED)

    assert find_leaks(runtime.store.home, [*needles, *tokens]) == []


def test_a_copy_holds_all_rows_of_the_person_and_of_nobody_else(runtime, tmp_path):
    recorded, _ = ask(runtime, Kind.ACCESS)
    mine = of_person(runtime, stored(runtime), recorded)

    copy = write_copy(*runtime, recorded, tmp_path / "copy.zip", as_of=ASKED)

    with pyzipper.AESZipFile(tmp_path / "copy.zip") as archive:
        with pytest.raises(RuntimeError):
            archive.read("data.json")
        archive.setpassword(copy.passphrase.encode())
        tables = json.loads(archive.read("data.json"))
        page = archive.read("index.html").decode()
        assert {name.removesuffix(".csv") for name in archive.namelist()} == {
            "index.html",
            "data.json",
            *tables,
        }
    given = Counter(
        (source, json.dumps(row, default=str, sort_keys=True))
        for source, rows in tables.items()
        for row in rows
    )
    assert sum(given.values()) == sum(mine.values()) == copy.rows
    assert {source for source, _ in given} == {source for source, _ in mine}
    assert "Purpose" in page
    assert request(runtime.store.ledger, recorded).status is Status.DONE


@pytest.mark.parametrize("kind", [Kind.RESTRICT, Kind.OBJECT, Kind.CONSENT_WITHDRAWN])
def test_a_restriction_hides_the_person_and_lifting_it_gives_back_the_exact_results(runtime, kind):
    def seen():
        return restricted_rows(runtime, "fct_messages", "dim_contacts", "fct_inbound_messages")

    before, kept = seen(), stored(runtime)
    recorded, _ = ask(runtime, kind)

    during = seen()
    assert {name: len(before[name]) - len(during[name]) for name in before} == {
        "fct_messages": 2,
        "dim_contacts": 1,
        "fct_inbound_messages": 1,
    }
    assert all(set(during[name]) < set(before[name]) for name in before)
    assert stored(runtime) == kept

    lift(runtime.store, recorded, why="settled", as_of=ASKED)
    assert seen() == before


@pytest.mark.parametrize("kind", [Kind.ERASE, Kind.RESTRICT])
def test_what_comes_under_a_number_that_the_person_got_since_is_the_persons_too(runtime, tmp_path, kind):
    before = restricted_rows(runtime, "fct_messages")["fct_messages"]
    recorded, _ = ask(runtime, kind, confirmed=kind is Kind.RESTRICT)
    know(runtime, {"contact_id": "c1", "phone": number(70), "updated_at": ASKED})
    # The status names the message alone.
    hear(runtime, tmp_path, "statuses", *map(delivered, send(runtime, "later", number(70))))
    if kind is Kind.ERASE:
        confirm(*runtime, recorded, how="code by SMS", as_of=ASKED)

    apply_retention(*runtime, as_of=ASKED)

    after = restricted_rows(runtime, "fct_messages")["fct_messages"]
    assert len(before) - len(after) == 2
    assert set(after) < set(before)


def test_twin_without_a_second_look_it_is_missed(runtime, tmp_path, monkeypatch):
    def as_known_at_first(_declarations, _store, asked):
        return [Person(w, Subject.CONTACT, frozenset(given), {}, is_shared=False) for w, given in asked]

    monkeypatch.setattr(erasures, "people_by_tokens", as_known_at_first)
    with pytest.raises(AssertionError):
        test_what_comes_under_a_number_that_the_person_got_since_is_the_persons_too(
            runtime, tmp_path, Kind.RESTRICT
        )


def restricted_rows(runtime, *models):
    build(*runtime, from_day=DAY, to_day=DAY, select=" ".join(f"+{model}" for model in models))
    with restricted(runtime) as connection:
        return {
            model: sorted(map(str, connection.execute(f"select * from {model}").fetchall()))
            for model in models
        }


@pytest.mark.parametrize(
    ("purposes", "seen"),
    [((), set()), (["message_log"], {"app__contacts"}), (["contact"], {"app__messages"})],
)
def test_an_objection_takes_the_rows_of_its_purposes_out_of_sight(runtime, purposes, seen):
    given = {"workspace": "ws_a", "identifiers": {IdentityKind.PHONE: PHONE}, "as_of": ASKED}
    recorded, person = submit(*runtime, kind=Kind.OBJECT, purposes=purposes, **given)

    confirm(*runtime, recorded.number, how="code by SMS", as_of=ASKED)

    named = ", ".join(f"'{token}'" for token in person.tokens)
    with restricted(runtime) as connection:
        found = {
            source
            for source in ("app__contacts", "app__messages")
            if connection.execute(
                f"select 1 from memory.store.{source} where contact_token in ({named})"
            ).fetchone()
        }
    assert found == seen


def test_twin_without_its_purposes_an_objection_hides_too_much(runtime, monkeypatch):
    monkeypatch.setattr(session, "restricted", lambda *_: [(*who[:2], None) for who in restricted_tokens(*_)])
    with pytest.raises(AssertionError):
        test_an_objection_takes_the_rows_of_its_purposes_out_of_sight(
            runtime, ["message_log"], {"app__contacts"}
        )


@pytest.mark.parametrize(("kind", "purpose"), [(Kind.OBJECT, "usage"), (Kind.RESTRICT, "message_log")])
def test_only_an_objection_names_purposes_and_only_those_declared_of_such_a_person(runtime, kind, purpose):
    with pytest.raises(UnknownPurposeError, match="contact, message_log"):
        submit(
            *runtime,
            kind=kind,
            workspace="ws_a",
            identifiers={IdentityKind.PHONE: PHONE},
            as_of=ASKED,
            purposes=[purpose],
        )
    assert requests(runtime.store.ledger) == []


def test_a_request_made_twice_is_one(runtime):
    recorded, _ = ask(runtime, confirmed=False)
    with pytest.raises(SameRequestError) as same:
        ask(runtime, by=IdentityKind.EMAIL, value=EMAIL)
    assert same.value.number == recorded
    ask(runtime, workspace="ws_b", confirmed=False)  # another controller, another request
    assert len(requests(runtime.store.ledger)) == 2


@pytest.mark.parametrize(
    ("by", "value", "workspace"),
    [
        (IdentityKind.PHONE, "n/a", "ws_a"),
        (IdentityKind.EMAIL, "nobody", "ws_a"),
        (IdentityKind.PHONE, PHONE, "ws_never"),
    ],
)
def test_what_identifies_nobody_is_refused_and_not_quoted(runtime, by, value, workspace):
    with pytest.raises(UnknownIdentifierError) as refused:
        ask(runtime, by=by, value=value, workspace=workspace)
    assert value not in str(refused.value)
    assert requests(runtime.store.ledger) == []


def test_a_number_beside_many_others_is_followed_by_nobody(runtime):
    know(runtime, *({"contact_id": f"desk{i}", "phone": number(50)} for i in range(8)))

    _, person = ask(runtime, value=number(50), confirmed=False)

    assert person.is_shared
    assert person.kinds == {"phone": 1}


def test_a_request_may_be_extended_by_sixty_days_in_all(runtime):
    recorded, _ = ask(runtime, confirmed=False)
    assert request(runtime.store.ledger, recorded).due_on == date(2026, 7, 1)
    due = give_more_time(runtime.store, recorded, days=60, why="many sources", as_of=ASKED)
    assert due == date(2026, 8, 30)
    with pytest.raises(RequestError):
        give_more_time(runtime.store, recorded, days=1, why="more", as_of=ASKED)


def test_the_command_reads_the_identifier_from_standard_input_alone(runtime):
    home = ("--home", str(runtime.store.home.root))
    asked = ("--type", "erase", "--workspace", "ws_a", "--as-of", ASKED.isoformat())
    said = run_wasms("privacy", "submit", *asked, *home, given=f"{PHONE}\n")
    assert said.exit_code == 0, said.output
    assert PHONE not in said.output
    (recorded,) = requests(runtime.store.ledger)
    assert recorded.number in said.output
    listed = run_wasms("privacy", "list", "--json", *home)
    assert [row["request"] for row in json.loads(listed.stdout)] == [recorded.number]


@pytest.mark.parametrize(
    ("by", "given", "is_known"),
    [
        ("phone", PHONE, True),
        ("phone", "+49 170 0000000", False),
        ("contact", "c1", True),
        ("contact", "no such", False),
        ("member", "no such", False),
    ],
)
def test_an_identifier_that_no_row_names_is_pointed_out(runtime, by, given, is_known):
    home = ("--home", str(runtime.store.home.root), "--as-of", ASKED.isoformat())
    said = run_wasms(
        "privacy", "submit", "--type", "erase", "--workspace", "ws_a", "--by", by, *home, given=f"{given}\n"
    )
    assert said.exit_code == 0, said.output
    assert (f"No row in the store names this {by}." in said.output) is not is_known


def test_a_correction_that_nobody_confirmed_is_not_waited_for(runtime):
    recorded, _ = ask(runtime, Kind.CORRECT, confirmed=False)
    command = ("privacy", "run", "--home", str(runtime.store.home.root), "--as-of", ASKED.isoformat())
    assert recorded not in run_wasms(*command).output
    confirm(*runtime, recorded, how="passport shown", as_of=ASKED)
    assert f"{recorded}: no corrected row has come" in run_wasms(*command).output


@pytest.mark.parametrize("command", [("confirm", "--how"), ("pause", "--why"), ("refuse", "--why")])
def test_a_reason_that_stays_on_record_may_not_be_empty(runtime, command):
    recorded, _ = ask(runtime, confirmed=False)
    home = ("--home", str(runtime.store.home.root), "--as-of", ASKED.isoformat())
    name, option = command
    assert run_wasms("privacy", name, recorded, option, " ", *home).exit_code == 2
    assert request(runtime.store.ledger, recorded).status is Status.RECEIVED


def test_a_restriction_in_force_is_not_asked_for_twice_and_says_what_ends_it(runtime):
    recorded, _ = ask(runtime, Kind.RESTRICT)
    with pytest.raises(SameRequestError):
        ask(runtime, Kind.RESTRICT)
    with pytest.raises(RequestError, match=f"wasms privacy lift {recorded}"):
        close(runtime.store, recorded, Status.WITHDRAWN, why="-", as_of=ASKED)


def paths(runtime, recorded):
    folder = runtime.store.home.receipts
    return folder / f"{recorded}.json", folder / "public-key.json"


def test_verified_requests_of_the_application_are_carried_out_once(runtime):
    row = {
        "workspace_id": "ws_a",
        "request_type": "erasure",
        "phone": PHONE,
        "received_on": NINE,
        "updated_at": NINE,
    }
    exported = [
        row | {"request_id": "r1", "status": "verified"},
        row | {"request_id": "r2", "status": "received", "phone": OTHERS[0]},
    ]
    give(runtime, "privacy__requests", *exported, as_of=AS_OF)

    apply_retention(*runtime, as_of=ASKED)
    apply_retention(*runtime, as_of=ASKED)

    (done,) = requests(runtime.store.ledger)
    assert (done.kind, done.status) == (Kind.ERASE, Status.DONE)
    said = check_receipt(*paths(runtime, done.number))
    assert sum(entry["rows"] for entry in said["deleted"]) == 7  # with the exported request itself


def test_quarantined_records_that_name_the_person_go_and_all_others_stay(runtime, tmp_path):
    wamid = "wamid.ws_a.spring." + PHONE
    naming = [
        {"phone": PHONE},
        {"phone": f"+49 {PHONE[3:6]} {PHONE[6:9]}-{PHONE[9:]}"},
        {"phone": PHONE[1:]},
        {"note": f"call {PHONE[1:]}, please"},
        {"email": f"mailto:{EMAIL.upper()}"},
        {"user": user_id(1)},
        {"message": wamid},
    ]
    others = [
        {"phone": OTHERS[0]},
        {"email": "x" + EMAIL},
        {"phone": PHONE + "7"},
        {"contact": "c1"},
        {"n": 1},
    ]
    quarantine(runtime, tmp_path, [*naming, *others])
    before = sum(line.records for line in list_quarantined(runtime.store))
    recorded, _ = ask(runtime)

    planned = plan_retention(*runtime, as_of=ASKED).plan
    assert planned.rows_by()["_quarantine", GONE, f"{ERASURE} {recorded}"] == len(naming)
    apply_retention(*runtime, as_of=ASKED)

    assert before == len(naming) + len(others)
    assert sum(line.records for line in list_quarantined(runtime.store)) == len(others)
    body = receipt_of_request(runtime, recorded)
    assert {"data_set": "_quarantine", "category": "quarantine", "rows": len(naming)} in body["deleted"]


def quarantine(runtime, folder, records):
    """Raw records of another form than the feed's, between as many that are as they should be."""
    moment = str(int((NINE - datetime(1970, 1, 1)).total_seconds()))
    value = {
        "metadata": {"phone_number_id": "sender-ws_b"},
        "statuses": [{"id": "wamid.other", "status": "read", "timestamp": moment}],
    }
    entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
    good = {"received_at": f"{NINE.isoformat()}Z", "channel": "x/y", "body": {"entry": [entry]}}
    path = folder / "damaged.jsonl"
    lines = [line for record in records for line in ({"rows": [record]}, good)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    contracts = contracts_of("whatsapp", runtime.declarations.contracts)
    ingest_file(*runtime, path, contracts=contracts, options=Options(as_of=AS_OF))


def receipt_of_request(runtime, recorded):
    folder = runtime.store.home.receipts
    return check_receipt(folder / f"{recorded}.json", folder / "public-key.json")


def test_a_correction_is_done_when_the_application_has_replaced_the_row(runtime):
    recorded, _ = ask(runtime, Kind.CORRECT)
    know(runtime, {"contact_id": "c2", "phone": OTHERS[0], "language": "fr", "updated_at": ASKED + HOUR})
    apply_retention(*runtime, as_of=ASKED)
    assert request(runtime.store.ledger, recorded).status is Status.VERIFIED

    row = {
        "contact_id": "c1",
        "phone": PHONE,
        "whatsapp_user_id": user_id(1),
        "email": EMAIL,
        "language": "pt",
    }
    know(runtime, row | {"updated_at": ASKED + HOUR})
    apply_retention(*runtime, as_of=ASKED + HOUR)

    assert request(runtime.store.ledger, recorded).status is Status.DONE
    body = receipt_of_request(runtime, recorded)
    assert body["corrected"] == [{"data_set": "app__contacts", "category": "contact", "rows": 1}]
    assert not runtime.store.keyring.has(Purpose.REQUEST, recorded)


@pytest.mark.parametrize("source", ["whatsapp__statuses", "privacy__legal_holds", "app__members", "nothing"])
def test_what_happened_is_not_corrected(runtime, source):
    with pytest.raises(NotCorrectableError):
        submit(
            *runtime,
            kind=Kind.CORRECT,
            workspace="ws_a",
            identifiers={IdentityKind.PHONE: PHONE},
            as_of=ASKED,
            source=source,
        )


def test_whom_a_closed_request_was_about_is_forgotten_also_after_a_kill(runtime):
    recorded, _ = ask(runtime)
    keyring = runtime.store.keyring
    sealed = keyring.unseal(Purpose.REQUEST, recorded)
    apply_retention(*runtime, as_of=ASKED)
    # As if it was killed just before it forgot.
    keyring.seal(Purpose.REQUEST, recorded, sealed)
    for path in (runtime.store.home.keys / "request").glob("*.key"):
        os.utime(path, (0, 0))

    apply_retention(*runtime, as_of=ASKED)

    assert not keyring.has(Purpose.REQUEST, recorded)


def test_recipients_that_are_told_are_on_the_receipt_and_others_are_refused(runtime):
    recorded, _ = ask(runtime)
    with pytest.raises(UnknownRecipientError):
        note_told(*runtime, recorded, "Mira Quell", as_of=ASKED)
    left = note_told(*runtime, recorded, "WhatsApp (Meta)", as_of=ASKED)
    apply_retention(*runtime, as_of=ASKED)

    assert "Hosting providers" in left
    assert "WhatsApp (Meta)" not in left
    assert receipt_of_request(runtime, recorded)["recipients_told"] == ["WhatsApp (Meta)"]


def test_a_receipt_is_a_page_in_every_language_of_the_service(runtime):
    body = receipt_of_request(runtime, erase(runtime))
    rows = sum(row["rows"] for row in body["deleted"] if row["category"] == "message_log")

    for language, words in languages().items():
        page = receipt_page(body, language=language)

        assert f'lang="{language}"' in page
        assert f'<td>{words.categories["message_log"]}</td><td class="n">{rows}</td>' in page
        assert set(words.categories) == {c.value for c in PolicyCategory} - {"anonymous"} | {"quarantine"}
        assert "{k}" not in page


def test_open_requests_are_counted_with_their_ages(runtime):
    ask(runtime, confirmed=False)
    ask(runtime, value=OTHERS[0], at=ASKED + timedelta(days=1), confirmed=False)
    ask(runtime, Kind.RESTRICT, at=ASKED + timedelta(days=2))

    found = waiting(runtime.store.ledger, today=(ASKED + timedelta(days=2)).date())

    assert [(each.kind, each.status, each.requests, each.oldest_days) for each in found] == [
        (Kind.ERASE, Status.RECEIVED, 2, 2),
        (Kind.RESTRICT, Status.RESTRICTED, 1, 0),
    ]


def ask_for_all(runtime, kind, workspace="ws_a"):
    recorded, _ = submit(
        *runtime, kind=kind, workspace=workspace, identifiers={}, subject=Subject.WORKSPACE, as_of=ASKED
    )
    confirm(*runtime, recorded.number, how="signed letter", as_of=ASKED)
    return recorded.number


def test_a_copy_of_a_workspace_holds_all_its_rows_and_no_other(runtime, tmp_path):
    mine = {}
    for (source, text), count in stored(runtime).items():
        if json.loads(text).get("workspace_id") == "ws_a":
            mine[source] = mine.get(source, 0) + count

    copy = write_copy(*runtime, ask_for_all(runtime, Kind.PORTABILITY), tmp_path / "all.zip", as_of=ASKED)

    with pyzipper.AESZipFile(tmp_path / "all.zip") as archive:
        archive.setpassword(copy.passphrase.encode())
        tables = {n: archive.read(n).decode() for n in archive.namelist() if n.endswith(".csv")}
    rows = {
        name.removesuffix(".csv"): list(csv.DictReader(text.splitlines())) for name, text in tables.items()
    }
    assert {source: len(found) for source, found in rows.items()} == mine
    assert {row["workspace_id"] for found in rows.values() for row in found} == {"ws_a"}


def test_a_workspace_that_is_erased_leaves_nothing_and_is_certified(runtime, tmp_path):
    erase(runtime)  # A person of it before: what was refused of her goes too.
    with pytest.raises(NotEndedError):
        certify(*runtime, "ws_a", tmp_path / "certificate.json")
    others = Counter({row: n for row, n in stored(runtime).items() if '"ws_b"' in row[1]})
    unconfirmed, _ = ask(runtime, value=OTHERS[0], confirmed=False)
    recorded = ask_for_all(runtime, Kind.ERASE)
    apply_retention(*runtime, as_of=ASKED)

    assert request(runtime.store.ledger, recorded).status is Status.DONE
    assert {row: n for row, n in stored(runtime).items() if '"ws_a"' in row[1]} == {}
    assert Counter({row: n for row, n in stored(runtime).items() if '"ws_b"' in row[1]}) == others
    rows = certify(*runtime, "ws_a", tmp_path / "certificate.json")
    body = check_receipt(tmp_path / "certificate.json", tmp_path / "public-key.json")
    assert rows == sum(row["rows"] for row in body["deleted"]) > 0
    assert sum(row["rows"] for row in receipt_of_request(runtime, recorded)["deleted"]) == rows
    assert languages()["de"].titles["erase"] in receipt_page(body, language="de")
    # What comes later is refused, and stops nobody.
    before = stored(runtime)
    know(runtime, {"contact_id": "c9", "phone": number(9), "updated_at": ASKED + HOUR})
    assert stored(runtime) == before
    confirm(*runtime, unconfirmed, how="code by SMS", as_of=ASKED)
    apply_retention(*runtime, as_of=ASKED)
    assert request(runtime.store.ledger, unconfirmed).status is Status.DONE


def test_about_a_whole_workspace_only_some_things_can_be_asked(runtime):
    with pytest.raises(WholeWorkspaceError):
        ask_for_all(runtime, Kind.RESTRICT)


def test_every_command_of_the_privacy_officers_page_does_what_it_says(runtime, tmp_path, monkeypatch):
    page = (ROOT / "docs" / "privacy-officer.md").read_text("utf-8")
    page = page[page.index('## "A person asks us to') : page.index('## "Is it deleted?"')]
    home = runtime.store.home.root
    monkeypatch.setenv("WASMS_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    given, asked = iter([PHONE, OTHERS[1] + "@example.org", OTHERS[2], OTHERS[3], OTHERS[4]]), ""
    know(runtime, {"contact_id": "c3", "phone": OTHERS[1], "email": OTHERS[1] + "@example.org"})

    for line in re.findall(r"^\$ wasms (.+)$", page, re.MULTILINE):
        command = line.replace("ws_1", "ws_a").replace("ws_2", "ws_b").replace("rq_…", asked)
        words = shlex.split(command.replace("data/receipts", str(home / "data" / "receipts")), comments=True)
        clock = (
            [] if words[1] in ("page", "verify", "show", "certificate") else ["--as-of", ASKED.isoformat()]
        )
        is_of_person = words[1] == "submit" and words[-1] != "workspace"
        named = next(given) + "\n" if is_of_person else None
        said = run_wasms(*words, *clock, given=named)

        assert said.exit_code == 0, (line, said.output)
        asked = (re.findall(r"rq_[a-z]+", said.output) or [asked])[0] if words[1] == "submit" else asked

    statuses = Counter(each.status for each in requests(runtime.store.ledger))
    assert statuses == {Status.DONE: 4, Status.LIFTED: 1, Status.VERIFIED: 1, Status.REFUSED: 1}
    written = {path.name for path in tmp_path.iterdir()}
    assert written >= {"receipt.html", "copy.zip", "workspace.zip", "certificate.json"}


@contextmanager
def restoring(runtime, folder):
    """Back up, let happen what happens, and put the backup back, beside the keys that are there."""
    home = runtime.store.home
    runtime.store.ledger.checkpoint()
    shutil.copytree(home.data, folder / "data")
    shutil.copytree(home.keys, folder / "keys")
    yield
    runtime.store.engine.release()
    shutil.rmtree(home.data)
    shutil.move(folder / "data", home.data)
    # As the page for the privacy officer says.
    subprocess.run(["cp", "-rn", f"{folder}/keys/.", str(home.keys)], check=True)


@pytest.mark.parametrize("is_kept_beside_the_keys", [True, False])
def test_requests_since_a_restored_backup_are_as_far_as_they_were(
    runtime, is_kept_beside_the_keys, tmp_path, monkeypatch
):
    if not is_kept_beside_the_keys:
        # The twin.
        monkeypatch.setattr(submit_module, "keep_copy", lambda *_: None)
    lifted, _ = ask(runtime, Kind.RESTRICT)
    older, _ = ask(runtime, Kind.OBJECT, confirmed=False)
    with restoring(runtime, tmp_path):
        lift(runtime.store, lifted, why="settled", as_of=ASKED)
        confirm(*runtime, older, how="code by SMS", as_of=ASKED)
        younger, _ = ask(runtime, Kind.RESTRICT, workspace="ws_b")
        due, _ = ask(runtime, Kind.ERASE, value=OTHERS[0])
        hidden = restricted_tokens(runtime.store.ledger, runtime.store.keyring)
    restored = open_runtime(runtime.store.home)

    assert accept_restored_ledger(*restored, as_of=ASKED) == (None, [])

    store = restored.store
    reached = {each.number: each.status for each in requests(store.ledger)}
    if is_kept_beside_the_keys:
        in_force = dict.fromkeys([older, younger], Status.RESTRICTED)
        assert reached == in_force | {lifted: Status.LIFTED, due: Status.VERIFIED}
        assert restricted_tokens(store.ledger, store.keyring) == hidden
        assert due in apply_retention(*restored, as_of=ASKED)[0].plan.erasures
    else:
        assert reached == {lifted: Status.RESTRICTED, older: Status.RECEIVED}


@pytest.mark.parametrize("is_kept_beside_the_keys", [True, False])
def test_a_restored_backup_is_erased_again(runtime, is_kept_beside_the_keys, tmp_path, monkeypatch):
    recorded, _ = ask(runtime)
    before = stored(runtime)
    expected = before - of_person(runtime, before, recorded)
    with restoring(runtime, tmp_path):
        apply_retention(*runtime, as_of=ASKED)
    restored = open_runtime(runtime.store.home)
    if not is_kept_beside_the_keys:
        # The twin: nothing brings the list back.
        monkeypatch.setattr(restored_module, "put_back", lambda *_, **__: {})

    _, due = accept_restored_ledger(*restored, as_of=ASKED)

    assert due == [recorded] * is_kept_beside_the_keys
    if is_kept_beside_the_keys:
        apply_retention(*restored, as_of=ASKED)
        assert stored(restored) == expected
        assert request(restored.store.ledger, recorded).status is Status.DONE
    else:
        assert stored(restored) == before
