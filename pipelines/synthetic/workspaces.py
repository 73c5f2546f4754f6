"""Make the workspaces of the generated world, with their channels, members and templates."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from pipelines.synthetic.countries import Country, countries
from pipelines.synthetic.names import Pool, company_names, slug
from pipelines.synthetic.randomness import NEVER, stream
from pipelines.synthetic.spec import WorldSpec
from pipelines.synthetic.stamps import DAY_S, seconds_of
from pipelines.synthetic.wording import Archetype, wording

TINY_CONTACTS = 15
SOLE_TRADER_CONTACTS = 80
# Fewer than the smallest numbering plan has numbers.
LARGEST = 500_000
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


def make_workspaces(spec: WorldSpec, pool: Pool) -> tuple[Workspace, ...]:
    """Draw the workspaces of a world; a few are large, many small."""
    rng = stream(spec.seed, "workspaces")
    sizes = _sizes(spec, rng)
    count = -(-spec.workspaces // len(countries()))
    of_names = stream(spec.seed, "businesses")
    names = [company_names(country, rng=of_names, count=count) for country in countries()]
    made: list[Workspace] = []
    for index, size in enumerate(sizes):
        place, country = divmod(index, len(countries()))
        first = made[-1].first + made[-1].size if made else 0
        made.append(_workspace(rng, spec, pool, index, first=first, size=size, name=names[country][place]))
    return tuple(made)


def _workspace(
    rng: np.random.Generator, spec: WorldSpec, pool: Pool, index: int, *, first: int, size: int, name: str
) -> Workspace:
    place, country_index = divmod(index, len(countries()))
    country = countries()[country_index]
    person = rng.integers(0, country.numbers, 1)
    owner_first, owner_last = pool.name(country_index, person)
    is_person = spec.workspaces >= 3 and index == spec.workspaces - 2
    provider = "twilio" if country.code in ("US", "SG") or index % 7 == 5 else "smpp"
    sender = int(country.phones(rng.integers(0, country.numbers, 1))[0])
    return Workspace(
        index=index,
        id="ws_" + "".join(_ID_LETTERS[i] for i in rng.integers(0, 32, 10)),
        name=f"{owner_first} {owner_last}" if is_person else name,
        country=country,
        country_index=country_index,
        time_zone=country.time_zones[place % len(country.time_zones)],
        industry=INDUSTRIES[int(rng.integers(len(INDUSTRIES)))],
        plan=PLANS[1 + min(2, size // max(1, spec.contacts))] if size > TINY_CONTACTS else "free",
        created_at=seconds_of(spec.start) - int(rng.integers(40, 900)) * DAY_S + int(rng.integers(DAY_S)),
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
        language=next(iter(country.languages)),
        owner_first=owner_first,
        owner_last=owner_last,
    )


def _sizes(spec: WorldSpec, rng: np.random.Generator) -> list[int]:
    """Draw contacts per workspace: a few large, many small; from three on a tiny one and a sole trader."""
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
    """Return when a subscription ended: most run on, some end shortly before or within the period."""
    if spec.account_ends is not None:
        # Spread over the workspaces, the last one first, and over the middle third.
        ends = spec.account_ends
        number, rest = divmod(spec.workspaces - 1 - index, spec.workspaces // max(1, ends))
        if rest or number >= ends:
            return None
        return spec.start + timedelta(days=max(1, spec.days * 2 // 5 + number * spec.days // (3 * ends)))
    if index % 10 == 7:
        return spec.start + timedelta(days=max(1, spec.days * 2 // 5))
    if index % 10 == 9 and index < spec.workspaces - 2:
        return spec.start - timedelta(days=12)
    return None


def make_members(spec: WorldSpec, pool: Pool, workspaces: tuple[Workspace, ...]) -> tuple[Member, ...]:
    """Draw the team of each workspace, its owner first."""
    rng = stream(spec.seed, "members")
    made: list[Member] = []
    for workspace in workspaces:
        count = 1 if workspace.is_person else 2 + min(7, workspace.size // 150)
        people = rng.choice(workspace.country.numbers, count, replace=False)
        phones = workspace.country.phones(people)
        given = pool.first.indices(workspace.country_index, people)
        family = pool.last.indices(workspace.country_index, people)
        for place in range(count):
            is_owner = place == 0
            first_name = workspace.owner_first if is_owner else pool.first.all[int(given[place])]
            last_name = workspace.owner_last if is_owner else pool.last.all[int(family[place])]
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


def make_templates(spec: WorldSpec, workspaces: tuple[Workspace, ...]) -> tuple[Template, ...]:
    """Draw one template per workspace and archetype, in this order."""
    rng = stream(spec.seed, "templates")
    made: list[Template] = []
    for workspace in workspaces:
        for place, archetype in enumerate(wording().archetypes):
            second = [*workspace.country.languages][-1]
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
