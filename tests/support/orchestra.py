"""Dagster over a warehouse of its own: a small inbox, jobs at a given time, and what they said.

The graph is a small one, of four feeds, one cube and one mart: each step and check of the real one would cost
as much again, and says nothing new. One test runs the whole graph.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData

from pipelines.declarations.contract import load_contracts
from pipelines.orchestration.definitions import build_definitions
from pipelines.orchestration.instance import write_instance_config
from pipelines.orchestration.resources import Warehouse
from tests.support.homes import copied
from warehouse.home import Home

SENT, TAKEN_IN, CLOSED = "2026-05-04", "2026-05-05", "2026-05-13"
SENDER = "155508471130"
RECIPIENTS = [f"4915550847{n:04}" for n in range(12)]
NAME = "Quirinius Fanderholt"
TEXT = "Meet me behind the old canary mill"
CANARIES = [SENDER, *RECIPIENTS, NAME, TEXT]


def put_channel(home: Home) -> None:
    put(
        home,
        "app/channels",
        {
            "workspace_id": "ws-1",
            "provider": "whatsapp",
            "account_id": "waba-5508",
            "sender_id": SENDER,
            "display_phone_number": SENDER,
            "valid_from": "2026-01-01T00:00:00Z",
            "valid_to": None,
            "updated_at": f"{SENT}T00:00:00Z",
            "deleted_at": None,
        },
    )


def put_messages(home: Home) -> None:
    """A campaign of twelve messages to twelve contacts, each delivered; one of them answers."""
    put(home, "app/messages", *(outbox_row(n) for n in range(12)))
    statuses = [
        {"id": f"wamid.canary{n:04}", "status": status, "timestamp": "1777896000", "recipient_id": to}
        for n, to in enumerate(RECIPIENTS)
        for status in ("sent", "delivered")
    ]
    reply = {
        "contacts": [{"wa_id": RECIPIENTS[0], "profile": {"name": NAME}}],
        "messages": [
            {
                "id": "wamid.canary-reply",
                "from": RECIPIENTS[0],
                "timestamp": "1777897000",
                "type": "text",
                "text": {"body": TEXT},
            }
        ],
    }
    put(home, "whatsapp", envelope({"statuses": statuses}), envelope(reply))


def outbox_row(n: int) -> dict[str, object]:
    return {
        "workspace_id": "ws-1",
        "outbox_id": f"out-{n}",
        "message_id": f"wamid.canary{n:04}",
        "campaign_id": "spring",
        "template_id": None,
        "channel": "whatsapp",
        "provider": "whatsapp",
        "recipient": RECIPIENTS[n],
        "message_category": "marketing",
        "outcome": "accepted",
        "skip_reason": None,
        "error_code": None,
        "body": TEXT,
        "price": None,
        "price_currency": None,
        "queued_at": f"{SENT}T11:59:00Z",
    }


def envelope(value: dict[str, object]) -> dict[str, object]:
    metadata = {"display_phone_number": SENDER, "phone_number_id": SENDER}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    body = {"object": "whatsapp_business_account", "entry": [{"id": "waba-5508", "changes": [change]}]}
    return {"received_at": f"{SENT}T12:30:00Z", "channel": f"whatsapp/{SENDER}", "body": body}


def put(home: Home, feed: str, *records: dict[str, object]) -> None:
    folder = home.inbox / feed
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / f"{SENT}-{len(list(folder.iterdir()))}.jsonl").write_text(lines, "utf-8")


FEEDS = {"app/channels", "app/messages", "app/subscriptions", "whatsapp"}
MARTS = {"model.wasms.mart_campaign_daily"}


class Orchestra:
    """The definitions, an instance, and a clock."""

    def __init__(self, home: Home, instance: dg.DagsterInstance, *, has_whole_graph: bool = False) -> None:
        self.home = home
        self.instance = instance
        self._has_whole_graph = has_whole_graph

    def at(self, day: str) -> Warehouse:
        return Warehouse(home=str(self.home.root), as_of=f"{day}T06:00:00")

    def definitions(self, warehouse: Warehouse) -> dg.Definitions:
        if self._has_whole_graph:
            return build_definitions(warehouse=warehouse)
        contracts = {name: c for name, c in load_contracts().items() if c.feed in FEEDS}
        manifest = _part_of_manifest(self.home.dbt_target)
        return build_definitions(warehouse=warehouse, contracts=contracts, manifest=manifest)

    def run(self, job: str, *, at: str, tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
        return (
            self.definitions(self.at(at))
            .resolve_job_def(job)
            .execute_in_process(instance=self.instance, tags=tags, raise_on_error=False)
        )

    def shown(self, key: dg.AssetKey, partition: str) -> dict[str, object]:
        """Metadata of the last materialization of a partition, as the UI shows it."""
        wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        materialization = record.asset_materialization
        assert materialization is not None
        return {name: value.value for name, value in materialization.metadata.items()}

    def checked(self, key: dg.AssetKey, name: str) -> bool | None:
        """Whether the last evaluation of a check passed, as the UI shows it; None before the first."""
        check = dg.AssetCheckKey(key, name)
        record = self.instance.event_log_storage.get_latest_asset_check_execution_by_key([check]).get(check)
        return None if record is None else record.status.value == "SUCCEEDED"

    def tick(self, sensor: str, *, cursor: str | None = None, at: str = CLOSED) -> SensorExecutionData:
        definitions = self.definitions(self.at(at))
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=cursor,
            definitions=definitions,
            resources={"warehouse": self.at(at)},
        )
        data = definitions.get_repository_def().get_sensor_def(sensor).evaluate_tick(context)
        for event in data.asset_events:
            self.instance.report_runless_asset_event(event)
        return data

    def materialized(self, key: dg.AssetKey) -> set[str]:
        return set(self.instance.get_materialized_partitions(key))


def passed_checks(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], bool]:
    return {
        (evaluation.asset_key.path[-1], evaluation.check_name): evaluation.passed
        for evaluation in result.get_asset_check_evaluations()
    }


def reasons(result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(str(event.event_specific_data) for event in result.all_events if event.is_failure)


def _part_of_manifest(target: Path) -> Mapping[str, Any]:
    return _upstream(target.joinpath("manifest.json").read_text("utf-8"))


@cache
def _upstream(text: str) -> Mapping[str, Any]:
    """The manifest of chosen marts, what they are made from, and the tests of it."""
    manifest: dict[str, Any] = json.loads(text)
    wanted, found = set(MARTS), set()
    while wanted:
        found |= wanted
        wanted = {parent for each in wanted for parent in manifest["parent_map"][each]} - found
    found |= {
        name
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "test" and set(manifest["parent_map"][name]) <= found
    }
    manifest["nodes"] = {name: node for name, node in manifest["nodes"].items() if name in found}
    for side in ("parent_map", "child_map"):
        manifest[side] = {
            n: [m for m in near if m in found] for n, near in manifest[side].items() if n in found
        }
    manifest["unit_tests"] = {}
    return manifest


@contextmanager
def opened(template: Home, folder: Path) -> Iterator[Orchestra]:
    """A copy of a warehouse, and Dagster over it with the records that lie in it."""
    home = copied(template, folder)
    write_instance_config(home)
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        yield Orchestra(home, instance)


@contextmanager
def remembering(template: Home, folder: Path, *, has_whole_graph: bool = False) -> Iterator[Orchestra]:
    """A copy of a warehouse, and Dagster over it that keeps its records in memory and begins with none."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Orchestra(copied(template, folder), instance, has_whole_graph=has_whole_graph)


def day(text: str) -> date:
    return date.fromisoformat(text)
