"""One person is one contact, whatever he is written to by: from what providers send to what is published."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pipelines.declarations.contract import contracts_of
from pipelines.identities import connected
from pipelines.ingestion.ingest import ingest_file
from pipelines.ingestion.options import Options
from pipelines.marts.build import build
from pipelines.runtime import Runtime, open_runtime
from pipelines.windows import completeness
from pipelines.windows.completeness import store_tables
from tests.support.feeding import give
from tests.support.homes import copied
from warehouse.home import Home
from warehouse.store.session import open_session

DAY = date(2026, 5, 10)
NINE = datetime(2026, 5, 10, 9)
AS_OF = datetime(2026, 6, 1)
WORKSPACES = ("ws_a", "ws_b")
CAMPAIGNS = {"all": "Spring offer", "few": "Seven guests"}


def number(i: int) -> str:
    return f"+4915155500{i:03}"


def user_id(i: int) -> str:
    return f"DE.81000000000{i:03}"


@pytest.fixture
def runtime(empty: Home, tmp_path: Path) -> Runtime:
    runtime = open_runtime(copied(empty, tmp_path))
    for workspace in WORKSPACES:
        channel = {"workspace_id": workspace, "provider": "whatsapp", "sender_id": f"sender-{workspace}"}
        give(runtime, "app__channels", channel | {"valid_from": NINE, "updated_at": NINE}, as_of=AS_OF)
    return runtime


def send(runtime: Runtime, campaign: str, *recipients: str, workspace: str = "ws_a") -> list[str]:
    """Write to some recipients in one campaign; return the ids of the messages."""
    row = {"workspace_id": workspace, "campaign_id": campaign, "channel": "whatsapp", "provider": "whatsapp"}
    ids = [f"wamid.{workspace}.{campaign}.{recipient}" for recipient in recipients]
    rows = [
        row
        | {"outbox_id": id_, "message_id": id_, "recipient": recipient, "outcome": "accepted"}
        | {"queued_at": NINE}
        for id_, recipient in zip(ids, recipients, strict=True)
    ]
    give(runtime, "app__messages", *rows, as_of=AS_OF)
    return ids


def hear(
    runtime: Runtime,
    folder: Path,
    items: str,
    *rows: dict[str, object],
    workspace: str = "ws_a",
    minutes: int = 5,
) -> None:
    """Receive items of a webhook, all of one moment."""
    at = NINE + timedelta(minutes=minutes)
    field = items if items in ("user_id_update", "user_preferences") else "messages"
    stamp = {"timestamp": str(int((at - datetime(1970, 1, 1)).total_seconds()))}
    value = {"metadata": {"phone_number_id": f"sender-{workspace}"}, items: [stamp | row for row in rows]}
    body = {"entry": [{"id": "1", "changes": [{"field": field, "value": value}]}]}
    path = folder / "heard.jsonl"
    path.write_text(json.dumps({"received_at": f"{at.isoformat()}Z", "channel": "x/y", "body": body}) + "\n")
    contracts = contracts_of("whatsapp", runtime.declarations.contracts)
    ingest_file(*runtime, path, contracts=contracts, options=Options(as_of=AS_OF))


def delivered(id_: str, **named: str) -> dict[str, object]:
    return {"id": id_, "status": "delivered", **named}


def know(runtime: Runtime, *contacts: dict[str, object], workspace: str = "ws_a") -> None:
    rows = [{"workspace_id": workspace, "updated_at": NINE, "created_at": NINE, **row} for row in contacts]
    give(runtime, "app__contacts", *rows, as_of=AS_OF)


@contextmanager
def restricted(runtime: Runtime) -> Iterator[duckdb.DuckDBPyConnection]:
    schemas, tables = runtime.declarations.schemas, store_tables(*runtime)
    with open_session(runtime.store.home, schemas=schemas, tables=tables, read_only=True) as connection:
        connection.execute("set search_path = 'warehouse.restricted,memory.store'")
        yield connection


def ask(runtime: Runtime, query: str) -> list[tuple[object, ...]]:
    with restricted(runtime) as connection:
        return connection.execute(query).fetchall()


def seven_people(runtime: Runtime, folder: Path, *, says_so: str) -> None:
    """Two workspaces' day: a campaign to 30, and one to seven people, by number and by user id."""
    for workspace in WORKSPACES:
        send(runtime, "all", *map(number, range(100, 130)), workspace=workspace)
    by_number = send(runtime, "few", *map(number, range(7)))
    send(runtime, "few", *map(user_id, range(7)))
    names = [
        {"workspace_id": "ws_a", "campaign_id": c, "name": n, "channel": "whatsapp"}
        for c, n in CAMPAIGNS.items()
    ]
    give(runtime, "app__campaigns", *(row | {"updated_at": NINE} for row in names), as_of=AS_OF)
    if says_so == "statuses":
        both = [
            delivered(id_, recipient_id=number(i)[1:], recipient_user_id=user_id(i))
            for i, id_ in enumerate(by_number)
        ]
        hear(runtime, folder, "statuses", *both)
    else:
        know(
            runtime,
            *({"contact_id": f"c{i}", "phone": number(i), "whatsapp_user_id": user_id(i)} for i in range(7)),
        )


def shown_campaigns(runtime: Runtime) -> set[object]:
    build(*runtime, from_day=DAY, to_day=DAY, select="+mart_campaign_daily +dim_published_campaigns")
    with open_session(runtime.store.home, schemas={}, read_only=True) as connection:
        tables = "select count(*) from duckdb_tables() where database_name = 'warehouse'"
        assert connection.execute(f"{tables} and table_name ~ 'identit'").fetchall() == [(0,)]
        found = connection.execute("select campaign_name from warehouse.marts.mart_campaign_daily").fetchall()
    return {name for (name,) in found}


@pytest.mark.parametrize("says_so", ["statuses", "contacts"])
def test_seven_people_written_to_by_number_and_user_id_stay_below_the_threshold(runtime, tmp_path, says_so):
    seven_people(runtime, tmp_path, says_so=says_so)

    shown = shown_campaigns(runtime)

    assert "Seven guests" not in shown
    assert "Spring offer" in shown
    few = "from fct_messages where campaign_id = 'few'"
    assert ask(runtime, f"select count(*), count(distinct contact_token) {few}") == [(14, 7)]
    assert ask(runtime, f"select distinct contact_country {few}") == [("DE",)]


def test_twin_seven_people_pass_the_threshold_where_nobody_knows_that_two_ids_are_one_persons(
    runtime, tmp_path, monkeypatch
):
    schema = pa.schema(
        [(name, pa.string()) for name in ("workspace_id", "token", "contact_token", "contact_country")]
    )
    monkeypatch.setattr(completeness, "identities", lambda *_: schema.empty_table())
    seven_people(runtime, tmp_path, says_so="statuses")

    assert "Seven guests" in shown_campaigns(runtime)


def test_replies_opt_outs_and_clicks_by_user_id_belong_to_the_contact_from_the_link_on(runtime, tmp_path):
    send(runtime, "all", number(1))
    hear(
        runtime,
        tmp_path,
        "messages",
        {"id": "r1", "type": "text", "from_user_id": user_id(1), "text": {"body": "hi"}},
    )
    stop = {"category": "marketing_messages", "value": "stop", "user_id": user_id(1)}
    hear(runtime, tmp_path, "user_preferences", stop, minutes=6)
    click = {"workspace_id": "ws_a", "click_id": "k1", "recipient": user_id(1), "clicked_at": NINE}
    give(runtime, "app__link_clicks", click, as_of=AS_OF)
    facts = "select is_replied_72h, is_opted_out from fct_messages"
    people = " union ".join(
        f"select contact_token from {table}"
        for table in ("fct_messages", "fct_inbound_messages", "fct_opt_outs", "fct_clicks", "dim_contacts")
    )
    before = ask(runtime, facts), ask(runtime, f"select count(*) from ({people})")

    # Of another workspace's contacts this says nothing.
    know(runtime, {"contact_id": "c", "phone": number(1), "whatsapp_user_id": user_id(1)}, workspace="ws_b")
    elsewhere = ask(runtime, f"{facts} where workspace_id = 'ws_a'")
    know(runtime, {"contact_id": "c", "phone": number(1), "whatsapp_user_id": user_id(1)})

    assert before == ([(False, False)], [(2,)])
    assert elsewhere == [(False, False)]
    assert ask(runtime, facts) == [(True, True)]
    own = people.replace(" from dim_contacts", " from dim_contacts where workspace_id = 'ws_a'")
    assert ask(runtime, f"select count(*) from ({own})") == [(1,)]


@pytest.mark.parametrize("told_by", ["outbox", "status"])
def test_a_status_that_names_a_user_id_alone_is_of_the_contact_of_its_message(runtime, tmp_path, told_by):
    (id_,) = send(runtime, "all", number(1)) if told_by == "outbox" else ("wamid.of.nobodys.outbox",)
    if told_by == "status":
        hear(
            runtime,
            tmp_path,
            "statuses",
            {"id": id_, "status": "sent", "recipient_id": number(1)[1:]},
            minutes=0,
        )
    hear(runtime, tmp_path, "statuses", delivered(id_, recipient_user_id=user_id(1)))
    reply = {"id": "r1", "type": "text", "from_user_id": user_id(1), "text": {"body": "STOP"}}
    hear(runtime, tmp_path, "messages", reply, minutes=6)
    # Of another workspace's message, of one to somebody else and of one to a group it says nothing.
    hear(runtime, tmp_path, "statuses", delivered(id_, recipient_user_id=user_id(2)), workspace="ws_b")
    (group,) = send(runtime, "few", number(3))
    in_group = delivered(group, recipient_user_id=user_id(1), recipient_type="group")
    hear(runtime, tmp_path, "statuses", in_group, minutes=7)

    assert ask(
        runtime,
        "select count(*), is_delivered, is_replied_72h, is_opted_out, contact_country from fct_messages "
        "where workspace_id = 'ws_a' and coalesce(campaign_id, '') <> 'few' group by all",
    ) == [(1, True, True, True, "DE")]
    people = "(from fct_messages union all by name from fct_inbound_messages) where workspace_id = 'ws_a'"
    assert ask(runtime, f"select count(distinct contact_token) from {people}") == [(2,)]
    ((user,),) = ask(runtime, "select any_value(contact_user_token) from store.whatsapp__messages")
    found = connected(*runtime, {user}, workspaces={"ws_a"})
    assert found.height == 2
    assert found["contact_token"].n_unique() == 1
    again = connected(*runtime, set(found["contact_token"]), workspaces={"ws_a"})
    assert again.equals(found)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            "a new number",
            (
                "messages",
                {
                    "id": "s",
                    "type": "system",
                    "from": number(1)[1:],
                    "system": {"wa_id": number(2)[1:], "type": "user_changed_number"},
                },
            ),
        ),
        (
            "a new user id",
            (
                "user_id_update",
                {"wa_id": number(1)[1:], "user_id": {"previous": user_id(8), "current": user_id(2)}},
            ),
        ),
        ("an e-mail address", ("contacts", {"email": "Ada@Example.org"})),
    ],
)
def test_who_was_known_by_another_identifier_is_the_same_contact(runtime, tmp_path, what, said):
    other = user_id(2) if what == "a new user id" else number(2)
    send(runtime, "all", number(1), other)
    items, row = said
    if items == "contacts":
        know(
            runtime,
            {"contact_id": "c1", "phone": number(1), **row},
            {"contact_id": "c2", "phone": number(2), **row},
        )
    else:
        hear(runtime, tmp_path, items, row)

    assert ask(runtime, "select count(distinct contact_token) from fct_messages") == [(1,)]
