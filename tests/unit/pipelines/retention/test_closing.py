"""Closing: what is due goes, whatever else there is; one lateness horizon for all."""

import json
from datetime import date, datetime, timedelta

import pytest
import yaml

from pipelines.codegen.model_sql import DBT_PROJECT
from pipelines.declarations.calendar import last_closed_day
from pipelines.declarations.contract import load_contracts
from pipelines.ingestion.ingest import ingest_file
from pipelines.ingestion.options import Options
from pipelines.retention import apply as retention
from pipelines.retention.closing import close_days
from pipelines.runtime import open_runtime
from pipelines.sources.inbox import feeds
from pipelines.windows.inputs import QUARANTINE
from tests.support.due import DUE_AT, warehouse_with_much_due
from warehouse.home import Home

ARRIVED = datetime.fromisoformat("2026-05-01T06:00:00")


def test_quarantine_of_several_files_expires_with_the_inbox_and_holds_nothing_up(home, tmp_path):
    runtime = open_runtime(home)
    contracts = feeds(runtime.declarations.contracts)["whatsapp"]
    for n in range(2):
        path = tmp_path / f"{n}.jsonl"
        # Nobody knows the channel.
        status = {
            "id": f"wamid.{n}",
            "status": "sent",
            "timestamp": str(int(ARRIVED.timestamp())),
            "recipient_id": "1",
        }
        value = {"metadata": {"phone_number_id": "9"}, "statuses": [status]}
        body = {"entry": [{"id": "1", "changes": [{"value": value, "field": "messages"}]}]}
        path.write_text(json.dumps(body) + "\n", "utf-8")
        ingest_file(*runtime, path, contracts=contracts, options=Options(as_of=ARRIVED))

    closed = close_days(*runtime, as_of=ARRIVED + timedelta(days=10))
    expired = close_days(
        *runtime,
        as_of=ARRIVED + timedelta(days=runtime.declarations.policy.inbox_ttl_days),
    )

    assert (closed, expired) == (0, 2)
    assert runtime.store.ledger.live_parts(QUARANTINE) == []
    assert not list(home.store.rglob("*.parquet"))


def test_dbt_looks_as_far_as_the_latest_contract():
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text("utf-8"))

    assert project["vars"]["lateness_days"] == max(c.lateness_days for c in load_contracts().values())


@pytest.mark.parametrize(
    ("as_of", "closed"),
    [(datetime(2026, 5, 20, 23, 59), date(2026, 5, 11)), (datetime(2026, 3, 2), date(2026, 2, 21))],
)
def test_a_day_closes_after_its_horizon_and_two_more_days(as_of, closed):
    assert last_closed_day(as_of, lateness_days=7) == closed


def test_a_night_that_another_process_was_faster_with_has_nothing_left_to_do(tmp_path, monkeypatch):
    runtime, faster = warehouse_with_much_due(tmp_path / "home"), open_runtime(Home(tmp_path / "home"))
    apply_planned = retention.apply_planned

    def overtaken(store, planned, **options):
        monkeypatch.setattr(retention, "apply_planned", apply_planned)
        assert close_days(*faster, as_of=DUE_AT) == planned.plan.rows_gone > 0
        return apply_planned(store, planned, **options)

    monkeypatch.setattr(retention, "apply_planned", overtaken)

    assert close_days(*runtime, as_of=DUE_AT) == 0
