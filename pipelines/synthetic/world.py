"""Generate a believable period of all raw sources in their real formats, day by day."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl

from pipelines.synthetic import notices
from pipelines.synthetic.calendar import Calendar, plan_calendar
from pipelines.synthetic.conversions import conversions_of
from pipelines.synthetic.files import Inbox, day_name
from pipelines.synthetic.journeys import events_of
from pipelines.synthetic.outbox import ACCEPTED, SMPP, TWILIO, WHATSAPP, outbox_of
from pipelines.synthetic.population import Population, populate
from pipelines.synthetic.privacy import PRIVACY_ENTITIES, PrivacyTables
from pipelines.synthetic.randomness import Ints, stream
from pipelines.synthetic.sms import Carriers
from pipelines.synthetic.spec import TAIL_DAYS, WorldSpec, WorldSummary
from pipelines.synthetic.stamps import DAY_S, seconds_of
from pipelines.synthetic.tables import APP_ENTITIES, Tables
from pipelines.synthetic.web import Web
from pipelines.synthetic.whatsapp import Webhooks
from warehouse.progress import Progress, silent

Lines = tuple[Ints, pl.Series]


FEEDS = (
    "whatsapp",
    "twilio",
    "twilio_export",
    "smpp",
    "usage",
    "access_log",
    "error_log",
    *(f"app/{entity}" for entity in APP_ENTITIES),
    *(f"privacy/{entity}" for entity in PRIVACY_ENTITIES),
)


def generate(inbox: Path, spec: WorldSpec, *, progress: Progress = silent) -> WorldSummary:
    """Write a period of all raw sources below ``inbox``, one folder per feed, one file per day of arrival.

    Memory holds one day at a time, plus the contacts and the events that arrive late.

    Args:
        inbox: Folder to write to; created where missing, its feeds must be empty.
        spec: Size, period and seed; equal specs give byte-equal files.
        progress: Called with the number of days written so far.

    Returns:
        Counts of what was written.

    Raises:
        InboxNotEmptyError: A feed's folder already holds a file.
    """
    target = Inbox(inbox)
    target.require_empty(FEEDS)
    population = populate(spec)
    writer = _World(population, plan_calendar(population), target)
    days = [spec.start + timedelta(days=d) for d in range(spec.days + TAIL_DAYS)]
    for done, day in enumerate(days):
        progress("generate", done, len(days))
        writer.write_day(day)
    progress("generate", len(days), len(days))
    return writer.summary(days[-1])


@dataclass(slots=True)
class Carry:
    """Frames of one kind, waiting for their day; holds the late few, never a whole period."""

    column: str
    per_second: int
    waiting: dict[int, list[pl.DataFrame]] = field(default_factory=dict)
    empty: pl.DataFrame = field(default_factory=pl.DataFrame)

    def put(self, frame: pl.DataFrame) -> None:
        """Add rows; each waits for the day of its time in ``column``."""
        self.empty = frame.clear()
        days = frame.select((pl.col(self.column) // (DAY_S * self.per_second)).alias("day"))["day"]
        for day in days.unique().sort().to_list():
            self.waiting.setdefault(day, []).append(frame.filter(days == day))

    def take(self, day: date) -> pl.DataFrame:
        """Return the rows of a day, in the order in which they were put."""
        rows: pl.DataFrame = pl.concat([self.empty, *self.waiting.pop(seconds_of(day) // DAY_S, ())])
        return rows


class _World:
    """One run: the population changes and late rows wait as days go by."""

    def __init__(self, population: Population, calendar: Calendar, inbox: Inbox) -> None:
        self.population = population
        self.calendar = calendar
        self.inbox = inbox
        self.tables = Tables(population, calendar, inbox)
        self.privacy = PrivacyTables(population, inbox)
        self.webhooks = Webhooks(population)
        self.carriers = Carriers(population)
        self.web = Web(population)
        self.statuses = Carry("received_ms", 1000)
        self.inbound = Carry("received_ms", 1000)
        self.preferences = Carry("received_ms", 1000)
        self.answers = Carry("at", 1)
        self.clicks = Carry("at", 1)
        self.conversions = Carry("at", 1)
        self.bills = Carry("exported_at", 1)
        self.replies = Carry("exported_at", 1)
        self.usage = Carry("received_ms", 1000)
        self.messages = 0
        self.accepted = 0
        self.late = 0
        self.repeated = 0

    def write_day(self, day: date) -> None:
        """Draw a day's messages and write every file that arrives on it."""
        if day == self.population.spec.start:
            self.tables.write_first_day()
            self.privacy.write_first_day()
        messages = self._draw(day)
        statuses = self.statuses.take(day)
        self._count(day, statuses)
        self._write_whatsapp(day, statuses)
        self._write_sms(day, statuses)
        if len(clicks := self.clicks.take(day)):
            self.tables.write_clicks(day, clicks, self.web.click_details(day, clicks))
            self.conversions.put(conversions_of(self.population, day, clicks))
        self.tables.write_conversions(day, self.conversions.take(day))
        self._write_web(day, messages)
        self.tables.write_changes(day)
        self.privacy.write_changes(day)

    def _draw(self, day: date) -> int:
        outbox = outbox_of(self.population, self.calendar, day)
        events = events_of(self.population, outbox)
        if len(outbox):
            self.tables.write_outbox(outbox)
        self.messages += len(outbox)
        self.accepted += int((outbox.outcome == ACCEPTED).sum())
        next_day = (pl.col("at") + DAY_S).alias("exported_at")
        from_twilio = pl.col("provider") == TWILIO
        self.statuses.put(events.statuses)
        self.inbound.put(events.inbound.filter(~from_twilio))
        self.preferences.put(events.preferences)
        self.answers.put(notices.answers_of(self.population, day, events.inbound))
        self.clicks.put(events.clicks)
        self.bills.put(events.bills.with_columns(next_day))
        self.replies.put(events.inbound.filter(from_twilio).with_columns(next_day))
        return len(outbox)

    def _count(self, day: date, statuses: pl.DataFrame) -> None:
        self.late += int((statuses["at"] // DAY_S < seconds_of(day) // DAY_S).sum())
        self.repeated += int(statuses["is_repeat"].sum())

    def _write_whatsapp(self, day: date, statuses: pl.DataFrame) -> None:
        rng = stream(self.population.spec.seed, "webhooks", day.toordinal())
        events = {
            "statuses": statuses.filter(pl.col("provider") == WHATSAPP),
            "messages": self.inbound.take(day),
            "preferences": self.preferences.take(day),
        }
        changes = notices.change_numbers(self.population, day)
        singles = {
            name: notices.lines_of(drawn)
            for name, drawn in (
                ("errors", notices.account_errors(self.population, day)),
                ("template_updates", notices.template_updates(self.population, day)),
                ("user_ids", notices.user_id_changes(self.population, changes)),
                ("echoes", notices.echoes(self.population, day, self.answers.take(day))),
            )
        }
        others = [
            *self.webhooks.inbound(events["messages"]),
            *self.webhooks.preferences(events["preferences"]),
            *self.webhooks.number_changes(changes),
            *singles.values(),
        ]
        for entity, frame in events.items():
            self.inbox.records[f"whatsapp__{entity}"] += len(frame)
        self.inbox.records["whatsapp__messages"] += len(changes)
        for entity, (received, _) in singles.items():
            self.inbox.records[f"whatsapp__{entity}"] += len(received)
        lines = _interleaved(self.webhooks.statuses(rng, events["statuses"]), others)
        self.inbox.write_lines("whatsapp", day_name(day, "jsonl"), lines)

    def _write_sms(self, day: date, statuses: pl.DataFrame) -> None:
        twilio = statuses.filter(pl.col("provider") == TWILIO)
        smpp = statuses.filter(pl.col("provider") == SMPP)
        bills, replies = self.bills.take(day), self.replies.take(day)
        self.inbox.write_lines("twilio", day_name(day, "jsonl"), self.carriers.statuses(TWILIO, twilio))
        self.inbox.write_lines("smpp", day_name(day, "jsonl"), self.carriers.statuses(SMPP, smpp))
        export = self.carriers.export(day, bills, replies)
        self.inbox.write_lines("twilio_export", day_name(day, "json"), export)
        self.inbox.records["twilio__statuses"] += len(twilio)
        self.inbox.records["smpp__receipts"] += len(smpp)
        self.inbox.records["twilio__messages"] += len(bills) + len(replies)

    def _write_web(self, day: date, messages: int) -> None:
        """Write traffic on the web, which ends with the period; what was held back arrives after it."""
        if self.population.spec.covers(day):
            self.usage.put(self.web.usage(day))
        usage = self.usage.take(day)
        self.inbox.write_lines("usage", day_name(day, "jsonl"), [self.web.usage_lines(usage)])
        self.inbox.records["web__usage_events"] += len(usage)
        if not self.population.spec.covers(day):
            return
        requests = list(self.web.access_log(day, messages))
        self.inbox.write_lines("access_log", day_name(day, "log.gz"), requests)
        self.inbox.records["web__access_logs"] += sum(map(len, requests))
        entries, lines = self.web.error_log(day, messages)
        self.inbox.write_lines("error_log", day_name(day, "log"), [lines])
        self.inbox.records["web__error_logs"] += entries

    def summary(self, last_arrival_day: date) -> WorldSummary:
        """Return what was written, all days together."""
        spec = self.population.spec
        return WorldSummary(
            workspaces=spec.workspaces,
            contacts=len(self.population.contacts),
            messages=self.messages,
            accepted=self.accepted,
            late_statuses=self.late,
            repeated_statuses=self.repeated,
            first_day=spec.start,
            last_arrival_day=last_arrival_day,
            files=self.inbox.files,
            size_bytes=self.inbox.size_bytes,
            records=MappingProxyType(dict(sorted(self.inbox.records.items()))),
        )


def _interleaved(bodies: Iterator[Lines], others: Iterable[Lines]) -> Iterator[pl.Series]:
    """Put whole lines between bodies by time of receipt, never into the middle of a body.

    Pieces of one body have one time of receipt, so a line goes behind all pieces of its own time.
    """
    filled = [(received, lines) for received, lines in others if len(lines)]
    rest_at = np.concatenate([r for r, _ in filled]) if filled else np.empty(0, dtype=np.int64)
    rest = (
        pl.concat([lines.alias("text") for _, lines in filled])
        if filled
        else pl.Series("text", [], pl.String)
    )
    order = np.argsort(rest_at, kind="stable")
    rest_at, rest = rest_at[order], rest.gather(order)
    for received, pieces in bodies:
        ready = int(np.searchsorted(rest_at, received[-1], side="left"))
        merged = np.argsort(np.concatenate([received, rest_at[:ready]]), kind="stable")
        yield pl.concat([pieces.alias("text"), rest[:ready]]).gather(merged)
        rest_at, rest = rest_at[ready:], rest[ready:]
    yield rest
