"""What `fct_messages` must say of a message, computed a second time from the decisions alone.

Deliberately without a line of SQL, one message at a time: docs/decisions/0017 and the descriptions of
the columns.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tests.support.messy_messages import CHANNEL, WORKSPACE, Queued, Report, Story

# Each provider's word in the vocabulary they share; what is not here moves nothing.
MEANINGS = {
    "webhook": {
        "accepted": "accepted",
        "pending": "accepted",
        "sent": "sent",
        "delivered": "delivered",
        "read": "read",
        "played": "played",
        "failed": "failed",
    },
    "callback": {
        "partially_delivered": "sent",
        "accepted": "accepted",
        "scheduled": "accepted",
        "queued": "accepted",
        "sending": "accepted",
        "sent": "sent",
        "delivered": "delivered",
        "read": "read",
        "failed": "failed",
        "undelivered": "failed",
        "canceled": "failed",
    },
    "receipt": {
        "ACCEPTD": "accepted",
        "ENROUTE": "sent",
        "DELIVRD": "delivered",
        "EXPIRED": "failed",
        "DELETED": "failed",
        "UNDELIV": "failed",
        "REJECTD": "failed",
    },
}
MEANINGS["export"] = MEANINGS["callback"]
PROVIDER = {"webhook": "whatsapp", "callback": "twilio", "export": "twilio", "receipt": "smpp"}
# One part holds 160 characters, several 153 each (GSM 03.38, with the header of concatenation).
_ALONE, _JOINED = 160, 153


@dataclass(frozen=True)
class Said:
    """One thing said about a message: what, and since when, as far as it was said."""

    status: str
    at: datetime | None


@dataclass(frozen=True)
class Oracle:
    """Knows what is looked up elsewhere.

    Attributes:
        phone: Phone number → its pseudonym.
        user: WhatsApp user id → its pseudonym.
        classes: (provider, code) → class, from the seed's file.
    """

    phone: Callable[[str], str]
    user: Callable[[str], str]
    classes: Mapping[tuple[str, str], str]

    def facts(self, story: Story) -> dict[str, object]:
        """All columns of the message's row but its token."""
        first = min(story.queued, key=lambda row: row.queued_at, default=None)
        reports = story.reports
        said = [thing for report in reports for thing in _said(report)]
        reached = {thing.status for thing in said}
        is_read = bool(reached & {"read", "played"})
        is_delivered = is_read or "delivered" in reached
        is_sent = is_delivered or "sent" in reached
        is_taken = first is None or first.outcome == "accepted"
        is_rejected = first is not None and first.outcome == "rejected"
        is_attempted = is_taken or is_rejected or bool(reports)
        is_accepted = is_taken or bool(reports)
        # The contact has it, whatever was reported before or after.
        is_failed = ("failed" in reached or (is_rejected and not is_taken)) and not is_delivered
        queued_at = first.queued_at if first else min(map(_moment, reports))
        code = _code(first, reports) if is_failed else None
        provider = first.provider if first else PROVIDER[reports[0].kind]
        amount, currency = _cost(first, reports, has_failed="failed" in reached and not is_delivered)
        steps = (
            (is_read, "read"),
            (is_delivered, "delivered"),
            (is_failed, "failed"),
            (is_sent, "sent"),
            (is_accepted, "accepted"),
        )
        return {
            "workspace_id": WORKSPACE,
            "send_date": queued_at.date(),
            "campaign_id": first.campaign if first else None,
            "template_id": first.template if first else None,
            "contact_token": self._contact(first, reports),
            "contact_country": "DE" if first or any(r.recipient or r.user_id for r in reports) else None,
            "channel": CHANNEL[provider],
            "provider": provider,
            "message_category": first.category
            if first
            else next((r.category for r in reports if r.category), None),
            "queued_at": queued_at,
            "accepted_at": _first_time(said, "accepted"),
            "sent_at": _first_time(said, "sent"),
            "delivered_at": _first_time(said, "delivered"),
            "read_at": _first_time(said, "read", "played"),
            "played_at": _first_time(said, "played"),
            "failed_at": _first_time(said, "failed"),
            "is_attempted": is_attempted,
            "is_accepted": is_accepted,
            "is_sent": is_sent,
            "is_delivered": is_delivered,
            "is_readable": is_read or (is_delivered and CHANNEL[provider] == "whatsapp"),
            "is_read": is_read,
            "is_failed": is_failed,
            "final_status": next((name for holds, name in steps if holds), "skipped"),
            "skip_reason": (first.skip_reason or "unspecified") if first and not is_attempted else None,
            "provider_error_code": code,
            "provider_error_class": self._class(provider, code) if is_failed else None,
            "segments": _segments(first, reports) if is_accepted else None,
            "cost_amount": amount if is_accepted else None,
            "cost_currency": currency if is_accepted and amount is not None else None,
            # Nobody clicks, answers or opts out in these stories.
            "first_clicked_at": None,
            "first_replied_at": None,
            "first_opted_out_at": None,
            "is_clicked": False,
            "is_replied_24h": False,
            "is_replied_72h": False,
            "is_opted_out": False,
        }

    def _contact(self, first: Queued | None, reports: Iterable[Report]) -> str | None:
        if first:
            return self.phone(first.recipient)
        phone = next((report.recipient for report in reports if report.recipient), None)
        user = next((report.user_id for report in reports if report.user_id), None)
        if phone:
            return self.phone(phone)
        return self.user(user) if user else None

    def _class(self, provider: str, code: str | None) -> str:
        return "unspecified" if code is None else self.classes.get((provider, code), "unknown")


def is_message(story: Story) -> bool:
    """Whether it is known as a message: by an outbox row, or by a report that names the contact."""
    return bool(story.queued) or any(report.recipient or report.user_id for report in story.reports)


def _said(report: Report) -> Iterable[Said]:
    status = MEANINGS[report.kind].get(report.status, "other")
    if report.kind != "export":
        yield Said(status, _moment(report))
        return
    # An export says when the message was sent, and how it stands; when it came to that, it does not say.
    yield Said(status, report.at if status == "sent" else None)
    if report.status in {"delivered", "undelivered", "read"}:
        yield Said("sent", report.at)


def _moment(report: Report) -> datetime:
    # A callback's only time is its carrier's, on a clock that nobody knows.
    return report.received_at if report.kind == "callback" or not report.at else report.at


def _first_time(said: Iterable[Said], *statuses: str) -> datetime | None:
    return min((s.at for s in said if s.status in statuses and s.at is not None), default=None)


def _code(first: Queued | None, reports: Iterable[Report]) -> str | None:
    failures = [r for r in reports if MEANINGS[r.kind].get(r.status) == "failed"]
    # `err` of a receipt means something else at each operator: the state is the code.
    codes = [r.status if r.kind == "receipt" else r.error_code for r in failures]
    reported = min((str(code) for code in codes if code is not None), default=None)
    own = first.error_code if first else None
    return reported or (None if own is None else str(own))


def _segments(first: Queued | None, reports: Iterable[Report]) -> int | None:
    reported = max((r.segments for r in reports if r.segments is not None), default=None)
    if first is None or CHANNEL[first.provider] != "sms":
        return reported
    length = len(first.body)
    measured = 1 if length <= _ALONE else -(-length // _JOINED)
    # An operator counts the parts of one id, Twilio those of the message.
    return max(reported or 0, measured) if first.provider == "smpp" or not reported else reported


def _cost(
    first: Queued | None, reports: Iterable[Report], *, has_failed: bool
) -> tuple[Decimal | None, str | None]:
    """Counted once: the provider's price, else 0 where nothing is charged or it failed, else the list's."""
    prices = [Decimal(report.price) for report in reports if report.price is not None]
    if prices:
        return max(prices), "USD"
    listed = Decimal(first.price) if first and first.price else None
    currency = first.currency if first else None
    charged = {report.billable for report in reports if report.billable is not None}
    is_free = charged == {False} or (has_failed and listed is not None)
    return (Decimal("0.000000") if is_free else listed), currency
