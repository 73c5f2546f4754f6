"""Draw what follows from accepted messages: statuses, replies, clicks, opt-outs, and when each arrives."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.synthetic.countries import rates
from pipelines.synthetic.outbox import ACCEPTED, SMPP, TWILIO, WHATSAPP, Outbox, wamids
from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import Flags, Floats, Ints, chance, pick, stream, waits
from pipelines.synthetic.stamps import DAY_S, seconds_of
from pipelines.synthetic.wording import wording

SENT, DELIVERED, READ, FAILED = 0, 1, 2, 3
# The nightly export of Twilio's messages runs this long after midnight UTC.
EXPORTED_AFTER_S = 3 * 3_600
# Cloud API error codes of failed messages, by weight.
WHATSAPP_FAILURES = (131026, 131049, 130472, 131050, 131000, 131053)
_WHATSAPP_WEIGHTS = (48, 30, 8, 6, 6, 2)
TWILIO_FAILURES = (30003, 30005, 30006, 30007, 30008)
_TWILIO_WEIGHTS = (35, 25, 15, 15, 10)
SMPP_FAILURES = (1, 8, 69, 99)
_SMPP_WEIGHTS = (40, 30, 20, 10)

REPEATED_SHARE = 0.012
DELIVERED_SKIPPED_SHARE = 0.02
# `delivered` and `failed` of one message contradict each other now and then.
DELIVERED_AFTER_FAILED_SHARE = 0.02
# Of those who opt out by a setting, so many opt in again within days.
BACK_SHARE = 0.2

TEXT, IMAGE, BUTTON, REACTION = 0, 1, 2, 3
_REPLY_WEIGHTS = (52, 6, 30, 12)


@dataclass(frozen=True, slots=True)
class Events:
    """The events that follow from one day's messages, one row each.

    All have contact, phone, workspace, and at (UTC seconds); all but preferences have message_id. Indices
    point into the population. Beside these:

    Attributes:
        statuses: template, tail, provider, status, error, received_ms, is_repeat.
        inbound: provider, kind, stops, choice, received_ms, replied_to.
        preferences: resumes, received_ms.
        clicks: campaign, template, tail.
        bills: Twilio's messages for the export: template, tail, status, error.
    """

    statuses: pl.DataFrame
    inbound: pl.DataFrame
    preferences: pl.DataFrame
    clicks: pl.DataFrame
    bills: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """Times of each step per accepted message, in seconds; infinite where it never comes."""

    sent: Floats
    delivered: Floats
    read: Floats
    failed: Floats
    error: Ints


def events_of(population: Population, outbox: Outbox) -> Events:
    """Draw the events of one day's messages and record the opt-outs among their contacts."""
    rng = stream(population.spec.seed, "journeys", outbox.day.toordinal())
    rows = np.flatnonzero(outbox.outcome == ACCEPTED)
    outcomes = _outcomes(rng, population, outbox, rows)
    reach = np.where(np.isfinite(outcomes.read), outcomes.read, outcomes.delivered)
    statuses = _statuses(rng, outbox, rows, outcomes)
    inbound, preferences = _answers(rng, population, outbox, rows, reach)
    clicks = _clicks(rng, population, outbox, rows, reach)
    return Events(statuses, inbound, preferences, clicks, _bills(outbox, rows, outcomes))


def arrival_ms(rng: np.random.Generator, at_s: Ints) -> Ints:
    """Draw when events reach the webhook: mostly at once, sometimes after retries, rarely days later."""
    count = len(at_s)
    kind = pick(rng, [94.0, 3.0, 1.5, 1.5], count)
    delay = np.choose(
        kind,
        [
            rng.uniform(0.2, 3.0, count),
            rng.uniform(10.0, 900.0, count),
            rng.uniform(3_600.0, 20 * 3_600.0, count),
            rng.uniform(1.0, 5.0, count) * DAY_S,
        ],
    )
    received: Ints = at_s * 1000 + 999 + (delay * 1000).astype(np.int64)
    return received


def _outcomes(rng: np.random.Generator, population: Population, outbox: Outbox, rows: Ints) -> _Outcomes:
    count = len(rows)
    provider = outbox.provider[rows]
    country = population.contacts.country[outbox.contact[rows]]
    engagement = population.contacts.engagement[outbox.contact[rows]]
    is_whatsapp = provider == WHATSAPP
    failing = np.where(is_whatsapp, rates("whatsapp_failed", country), rates("sms_failed", country))
    fails = chance(rng, failing, count)
    stuck = chance(rng, np.where(is_whatsapp, rates("whatsapp_stuck", country), 0.02), count)
    reading = rates("whatsapp_read", country) * np.clip(0.4 + 0.6 * engagement, 0.0, 1.25)
    reads = is_whatsapp & chance(rng, reading, count)
    sent = outbox.queued_ms[rows] / 1000 + rng.uniform(0.4, 3.0, count)
    speed = pick(rng, [85, 13, 2], count)
    delay = np.choose(
        speed,
        [
            waits(rng, count, median_s=3, sigma=0.7, limit_s=60),
            waits(rng, count, median_s=1_200, sigma=1.4, limit_s=DAY_S),
            waits(rng, count, median_s=14 * 3_600, sigma=0.7, limit_s=3 * DAY_S),
        ],
    )
    delivered = np.where(fails | stuck, np.inf, sent + delay)
    wait = waits(rng, count, median_s=720, sigma=2.0, limit_s=2.5 * DAY_S)
    read = np.where(reads, delivered + wait, np.inf)
    failed = np.where(fails, sent + waits(rng, count, median_s=4, sigma=1.5, limit_s=3_600), np.inf)
    odd = fails & chance(rng, DELIVERED_AFTER_FAILED_SHARE, count)
    delivered = np.where(odd, failed + 60 + delay, delivered)
    return _Outcomes(sent, delivered, read, failed, _errors(rng, provider, fails))


def _errors(rng: np.random.Generator, provider: Ints, fails: Flags) -> Ints:
    error = np.zeros(len(provider), dtype=np.int64)
    for carrier, codes, weights in (
        (WHATSAPP, WHATSAPP_FAILURES, _WHATSAPP_WEIGHTS),
        (TWILIO, TWILIO_FAILURES, _TWILIO_WEIGHTS),
        (SMPP, SMPP_FAILURES, _SMPP_WEIGHTS),
    ):
        of = fails & (provider == carrier)
        error[of] = np.array(codes)[pick(rng, weights, int(of.sum()))]
    return error


def _statuses(rng: np.random.Generator, outbox: Outbox, rows: Ints, outcomes: _Outcomes) -> pl.DataFrame:
    count = len(rows)
    skipped = np.isfinite(outcomes.read) & chance(rng, DELIVERED_SKIPPED_SHARE, count)
    # An operator's receipt says the final state only; WhatsApp and Twilio also say that it was sent.
    steps = (
        (SENT, np.where(outbox.provider[rows] == SMPP, np.inf, outcomes.sent)),
        (DELIVERED, np.where(skipped, np.inf, outcomes.delivered)),
        (READ, outcomes.read),
        (FAILED, outcomes.failed),
    )
    place = [np.flatnonzero(np.isfinite(times)) for _, times in steps]
    message = np.concatenate(place)
    status = np.repeat([code for code, _ in steps], [len(p) for p in place])
    at = np.concatenate([times[p] for (_, times), p in zip(steps, place, strict=True)]).astype(np.int64)
    received = arrival_ms(rng, at)
    again = np.flatnonzero(chance(rng, REPEATED_SHARE, len(at)))
    # Retries of a webhook that was not acknowledged: after minutes, or in another day's file.
    later = np.where(
        chance(rng, 0.3, len(again)),
        rng.uniform(0.5, 2.0, len(again)) * DAY_S,
        rng.uniform(20, 2_400, len(again)),
    )
    pick_rows = np.concatenate([np.arange(len(at)), again])
    source = rows[message[pick_rows]]
    return pl.DataFrame(
        {
            **outbox.columns(source, "provider"),
            "status": status[pick_rows],
            "error": np.where(status[pick_rows] == FAILED, outcomes.error[message[pick_rows]], 0),
            "at": at[pick_rows],
            "received_ms": np.concatenate([received, received[again] + (later * 1000).astype(np.int64)]),
            "is_repeat": np.arange(len(pick_rows)) >= len(at),
        }
    )


def _answers(
    rng: np.random.Generator, population: Population, outbox: Outbox, rows: Ints, reach: Floats
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw replies and opt-outs; operators behind SMPP pass no replies on."""
    contacts = population.contacts
    contact = outbox.contact[rows]
    country = contacts.country[contact]
    provider = outbox.provider[rows]
    is_marketing = wording().is_marketing(outbox.template[rows])
    reply_rate = rates("reply", country) * contacts.engagement[contact]
    reached = np.isfinite(reach)
    sms = np.where(provider == WHATSAPP, 1.0, 0.3)
    opts_out = reached & (provider != SMPP) & is_marketing & chance(rng, rates("opt_out", country), len(rows))
    replies = reached & (provider != SMPP) & ~opts_out & chance(rng, reply_rate * sms, len(rows))
    by_setting = opts_out & (provider == WHATSAPP) & chance(rng, 0.35, len(rows))
    inbound = _inbound(rng, outbox, rows, np.flatnonzero(replies | (opts_out & ~by_setting)), opts_out, reach)
    preferences = _preferences(rng, outbox, rows, np.flatnonzero(by_setting), reach)
    for stopped in (inbound.filter("stops"), preferences.filter(~pl.col("resumes"))):
        np.minimum.at(
            population.contacts.opted_out_at, stopped["contact"].to_numpy(), stopped["at"].to_numpy()
        )
    return inbound, preferences


def _inbound(
    rng: np.random.Generator, outbox: Outbox, rows: Ints, speaks: Ints, opts_out: Flags, reach: Floats
) -> pl.DataFrame:
    """Draw what contacts write; ``speaks`` are the places among ``rows`` of those who do."""
    source, provider = rows[speaks], outbox.provider[rows[speaks]]
    wait = waits(rng, len(rows), median_s=480, sigma=1.5, limit_s=3 * DAY_S)
    at = (reach + wait)[speaks].astype(np.int64)
    says_stop = opts_out[speaks]
    kind = np.where(provider == WHATSAPP, pick(rng, _REPLY_WEIGHTS, len(speaks)), TEXT)
    return pl.DataFrame(
        {
            "message_id": wamids(rng, outbox.phone[source], inbound=True),
            "contact": outbox.contact[source],
            "phone": outbox.phone[source],
            "workspace": outbox.workspace[source],
            "provider": provider,
            "kind": np.where(says_stop & (kind != BUTTON), TEXT, kind),
            "stops": says_stop,
            "choice": rng.integers(0, 1_000_000, len(speaks)),
            "at": at,
            "received_ms": arrival_ms(rng, at),
            "replied_to": outbox.message_id.gather(source),
        }
    )


def _preferences(
    rng: np.random.Generator, outbox: Outbox, rows: Ints, sets: Ints, reach: Floats
) -> pl.DataFrame:
    """Draw marketing preferences; ``sets`` are the places among ``rows`` of who set one."""
    source = rows[sets]
    at = (reach[sets] + waits(rng, len(sets), median_s=300, sigma=1.0, limit_s=DAY_S)).astype(np.int64)
    drawn = pl.DataFrame(
        {
            "contact": outbox.contact[source],
            "phone": outbox.phone[source],
            "workspace": outbox.workspace[source],
            "at": at,
            "resumes": chance(rng, 0.1, len(sets)),
            "received_ms": arrival_ms(rng, at),
        }
    )
    # By a generator of their own: what is drawn after them does not change.
    (own,) = rng.spawn(1)
    returns = pl.Series(chance(own, BACK_SHARE, len(sets)), dtype=pl.Boolean)
    back = drawn.filter(~pl.col("resumes") & returns)
    later = pl.Series(own.integers(DAY_S // 2, 5 * DAY_S, len(back)), dtype=pl.Int64)
    again = back.with_columns(
        pl.col("at") + later, pl.lit(value=True).alias("resumes"), pl.col("received_ms") + later * 1000
    )
    return pl.concat([drawn, again])


def _clicks(
    rng: np.random.Generator, population: Population, outbox: Outbox, rows: Ints, reach: Floats
) -> pl.DataFrame:
    contact = outbox.contact[rows]
    has_link = wording().has_link(outbox.template[rows])
    rate = rates("click", population.contacts.country[contact])
    rate = (
        rate * population.contacts.engagement[contact] * np.where(outbox.provider[rows] == WHATSAPP, 1.0, 0.5)
    )
    times = 1 + pick(rng, [80, 15, 5], len(rows))
    clicked = np.flatnonzero(np.isfinite(reach) & has_link & chance(rng, rate, len(rows)))
    place = np.repeat(clicked, times[clicked])
    wait = waits(rng, len(place), median_s=90, sigma=1.8, limit_s=3 * DAY_S)
    source = rows[place]
    return pl.DataFrame(
        {
            **outbox.columns(source, "campaign"),
            "at": (reach[place] + 2 + wait).astype(np.int64),
        }
    )


def _bills(outbox: Outbox, rows: Ints, outcomes: _Outcomes) -> pl.DataFrame:
    """Return Twilio's messages as they stand a few hours after the day's end."""
    of = np.flatnonzero(outbox.provider[rows] == TWILIO)
    source = rows[of]
    seen = seconds_of(outbox.day) + DAY_S + EXPORTED_AFTER_S
    status = np.where(
        outcomes.delivered[of] < seen, DELIVERED, np.where(outcomes.failed[of] < seen, FAILED, SENT)
    )
    return pl.DataFrame(
        {
            **outbox.columns(source),
            "at": outcomes.sent[of].astype(np.int64),
            "status": status,
            "error": np.where(status == FAILED, outcomes.error[of], 0),
        }
    )
