"""Exports of the application's tables: full on the first day, then what changed each day.

Columns are those of `pipelines/contracts/app__*.yml`.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from pipelines.synthetic.calendar import Calendar
from pipelines.synthetic.countries import COUNTRIES
from pipelines.synthetic.envelopes import lookup, slices
from pipelines.synthetic.files import Inbox, day_name
from pipelines.synthetic.names import addresses
from pipelines.synthetic.outbox import OUTCOMES, PROVIDERS, SKIP_REASONS, Outbox
from pipelines.synthetic.population import Contacts, Population, Workspace, emails, user_ids
from pipelines.synthetic.randomness import NEVER, Ints, stream
from pipelines.synthetic.stamps import DAY_S, day_of, seconds_of
from pipelines.synthetic.wording import ARCHETYPES

APP_ENTITIES = (
    "campaigns",
    "channels",
    "contacts",
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
LINK_BASE = "https://wsms.example/l/"
TIME = pl.Datetime("us", "UTC")
_PLAN_PRICES = {"free": 0, "starter": 49, "growth": 199, "enterprise": 990}
_SEGMENTS = ("regulars", "new customers", "students", "families", "weekend shoppers", "dormant")
_TIERS = ("bronze", "silver", "gold")
_SOURCES = ("website", "store", "instagram", "referral", "import")
_NOTES = ("prefers calls after 6 pm", "ask for her daughter", "allergic to nuts", "pays in cash", "")


def times(seconds: Ints) -> pl.Series:
    """UTC seconds as time stamps; `NEVER` becomes null."""
    micros = pl.Series(np.where(seconds >= NEVER // 1_000_000, 0, seconds) * 1_000_000)
    shown = pl.Series(seconds < NEVER // 1_000_000)
    frame = pl.DataFrame({"at": micros.cast(TIME), "shown": shown})
    return frame.select(pl.when("shown").then("at").alias("at")).to_series()


def stamps(values: Sequence[int | None]) -> pl.Series:
    """As `times`, from a list; None becomes null."""
    return times(np.array([NEVER if v is None else v for v in values], dtype=np.int64))


class Tables:
    """Writes the application's tables of one world, day by day."""

    def __init__(self, population: Population, calendar: Calendar, inbox: Inbox) -> None:
        self.population = population
        self.calendar = calendar
        self.inbox = inbox
        self.billing = self._billing()

    def write_first_day(self) -> None:
        """Full exports of everything as it stood at the start."""
        day = self.population.spec.start
        start = seconds_of(day)
        contacts = self.population.contacts
        rows = np.flatnonzero(contacts.created_at < start)
        self._parquet("contacts", day, (self._contacts(rows[part]) for part in slices(len(rows))), full=True)
        self._parquet("workspaces", day, [self._workspaces()], full=True)
        self._parquet("channels", day, [self._channels()], full=True)
        self._parquet("subscriptions", day, [self._subscriptions(start)], full=True)
        self._parquet("templates", day, [self._templates(start)], full=True)
        self._parquet("workspace_settings", day, [self._settings(before=start)], full=True)
        self._csv("members", day, self._members(), full=True)
        for name, frame in zip(("invoices", "payments"), self.billing, strict=True):
            self._csv(name, day, frame.filter(pl.col("updated_at") < _at(start)), full=True)

    def write_changes(self, day: date) -> None:
        """What was created, changed or deleted on a day."""
        low, high = seconds_of(day), seconds_of(day) + DAY_S
        contacts = self.population.contacts
        touched = np.zeros(len(contacts), dtype=np.bool_)
        for moments in (contacts.created_at, contacts.deleted_at, contacts.opted_out_at, contacts.changed_at):
            touched |= (moments >= low) & (moments < high)
        rows = np.flatnonzero(touched & (contacts.created_at < high))
        # What has not happened yet by the evening is not in the evening's export.
        self._parquet("contacts", day, (self._contacts(rows[part], until=high) for part in slices(len(rows))))
        self._parquet("campaigns", day, _some(self._campaigns(low, high)))
        self._parquet("workspace_settings", day, _some(self._settings(since=low, before=high)))
        self._parquet("subscriptions", day, _some(self._ended_subscriptions(low, high)))
        if day.weekday() == 0 and day != self.population.spec.start:
            # A full export: a template that is missing was deleted.
            self._parquet("templates", day, [self._templates(high, without_unused=True)], full=True)
        window = pl.col("updated_at").is_between(_at(low), _at(high), closed="left")
        for name, frame in zip(("invoices", "payments"), self.billing, strict=True):
            if len(changed := frame.filter(window)):
                self._csv(name, day, changed)

    def write_outbox(self, outbox: Outbox) -> None:
        """The messages of a day."""
        parts = (self._messages(outbox, part) for part in slices(len(outbox)))
        self._parquet("messages", outbox.day, parts)

    def write_clicks(self, day: date, clicks: pl.DataFrame, details: pl.DataFrame) -> None:
        """The link clicks of a day; ``details`` holds url, ip and user agent of each."""
        rows = clicks.hstack(details).sort("at", "message_id")
        campaigns = [c.id for c in self.calendar.campaigns]
        workspace = rows["workspace"].to_numpy()
        frame = pl.DataFrame(
            {
                "workspace_id": self._workspace_ids(workspace),
                "click_id": _numbered(f"clk_{day:%Y%m%d}_", len(rows)),
                "message_id": rows["message_id"],
                "campaign_id": _optional(campaigns, rows["campaign"].to_numpy()),
                "link_id": _numbered_by("lnk_", rows["template"].to_numpy()),
                "recipient": _plus(rows["phone"]),
                "url": rows["url"],
                "ip": rows["ip"],
                "user_agent": rows["user_agent"],
                "clicked_at": times(rows["at"].to_numpy()),
            }
        )
        self._parquet("link_clicks", day, _some(frame))

    def _messages(self, outbox: Outbox, part: slice) -> pl.DataFrame:
        population = self.population
        workspace = outbox.workspace[part]
        template = outbox.template[part]
        kind = template % len(ARCHETYPES)
        provider = outbox.provider[part]
        prices = [
            w.country.whatsapp_price[a.category] if is_whatsapp else w.country.sms_price
            for w in population.workspaces
            for a in ARCHETYPES
            for is_whatsapp in (False, True)
        ]
        price = np.array(prices)[(workspace * len(ARCHETYPES) + kind) * 2 + (provider == 0)]
        accepted = pl.Series(outbox.outcome[part] == 0)
        frame = pl.DataFrame(
            {
                "workspace_id": self._workspace_ids(workspace),
                "outbox_id": _numbered(f"out_{outbox.day:%Y%m%d}_", len(workspace), part.start),
                "message_id": outbox.message_id[part],
                "campaign_id": _optional([c.id for c in self.calendar.campaigns], outbox.campaign[part]),
                "template_id": lookup([t.id for t in population.templates], template),
                "channel": lookup(["whatsapp", "sms", "sms"], provider),
                "provider": lookup(list(PROVIDERS), provider),
                "recipient": _plus(pl.Series(outbox.phone[part])),
                "message_category": lookup([a.category for a in ARCHETYPES], kind),
                "outcome": lookup(list(OUTCOMES), outbox.outcome[part]),
                "skip_reason": _optional(list(SKIP_REASONS[1:]), outbox.skip_reason[part] - 1),
                "error_code": outbox.error_code[part],
                "body": bodies(population, template, outbox.contact[part], outbox.tail[part]),
                "price": price,
                "price_currency": lookup([w.country.currency for w in population.workspaces], workspace),
                "queued_at": pl.Series(outbox.queued_ms[part] * 1000).cast(TIME),
                "accepted": accepted,
            }
        )
        return frame.with_columns(
            pl.when(pl.col("error_code") > 0).then("error_code").alias("error_code"),
            pl.when("accepted").then("price").cast(pl.Decimal(18, 6)).alias("price"),
            pl.when("accepted").then("price_currency").alias("price_currency"),
        ).drop("accepted")

    def _contacts(self, rows: Ints, until: int | None = None) -> pl.DataFrame:
        contacts, pool = self.population.contacts, self.population.pool
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
                "contact_id": _numbered_by("con_", rows + 1),
                "phone": _plus(pl.Series(contacts.phone[rows])),
                "whatsapp_user_id": self._known_user_ids(rows),
                "email": emails(contacts, pool, rows),
                "first_name": pool.first_texts.gather(contacts.first_name[rows]),
                "last_name": pool.last_texts.gather(contacts.last_name[rows]),
                "language": lookup(list(self.population.languages), contacts.language[rows]),
                "custom_fields": _custom_fields(contacts, rows),
                "is_opted_in": opted_out == 0,
                "created_at": times(contacts.created_at[rows]),
                "updated_at": times(np.maximum.reduce(moments)),
                "deleted_at": times(deleted),
            }
        )

    def _known_user_ids(self, rows: Ints) -> pl.Series:
        contacts = self.population.contacts
        known = np.array([w.has_user_ids for w in self.population.workspaces])[contacts.workspace[rows]]
        frame = pl.DataFrame({"known": known, "id": user_ids(contacts, rows)})
        return frame.select(pl.when("known").then("id").alias("id")).to_series()

    def _workspaces(self) -> pl.DataFrame:
        workspaces = self.population.workspaces
        return pl.DataFrame(
            {
                "workspace_id": [w.id for w in workspaces],
                "name": [w.name for w in workspaces],
                "owner_email": [w.owner_email for w in workspaces],
                "owner_phone": [f"+{m.phone}" for m in self.population.members if m.role == "owner"],
                "country": [w.country.code for w in workspaces],
                "time_zone": [w.time_zone for w in workspaces],
                "industry": [w.industry for w in workspaces],
                "plan": [w.plan for w in workspaces],
                "created_at": stamps([w.created_at for w in workspaces]),
                "updated_at": stamps([w.created_at for w in workspaces]),
                "deleted_at": stamps([None] * len(workspaces)),
            }
        )

    def _channels(self) -> pl.DataFrame:
        rows: list[tuple[str, str, str | None, str, str, int, int | None]] = []
        for w in self.population.workspaces:
            moved = w.created_at + (seconds_of(self.population.spec.start) - w.created_at) // 2
            # Some workspaces once sent from another number.
            since = moved if w.index % 4 == 2 else w.created_at
            if since == moved:
                former = str(int(w.phone_number_id) - 1)
                number = str(w.display_number - 1)
                rows.append((w.id, "whatsapp", w.account_id, former, number, w.created_at, moved))
            rows.append(
                (w.id, "whatsapp", w.account_id, w.phone_number_id, str(w.display_number), since, None)
            )
            account = w.twilio_account if w.sms_provider == "twilio" else None
            shown = w.sms_sender.removeprefix("+")
            rows.append((w.id, w.sms_provider, account, w.sms_sender, shown, w.created_at, None))
        ids, providers, accounts, senders, numbers, since_all, until_all = zip(*rows, strict=True)
        return pl.DataFrame(
            {
                "workspace_id": ids,
                "provider": providers,
                "account_id": pl.Series(accounts, dtype=pl.String),
                "sender_id": senders,
                "display_phone_number": numbers,
                "valid_from": stamps(list(since_all)),
                "valid_to": stamps(list(until_all)),
                "updated_at": stamps([u or s for s, u in zip(since_all, until_all, strict=True)]),
                "deleted_at": stamps([None] * len(rows)),
            }
        )

    def _subscriptions(self, before: int) -> pl.DataFrame:
        return _subscription_rows(self.population.workspaces, before)

    def _ended_subscriptions(self, low: int, high: int) -> pl.DataFrame:
        ended = [w for w in self.population.workspaces if w.ended_on and low <= seconds_of(w.ended_on) < high]
        return _subscription_rows(tuple(ended), high)

    def _templates(self, before: int, *, without_unused: bool = False) -> pl.DataFrame:
        used = {c.template for c in self.calendar.campaigns}
        # Win-back texts that nobody sends are thrown away.
        rows = [
            t
            for t in self.population.templates
            if t.created_at < before
            and not (without_unused and t.archetype.name == "win_back" and t.index not in used)
        ]
        return pl.DataFrame(
            {
                "workspace_id": [self.population.workspaces[t.workspace].id for t in rows],
                "template_id": [t.id for t in rows],
                "name": [t.name for t in rows],
                "language": [t.language for t in rows],
                "message_category": [t.archetype.category for t in rows],
                "body": [t.text.replace("{name}", "{{1}}").replace("{tail}", "{{2}}") for t in rows],
                "updated_at": stamps([t.created_at for t in rows]),
                "deleted_at": stamps([None] * len(rows)),
            }
        )

    def _campaigns(self, low: int, high: int) -> pl.DataFrame:
        """Campaigns created on a day; on the first day also those created before it."""
        floor = 0 if low == seconds_of(self.population.spec.start) else low
        rows = [c for c in self.calendar.campaigns if floor <= c.created_at < high]
        return pl.DataFrame(
            {
                "workspace_id": [self.population.workspaces[c.workspace].id for c in rows],
                "campaign_id": [c.id for c in rows],
                "name": [c.name for c in rows],
                "channel": [c.channel for c in rows],
                "message_category": [c.category for c in rows],
                "template_id": [self.population.templates[c.template].id for c in rows],
                "variant": pl.Series([c.variant for c in rows], dtype=pl.String),
                "scheduled_at": stamps([c.starts_at for c in rows]),
                "created_at": stamps([c.created_at for c in rows]),
                "updated_at": stamps([c.created_at for c in rows]),
                "deleted_at": stamps([None] * len(rows)),
            }
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
        rows = [r for r in rows if since <= r[3] < before]
        return pl.DataFrame(
            {
                "workspace_id": [r[0] for r in rows],
                "message_log_retention_days": pl.Series([r[1] for r in rows], dtype=pl.Int64),
                "is_in_benchmarks": pl.Series([r[2] for r in rows], dtype=pl.Boolean),
                "valid_from": stamps([r[3] for r in rows]),
                "updated_at": stamps([r[3] for r in rows]),
            }
        )

    def _members(self) -> pl.DataFrame:
        members = self.population.members
        return pl.DataFrame(
            {
                "workspace_id": [self.population.workspaces[m.workspace].id for m in members],
                "member_id": [m.id for m in members],
                "name": [f"{m.first_name} {m.last_name}" for m in members],
                "email": [m.email for m in members],
                "phone": [f"+{m.phone}" for m in members],
                "role": [m.role for m in members],
                "created_at": stamps([m.created_at for m in members]),
                "updated_at": stamps([m.created_at for m in members]),
                "deleted_at": stamps([None] * len(members)),
            }
        )

    def _billing(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Invoices of the first of each month since the workspace began, and what was paid on them."""
        spec = self.population.spec
        rng = stream(spec.seed, "billing")
        end = spec.start + timedelta(days=spec.days)
        places = {
            c.code: addresses(c.name_locales[0], seed=f"{c.code}/{spec.seed}", count=20) for c in COUNTRIES
        }
        invoices: list[tuple[object, ...]] = []
        payments: list[tuple[object, ...]] = []
        for w in self.population.workspaces:
            place = places[w.country.code][w.index // len(COUNTRIES) % 20]
            for number, month in enumerate(_firsts(w.created_at, min(end, w.ended_on or end))):
                issued = seconds_of(month) + 6 * 3_600
                fee = _PLAN_PRICES[w.plan] + float(rng.gamma(2.0, 0.04)) * w.size
                amount = Decimal(round(fee * (1 + w.country.vat) * 100)) / 100
                invoice = f"inv_{w.index + 1:04}_{number + 1:03}"
                is_void = rng.random() < 0.01
                paid = issued + int(rng.integers(1, 21 * DAY_S))
                billing_name = w.name if not w.is_person else f"{w.owner_first} {w.owner_last}, sole trader"
                status = "void" if is_void else "open"
                row = (w.id, invoice, billing_name, place, amount, w.country.currency)
                invoices.append((*row, status, issued, issued))
                method = w.country.payment_methods[int(rng.integers(len(w.country.payment_methods)))]
                card = f"{rng.integers(10_000):04}" if method == "card" else None
                if not is_void and rng.random() < 0.97:
                    invoices.append((*row, "paid", issued, paid))
                    payment = invoice.replace("inv_", "pay_")
                    payments.append(
                        (w.id, payment, invoice, amount, w.country.currency, method, card, paid, paid)
                    )
        return _invoice_rows(invoices), _payment_rows(payments)

    def _workspace_ids(self, workspace: Ints) -> pl.Series:
        return lookup([w.id for w in self.population.workspaces], workspace)

    def _parquet(
        self,
        entity: str,
        day: date,
        frames: Iterator[pl.DataFrame] | list[pl.DataFrame],
        *,
        full: bool = False,
    ) -> None:
        counted = _counted(frames, self.inbox, f"app__{entity}")
        self.inbox.write_parquet(
            f"app/{entity}", day_name(day, "full.parquet" if full else "parquet"), counted
        )

    def _csv(self, entity: str, day: date, frame: pl.DataFrame, *, full: bool = False) -> None:
        self.inbox.records[f"app__{entity}"] += len(frame)
        self.inbox.write_csv(f"app/{entity}", day_name(day, "full.csv" if full else "csv"), frame)


def bodies(population: Population, template: Ints, contact: Ints, tail: pl.Series) -> pl.Series:
    """The messages as they were sent: template, first name, and a link or a number."""
    name = population.pool.first_texts.gather(population.contacts.first_name[contact])
    lead = [LINK_BASE if t.archetype.has_link else "" for t in population.templates]
    return merged([t.text for t in population.templates], template, name, tail, lead)


def merged(texts: list[str], index: Ints, name: pl.Series, tail: pl.Series, lead: list[str]) -> pl.Series:
    """Fill the two slots of templates."""
    cut = [text.partition("{tail}") for text in texts]
    heads = [before.partition("{name}") for before, _, _ in cut]
    frame = pl.DataFrame(
        {
            "a": lookup([h[0] for h in heads], index),
            "named": pl.Series(np.array([bool(h[1]) for h in heads])[index]),
            "name": name,
            "b": lookup([h[2] + start for h, start in zip(heads, lead, strict=True)], index),
            "tail": tail,
            "c": lookup([after for _, _, after in cut], index),
        }
    )
    shown = pl.when("named").then("name").otherwise(pl.lit(""))
    return frame.select(pl.concat_str("a", shown, "b", "tail", "c").alias("body")).to_series()


def _subscription_rows(workspaces: tuple[Workspace, ...], before: int) -> pl.DataFrame:
    ended = [
        seconds_of(w.ended_on) if w.ended_on and seconds_of(w.ended_on) < before else None for w in workspaces
    ]
    return pl.DataFrame(
        {
            "workspace_id": [w.id for w in workspaces],
            "subscription_id": [f"sub_{w.index + 1:04}" for w in workspaces],
            "plan": [w.plan for w in workspaces],
            "started_at": stamps([w.created_at for w in workspaces]),
            "ended_at": stamps(ended),
            "updated_at": stamps([e or w.created_at for e, w in zip(ended, workspaces, strict=True)]),
            "deleted_at": stamps([None] * len(workspaces)),
        }
    )


def _invoice_rows(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    columns = [
        "workspace_id",
        "invoice_id",
        "billing_name",
        "billing_address",
        "amount",
        "currency",
        "status",
    ]
    frame = pl.DataFrame(
        rows, schema=[*columns, "issued_at", "updated_at"], orient="row", infer_schema_length=None
    )
    return frame.with_columns((pl.col("issued_at", "updated_at") * 1_000_000).cast(TIME))


def _payment_rows(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    columns = ["workspace_id", "payment_id", "invoice_id", "amount", "currency", "method", "card_last4"]
    frame = pl.DataFrame(
        rows, schema=[*columns, "paid_at", "updated_at"], orient="row", infer_schema_length=None
    )
    return frame.with_columns((pl.col("paid_at", "updated_at") * 1_000_000).cast(TIME))


def _firsts(created_at: int, end: date) -> list[date]:
    """Firsts of the months after a workspace began, before ``end``."""
    month = (day_of(created_at).replace(day=1) + timedelta(days=32)).replace(day=1)
    months: list[date] = []
    while month < end:
        months.append(month)
        month = (month + timedelta(days=32)).replace(day=1)
    return months


def _custom_fields(contacts: Contacts, rows: Ints) -> pl.Series:
    """Fields of the workspace's own making; some of them say more than they should."""
    number = contacts.phone[rows]
    tables = {
        "segment": _SEGMENTS,
        "loyalty_tier": _TIERS,
        "source": _SOURCES,
        "notes": _NOTES,
    }
    pieces: list[pl.Series] = []
    for place, (key, values) in enumerate(tables.items()):
        texts = [f"{'{' if place == 0 else ','}{json.dumps(key)}:{json.dumps(v)}" for v in values]
        pieces.append(lookup(texts, number // (7 + 11 * place) % len(values)).alias(key))
    born = pl.Series(number % 28 + 1).cast(pl.String).str.zfill(2)
    frame = pl.DataFrame(pieces).with_columns(born.alias("born"), pl.Series(number % 5 < 3).alias("has"))
    full = pl.concat_str(*tables, pl.lit(',"birthday":"1984-06-'), "born", pl.lit('"}'))
    return frame.select(pl.when("has").then(full).alias("custom_fields")).to_series()


def _optional(texts: list[str], index: Ints) -> pl.Series:
    """Texts by index; null where the index is negative."""
    shown = pl.Series(index >= 0)
    frame = pl.DataFrame(
        {"shown": shown, "text": lookup([*texts, ""], np.where(index >= 0, index, len(texts)))}
    )
    return frame.select(pl.when("shown").then("text").alias("text")).to_series()


def _numbered(prefix: str, count: int, start: int = 0) -> pl.Series:
    return _numbered_by(prefix, np.arange(start + 1, start + count + 1))


def _numbered_by(prefix: str, numbers: Ints) -> pl.Series:
    frame = pl.DataFrame({"n": numbers})
    return frame.select(
        pl.concat_str(pl.lit(prefix), pl.col("n").cast(pl.String).str.zfill(7)).alias("id")
    ).to_series()


def _plus(phones: pl.Series) -> pl.Series:
    return phones.to_frame("phone").select(pl.concat_str(pl.lit("+"), "phone").alias("phone")).to_series()


def _at(seconds: int) -> pl.Expr:
    return pl.lit(seconds * 1_000_000).cast(TIME)


def _some(frame: pl.DataFrame) -> list[pl.DataFrame]:
    return [frame] if len(frame) else []


def _counted(
    frames: Iterator[pl.DataFrame] | list[pl.DataFrame], inbox: Inbox, contract: str
) -> Iterator[pl.DataFrame]:
    for frame in frames:
        inbox.records[contract] += len(frame)
        yield frame
