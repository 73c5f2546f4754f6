"""The generated world as a whole: repeatable, complete, readable, believable."""

import csv
import io
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import phonenumbers
import pyarrow.parquet as pq
import pytest

from pipelines.declarations.contract import Reader, load_contracts
from pipelines.sources.reading import read
from pipelines.synthetic import WorldSpec, generate
from pipelines.synthetic.errors import InboxNotEmptyError, WorldSpecError

TINY = WorldSpec(workspaces=2, contacts=20, days=2, seed=3)
ARRIVAL = datetime(2026, 6, 1)
_SCRIPT = """
import sys
from pathlib import Path
from pipelines.synthetic import WorldSpec, generate
generate(Path(sys.argv[1]), WorldSpec(workspaces=2, contacts=20, days=2, seed=3))
"""


def test_equal_specs_give_byte_equal_files_whatever_the_machine_is_set_to(tmp_path, digests):
    generate(tmp_path / "here", TINY)
    elsewhere = {
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "77",
        "POLARS_MAX_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }

    subprocess.run([sys.executable, "-c", _SCRIPT, str(tmp_path / "there")], env=elsewhere, check=True)

    assert digests(tmp_path / "here") == digests(tmp_path / "there")


def test_another_seed_gives_another_world(tmp_path, digests):
    generate(tmp_path / "a", TINY)
    generate(tmp_path / "b", replace(TINY, seed=4))

    a, b = digests(tmp_path / "a"), digests(tmp_path / "b")

    assert not {name for name in a if a[name] == b.get(name)}


def test_the_readers_find_every_row_and_reject_none(world):
    contracts = load_contracts()
    feeds = defaultdict(list)
    for contract in contracts.values():
        feeds[contract.feed].append(contract)
    found: Counter[str] = Counter()
    trouble: list[Any] = []

    for feed, together in feeds.items():
        files = sorted((world.root / feed).iterdir())
        assert files, feed
        for file in files:
            for batch in read(file, contracts=together, received_at=ARRIVAL):
                found.update({name: table.num_rows for name, table in batch.tables.items()})
                trouble += [*batch.rejected.to_pylist(), *batch.unknown.items(), *batch.masked.items()]

    assert not trouble
    assert dict(found) == dict(world.summary.records)
    # What contacts write by SMS comes by the export here.
    assert set(found) == set(contracts) - {"twilio__inbound"}
    assert min(found.values()) > 0


def test_the_counts_of_a_known_world_stay_as_they_were(world):
    """A change here is a change of everybody's demo: make it on purpose."""
    summary = {field.name: getattr(world.summary, field.name) for field in fields(world.summary)}
    golden = json.loads((Path(__file__).parent / "golden_summary.json").read_text())

    assert json.loads(json.dumps(summary | {"records": dict(summary["records"])}, default=str)) == golden


def test_tables_have_the_columns_of_their_contracts_and_no_others(world):
    for contract in load_contracts().values():
        if contract.reader is not Reader.TABLE:
            continue
        declared = list(dict.fromkeys(column.path or name for name, column in contract.columns.items()))
        required = {column.path or name for name, column in contract.columns.items() if column.required}
        for file in (world.root / contract.feed).iterdir():
            columns = (
                pq.read_schema(file).names
                if file.suffix == ".parquet"
                else file.read_text().partition("\n")[0].split(",")
            )
            assert columns == [name for name in declared if name in columns], contract.source
            assert required <= set(columns), contract.source


def test_every_event_belongs_to_an_accepted_message_of_the_outbox(world):
    accepted = {m["message_id"] for m in world.table("app/messages") if m["outcome"] == "accepted"}

    statuses = {status["id"] for _, _, status in world.statuses()}
    clicks = {click["message_id"] for click in world.table("app/link_clicks")}

    assert statuses | clicks <= accepted
    assert None not in accepted
    assert len(accepted) == world.summary.accepted
    assert world.summary.messages == len(world.table("app/messages"))


def test_the_outbox_says_why_a_message_was_not_sent(world):
    rows = world.table("app/messages")

    outcomes = Counter(row["outcome"] for row in rows)

    assert outcomes["accepted"] > 0.9 * len(rows)
    assert all((row["message_id"] is None) == (row["outcome"] != "accepted") for row in rows)
    assert all((row["skip_reason"] is not None) == (row["outcome"] == "skipped") for row in rows)
    assert all((row["error_code"] is not None) == (row["outcome"] == "rejected") for row in rows)


def test_the_number_of_messages_is_met_within_a_few_percent(tmp_path):
    summary = generate(tmp_path, replace(TINY, contacts=200, days=7, messages=3_000))

    assert summary.messages == pytest.approx(3_000, rel=0.05)


def test_phone_numbers_are_possible_ones(world):
    numbers = {row["phone"] for row in world.table("app/contacts")}

    assert len(numbers) > 500
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)


def test_nobody_is_sent_marketing_after_opting_out(world):
    stopped: dict[tuple[str, str], datetime] = {}
    for row in world.table("app/contacts"):
        if not row["is_opted_in"] and row["deleted_at"] is None:
            stopped.setdefault((row["workspace_id"], row["phone"]), row["updated_at"])

    marketing = [m for m in world.table("app/messages") if m["message_category"] == "marketing"]
    # An opt-out counts from the day after it was given.
    after = [
        m
        for m in marketing
        if m["queued_at"]
        > stopped.get((m["workspace_id"], m["recipient"]), m["queued_at"]) + timedelta(days=1)
    ]

    assert after
    assert {m["outcome"] for m in after} == {"skipped"}


def test_a_subscription_that_ends_is_the_end_of_sending(world):
    ended = {s["workspace_id"]: s["ended_at"] for s in world.table("app/subscriptions") if s["ended_at"]}

    sent = [m for m in world.table("app/messages") if m["workspace_id"] in ended]

    assert len(ended) == 2
    assert sent
    assert all(m["queued_at"] < ended[m["workspace_id"]] for m in sent)


def test_as_many_subscriptions_end_within_the_period_as_asked_for(tmp_path):
    spec = replace(TINY, workspaces=6, days=30, account_ends=3)

    generate(tmp_path, spec)

    exports = [pq.read_table(f).to_pylist() for f in sorted((tmp_path / "app/subscriptions").iterdir())]
    ended = {row["workspace_id"]: row["ended_at"] for rows in exports for row in rows if row["ended_at"]}
    days = sorted((at.date() - spec.start).days for at in ended.values())
    assert days == [12, 15, 18]


def test_windows_are_shortened_and_lengthened_half_way(world):
    chosen = defaultdict(list)
    for row in sorted(world.table("app/workspace_settings"), key=lambda row: row["valid_from"]):
        chosen[row["workspace_id"]].append(row["message_log_retention_days"] or 90)

    changed = [days for days in chosen.values() if len(days) > 1]

    assert any(after < before for before, after in changed)
    assert any(after > before for before, after in changed)


def test_each_legal_hold_covers_messages(world):
    messages = world.table("app/messages")

    covered = {
        hold["hold_id"]: sum(
            message["workspace_id"] == hold["workspace_id"]
            and hold["phone"] in ("", message["recipient"])
            and hold["held_from"] <= message["queued_at"].isoformat(sep=" ") < hold["held_to"]
            for message in messages
        )
        for hold in _csv(world.root / "privacy/legal_holds")
    }

    assert sorted(covered) == ["hold_1", "hold_2"]
    assert min(covered.values()) > 0


def test_a_world_has_a_tiny_workspace_and_a_sole_trader(world):
    sizes = Counter(
        row["workspace_id"] for row in world.table("app/contacts") if row["created_at"] == row["updated_at"]
    )
    workspaces = {row["workspace_id"]: row for row in world.table("app/workspaces")}
    owners = {m["workspace_id"]: m["name"] for m in _csv(world.root / "app/members") if m["role"] == "owner"}

    assert min(sizes.values()) <= 15
    assert [w for w in workspaces if workspaces[w]["name"] == owners[w]]
    assert {w["country"] for w in workspaces.values()} == {"DE", "SG", "US", "BR", "IN"}


def test_some_people_are_contacts_of_several_workspaces(world):
    places = defaultdict(set)
    for row in world.table("app/contacts"):
        places[row["phone"]].add(row["workspace_id"])

    assert sum(len(those) > 1 for those in places.values()) > 10


def test_free_texts_are_few_whatever_the_traffic(world):
    names = {row["name"] for entity in ("campaigns", "templates") for row in world.table(f"app/{entity}")}
    urls = {row["url"] for row in world.table("app/link_clicks")}
    pages = {envelope["body"]["url"] for _, envelope in world.envelopes("usage")}
    targets = {line.split('"')[1] for _, line in world.lines("access_log")}

    assert sum(map(len, (names, urls, pages, targets))) < 1_500


def test_logs_carry_names_addresses_and_numbers(world):
    errors = "\n".join(line for _, line in world.lines("error_log"))
    access = "\n".join(line for _, line in world.lines("access_log"))

    assert "Traceback (most recent call last):" in errors
    assert "@example" in errors
    assert "%40example" in access
    assert "?phone=" in access or "%2B" in access


def test_consent_travels_with_each_use(world):
    consents = Counter(envelope["body"]["consent"]["analytics"] for _, envelope in world.envelopes("usage"))

    assert consents[True] > consents[False] > 0


def test_an_erasure_that_is_done_deletes_the_contact(world):
    done = [
        r
        for r in _csv(world.root / "privacy/requests")
        if (r["request_type"], r["status"]) == ("erasure", "done")
    ]
    deleted = {(c["workspace_id"], c["phone"]) for c in world.table("app/contacts") if c["deleted_at"]}

    assert done
    assert {(r["workspace_id"], r["phone"]) for r in done} <= deleted


def test_two_worlds_do_not_share_an_inbox(tmp_path):
    generate(tmp_path, TINY)

    with pytest.raises(InboxNotEmptyError, match="feed 'whatsapp'"):
        generate(tmp_path, TINY)


@pytest.mark.parametrize(
    "change",
    [{"workspaces": 0}, {"contacts": 1}, {"days": 9_999}, {"seed": -1}, {"messages": 0}, {"account_ends": 3}],
)
def test_a_size_out_of_bounds_is_refused(change):
    with pytest.raises(WorldSpecError, match=next(iter(change))):
        replace(TINY, **change)


def test_progress_is_told_by_day(tmp_path):
    reported: list[tuple[str, int, int]] = []

    generate(tmp_path, TINY, progress=lambda *step: reported.append(step))

    assert reported == [("generate", done, 9) for done in range(10)]


def _csv(folder: Path) -> list[dict[str, str]]:
    texts = [file.read_bytes().decode() for file in sorted(folder.iterdir())]
    return [row for text in texts for row in csv.DictReader(io.StringIO(text, newline=""))]
