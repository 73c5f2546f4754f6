"""A usage event is kept only with the member's consent to analytics at its time."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from pipelines.declarations.contract import Contract
from pipelines.ingestion.ingest import Ingested, ingest_file
from pipelines.ingestion.options import Options
from pipelines.runtime import Runtime, open_runtime
from pipelines.sources.inbox import feeds

AS_OF = datetime(2026, 5, 20)
WITHDRAWN = "2026-05-10T12:00:00Z"


def event(number: int, *, at: str, consent: bool | None) -> str:
    body = {
        "event_id": f"e{number}",
        "occurred_at": at,
        "workspace_id": "ws_a",
        "member_id": "m1",
        "event": "page_view",
        **({} if consent is None else {"consent": {"analytics": consent}}),
    }
    return json.dumps({"received_at": at, "channel": "web", "body": body}) + "\n"


@pytest.fixture
def runtime(home, tmp_path: Path) -> Runtime:
    """A warehouse that knows of one withdrawal."""
    runtime = open_runtime(home)
    rows = [
        "workspace_id,member_id,purpose,is_granted,valid_from,updated_at",
        "ws_a,m1,analytics,true,2026-05-01T00:00:00Z,2026-05-01T00:00:00Z",
        f"ws_a,m1,analytics,false,{WITHDRAWN},{WITHDRAWN}",
        "ws_a,m1,marketing,false,2026-05-01T00:00:00Z,2026-05-01T00:00:00Z",
    ]
    path = tmp_path / "consents.csv"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    contracts = feeds(runtime.declarations.contracts)["privacy/consents"]
    ingest_file(*runtime, path, contracts=contracts, options=Options(as_of=AS_OF))
    return runtime


def load(runtime: Runtime, path: Path, text: str, contracts: tuple[Contract, ...] | None = None) -> Ingested:
    path.write_text(text, "utf-8")
    usage = contracts or feeds(runtime.declarations.contracts)["usage"]
    return ingest_file(*runtime, path, contracts=usage, options=Options(as_of=AS_OF))


CASES = [
    ("before the withdrawal", "2026-05-10T11:59:59Z", True, "kept"),
    ("at the withdrawal", WITHDRAWN, True, "dropped"),
    ("after the withdrawal", "2026-05-11T00:00:00Z", True, "dropped"),
    ("without consent", "2026-05-09T00:00:00Z", False, "dropped"),
    ("with nothing said", "2026-05-09T00:00:00Z", None, "dropped"),
]


@pytest.mark.parametrize(
    ("at", "consent", "outcome"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_an_event_without_consent_at_its_time_is_dropped_and_counted(runtime, tmp_path, at, consent, outcome):
    result = load(runtime, tmp_path / "usage.jsonl", event(1, at=at, consent=consent))

    assert [(c.outcome, c.reason, c.rows) for c in result.counts] == [
        (outcome, "no_consent" if outcome == "dropped" else "", 1)
    ]


def test_the_test_sees_a_contract_that_forgets_to_ask(runtime, tmp_path):
    """The twin: without `consent` in the contract the event would be stored."""
    (usage,) = feeds(runtime.declarations.contracts)["usage"]
    forgetful = usage.model_copy(update={"consent": None})

    text = event(1, at="2026-05-11T00:00:00Z", consent=False)
    result = load(runtime, tmp_path / "usage.jsonl", text, (forgetful,))

    assert [c.outcome for c in result.counts] == ["kept"]
