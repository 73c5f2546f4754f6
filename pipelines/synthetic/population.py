"""Who lives in the world: workspaces with their channels, members, templates and contacts."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from pipelines.synthetic.countries import COUNTRIES, Country
from pipelines.synthetic.names import MAIL_DOMAINS, Pool, company_names, escaped, make_pool, slug
from pipelines.synthetic.randomness import NEVER, Flags, Ints, chance, pick, stream
from pipelines.synthetic.spec import WorldSpec
from pipelines.synthetic.stamps import DAY_S, seconds_of
from pipelines.synthetic.wording import ARCHETYPES, Archetype

TINY_CONTACTS = 15
SOLE_TRADER_CONTACTS = 80
# Fewer than the smallest numbering plan has numbers.
LARGEST = 500_000
# Share of contacts whose number is of another country than the workspace's.
FOREIGN_SHARE = 0.04
# Contacts share a pool three times their number, so that some people are contacts of several workspaces.
POOL_FACTOR = 3
# Of four weeks; in a long period at most so many contacts are new.
NEW_PER_MONTH, DELETED_PER_MONTH = 0.08, 0.006
MOST_NEW = 0.5
RETENTION_CHOICES = (None, 90, 30, 180, 60, 365, 15, 120, 90, 45)
INDUSTRIES = ("retail", "food", "health", "education", "travel", "finance", "services", "other")
PLANS = ("free", "starter", "growth", "enterprise")
_ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True)
class Workspace:
    """One customer of WaSMS; ``first`` and ``size`` say where its contacts stand in the columns."""

    index: int
    id: str
    name: str
    country: Country
    country_index: int
    time_zone: str
    industry: str
    plan: str
    created_at: int
    ended_on: date | None
    first: int
    size: int
    is_person: bool
    intensity: float
    retention_days: int | None
    is_in_benchmarks: bool
    has_user_ids: bool
    is_priced_by_conversation: bool
    account_id: str
    phone_number_id: str
    display_number: int
    twilio_account: str
    sms_provider: str
    sms_sender: str
    language: str
    owner_first: str
    owner_last: str

    @property
    def owner_email(self) -> str:
        return f"{slug(self.owner_first)}.{slug(self.owner_last)}@{self.mail_domain}"

    @property
    def mail_domain(self) -> str:
        return f"{slug(self.name)[:24].strip('-') or 'mail'}.example.com"


@dataclass(frozen=True, slots=True)
class Template:
    """One message template of one workspace."""

    index: int
    id: str
    meta_id: int
    workspace: int
    name: str
    language: str
    archetype: Archetype
    created_at: int

    @property
    def text(self) -> str:
        return self.archetype.texts[self.language]


@dataclass(frozen=True, slots=True)
class Member:
    """One team member of one workspace."""

    id: str
    workspace: int
    first_name: str
    last_name: str
    email: str
    phone: int
    role: str
    created_at: int
    has_consented: bool
    consent_changes_at: int


@dataclass(slots=True)
class Contacts:
    """All contacts, one array per attribute, workspace after workspace.

    ``opted_out_at``, ``deleted_at`` (seconds, `NEVER` where not) and ``phone`` change as days go by.
    """

    workspace: Ints
    country: Ints
    phone: Ints
    first_name: Ints
    last_name: Ints
    language: Ints
    user_number: Ints
    created_at: Ints
    deleted_at: Ints
    opted_out_at: Ints
    changed_at: Ints
    engagement: np.ndarray[tuple[int], np.dtype[np.float64]]
    hides_number: Flags
    profile: pl.Series

    def __len__(self) -> int:
        return len(self.phone)


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody. ``languages`` are the codes that ``Contacts.language`` points into."""

    spec: WorldSpec
    pool: Pool
    languages: tuple[str, ...]
    workspaces: tuple[Workspace, ...]
    members: tuple[Member, ...]
    templates: tuple[Template, ...]
    contacts: Contacts


def populate(spec: WorldSpec) -> Population:
    """Make everybody who lives in the world of ``spec``."""
    pool = make_pool(spec.seed)
    languages = tuple(sorted({code for c in COUNTRIES for code, _ in c.languages}))
    workspaces = _workspaces(spec, pool)
    return Population(
        spec=spec,
        pool=pool,
        languages=languages,
        workspaces=workspaces,
        members=_members(spec, pool, workspaces),
        templates=_templates(spec, workspaces),
        contacts=_contacts(spec, pool, workspaces, languages),
    )


def _sizes(spec: WorldSpec, rng: np.random.Generator) -> list[int]:
    """Contacts per workspace: a few large, many small; from three on a tiny one and a sole trader."""
    weights = rng.lognormal(0.0, 0.6, spec.workspaces)
    total = spec.workspaces * spec.contacts
    fixed: dict[int, int] = {}
    if spec.workspaces >= 3:
        fixed = {
            spec.workspaces - 1: TINY_CONTACTS,
            spec.workspaces - 2: min(SOLE_TRADER_CONTACTS, spec.contacts),
        }
        weights[list(fixed)] = 0.0
    # A subscription that ends should not take half of the world with it.
    weights[7::10] = np.minimum(weights[7::10], 0.7)
    shares = weights / weights.sum() * (total - sum(fixed.values()))
    return [fixed.get(i, min(LARGEST, max(20, round(share)))) for i, share in enumerate(shares)]


def _ended_on(spec: WorldSpec, index: int) -> date | None:
    """Most subscriptions run on; some ended shortly before the period, some end within it."""
    if spec.account_ends is not None:
        return _nth_account_end(spec, index)
    if index % 10 == 7:
        return spec.start + timedelta(days=max(1, spec.days * 2 // 5))
    if index % 10 == 9 and index < spec.workspaces - 2:
        return spec.start - timedelta(days=12)
    return None


def _nth_account_end(spec: WorldSpec, index: int) -> date | None:
    """Spread the account ends asked for over the workspaces, the last one first, and the middle third."""
    ends = spec.account_ends or 0
    number, rest = divmod(spec.workspaces - 1 - index, spec.workspaces // max(1, ends))
    if rest or number >= ends:
        return None
    return spec.start + timedelta(days=max(1, spec.days * 2 // 5 + number * spec.days // (3 * ends)))


def _workspaces(spec: WorldSpec, pool: Pool) -> tuple[Workspace, ...]:
    rng = stream(spec.seed, "workspaces")
    sizes = _sizes(spec, rng)
    count = -(-spec.workspaces // len(COUNTRIES))
    names = {
        c.code: company_names(c.name_locales[-1], seed=f"{c.code}/{spec.seed}", count=count)
        for c in COUNTRIES
    }
    made: list[Workspace] = []
    first = 0
    for index, size in enumerate(sizes):
        country_index = index % len(COUNTRIES)
        country = COUNTRIES[country_index]
        person = rng.integers(0, country.numbers, 1)
        owner_first = pool.first[int(pool.first_indices(country_index, person)[0])]
        owner_last = pool.last[int(pool.last_indices(country_index, person)[0])]
        is_person = spec.workspaces >= 3 and index == spec.workspaces - 2
        provider = "twilio" if country.code in ("US", "SG") or index % 7 == 5 else "smpp"
        sender = int(country.phones(rng.integers(0, country.numbers, 1))[0])
        made.append(
            Workspace(
                index=index,
                id="ws_" + "".join(_ID_LETTERS[i] for i in rng.integers(0, 32, 10)),
                name=f"{owner_first} {owner_last}"
                if is_person
                else names[country.code][index // len(COUNTRIES)],
                country=country,
                country_index=country_index,
                time_zone=country.time_zones[index // len(COUNTRIES) % len(country.time_zones)],
                industry=INDUSTRIES[int(rng.integers(len(INDUSTRIES)))],
                plan=PLANS[1 + min(2, size // max(1, spec.contacts))] if size > TINY_CONTACTS else "free",
                created_at=seconds_of(spec.start)
                - int(rng.integers(40, 900)) * DAY_S
                + int(rng.integers(DAY_S)),
                ended_on=_ended_on(spec, index),
                first=first,
                size=size,
                is_person=is_person,
                intensity=float(rng.lognormal(0.0, 0.25)),
                retention_days=RETENTION_CHOICES[index % len(RETENTION_CHOICES)],
                is_in_benchmarks=bool(rng.random() < 0.6),
                has_user_ids=index % 3 != 1,
                is_priced_by_conversation=index % 5 == 3,
                account_id=str(rng.integers(10**14, 10**15)),
                phone_number_id=str(rng.integers(10**14, 10**15)),
                display_number=int(country.phones(rng.integers(0, country.numbers, 1))[0]),
                twilio_account="AC" + rng.bytes(16).hex(),
                sms_provider=provider,
                sms_sender=f"+{sender}" if provider == "twilio" else f"{country.code.lower()}-{index + 1}",
                language=country.languages[0][0],
                owner_first=owner_first,
                owner_last=owner_last,
            )
        )
        first += size
    return tuple(made)


def _members(spec: WorldSpec, pool: Pool, workspaces: tuple[Workspace, ...]) -> tuple[Member, ...]:
    rng = stream(spec.seed, "members")
    made: list[Member] = []
    for workspace in workspaces:
        count = 1 if workspace.is_person else 2 + min(7, workspace.size // 150)
        people = rng.choice(workspace.country.numbers, count, replace=False)
        phones = workspace.country.phones(people)
        given = pool.first_indices(workspace.country_index, people)
        family = pool.last_indices(workspace.country_index, people)
        for place in range(count):
            is_owner = place == 0
            first_name = workspace.owner_first if is_owner else pool.first[int(given[place])]
            last_name = workspace.owner_last if is_owner else pool.last[int(family[place])]
            changes = rng.random() < 0.1
            made.append(
                Member(
                    id=f"mem_{rng.bytes(6).hex()}",
                    workspace=workspace.index,
                    first_name=first_name,
                    last_name=last_name,
                    email=workspace.owner_email
                    if is_owner
                    else f"{slug(first_name)}.{slug(last_name)}{place}@{workspace.mail_domain}",
                    phone=int(phones[place]),
                    role="owner" if is_owner else ("admin", "editor", "editor", "viewer")[place % 4],
                    created_at=min(
                        seconds_of(spec.start) - DAY_S,
                        workspace.created_at + int(rng.integers(0, 200)) * DAY_S * (not is_owner),
                    ),
                    has_consented=bool(rng.random() < 0.75),
                    consent_changes_at=seconds_of(spec.start) + int(rng.integers(spec.days * DAY_S))
                    if changes
                    else NEVER,
                )
            )
    return tuple(made)


def _templates(spec: WorldSpec, workspaces: tuple[Workspace, ...]) -> tuple[Template, ...]:
    rng = stream(spec.seed, "templates")
    made: list[Template] = []
    for workspace in workspaces:
        for place, archetype in enumerate(ARCHETYPES):
            second = workspace.country.languages[-1][0]
            language = second if place % 4 == 3 and workspace.size > TINY_CONTACTS else workspace.language
            # Some templates carry the name of the person who signs them.
            signed = place == 3 and workspace.index % 4 == 0
            name = f"{archetype.name}_from_{slug(workspace.owner_first)}" if signed else archetype.name
            made.append(
                Template(
                    index=len(made),
                    id=f"tpl_{workspace.index + 1}_{place + 1}",
                    meta_id=int(rng.integers(10**14, 10**15)),
                    workspace=workspace.index,
                    name=f"{name}_{language.lower()}",
                    language=language,
                    archetype=archetype,
                    created_at=min(
                        workspace.created_at + int(rng.integers(1, 30)) * DAY_S,
                        seconds_of(spec.start) - DAY_S,
                    ),
                )
            )
    return tuple(made)


def _contacts(
    spec: WorldSpec, pool: Pool, workspaces: tuple[Workspace, ...], languages: tuple[str, ...]
) -> Contacts:
    rng = stream(spec.seed, "contacts")
    by_country = np.zeros(len(COUNTRIES), dtype=np.int64)
    for workspace in workspaces:
        by_country[workspace.country_index] += workspace.size
    total = int(by_country.sum())
    country = np.empty(total, dtype=np.int64)
    person = np.empty(total, dtype=np.int64)
    for workspace in workspaces:
        part = slice(workspace.first, workspace.first + workspace.size)
        abroad = chance(rng, FOREIGN_SHARE, workspace.size)
        country[part] = np.where(
            abroad, rng.integers(0, len(COUNTRIES), workspace.size), workspace.country_index
        )
        # One draw without repetition serves all countries: a person's number is unique within each of them.
        smallest = min(c.numbers for c in COUNTRIES)
        people = min(smallest, POOL_FACTOR * max(int(by_country[workspace.country_index]), workspace.size))
        person[part] = rng.choice(people, workspace.size, replace=False)
    phone = np.empty(total, dtype=np.int64)
    given = np.empty(total, dtype=np.int64)
    family = np.empty(total, dtype=np.int64)
    language = np.empty(total, dtype=np.int64)
    for index, facts in enumerate(COUNTRIES):
        of = np.flatnonzero(country == index)
        phone[of] = facts.phones(person[of])
        given[of] = pool.first_indices(index, person[of])
        family[of] = pool.last_indices(index, person[of])
        codes = np.array([languages.index(code) for code, _ in facts.languages])
        language[of] = codes[pick(rng, [w for _, w in facts.languages], len(of))]
    start, days = seconds_of(spec.start), spec.days
    born_within = chance(rng, min(MOST_NEW, _in_period(NEW_PER_MONTH, days)), total)
    created = np.where(
        born_within,
        start + rng.integers(0, days * DAY_S, total),
        start - DAY_S - rng.integers(0, 700 * DAY_S, total),
    )
    deleted = np.where(
        chance(rng, _in_period(DELETED_PER_MONTH, days), total),
        start + rng.integers(0, days * DAY_S, total),
        NEVER,
    )
    deleted[deleted <= created] = NEVER
    opted_out = np.where(
        chance(rng, 0.03, total) & ~born_within, start - rng.integers(1, 30 * DAY_S, total), NEVER
    )
    opted_out[opted_out <= created] = NEVER
    return Contacts(
        workspace=np.repeat(np.arange(len(workspaces)), [w.size for w in workspaces]),
        country=country,
        phone=phone,
        first_name=given,
        last_name=family,
        language=language,
        user_number=rng.integers(10**17, 9 * 10**17, total),
        created_at=created,
        deleted_at=deleted,
        opted_out_at=opted_out,
        changed_at=np.where(opted_out < NEVER, opted_out, created),
        engagement=rng.gamma(4.0, 0.25, total),
        hides_number=chance(rng, 0.01, total),
        profile=_profiles(rng, pool, given, family),
    )


def _in_period(monthly: float, days: int) -> float:
    """Return the share that something happens to in ``days``, if ``monthly`` is the share in four weeks."""
    return float(1 - (1 - monthly) ** (days / 28))


def _profiles(rng: np.random.Generator, pool: Pool, given: Ints, family: Ints) -> pl.Series:
    """Profile names as people choose them, escaped for JSON."""
    style = pick(rng, [60, 24, 6, 4, 6], len(given))
    frame = pl.DataFrame(
        {
            "style": style,
            "first": pool.first_json.gather(given),
            "last": pool.last_json.gather(family),
            "initial": pool.last_slugs.gather(family).str.head(1),
        }
    )
    first, last = pl.col("first"), pl.col("last")
    shown = (
        pl.when(pl.col("style") == 0)
        .then(pl.concat_str(first, pl.lit(" "), last))
        .when(pl.col("style") == 1)
        .then(first)
        .when(pl.col("style") == 2)
        .then(pl.concat_str(first, pl.lit(" " + escaped("🌸"))))
        .when(pl.col("style") == 3)
        .then(pl.concat_str(first.str.to_lowercase(), pl.lit("_"), "initial"))
        .otherwise(pl.concat_str(last, pl.lit(" "), first))
    )
    return frame.select(shown.alias("profile")).to_series()


def emails(contacts: Contacts, pool: Pool, rows: Ints) -> pl.Series:
    """E-mail addresses of some contacts; three in ten have none."""
    number = contacts.phone[rows]
    frame = pl.DataFrame(
        {
            "first": pool.first_slugs.gather(contacts.first_name[rows]),
            "last": pool.last_slugs.gather(contacts.last_name[rows]),
            "tail": number % 97,
            "domain": pl.Series(MAIL_DOMAINS).gather(number % len(MAIL_DOMAINS)),
            "has": number % 10 < 7,
        }
    )
    address = pl.concat_str("first", pl.lit("."), "last", "tail", pl.lit("@"), "domain")
    return frame.select(pl.when("has").then(address).alias("email")).to_series()


def user_ids(contacts: Contacts, rows: Ints) -> pl.Series:
    """Business-scoped user ids, e.g. `DE.512345678901234567`."""
    codes = pl.Series([c.code for c in COUNTRIES]).gather(contacts.country[rows])
    frame = pl.DataFrame({"code": codes, "number": contacts.user_number[rows]})
    return frame.select(pl.concat_str("code", pl.lit("."), "number").alias("user_id")).to_series()
