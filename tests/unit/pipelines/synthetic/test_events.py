"""Events of messages: formats that bite, and times that do not go backwards."""

import base64
from collections import Counter, defaultdict
from datetime import UTC, datetime
from urllib.parse import parse_qs


def _received(envelope) -> datetime:
    return datetime.fromisoformat(envelope["received_at"])


def _at(status) -> datetime:
    return datetime.fromtimestamp(int(status["timestamp"]), UTC)


def test_a_wamid_contains_the_recipients_number(world):
    checked = 0

    for _, _, status in world.statuses():
        if "recipient_id" in status:
            checked += 1
            assert status["recipient_id"].encode() in base64.b64decode(status["id"].removeprefix("wamid."))

    assert checked > 1_000


def test_some_recipients_hide_their_number_behind_a_user_id(world):
    hidden = [status for _, _, status in world.statuses() if "recipient_id" not in status]

    assert hidden
    assert all("." in status["recipient_user_id"] for status in hidden)


def test_a_file_holds_one_day_of_arrivals_in_order(world):
    before: dict[str, str] = {}

    for feed in ("whatsapp", "twilio", "smpp", "usage", "twilio_export"):
        for path, envelope in world.envelopes(feed):
            assert envelope["received_at"][:10] == path.name[:10]
            assert before.get(str(path), "") <= envelope["received_at"]
            before[str(path)] = envelope["received_at"]


def test_no_status_is_received_before_it_happened(world):
    assert all(_at(status) <= _received(envelope) for _, envelope, status in world.statuses())


def test_statuses_come_late_twice_and_out_of_order(world):
    seen: dict[str, list[str]] = defaultdict(list)
    times = Counter()
    late = 0
    for path, _, status in world.statuses():
        seen[status["id"]].append(status["status"])
        times[status["id"], status["status"], status["timestamp"]] += 1
        late += path.name[:10] > _at(status).date().isoformat()
    total = times.total()

    assert 0.01 < late / total < 0.06
    assert 0.005 < (total - len(times)) / total < 0.03
    assert [s for s in seen.values() if "read" in s and "delivered" not in s]
    assert [
        s
        for s in seen.values()
        if "read" in s and "delivered" in s and s.index("read") < s.index("delivered")
    ]


def test_bodies_hold_several_statuses_and_several_changes(world):
    sizes = Counter()
    changes = Counter()
    for _, envelope in world.envelopes("whatsapp"):
        those = [c for entry in envelope["body"]["entry"] for c in entry["changes"]]
        changes[len(those)] += 1
        sizes[sum(len(c["value"].get("statuses", ())) for c in those)] += 1

    assert sizes[1] > sizes[2] > sizes[3] > 0
    assert changes[2] > 0


def test_the_price_is_said_on_sent_and_on_delivered(world):
    priced = Counter((status["status"], "pricing" in status) for _, _, status in world.statuses())
    models = Counter(s["pricing"]["pricing_model"] for _, _, s in world.statuses() if "pricing" in s)
    conversations = [s for _, _, s in world.statuses() if "conversation" in s]

    assert set(priced) == {("sent", True), ("delivered", True), ("read", False), ("failed", False)}
    assert models["PMP"] > models["CBP"] > 0
    assert {s["pricing"]["pricing_model"] for s in conversations} == {"CBP"}


def test_failures_carry_the_providers_error(world):
    failed = [s for _, _, s in world.statuses() if s["status"] == "failed"]

    assert failed
    assert all(s["errors"][0]["code"] and s["errors"][0]["error_data"]["details"] for s in failed)


def test_rates_are_those_of_a_messenger(world):
    last = defaultdict(set)
    for _, _, status in world.statuses():
        last[status["id"]].add(status["status"])
    messages = len(last)

    delivered = sum(bool(s & {"delivered", "read"}) for s in last.values()) / messages
    read = sum("read" in s for s in last.values()) / messages
    failed = sum("failed" in s for s in last.values()) / messages

    assert 0.88 < delivered < 0.98
    assert 0.5 < read < 0.85
    assert 0.01 < failed < 0.08


def test_replies_are_of_several_kinds_and_quote_what_they_answer(world):
    accepted = {m["message_id"] for m in world.table("app/messages")}
    messages = [
        message
        for _, envelope in world.envelopes("whatsapp")
        for entry in envelope["body"]["entry"]
        for change in entry["changes"]
        for message in change["value"].get("messages", ())
    ]

    kinds = Counter(m["type"] for m in messages)
    quoted = {m["context"]["id"] for m in messages if "context" in m}

    assert {"text", "button", "reaction", "image", "system"} <= set(kinds)
    assert quoted <= accepted
    assert quoted


def test_callbacks_and_exports_of_twilio_tell_the_same_messages(world):
    fields = [parse_qs(envelope["body"], strict_parsing=True) for _, envelope in world.envelopes("twilio")]
    exported = [m for _, envelope in world.envelopes("twilio_export") for m in envelope["body"]["messages"]]
    outbound = [m for m in exported if m["direction"] == "outbound-api"]

    assert {f["MessageSid"][0] for f in fields} <= {m["sid"] for m in outbound}
    assert {f["MessageStatus"][0] for f in fields} == {"sent", "delivered", "undelivered"}
    assert all(("RawDlrDoneDate" in f) == (f["MessageStatus"][0] != "sent") for f in fields)
    assert all(float(m["price"]) < 0 and int(m["num_segments"]) >= 1 for m in outbound)
    assert {m["num_segments"] for m in outbound} >= {"1", "2"}
    assert [m for m in exported if m["direction"] == "inbound" and m["body"]]


def test_receipts_carry_the_start_of_the_message(world):
    receipts = [envelope["body"] for _, envelope in world.envelopes("smpp")]

    assert all(r.startswith("id:") and " stat:" in r and len(r.split(" text:")[1]) == 20 for r in receipts)
    assert {r.split(" stat:")[1].split()[0] for r in receipts} == {"DELIVRD", "UNDELIV"}
