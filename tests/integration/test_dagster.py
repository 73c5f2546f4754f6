"""The real graph on a small inbox: what is taken in, what is green, what turns red, what Dagster keeps."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from pipelines.conventions import day_range, inbox_key, published_key, store_key
from pipelines.dagster_home import write_instance_config
from pipelines.definitions import build_definitions
from pipelines.marts import parse
from pipelines.resources import Warehouse
from pipelines.schedules import next_slices
from tests.support.leaks import find_leaks
from warehouse.home import Home
from warehouse.session import open_session

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::dagster.BetaWarning")]

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


class Orchestra:
    """The definitions, an instance whose storage is the home's, and a clock."""

    def __init__(self, home: Home, instance: dg.DagsterInstance) -> None:
        self.home = home
        self.instance = instance

    def at(self, day: str) -> Warehouse:
        return Warehouse(home=str(self.home.root), as_of=f"{day}T06:00:00")

    def run(self, job: str, *, at: str, tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
        definitions = build_definitions(warehouse=self.at(at))
        return definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags=tags, raise_on_error=False
        )

    def tick(self, sensor: str, *, cursor: str | None = None) -> SensorExecutionData:
        definitions = build_definitions(warehouse=self.at(CLOSED))
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=cursor,
            definitions=definitions,
            resources={"warehouse": self.at(CLOSED)},
        )
        return definitions.get_repository_def().get_sensor_def(sensor).evaluate_tick(context)

    def materialized(self, key: dg.AssetKey) -> set[str]:
        return set(self.instance.get_materialized_partitions(key))


def verdicts(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], bool]:
    return {
        (evaluation.asset_key.path[-1], evaluation.check_name): evaluation.passed
        for evaluation in result.get_asset_check_evaluations()
    }


def reasons(result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(str(event.event_specific_data) for event in result.all_events if event.is_failure)


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An empty warehouse that knows the dbt project."""
    home = Home(tmp_path_factory.mktemp("parsed") / "home").create()
    parse(home)
    return home


@pytest.fixture(scope="module")
def once(parsed: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Taken in on the next day, built when the day had closed."""
    with opened(parsed, tmp_path_factory.mktemp("once")) as orchestra:
        put_channel(orchestra.home)
        put_messages(orchestra.home)
        assert orchestra.run("ingest", at=TAKEN_IN).success
        days = next_slices(orchestra.at(CLOSED))
        assert days is not None
        assert orchestra.run("marts", at=CLOSED, tags=day_range(*days)).success
        return orchestra.home


@contextmanager
def opened(template: Home, folder: Path) -> Iterator[Orchestra]:
    """A copy of a warehouse, and Dagster over it."""
    shutil.copytree(template.root, folder / "home")
    home = Home(folder / "home")
    write_instance_config(home)
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        yield Orchestra(home, instance)


@pytest.fixture
def orchestra(parsed: Home, tmp_path: Path) -> Iterator[Orchestra]:
    with opened(parsed, tmp_path) as orchestra:
        yield orchestra


@pytest.fixture
def built(once: Home, tmp_path: Path) -> Iterator[Orchestra]:
    with opened(once, tmp_path) as orchestra:
        yield orchestra


def test_a_day_goes_from_the_inbox_to_the_published_marts_and_is_green_all_the_way(orchestra):
    put_channel(orchestra.home)
    put_messages(orchestra.home)

    ingested = orchestra.run("ingest", at=TAKEN_IN)
    marts = orchestra.run("marts", at=CLOSED, tags=day_range(*next_slices(orchestra.at(CLOSED))))
    published = orchestra.run("publish", at=CLOSED)
    closed = orchestra.run("close", at=CLOSED)

    assert [run.success for run in (ingested, marts, published, closed)] == [True] * 4, reasons(marts)
    assert not [path for path in orchestra.home.inbox.rglob("*") if path.is_file()]
    for key in (
        store_key("whatsapp__statuses"),
        store_key("app__messages"),
        dg.AssetKey(["cubes", "cube_campaign_daily"]),
    ):
        assert SENT in orchestra.materialized(key)
    checks = verdicts(ingested) | verdicts(marts) | verdicts(published)
    assert checks["whatsapp__statuses", "reconciliation"]
    assert checks["whatsapp__statuses", "contract"]
    assert checks["cube_campaign_daily", "threshold"]
    # Nothing has arrived for a week, which is what freshness says.
    assert {check for (_, check), passed in checks.items() if not passed} == {"freshness"}
    assert next_slices(orchestra.at(CLOSED)) is None
    event = orchestra.instance.get_latest_materialization_event(published_key())
    assert event.asset_materialization.metadata["dagster/row_count"].value > 0


def test_row_counts_stand_on_every_partition_that_got_rows(built):
    event = built.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=store_key("whatsapp__statuses"), asset_partitions=[SENT]), limit=1
    ).records[0]

    assert event.asset_materialization.metadata["dagster/partition_row_count"].value == 24


def test_nothing_that_dagster_keeps_holds_anything_personal(built):
    built.run("publish", at=CLOSED)

    assert find_leaks(built.home, CANARIES) == []


def test_the_search_finds_what_dagster_is_told(built):
    """Twin: the same search on the same files, with a name in one event."""
    built.instance.report_runless_asset_event(
        dg.AssetMaterialization(inbox_key("whatsapp"), metadata={"oops": NAME})
    )

    assert any("storage" in place for place in find_leaks(built.home, CANARIES))


def test_a_file_that_cannot_be_read_stays_turns_the_run_red_and_holds_up_no_other(orchestra):
    put_channel(orchestra.home)
    put_messages(orchestra.home)
    broken = orchestra.home.inbox / "whatsapp" / f"{SENT}-broken.jsonl.gz"
    broken.write_bytes(b"\x1f\x8b" + TEXT.encode())

    result = orchestra.run("ingest", at=TAKEN_IN)

    assert not result.success
    assert broken.exists()
    assert "1 of 2 file(s) stay in the inbox" in reasons(result)
    assert SENT in orchestra.materialized(store_key("whatsapp__statuses"))
    assert find_leaks(orchestra.home, CANARIES, besides=[orchestra.home.inbox]) == []


def test_counts_that_do_not_add_up_turn_reconciliation_red_and_stop_the_marts(built):
    with closing(sqlite3.connect(built.home.ledger_path)) as ledger, ledger:
        ledger.execute(
            "update counts set rows = rows + 1 where source = 'whatsapp__statuses' and outcome = 'kept'"
        )

    result = built.run("marts", at=CLOSED, tags=day_range(day(SENT), day(SENT)))

    assert not verdicts(result)["whatsapp__statuses", "reconciliation"]
    assert not [e for e in result.get_asset_materialization_events() if e.asset_key.path[0] == "cubes"]


def test_a_file_that_is_gone_turns_reconciliation_red(built):
    next((built.home.store / "whatsapp__statuses").rglob("*.parquet")).unlink()

    result = built.run("ingest", at=CLOSED)

    assert not verdicts(result)["whatsapp__statuses", "reconciliation"]


def test_a_cell_of_ten_contacts_turns_the_threshold_red_and_stops_the_publication(built):
    with open_session(built.home, schemas={}) as connection:
        connection.execute("update warehouse.cubes.cube_campaign_daily set audience_contacts = 10")

    result = built.run("publish", at=CLOSED)

    assert not verdicts(result)["cube_campaign_daily", "threshold"]
    assert not built.home.published_path.exists()


def test_a_day_that_has_not_closed_is_not_built(orchestra):
    put_channel(orchestra.home)
    put_messages(orchestra.home)
    orchestra.run("ingest", at=TAKEN_IN)

    result = orchestra.run("marts", at=TAKEN_IN, tags=day_range(day(SENT), day(SENT)))

    assert not result.success
    assert "has not closed" in reasons(result)


def test_the_sensor_asks_once_for_new_files_and_skips_those_still_being_written(orchestra):
    (orchestra.home.inbox / "whatsapp").mkdir()
    (orchestra.home.inbox / "whatsapp" / ".half.jsonl").write_text("{", "utf-8")
    nothing = orchestra.tick("inbox")
    put_channel(orchestra.home)
    first = orchestra.tick("inbox")
    again = orchestra.tick("inbox", cursor=first.cursor)
    put_messages(orchestra.home)
    then = orchestra.tick("inbox", cursor=first.cursor)

    assert nothing.skip_message == "The inbox is empty."
    assert [key.path for key in first.run_requests[0].asset_selection] == [
        ["batches", "batches_app_channels"]
    ]
    assert again.skip_message == "1 file(s) could not be taken in: see the last ingest run."
    assert {key.path[-1] for key in then.run_requests[0].asset_selection} == {
        "batches_app_messages",
        "batches_whatsapp",
    }
    assert SENT not in str(then.cursor) + str(then.run_requests[0].run_key), "names of files may be personal"


def test_the_sensor_asks_for_the_slices_that_closed(orchestra):
    put_channel(orchestra.home)
    put_messages(orchestra.home)
    orchestra.run("ingest", at=TAKEN_IN)

    (asked,) = orchestra.tick("closed_days").run_requests

    assert asked.job_name == "marts"
    assert asked.tags.items() >= day_range(day(SENT), day(SENT)).items()


def day(text: str) -> date:
    return date.fromisoformat(text)
