"""Draw the outbox of one day: who was to get which message, and whether the provider accepted it."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from pipelines.synthetic.calendar import Calendar, Campaign, hours_ahead, is_active
from pipelines.synthetic.contacts import Contacts
from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import Ints, chance, digit_texts, hex_texts, pick, stream
from pipelines.synthetic.stamps import DAY_S, seconds_of
from pipelines.synthetic.wording import wording
from pipelines.synthetic.workspaces import Workspace

ACCEPTED, REJECTED, SKIPPED = 0, 1, 2
OUTCOMES = ("accepted", "rejected", "skipped")
SKIP_REASONS = (None, "opt_out", "cap", "invalid_number", "duplicate", "quiet_hours")
_SKIP_SHARES = (0.975, 0.0, 0.014, 0.004, 0.002, 0.005)
REJECTED_SHARE = 0.004
WHATSAPP, TWILIO, SMPP = 0, 1, 2
PROVIDERS = ("whatsapp", "twilio", "smpp")
REJECTIONS = {WHATSAPP: (131009, 132000, 131056, 130429), TWILIO: (21211, 21610, 21614), SMPP: (11, 88, 20)}
# Single messages: hour of the day in the workspace's own time.
_HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 10, 10, 10, 9, 9, 9, 9, 8, 7, 6, 4, 3, 2], dtype=float)
_SENDS_PER_SECOND = 25.0


@dataclass(frozen=True, slots=True)
class Outbox:
    """One day's messages, one array per attribute, ordered by queue time.

    ``campaign`` is -1 for single messages; ``message_id`` is null where the provider did not accept.
    """

    day: date
    contact: Ints
    phone: Ints
    workspace: Ints
    campaign: Ints
    template: Ints
    provider: Ints
    queued_ms: Ints
    outcome: Ints
    skip_reason: Ints
    error_code: Ints
    message_id: pl.Series
    tail: pl.Series

    def __len__(self) -> int:
        return len(self.contact)

    def columns(self, rows: Ints, *more: str) -> dict[str, object]:
        """Return the columns that every event of some messages has, and more of them by name."""
        names = ("contact", "phone", "workspace", "template", *more)
        return {
            "message_id": self.message_id.gather(rows),
            "tail": self.tail.gather(rows),
            **{name: getattr(self, name)[rows] for name in names},
        }


def outbox_of(population: Population, calendar: Calendar, day: date) -> Outbox:
    """Draw the messages of one UTC day."""
    rng = stream(population.spec.seed, "outbox", day.toordinal())
    drawn = [
        *_campaign_messages(rng, population, calendar.by_day.get(day, ()), day),
        *_single_messages(rng, population, calendar.singles.get(day, ()), day),
    ]
    columns = np.concatenate(drawn, axis=1) if drawn else np.empty((5, 0), dtype=np.int64)
    contact, campaign, template, provider, queued = columns[:, np.argsort(columns[4], kind="stable")]
    outcome, reason, error = _outcomes(rng, population, contact, template, provider, queued)
    return Outbox(
        day=day,
        contact=contact,
        # Numbers change; a message keeps the one it was sent to.
        phone=population.contacts.phone[contact],
        workspace=population.contacts.workspace[contact],
        campaign=campaign,
        template=template,
        provider=provider,
        queued_ms=queued,
        outcome=outcome,
        skip_reason=reason,
        error_code=error,
        message_id=_message_ids(rng, population.contacts, contact, provider, outcome),
        tail=digit_texts(rng, len(contact), 8),
    )


def wamids(rng: np.random.Generator, phones: Ints, *, inbound: bool = False) -> pl.Series:
    """Return WhatsApp message ids: `wamid.` and the base64 of a frame that holds the contact's number."""
    width = 20 if inbound else 18
    header = "\x15\x02\x00" + ("\x12\x18\x14" if inbound else "\x11\x18\x12")
    frame = pl.DataFrame({"phone": phones, "random": hex_texts(rng, len(phones), width, upper=True)})
    number = pl.col("phone").cast(pl.String)
    length = number.str.len_bytes()
    marker = pl.lit(pl.Series([chr(n) for n in range(20)])).gather(length)
    raw = pl.concat_str(pl.lit("\x1c\x18"), marker, number, pl.lit(header), "random", pl.lit("\x00"))
    return frame.select(pl.concat_str(pl.lit("wamid."), raw.str.encode("base64")).alias("id")).to_series()


def provider_of(workspace: Workspace, channel: str) -> int:
    """Return the provider that carries a channel of a workspace."""
    return WHATSAPP if channel == "whatsapp" else PROVIDERS.index(workspace.sms_provider)


def _eligible(contacts: Contacts, workspace: Workspace, day: date) -> Ints:
    part = slice(workspace.first, workspace.first + workspace.size)
    midnight = seconds_of(day)
    alive = (contacts.created_at[part] < midnight) & (contacts.deleted_at[part] >= midnight)
    return workspace.first + np.flatnonzero(alive)


def _campaign_messages(
    rng: np.random.Generator, population: Population, campaigns: tuple[Campaign, ...], day: date
) -> list[Ints]:
    drawn: list[Ints] = []
    eligible = np.empty(0, dtype=np.int64)
    current = -1
    for campaign in campaigns:
        workspace = population.workspaces[campaign.workspace]
        if current != workspace.index:
            current, eligible = workspace.index, _eligible(population.contacts, workspace, day)
        size = min(campaign.audience, len(eligible))
        # Two arms of one test reach different people: each takes its own half.
        pool = eligible if campaign.variant is None else eligible[(campaign.variant == "B") :: 2]
        size = min(size, len(pool))
        contact = rng.choice(pool, size, replace=False)
        seconds_left = seconds_of(day) + DAY_S - 1 - campaign.starts_at
        pace = min(1000 / _SENDS_PER_SECOND, seconds_left * 1000 / max(1, size))
        queued = campaign.starts_at * 1000 + 400 + (np.arange(size) * pace).astype(np.int64)
        provider = provider_of(workspace, campaign.channel)
        drawn.append(_rows(contact, campaign.index, campaign.template, provider, queued))
    return drawn


def _single_messages(
    rng: np.random.Generator, population: Population, counts: tuple[int, ...], day: date
) -> list[Ints]:
    drawn: list[Ints] = []
    kinds = np.array(wording().service)
    weights = [wording().archetypes[kind].weight for kind in kinds]
    for workspace, count in zip(population.workspaces, counts, strict=False):
        eligible = _eligible(population.contacts, workspace, day) if count else ()
        if not count or not len(eligible) or not is_active(workspace, day):
            continue
        contact = rng.choice(eligible, count)
        template = workspace.index * len(wording().archetypes) + kinds[pick(rng, weights, count)]
        sms = provider_of(workspace, "sms")
        provider = np.where(chance(rng, 0.2, count), sms, WHATSAPP)
        hour = pick(rng, np.roll(_HOURS, -hours_ahead(workspace, day)), count)
        queued = seconds_of(day) * 1000 + hour * 3_600_000 + rng.integers(0, 3_600_000, count)
        drawn.append(_rows(contact, -1, template, provider, queued))
    return drawn


def _rows(contact: Ints, campaign: int, template: Ints | int, provider: Ints | int, queued: Ints) -> Ints:
    return np.stack(np.broadcast_arrays(contact, campaign, template, provider, queued)).astype(np.int64)


def _outcomes(
    rng: np.random.Generator,
    population: Population,
    contact: Ints,
    template: Ints,
    provider: Ints,
    queued: Ints,
) -> tuple[Ints, Ints, Ints]:
    count = len(contact)
    is_marketing = wording().is_marketing(template)
    reason = np.where(is_marketing, pick(rng, _SKIP_SHARES, count), 0)
    opted_out = population.contacts.opted_out_at[contact] * 1.0 <= queued / 1000
    reason[opted_out & is_marketing] = SKIP_REASONS.index("opt_out")
    rejected = (reason == 0) & chance(rng, REJECTED_SHARE, count)
    outcome = np.where(reason > 0, SKIPPED, np.where(rejected, REJECTED, ACCEPTED))
    error = np.zeros(count, dtype=np.int64)
    for carrier, codes in REJECTIONS.items():
        of = rejected & (provider == carrier)
        error[of] = np.array(codes)[rng.integers(0, len(codes), int(of.sum()))]
    return outcome, reason, error


def _message_ids(
    rng: np.random.Generator, contacts: Contacts, contact: Ints, provider: Ints, outcome: Ints
) -> pl.Series:
    frame = pl.DataFrame(
        {
            "provider": provider,
            "accepted": outcome == ACCEPTED,
            "wamid": wamids(rng, contacts.phone[contact]),
            "hex": hex_texts(rng, len(contact), 32),
            "digits": digit_texts(rng, len(contact), 12),
        }
    )
    text = (
        pl.when(pl.col("provider") == WHATSAPP)
        .then("wamid")
        .when(pl.col("provider") == TWILIO)
        .then(pl.concat_str(pl.lit("SM"), "hex"))
        .otherwise("digits")
    )
    return frame.select(pl.when("accepted").then(text).alias("message_id")).to_series()
