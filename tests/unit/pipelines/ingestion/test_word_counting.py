"""Counting belongs to the batch: it is written with its rows, or not at all."""

import json
from datetime import datetime, timedelta

import pytest

from pipelines.declarations.contract import contracts_of
from pipelines.ingestion.ingest import ingest_file
from pipelines.ingestion.options import Options
from pipelines.ingestion.word_counting import payers
from pipelines.retention.apply import apply_retention
from pipelines.retention.plan import plan_retention
from pipelines.retention.verify import prove
from pipelines.runtime import Runtime, open_runtime
from tests.support.feeding import write_csv
from tests.support.word_world import (
    BEGIN,
    JUNE,
    SEPTEMBER,
    campaigns,
    pay,
    pay_each,
    use,
    workspaces,
)
from warehouse.errors import StoreError
from warehouse.keys.keyring import Purpose

TEXT = "our new zorblig is here now"
MONTH = "2026-06"


@pytest.fixture
def runtime(home) -> Runtime:
    return open_runtime(home)


def counters(runtime: Runtime) -> list[tuple[str, bytes, bytes]]:
    return [tuple(row) for row in runtime.store.ledger.read("select * from word_counts order by 1, 2, 3")]


def known_payers(runtime: Runtime) -> dict[str, str]:
    return dict(payers(*runtime).iter_rows())


def test_words_are_counted_with_their_batch(runtime):
    pay_each(runtime, workspaces(2))

    use(runtime, workspaces(2), TEXT, "our other zorblig", at=JUNE)

    assert [month for month, _, _ in counters(runtime)] == [MONTH, MONTH]


def test_a_file_that_comes_again_and_another_of_the_same_words_change_nothing(runtime):
    pay_each(runtime, workspaces(2))
    use(runtime, workspaces(2), TEXT, at=JUNE)
    before = counters(runtime)

    use(runtime, workspaces(2), TEXT, at=JUNE)
    use(runtime, workspaces(2), "once more our zorblig", at=JUNE + timedelta(days=1))

    assert counters(runtime) == before


def test_a_dry_run_counts_nothing_and_makes_no_key(runtime, tmp_path):
    pay_each(runtime, workspaces(2))
    rows = campaigns(dict.fromkeys(workspaces(2), (TEXT,)), at=JUNE)

    result = ingest_file(
        *runtime,
        write_csv(tmp_path, *rows),
        contracts=contracts_of("app/campaigns", runtime.declarations.contracts),
        options=Options(as_of=JUNE, dry_run=True),
    )

    assert result.status == "dry run"
    assert counters(runtime) == []
    assert not runtime.store.keyring.has(Purpose.WORDS, MONTH)


def test_a_batch_that_is_not_committed_counts_nothing(runtime, monkeypatch):
    pay_each(runtime, workspaces(2))

    def full_disk(*_, **__):
        raise StoreError("store", "no space")

    monkeypatch.setattr("pipelines.ingestion.batch.commit_batch", full_disk)

    with pytest.raises(StoreError):
        use(runtime, workspaces(2), TEXT, at=JUNE)
    assert counters(runtime) == []


def test_events_are_counted_too(runtime, tmp_path):
    pay_each(runtime, workspaces(1))
    update = {
        "message_template_id": 17,
        "message_template_name": "spring_zorblig_sale",
        "message_template_language": "en",
        "event": "APPROVED",
    }
    change = {"field": "message_template_status_update", "value": update}
    body = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "9", "time": int(JUNE.timestamp()), "changes": [change]}],
    }
    path = tmp_path / "updates.jsonl"
    path.write_text(json.dumps({"received_at": f"{JUNE.isoformat()}Z", "body": body}) + "\n", "utf-8")
    contract = runtime.declarations.contracts["whatsapp__template_updates"]

    ingest_file(
        *runtime,
        path,
        contracts=contracts_of(contract.feed, runtime.declarations.contracts),
        options=Options(as_of=JUNE, workspace="ws_0"),
    )

    assert len(counters(runtime)) == 1


def test_what_is_nobodys_workspace_is_not_counted(runtime, tmp_path):
    pay_each(runtime, workspaces(1))
    path = tmp_path / "error.log"
    path.write_text(f"{JUNE.isoformat()}Z ERROR app: {TEXT}\n", "utf-8")
    contract = runtime.declarations.contracts["web__error_logs"]

    ingest_file(
        *runtime,
        path,
        contracts=contracts_of(contract.feed, runtime.declarations.contracts),
        options=Options(as_of=JUNE),
    )

    assert counters(runtime) == []


# Who pays ------------------------------------------------------------------------------------------


def test_one_payer_of_several_workspaces_is_one_in_any_spelling(runtime):
    pay(runtime, {"ws_0": "Müller  GmbH", "ws_1": " MÜLLER GMBH", "ws_2": "Another"})

    found = known_payers(runtime)

    assert found["ws_0"] == found["ws_1"] != found["ws_2"]


@pytest.mark.parametrize(
    "unpaid", [{"status": "open"}, {"status": "void"}, {"amount": "0.00"}, {"billing_name": ""}]
)
def test_who_has_paid_nothing_is_no_payer_and_counts_nothing(runtime, unpaid):
    pay(runtime, {"ws_0": "Somebody"}, **unpaid)

    use(runtime, ["ws_0"], TEXT, at=JUNE)

    assert known_payers(runtime) == {}
    assert counters(runtime) == []


def test_who_changes_the_name_on_the_invoice_stays_the_payer_they_were(runtime):
    pay(runtime, {"ws_0": "First"})
    before = known_payers(runtime)

    pay(runtime, {"ws_0": "Second"}, invoice_id="i2", issued_at=BEGIN + timedelta(hours=1))

    assert known_payers(runtime) == before


# Windows -------------------------------------------------------------------------------------------


def test_the_nightly_deletion_forgets_counters_and_destroys_their_key(runtime):
    pay_each(runtime, workspaces(1))
    use(runtime, workspaces(1), TEXT, at=JUNE)
    end = datetime(2026, 12, 28)
    listed = [item.path for item in plan_retention(*runtime, as_of=end).plan.files]

    apply_retention(*runtime, as_of=end)

    assert f"ledger/word_counts/{MONTH}" in listed
    assert counters(runtime) == []
    assert not runtime.store.keyring.has(Purpose.WORDS, MONTH)


def test_verification_has_nothing_to_say_of_counters_within_their_window(runtime):
    pay_each(runtime, workspaces(1))
    use(runtime, workspaces(1), TEXT, at=JUNE)
    apply_retention(*runtime, as_of=SEPTEMBER)

    assert prove(*runtime, as_of=SEPTEMBER).findings == ()
