"""Write exports of the application's tables: full on the first day, then what changed each day.

Columns are those of `pipelines/contracts/app__*.yml`.
"""

from collections.abc import Iterable
from datetime import date
from operator import attrgetter

import numpy as np
import polars as pl

from pipelines.synthetic.billing import billing
from pipelines.synthetic.calendar import Calendar
from pipelines.synthetic.contacts import custom_fields, emails, user_ids
from pipelines.synthetic.conversions import KINDS, PRICED_KINDS
from pipelines.synthetic.envelopes import lookup, shown, slices
from pipelines.synthetic.files import Inbox
from pipelines.synthetic.frames import TIME, frame_of, numbered, optional, plus, times
from pipelines.synthetic.outbox import OUTCOMES, PROVIDERS, SKIP_REASONS, Outbox
from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import NEVER, Ints
from pipelines.synthetic.stamps import DAY_S, seconds_of
from pipelines.synthetic.texts import bodies
from pipelines.synthetic.wording import wording

APP_ENTITIES = (
    "campaigns",
    "channels",
    "contacts",
    "conversions",
    "invoices",
    "link_clicks",
    "members",
    "messages",
    "payments",
    "subscriptions",
    "templates",
    "workspace_settings",
    "workspaces",
)


class Tables:
    """Writes the application's tables of one world, day by day."""

    def __init__(self, population: Population, calendar: Calendar, inbox: Inbox) -> None:
        self.population = population
        self.calendar = calendar
        self.inbox = inbox
        self.billing = billing(population)

    def write_first_day(self) -> None:
        """Write full exports of everything as it stood at the start."""
        day = self.population.spec.start
        start = seconds_of(day)
        rows = np.flatnonzero(self.population.contacts.created_at < start)
        self._write("contacts", day, (self._contacts(rows[part]) for part in slices(len(rows))), full=True)
        self._write("workspaces", day, [self._workspaces()], full=True)
        self._write("channels", day, [self._channels()], full=True)
        self._write("subscriptions", day, [self._subscriptions(start)], full=True)
        self._write("templates", day, [self._templates(start)], full=True)
        self._write("workspace_settings", day, [self._settings(before=start)], full=True)
        self._write("members", day, [self._members()], full=True, csv=True)
        for name, frame in self.billing.items():
            self._write(name, day, [frame.filter(pl.col("updated_at") < _at(start))], full=True, csv=True)

    def write_changes(self, day: date) -> None:
        """Write what was created, changed or deleted on a day."""
        low, high = seconds_of(day), seconds_of(day) + DAY_S
        contacts = self.population.contacts
        touched = np.zeros(len(contacts), dtype=np.bool_)
        for moments in (contacts.created_at, contacts.deleted_at, contacts.opted_out_at, contacts.changed_at):
            touched |= (moments >= low) & (moments < high)
        rows = np.flatnonzero(touched & (contacts.created_at < high))
        # What has not happened yet by the evening is not in the evening's export.
        self._write("contacts", day, (self._contacts(rows[part], until=high) for part in slices(len(rows))))
        self._write("campaigns", day, [self._campaigns(low, high)])
        self._write("workspace_settings", day, [self._settings(since=low, before=high)])
        self._write("subscriptions", day, [self._subscriptions(high, ended_since=low)])
        if day.weekday() == 0 and day != self.population.spec.start:
            # A full export: a template that is missing was deleted.
            self._write("templates", day, [self._templates(high, without_unused=True)], full=True)
        window = pl.col("updated_at").is_between(_at(low), _at(high), closed="left")
        for name, frame in self.billing.items():
            self._write(name, day, [frame.filter(window)], csv=True)

    def write_outbox(self, outbox: Outbox) -> None:
        """Write the messages of a day."""
        self._write("messages", outbox.day, (self._messages(outbox, part) for part in slices(len(outbox))))

    def write_clicks(self, day: date, clicks: pl.DataFrame, details: pl.DataFrame) -> None:
        """Write the link clicks of a day; ``details`` holds url, ip and user agent of each."""
        rows = clicks.hstack(details).sort("at", "message_id")
        campaigns = [c.id for c in self.calendar.campaigns]
        frame = pl.DataFrame(
            {
                "workspace_id": self._workspace_ids(rows["workspace"].to_numpy()),
                "click_id": numbered(f"clk_{day:%Y%m%d}_", np.arange(len(rows)) + 1),
                "message_id": rows["message_id"],
                "campaign_id": optional(campaigns, rows["campaign"].to_numpy()),
                "link_id": numbered("lnk_", rows["template"].to_numpy()),
                "recipient": plus(rows["phone"]),
                "url": rows["url"],
                "ip": rows["ip"],
                "user_agent": rows["user_agent"],
                "clicked_at": times(rows["at"].to_numpy()),
            }
        )
        self._write("link_clicks", day, [frame])

    def write_conversions(self, day: date, conversions: pl.DataFrame) -> None:
        """Write the conversions of a day; some name the contact by id, the others by number."""
        if not len(conversions):
            return
        rows = conversions.sort("at", "phone")
        workspace, kind, by_id = (rows[name].to_numpy() for name in ("workspace", "kind", "by_id"))
        own = lookup([w.country.currency for w in self.population.workspaces], workspace)
        is_priced = kind < PRICED_KINDS
        currency = pl.select(pl.when(rows["is_foreign"]).then(pl.lit("USD")).otherwise(own)).to_series()
        frame = pl.DataFrame(
            {
                "workspace_id": self._workspace_ids(workspace),
                "conversion_id": numbered(f"cnv_{day:%Y%m%d}_", np.arange(len(rows)) + 1),
                "contact_id": shown(numbered("con_", rows["contact"].to_numpy() + 1), by_id),
                "phone": shown(plus(rows["phone"]), ~by_id),
                "kind": lookup(list(KINDS), kind),
                "amount": shown((rows["amount"] / 100).cast(pl.Decimal(18, 6)), is_priced),
                "currency": shown(currency, is_priced),
                "converted_at": times(rows["at"].to_numpy()),
            }
        )
        self._write("conversions", day, [frame])

    def _messages(self, outbox: Outbox, part: slice) -> pl.DataFrame:
        population, texts = self.population, wording()
        workspace, template, provider = outbox.workspace[part], outbox.template[part], outbox.provider[part]
        kind = texts.kinds(template)
        prices = [
            w.country.whatsapp_price[a.category] if is_whatsapp else w.country.sms_price
            for w in population.workspaces
            for a in texts.archetypes
            for is_whatsapp in (False, True)
        ]
        price = np.array(prices)[(workspace * len(texts.archetypes) + kind) * 2 + (provider == 0)]
        accepted, errors = outbox.outcome[part] == 0, outbox.error_code[part]
        currency = lookup([w.country.currency for w in population.workspaces], workspace)
        return pl.DataFrame(
            {
                "workspace_id": self._workspace_ids(workspace),
                "outbox_id": numbered(
                    f"out_{outbox.day:%Y%m%d}_", part.start + np.arange(len(workspace)) + 1
                ),
                "message_id": outbox.message_id[part],
                "campaign_id": optional([c.id for c in self.calendar.campaigns], outbox.campaign[part]),
                "template_id": lookup([t.id for t in population.templates], template),
                "channel": lookup(["whatsapp", "sms", "sms"], provider),
                "provider": lookup(list(PROVIDERS), provider),
                "recipient": plus(pl.Series(outbox.phone[part])),
                "message_category": lookup([a.category for a in texts.archetypes], kind),
                "outcome": lookup(list(OUTCOMES), outbox.outcome[part]),
                "skip_reason": optional(list(SKIP_REASONS[1:]), outbox.skip_reason[part] - 1),
                "error_code": shown(pl.Series(errors), errors > 0),
                "body": bodies(population, template, outbox.contact[part], outbox.tail[part]),
                "price": shown(pl.Series(price), accepted).cast(pl.Decimal(18, 6)),
                "price_currency": shown(currency, accepted),
                "queued_at": pl.Series(outbox.queued_ms[part] * 1000).cast(TIME),
            }
        )

    def _contacts(self, rows: Ints, until: int | None = None) -> pl.DataFrame:
        contacts, pool = self.population.contacts, self.population.pool
        has_ids = np.array([w.has_user_ids for w in self.population.workspaces])
        limit = until if until is not None else seconds_of(self.population.spec.start)
        opted_out = np.where(contacts.opted_out_at[rows] < limit, contacts.opted_out_at[rows], 0)
        deleted = np.where(contacts.deleted_at[rows] < limit, contacts.deleted_at[rows], NEVER)
        moments = [
            contacts.created_at[rows],
            opted_out,
            np.where(deleted < NEVER, deleted, 0),
            np.where(contacts.changed_at[rows] < limit, contacts.changed_at[rows], 0),
        ]
        return pl.DataFrame(
            {
                "workspace_id": self._workspace_ids(contacts.workspace[rows]),
                "contact_id": numbered("con_", rows + 1),
                "phone": plus(pl.Series(contacts.phone[rows])),
                "whatsapp_user_id": shown(user_ids(contacts, rows), has_ids[contacts.workspace[rows]]),
                "email": emails(contacts, pool, rows),
                "first_name": pool.first.texts.gather(contacts.first_name[rows]),
                "last_name": pool.last.texts.gather(contacts.last_name[rows]),
                "language": lookup(list(self.population.languages), contacts.language[rows]),
                "custom_fields": custom_fields(contacts, rows),
                "is_opted_in": opted_out == 0,
                "created_at": times(contacts.created_at[rows]),
                "updated_at": times(np.maximum.reduce(moments)),
                "deleted_at": times(deleted),
            }
        )

    def _workspaces(self) -> pl.DataFrame:
        owners = {m.workspace: f"+{m.phone}" for m in self.population.members if m.role == "owner"}
        facts = attrgetter("country.code", "time_zone", "industry", "plan", "created_at", "created_at")
        return frame_of(
            (
                (w.id, w.name, w.owner_email, owners[w.index], *facts(w), None)
                for w in self.population.workspaces
            ),
            "workspace_id name owner_email owner_phone country time_zone industry plan",
            times="created_at updated_at deleted_at",
        )

    def _channels(self) -> pl.DataFrame:
        rows: list[tuple[object, ...]] = []
        for w in self.population.workspaces:
            moved = w.created_at + (seconds_of(self.population.spec.start) - w.created_at) // 2
            # Some workspaces once sent from another number.
            since = moved if w.index % 4 == 2 else w.created_at
            if since == moved:
                former, number = str(int(w.phone_number_id) - 1), str(w.display_number - 1)
                rows.append(
                    (w.id, "whatsapp", w.account_id, former, number, w.created_at, moved, moved, None)
                )
            number = str(w.display_number)
            rows.append((w.id, "whatsapp", w.account_id, w.phone_number_id, number, since, None, since, None))
            account = w.twilio_account if w.sms_provider == "twilio" else None
            sender = (w.sms_provider, account, w.sms_sender, w.sms_sender.removeprefix("+"))
            rows.append((w.id, *sender, w.created_at, None, w.created_at, None))
        return frame_of(
            rows,
            "workspace_id provider account_id sender_id display_phone_number",
            times="valid_from valid_to updated_at deleted_at",
        )

    def _subscriptions(self, before: int, *, ended_since: int = 0) -> pl.DataFrame:
        """Return subscriptions as they stood at a time; with ``ended_since`` only those that ended since."""
        rows: list[tuple[object, ...]] = []
        for w in self.population.workspaces:
            ended = seconds_of(w.ended_on) if w.ended_on and seconds_of(w.ended_on) < before else None
            if (ended or 0) >= ended_since:
                updated = ended or w.created_at
                rows.append((w.id, f"sub_{w.index + 1:04}", w.plan, w.created_at, ended, updated, None))
        return frame_of(
            rows, "workspace_id subscription_id plan", times="started_at ended_at updated_at deleted_at"
        )

    def _templates(self, before: int, *, without_unused: bool = False) -> pl.DataFrame:
        used = {c.template for c in self.calendar.campaigns}
        rows: list[tuple[object, ...]] = []
        for t in self.population.templates:
            # Win-back texts that nobody sends are thrown away.
            is_gone = without_unused and t.archetype.name == "win_back" and t.index not in used
            if t.created_at < before and not is_gone:
                workspace, kind = self.population.workspaces[t.workspace].id, t.archetype.category
                body = t.text.replace("{name}", "{{1}}").replace("{tail}", "{{2}}")
                rows.append((workspace, t.id, t.name, t.language, kind, body, t.created_at, None))
        return frame_of(
            rows,
            "workspace_id template_id name language message_category body",
            times="updated_at deleted_at",
        )

    def _campaigns(self, low: int, high: int) -> pl.DataFrame:
        """Return campaigns created on a day; on the first day also those created before it."""
        floor = 0 if low == seconds_of(self.population.spec.start) else low
        workspaces, templates = self.population.workspaces, self.population.templates
        facts = attrgetter("id", "name", "channel", "category")
        more = attrgetter("variant", "starts_at", "created_at", "created_at")
        return frame_of(
            (
                (workspaces[c.workspace].id, *facts(c), templates[c.template].id, *more(c), None)
                for c in self.calendar.campaigns
                if floor <= c.created_at < high
            ),
            "workspace_id campaign_id name channel message_category template_id variant",
            times="scheduled_at created_at updated_at deleted_at",
        )

    def _settings(self, *, before: int, since: int = 0) -> pl.DataFrame:
        rows: list[tuple[str, int | None, bool, int]] = []
        middle = seconds_of(self.population.spec.start) + self.population.spec.days * DAY_S // 2
        for w in self.population.workspaces:
            rows.append((w.id, w.retention_days, w.is_in_benchmarks, w.created_at))
            if w.index % 6 == 1:
                # Changed its mind half-way through: shorter window, out of the benchmarks.
                rows.append((w.id, 30, False, middle + w.index))
            if w.index % 6 == 4:
                rows.append((w.id, 180, w.is_in_benchmarks, middle + w.index))
        frame = frame_of(
            ((*row, row[-1]) for row in rows if since <= row[-1] < before),
            "workspace_id message_log_retention_days is_in_benchmarks",
            times="valid_from updated_at",
        )
        return frame.with_columns(pl.col("message_log_retention_days").cast(pl.Int64))

    def _members(self) -> pl.DataFrame:
        rows: list[tuple[object, ...]] = []
        for m in self.population.members:
            who = (self.population.workspaces[m.workspace].id, m.id, f"{m.first_name} {m.last_name}")
            rows.append((*who, m.email, f"+{m.phone}", m.role, m.created_at, m.created_at, None))
        return frame_of(
            rows,
            "workspace_id member_id name email phone role",
            times="created_at updated_at deleted_at",
        )

    def _workspace_ids(self, workspace: Ints) -> pl.Series:
        return lookup([w.id for w in self.population.workspaces], workspace)

    def _write(
        self,
        entity: str,
        day: date,
        frames: Iterable[pl.DataFrame],
        *,
        full: bool = False,
        csv: bool = False,
    ) -> None:
        self.inbox.write_table(f"app/{entity}", day, frames, full=full, csv=csv)


def _at(seconds: int) -> pl.Expr:
    return pl.lit(seconds * 1_000_000).cast(TIME)
