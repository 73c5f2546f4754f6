"""Messages as they really come: statuses missing, doubled, late, out of order, by clocks hours apart.

`stories` draws messages with everything providers and the application ever say about them; `files` lays the
same sayings out as landed files, in an arrangement of its own. Whatever the arrangement, the facts must be
those of `tests.support.messy_oracle`.
"""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from urllib.parse import urlencode

WORKSPACE = "messy-3f1"
# The last three days of a month and the first two of the next: late statuses cross its end.
FIRST_DAY = datetime(2026, 4, 28)
SEND_DAYS = 5
CHANNEL = {"whatsapp": "whatsapp", "twilio": "sms", "smpp": "sms"}
FEED = {
    "webhook": "whatsapp",
    "callback": "twilio",
    "export": "twilio_export",
    "receipt": "smpp",
    "outbox": "app/messages",
}
OUTBOX_COLUMNS = (
    *("workspace_id", "outbox_id", "message_id", "campaign_id", "template_id", "channel", "provider"),
    *("recipient", "message_category", "outcome", "skip_reason", "error_code", "body", "price"),
    *("price_currency", "queued_at"),
)
_WHATSAPP_CODES = (131026, 131047, 131049, 130472, 999_999)
_TWILIO_CODES = (30003, 30005, 30007, 21610, 39_999)
_SHORT, _LONG = "Your parcel arrives tomorrow", "Your parcel arrives tomorrow. " * 6


@dataclass(frozen=True)
class Queued:
    """One row of the application's outbox."""

    outbox_id: str
    message_id: str | None
    queued_at: datetime
    provider: str
    recipient: str
    campaign: str | None
    template: str | None
    category: str
    outcome: str = "accepted"
    skip_reason: str | None = None
    error_code: int | None = None
    body: str = _SHORT
    price: str | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Report:
    """One thing a provider says about a message.

    Attributes:
        kind: webhook (WhatsApp), callback or export (Twilio), receipt (SMPP).
        at: By the provider's clock; None: it does not say when.
        received_at: By our clock.
        recipient: Phone number; None where the provider leaves it out.
        user_id: WhatsApp's id of the contact, where it is named.
        billable: WhatsApp's `pricing`; None: not on this status.
    """

    kind: str
    message_id: str
    status: str
    at: datetime | None
    received_at: datetime
    recipient: str | None = None
    user_id: str | None = None
    error_code: int | None = None
    billable: bool | None = None
    category: str | None = None
    price: str | None = None
    segments: int | None = None


@dataclass(frozen=True)
class Story:
    """A message with all that is ever said about it, each thing once."""

    message_id: str
    queued: tuple[Queued, ...]
    reports: tuple[Report, ...]


@dataclass(frozen=True)
class File:
    """A file to land: its feed, its name and its text."""

    feed: str
    name: str
    text: str


def stories(random: Random, count: int) -> list[Story]:
    """Draw messages; providers, outbox rows, statuses and clocks vary independently."""
    return [_story(random, number) for number in range(count)]


def _story(random: Random, number: int) -> Story:
    provider = random.choice(("whatsapp", "whatsapp", "twilio", "twilio", "smpp"))
    message_id = {"whatsapp": "wamid.HBg{:09}", "twilio": "SM{:032x}", "smpp": "{:010}"}[provider].format(
        number
    )
    recipient = f"49157{70_000_000 + number}"
    at = _moment(random)
    queued = _queued(random, number, provider, message_id, recipient, at)
    if queued and queued[0].message_id is None:
        return Story(message_id, queued, ())
    # Without an outbox row it takes a report for the message to be known at all.
    fewest = 0 if queued else 1
    # Hours between the provider's clock and ours; more than a day ahead would be quarantined.
    skew = timedelta(minutes=random.choice((0, 0, 0, random.randint(-720, 720), random.randint(-60, 60))))
    match provider:
        case "whatsapp":
            reports = _webhooks(random, message_id, recipient, at, skew, fewest)
        case "twilio":
            reports = _twilio(random, message_id, recipient, at, skew, fewest)
        case _:
            reports = _receipts(random, message_id, at, skew, fewest)
    return Story(message_id, queued, tuple(reports))


def _moment(random: Random) -> datetime:
    return FIRST_DAY + timedelta(days=random.randrange(SEND_DAYS), seconds=random.randrange(86_400))


def _queued(
    random: Random, number: int, provider: str, message_id: str, recipient: str, at: datetime
) -> tuple[Queued, ...]:
    if random.random() < 0.2:
        return ()
    price = None if random.random() < 0.3 else f"{random.randint(1, 99_999) / 1_000_000:.6f}"
    row = Queued(
        outbox_id=f"out-{number}",
        message_id=message_id,
        queued_at=at,
        provider=provider,
        recipient=recipient,
        campaign=random.choice((None, "spring", "summer")),
        template=random.choice((None, "t-1", "t-2")),
        category=random.choice(("marketing", "utility")),
        body=random.choice((_SHORT, _LONG)),
        price=price,
        currency=price and "EUR",
    )
    chance = random.random()
    if chance < 0.05:
        reason = random.choice(("cap", "opt_out", None))
        return (replace(row, message_id=None, outcome="skipped", skip_reason=reason),)
    if chance < 0.1:
        code = random.choice((None, *(_WHATSAPP_CODES if provider == "whatsapp" else _TWILIO_CODES)))
        return (replace(row, message_id=None, outcome="rejected", error_code=code),)
    if chance < 0.17:
        # The same message queued again, hours or days later, as something else: the first row is it.
        later = timedelta(minutes=random.randint(1, 4 * 1440))
        again = replace(
            row,
            outbox_id=f"out-{number}-again",
            queued_at=at + later,
            campaign="again",
            template="a-1",
            price="0.000001",
            currency="AAA",
            body=_SHORT,
        )
        return (row, again)
    return (row,)


def _later(random: Random, at: datetime) -> datetime:
    """Seconds, hours or weeks after: also across the month's end and past the horizon."""
    most = random.choice((60, 3_600, 6 * 86_400, 20 * 86_400))
    return at + timedelta(seconds=random.randint(1, most))


def _times(random: Random, at: datetime, skew: timedelta) -> tuple[datetime, datetime]:
    """When it happened by the provider's clock, and when we received it."""
    happened = _later(random, at)
    return happened + skew, happened + timedelta(seconds=random.choice((0, 1, 30, 7_200)))


def _webhooks(
    random: Random, message_id: str, recipient: str, at: datetime, skew: timedelta, fewest: int
) -> Iterator[Report]:
    statuses = ("sent", "delivered", "read", "played", "failed", "deleted", "warning", "pending")
    usual = random.choice(
        (
            ("sent", "delivered", "read"),
            ("sent", "read"),
            ("read",),
            ("failed", "delivered"),
            ("sent", "failed"),
        )
    )
    names = usual if random.random() < 0.5 else random.choices(statuses, k=random.randint(fewest, 6))
    billable = random.choice((None, True, False))
    category = random.choice(("marketing", "utility", "service"))
    hides_number = random.random() < 0.1
    for name in names:
        happened, received = _times(random, at, skew)
        has_pricing = billable is not None and random.random() < 0.6
        yield Report(
            kind="webhook",
            message_id=message_id,
            status=name,
            at=happened.replace(microsecond=0),
            received_at=received,
            # A contact may hide the number from some point on: then only the user id is there.
            recipient=None if hides_number and random.random() < 0.5 else recipient,
            user_id=f"DE.{recipient}" if hides_number else None,
            error_code=random.choice((None, *_WHATSAPP_CODES)) if name == "failed" else None,
            billable=billable if has_pricing else None,
            category=category if has_pricing else None,
        )


def _twilio(
    random: Random, message_id: str, recipient: str, at: datetime, skew: timedelta, fewest: int
) -> Iterator[Report]:
    statuses = ("queued", "sending", "sent", "delivered", "undelivered", "failed", "read", "canceled")
    usual = random.choice((("queued", "sent", "delivered"), ("sent", "undelivered"), ("delivered",)))
    names = usual if random.random() < 0.5 else random.choices(statuses, k=random.randint(fewest, 6))
    for name in names:
        happened, received = _times(random, at, skew)
        failed = name in {"undelivered", "failed"}
        yield Report(
            kind="callback",
            message_id=message_id,
            status=name,
            # Carriers report to the minute, and of the end only.
            at=happened.replace(second=0, microsecond=0) if name in {"delivered", "undelivered"} else None,
            received_at=received,
            recipient=recipient,
            error_code=random.choice((None, *_TWILIO_CODES)) if failed else None,
        )
    if random.random() < 0.5:
        return
    # Twilio's own record: the price is not there at first, and then on every further export.
    parts = random.randint(1, 3)
    sent = (at + timedelta(seconds=random.randint(0, 86_400))).replace(microsecond=0)
    price = f"{random.randint(1, 900) / 10_000:.6f}"
    ends = random.choice(
        (("sent", "delivered"), ("sent", "sent"), ("delivered", "delivered"), ("undelivered",))
    )
    for day, (status, is_priced) in enumerate(zip(ends, (random.random() < 0.3, True), strict=False)):
        yield Report(
            kind="export",
            message_id=message_id,
            status=status,
            at=sent,
            received_at=sent + timedelta(days=day + 1),
            recipient=recipient,
            error_code=random.choice(_TWILIO_CODES) if status == "undelivered" else None,
            price=price if is_priced else None,
            segments=parts,
        )


def _receipts(
    random: Random, message_id: str, at: datetime, skew: timedelta, fewest: int
) -> Iterator[Report]:
    states = ("ACCEPTD", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "REJECTD", "UNKNOWN")
    usual = random.choice((("ENROUTE", "DELIVRD"), ("DELIVRD",), ("UNDELIV", "DELIVRD"), ("EXPIRED",)))
    names = usual if random.random() < 0.5 else random.choices(states, k=random.randint(fewest, 5))
    parts = random.randint(1, 3)
    for name in names:
        happened, received = _times(random, at, skew)
        yield Report(
            kind="receipt",
            message_id=message_id,
            status=name,
            at=happened.replace(second=0, microsecond=0),
            received_at=received,
            segments=parts,
        )


def in_order(everything: Sequence[Story]) -> list[File]:
    """Each thing once, as it came, outbox first, one file per feed."""
    queued = [row for story in everything for row in story.queued]
    reports = sorted((r for story in everything for r in story.reports), key=lambda r: r.received_at)
    by_kind = _by_kind(reports)
    return [
        _outbox_file(queued, "0"),
        *(_file(kind, _records(kind, by_kind[kind], bodies_of=(1,)), "0") for kind in by_kind),
    ]


def shuffled(everything: Sequence[Story], random: Random, *, parts: int) -> list[File]:
    """In any order and grouping, many things said again, in other bodies and files and later."""
    queued = [row for story in everything for row in story.queued]
    queued += random.sample(queued, len(queued) // 3)
    random.shuffle(queued)
    reports = [report for story in everything for report in story.reports]
    reports += [_again(random, report) for report in random.choices(reports, k=len(reports) // 2)]
    random.shuffle(reports)
    files = [_outbox_file(queued[part::parts], str(part)) for part in range(parts)]
    for kind, of_kind in _by_kind(reports).items():
        for part in range(parts):
            bodies = _records(kind, of_kind[part::parts], bodies_of=range(1, 6), random=random)
            files.append(_file(kind, bodies, str(part)))
    random.shuffle(files)
    return files


def _again(random: Random, report: Report) -> Report:
    """The same thing said again, later by our clock; the provider's is the same."""
    return replace(report, received_at=report.received_at + timedelta(seconds=random.randint(0, 3 * 86_400)))


def _by_kind(reports: Iterable[Report]) -> dict[str, list[Report]]:
    by_kind: dict[str, list[Report]] = defaultdict(list)
    for report in reports:
        by_kind[report.kind].append(report)
    return by_kind


def _outbox_file(rows: Sequence[Queued], part: str) -> File:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(OUTBOX_COLUMNS)
    for row in rows:
        writer.writerow(
            (
                *(WORKSPACE, row.outbox_id, row.message_id, row.campaign, row.template),
                *(CHANNEL[row.provider], row.provider, f"+{row.recipient}", row.category),
                *(row.outcome, row.skip_reason, row.error_code, row.body, row.price, row.currency),
                _iso(row.queued_at),
            )
        )
    return File(FEED["outbox"], f"outbox-{part}.csv", text.getvalue())


def _file(kind: str, records: Iterable[dict[str, object]], part: str) -> File:
    return File(FEED[kind], f"{kind}-{part}.jsonl", "".join(json.dumps(record) + "\n" for record in records))


def _records(
    kind: str, reports: Sequence[Report], *, bodies_of: Sequence[int], random: Random | None = None
) -> Iterator[dict[str, object]]:
    """Envelopes around what came; WhatsApp and exports put several reports into one body."""
    if kind in {"callback", "receipt"}:
        yield from (_envelope(_text(report), report.received_at) for report in reports)
        return
    start = 0
    while start < len(reports):
        group = reports[start : start + (random.choice(bodies_of) if random else 1)]
        start += len(group)
        body = _webhook(group) if kind == "webhook" else {"messages": [_exported(r) for r in group]}
        yield _envelope(body, max(report.received_at for report in group))


def _envelope(body: object, received_at: datetime) -> dict[str, object]:
    return {"received_at": _iso(received_at), "channel": "", "body": body}


def _text(report: Report) -> str:
    at = report.at and f"{report.at:%y%m%d%H%M}"
    if report.kind == "receipt":
        return (
            f"id:{report.message_id} sub:{report.segments:03} dlvrd:001 submit date:{at} done date:{at} "
            f"stat:{report.status} err:000 text:Your parcel"
        )
    fields = {
        "MessageSid": report.message_id,
        "MessageStatus": report.status,
        "To": f"+{report.recipient}",
        "From": "+15005550006",
        "ErrorCode": report.error_code,
        "RawDlrDoneDate": at,
    }
    return urlencode({name: value for name, value in fields.items() if value is not None})


def _webhook(reports: Sequence[Report]) -> dict[str, object]:
    value = {"metadata": {"phone_number_id": "155508471130"}, "statuses": [_status(r) for r in reports]}
    return {"entry": [{"id": "900", "changes": [{"value": value, "field": "messages"}]}]}


def _status(report: Report) -> dict[str, object]:
    assert report.at is not None
    pricing = {"billable": report.billable, "pricing_model": "PMP", "category": report.category}
    fields: dict[str, object] = {
        "id": report.message_id,
        "status": report.status,
        "timestamp": str(int(report.at.replace(tzinfo=UTC).timestamp())),
        "recipient_id": report.recipient,
        "recipient_user_id": report.user_id,
        "pricing": pricing if report.billable is not None else None,
        "errors": [{"code": report.error_code}] if report.error_code else None,
    }
    return {name: field for name, field in fields.items() if field is not None}


def _exported(report: Report) -> dict[str, object]:
    assert report.at is not None
    return {
        "sid": report.message_id,
        "direction": "outbound-api",
        "from": "+15005550006",
        "to": f"+{report.recipient}",
        "date_sent": format_datetime(report.at.replace(tzinfo=UTC)),
        "status": report.status,
        "num_segments": str(report.segments),
        "price": report.price and f"-{report.price}",
        "price_unit": "usd",
        "error_code": report.error_code,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat() + "Z"
