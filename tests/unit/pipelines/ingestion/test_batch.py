"""What is past its window or of an ended account is not taken in, and leaves no key behind."""

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from pipelines.ingestion import sorting
from pipelines.ingestion.ingest import ingest_quarantined
from pipelines.ingestion.lookups import Reference
from pipelines.ingestion.options import Options
from pipelines.runtime import Runtime, open_runtime
from pipelines.windows.inputs import QUARANTINE
from tests.support.feeding import Row, give, outcomes
from warehouse.errors import ConflictError, RulesChangedError
from warehouse.keys.keyring import Purpose
from warehouse.retention import records
from warehouse.store.reading import read_cached

NOW = datetime(2026, 6, 30, 6)
PHONE = "+4915100000001"


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def runtime(home) -> Runtime:
    return open_runtime(home)


def message(number: int, *, age: int, workspace: str = "ws_a") -> Row:
    return {
        "workspace_id": workspace,
        "outbox_id": f"o{number}",
        "channel": "sms",
        "recipient": PHONE,
        "outcome": "accepted",
        "queued_at": ago(age),
    }


def invoice(*, age: int, workspace: str = "ws_a", updated: int = 0) -> Row:
    return {
        "workspace_id": workspace,
        "invoice_id": f"i{age}",
        "amount": "10.00",
        "currency": "EUR",
        "issued_at": ago(age),
        "updated_at": ago(updated),
    }


def hold(**changes: object) -> Row:
    row = {"workspace_id": "ws_a", "hold_id": "h1", "expires_at": ago(-60), "updated_at": ago(9)}
    return row | changes


def choose(runtime: Runtime, *choices: tuple[int, int], workspace: str = "ws_a") -> None:
    """(days, chosen that many days ago)."""
    rows = [
        {
            "workspace_id": workspace,
            "message_log_retention_days": days,
            "valid_from": ago(age),
            "updated_at": ago(age),
        }
        for days, age in choices
    ]
    give(runtime, "app__workspace_settings", *rows, as_of=NOW)


def end(runtime: Runtime, *, age: int, workspace: str = "ws_a") -> None:
    row = {"workspace_id": workspace, "subscription_id": "s1", "started_at": ago(400)}
    give(runtime, "app__subscriptions", row | {"ended_at": ago(age), "updated_at": ago(age)}, as_of=NOW)


def terminate(runtime: Runtime, workspace: str = "ws_a") -> None:
    """As after a termination: the ledger remembers, facts and keys are gone."""
    who = records.subject(records.subject_key(runtime.store.keyring), workspace)
    with runtime.store.ledger.transaction() as connection:
        records.note_terminated(connection, [who], since=NOW.date())
        records.advance_epoch(connection)
    runtime.store.keyring.destroy(Purpose.PSEUDONYM, workspace)


def has_key(runtime: Runtime, workspace: str = "ws_a") -> bool:
    return runtime.store.keyring.has(Purpose.PSEUDONYM, workspace)


def classes(runtime: Runtime, source: str) -> set[int | None]:
    return {part.retention_days for part in runtime.store.ledger.live_parts(source)}


# Windows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "class_", "oldest"),
    [
        ((), 90, 89),
        (((30, 300),), 30, 29),
        (((45, 300),), 30, 29),
        (((7, 300),), 15, 14),
        # Lengthened: what the shorter window had reached by then stays gone.
        (((30, 300), (180, 10)), 180, 39),
        # Shortened: what is there already counts as well.
        (((180, 300), (30, 10)), 30, 29),
    ],
)
def test_rows_land_in_the_class_of_their_workspace_unless_they_were_ever_past_their_window(
    runtime, choices, class_, oldest
):
    if choices:
        choose(runtime, *choices)

    fresh = give(runtime, "app__messages", message(1, age=oldest), message(2, age=0), as_of=NOW)
    late = give(runtime, "app__messages", message(3, age=oldest + 1), as_of=NOW)

    assert (outcomes(fresh), outcomes(late)) == ({"kept": 2}, {"expired": 1})
    assert classes(runtime, "app__messages") == {class_}


@pytest.mark.parametrize(
    ("horizon_of", "kept"), [("", {"ws_a"}), ("ws_a", {"ws_b"}), ("ws_c", {"ws_a", "ws_b"})]
)
def test_what_the_ledger_says_was_past_its_window_is_not_taken_in(runtime, horizon_of, kept):
    key = records.subject_key(runtime.store.keyring)
    own = {("message_log", records.subject(key, "ws_a")): (NOW - timedelta(days=50)).date()}
    reached = {("message_log", horizon_of and records.subject(key, horizon_of)): date(2026, 6, 1)}
    with runtime.store.ledger.transaction() as connection:
        records.raise_horizons(connection, own | reached)

    rows = [message(n, age=29 + n, workspace=w) for n, w in enumerate(("ws_a", "ws_b"))]
    give(runtime, "app__messages", *rows, as_of=NOW)

    assert {w for w in ("ws_a", "ws_b") if has_key(runtime, w)} == kept


def test_a_financial_row_lies_in_its_month_and_goes_by_its_own_date(runtime):
    give(runtime, "app__invoices", invoice(age=2556), invoice(age=1), as_of=NOW)

    late = give(runtime, "app__invoices", invoice(age=2557), as_of=NOW)

    assert outcomes(late) == {"expired": 1}
    parts = runtime.store.ledger.live_parts("app__invoices")
    assert [(part.partition, part.retention_days) for part in parts] == [
        ("month=2019-07", None),
        ("month=2026-06", None),
    ]


# Ended accounts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended", "taken"), [(15, {"kept": 1}), (16, {"terminated": 1}), (400, {"terminated": 1})]
)
def test_an_ended_account_is_refused_as_long_before_its_end_as_a_file_may_wait(runtime, ended, taken):
    end(runtime, age=ended)

    assert outcomes(give(runtime, "app__messages", message(1, age=0), as_of=NOW)) == taken


def test_a_customer_who_comes_back_before_the_end_is_taken_in_again(runtime):
    end(runtime, age=20)
    again = {"workspace_id": "ws_a", "subscription_id": "s2", "started_at": ago(1), "updated_at": ago(1)}

    assert outcomes(give(runtime, "app__messages", message(1, age=0), as_of=NOW)) == {"terminated": 1}
    assert outcomes(give(runtime, "app__subscriptions", again, as_of=NOW)) == {"kept": 1}
    assert outcomes(give(runtime, "app__messages", message(2, age=0), as_of=NOW)) == {"kept": 1}


@pytest.mark.parametrize(
    ("source", "row"),
    [
        ("app__messages", message(1, age=0)),
        ("app__members", {"workspace_id": "ws_a", "member_id": "m1", "updated_at": ago(1)}),
        (
            "app__subscriptions",
            {"workspace_id": "ws_a", "subscription_id": "s9", "started_at": ago(1), "updated_at": ago(1)},
        ),
        ("privacy__legal_holds", hold(expires_at=ago(1))),
        ("privacy__legal_holds", hold(phone=PHONE)),
    ],
)
def test_nothing_of_a_terminated_workspace_comes_back_nor_its_key(runtime, source, row):
    terminate(runtime)

    result = give(runtime, source, row, as_of=NOW)

    assert outcomes(result) == {"terminated": 1}
    assert runtime.store.ledger.live_parts(source) == []
    assert not has_key(runtime)


def test_without_that_check_a_destroyed_key_would_be_made_again(runtime, monkeypatch):
    terminate(runtime)
    monkeypatch.setattr(sorting, "ended_accounts", lambda *_: [])

    give(runtime, "app__messages", message(1, age=0), as_of=NOW)

    assert has_key(runtime)


def test_other_workspaces_of_the_same_file_are_taken_in(runtime):
    terminate(runtime)

    rows = [message(1, age=0), message(2, age=0, workspace="ws_b")]
    result = give(runtime, "app__messages", *rows, as_of=NOW)

    assert outcomes(result) == {"kept": 1, "terminated": 1}


def test_financial_rows_outlive_the_account_without_its_key(runtime):
    give(runtime, "app__invoices", invoice(age=40, updated=40), as_of=NOW)
    terminate(runtime)

    paid = give(runtime, "app__invoices", invoice(age=40, updated=1), as_of=NOW)

    assert outcomes(paid) == {"kept": 1}
    assert sum(part.rows for part in runtime.store.ledger.live_parts("app__invoices")) == 1
    assert not has_key(runtime)


def test_a_hold_can_be_extended_and_ended_after_the_account(runtime):
    give(runtime, "privacy__legal_holds", hold(), as_of=NOW)
    terminate(runtime)

    longer = hold(expires_at=ago(-90), updated_at=ago(2))
    over = hold(expires_at=ago(1), updated_at=ago(1))
    taken = [outcomes(give(runtime, "privacy__legal_holds", row, as_of=NOW)) for row in (longer, over)]

    assert taken == [{"kept": 1}, {"kept": 1}]
    assert not has_key(runtime)


def test_a_hold_on_a_person_can_be_extended_while_the_key_is_kept_for_it(runtime):
    give(runtime, "privacy__legal_holds", hold(phone=PHONE), as_of=NOW)
    key = runtime.store.keyring.find(Purpose.PSEUDONYM, "ws_a")
    end(runtime, age=400)

    longer = hold(phone=PHONE, expires_at=ago(-90), updated_at=ago(2))
    taken = give(runtime, "privacy__legal_holds", longer, as_of=NOW)

    assert outcomes(taken) == {"kept": 1}
    assert runtime.store.keyring.find(Purpose.PSEUDONYM, "ws_a") == key


def test_a_full_export_from_which_an_ended_account_was_taken_deletes_nothing_of_it(runtime):
    members = [
        {"workspace_id": w, "member_id": "m1", "role": "owner", "updated_at": ago(40)}
        for w in ("ws_a", "ws_b")
    ]
    give(runtime, "app__members", *members, as_of=NOW)
    end(runtime, age=20)
    before = read_cached(
        runtime.store,
        "app__members",
        schema=runtime.declarations.contracts["app__members"].plan.stored_columns(),
        columns=("workspace_id", "role", "deleted_at"),
    )

    give(runtime, "app__members", *(row | {"updated_at": ago(1)} for row in members), as_of=NOW, full=True)

    after = read_cached(
        runtime.store,
        "app__members",
        schema=runtime.declarations.contracts["app__members"].plan.stored_columns(),
        columns=("workspace_id", "role", "deleted_at"),
    )
    assert sorted(after.to_pylist(), key=str) == sorted(before.to_pylist(), key=str)
    assert after.num_rows == 2


# Rules that change meanwhile --------------------------------------------------------------------


def test_a_file_is_read_again_when_an_account_ends_meanwhile_and_its_new_key_goes(runtime):
    def ends(*_: object) -> None:
        if records.epoch(runtime.store.ledger) == 0:
            terminate(runtime)

    rows = [message(1, age=0), message(2, age=0, workspace="ws_b")]
    result = give(runtime, "app__messages", *rows, as_of=NOW, progress=ends)

    assert outcomes(result) == {"kept": 1, "terminated": 1}
    assert (has_key(runtime, "ws_a"), has_key(runtime, "ws_b")) == (False, True)
    assert len(list(runtime.store.home.store.rglob("*.parquet"))) == 1


def test_a_look_up_of_consents_makes_no_key(runtime):
    consent = {"member_id": "m1", "purpose": "analytics", "is_granted": "true", "valid_from": ago(9)}
    give(runtime, "privacy__consents", consent | {"workspace_id": "ws_b", "updated_at": ago(9)}, as_of=NOW)
    visits = pl.DataFrame(
        {"_workspace_id": ["ws_a", "ws_b"], "member_id": ["m1", "m1"], "occurred_at": [ago(1), ago(1)]}
    )

    withdrawn = Reference(*runtime, as_of=NOW).withdrawn(visits, member="member_id", at="occurred_at")

    assert withdrawn.to_list() == [False, False]
    assert (has_key(runtime, "ws_a"), has_key(runtime, "ws_b")) == (False, True)


def test_a_quarantine_file_of_a_table_that_was_tried_again_meanwhile_is_refused(runtime):
    give(runtime, "app__invoices", invoice(age=1) | {"amount": "much"}, invoice(age=2), as_of=NOW)
    (part,) = runtime.store.ledger.live_parts(QUARANTINE)
    contracts = [runtime.declarations.contracts["app__invoices"]]
    arguments = {"contracts": contracts, "options": Options(as_of=NOW)}
    ingest_quarantined(*runtime, part, **arguments)

    with pytest.raises(ConflictError):
        ingest_quarantined(*runtime, part, **arguments)

    assert sum(part.rows for part in runtime.store.ledger.live_parts(QUARANTINE)) == 1


def test_a_file_is_not_read_again_for_ever(runtime):
    def always(*_: object) -> None:
        with runtime.store.ledger.transaction() as connection:
            records.advance_epoch(connection)

    with pytest.raises(RulesChangedError, match="Run the command again"):
        give(runtime, "app__messages", message(1, age=0), as_of=NOW, progress=always)

    assert runtime.store.ledger.live_parts("app__messages") == []
    assert not list(runtime.store.home.store.rglob("*.parquet"))
