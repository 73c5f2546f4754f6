"""One bad file in the inbox keeps no other waiting, and a failed build no deletion."""

import json
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

import pipelines.run as run_module
from pipelines.ingestion.options import Options
from pipelines.marts import dbt_runs
from pipelines.marts.dbt_runs import MartsError
from pipelines.retention.closing import close_days
from pipelines.run import plan_run, run
from pipelines.runtime import open_runtime
from tests.support.homes import copied
from tests.support.loaded import HEAVY, loaded
from tests.support.orchestra import CLOSED
from warehouse.home import Home


def put_status(home: Home) -> Path:
    """Put a file with one status of WhatsApp into the inbox; return the folder of its feed."""
    folder = home.inbox / "whatsapp"
    folder.mkdir(parents=True)
    status = {"id": "wamid.one", "status": "sent", "timestamp": "1779192000", "recipient_id": "4915750001234"}
    value = {"metadata": {"phone_number_id": "111"}, "statuses": [status]}
    body = {"entry": [{"id": "900", "changes": [{"value": value, "field": "messages"}]}]}
    (folder / "2026-05-20.jsonl").write_text(json.dumps(body), "utf-8")
    return folder


def test_a_file_that_cannot_be_loaded_stays_and_the_others_go_on(home):
    folder = put_status(home)
    (folder / "2026-05-19.jsonl.gz").write_bytes(b"\x1f\x8b not gzip at all")
    plan = plan_run(*open_runtime(home), as_of=datetime(2026, 5, 21))
    assert plan.waiting == {"whatsapp": 2}
    assert open_runtime(home).store.ledger.clock() is None

    summary = run(*open_runtime(home), options=Options(as_of=datetime(2026, 5, 21), workspace="ws_a"))

    assert [problem.split(":")[0] for problem in summary.failed] == ["whatsapp/2026-05-19.jsonl.gz"]
    assert [(c.source, c.outcome, c.rows) for r in summary.ingested for c in r.counts] == [
        ("whatsapp__statuses", "kept", 1)
    ]
    assert [path.name for path in folder.iterdir()] == ["2026-05-19.jsonl.gz"]
    assert summary.published is None


def rows_left_by_a_run_that_cannot_build(home, tmp_path, monkeypatch) -> int:
    """How many rows are left, of one past its window, by a run whose build fails."""
    put_status(home)
    runtime = open_runtime(home)
    run(*runtime, options=Options(as_of=datetime(2026, 5, 21), workspace="ws_a"))
    assert [part.rows for part in runtime.store.ledger.live_parts()] == [1]
    monkeypatch.setattr(dbt_runs, "DBT_PROJECT", tmp_path / "no project")

    with pytest.raises(MartsError):
        run(*runtime, options=Options(as_of=datetime(2026, 10, 1)))

    return sum(part.rows for part in runtime.store.ledger.live_parts())


def test_what_is_due_is_deleted_though_nothing_can_be_built(home, tmp_path, monkeypatch):
    assert rows_left_by_a_run_that_cannot_build(home, tmp_path, monkeypatch) == 0


def test_twin_if_deletion_waited_for_the_build_rows_would_stay(home, tmp_path, monkeypatch):
    @contextmanager
    def deleting_after_success(declarations, store, as_of, _summary):
        yield
        close_days(declarations, store, as_of=as_of)

    monkeypatch.setattr(run_module, "_deleting_afterwards", deleting_after_success)

    assert rows_left_by_a_run_that_cannot_build(home, tmp_path, monkeypatch) == 1


def test_a_run_with_nothing_to_add_to_what_is_published_loads_neither_models_nor_dbt(once, tmp_path):
    """Nor pandas, which DuckDB loads at the first parameter of a query."""
    command = ("run", "--as-of", CLOSED, "--home", str(copied(once, tmp_path).root))
    loaded(*command)

    assert loaded(*command, among=HEAVY | {"pandas"}) == {"duckdb", "numpy", "polars", "pyarrow"}
