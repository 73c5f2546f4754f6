"""Plan which campaign goes out when, and to how many, in each workspace."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import stream
from pipelines.synthetic.stamps import DAY_S, day_of, seconds_of
from pipelines.synthetic.wording import wording
from pipelines.synthetic.workspaces import Workspace

# The rest are single messages: order updates, reminders, codes.
CAMPAIGN_SHARE = 0.88
SMS_SHARE = 0.25
AB_SHARE = 0.12
# A campaign to a hand-picked few, as every business sends now and then.
SMALL_SHARE = 0.12
TYPICAL_AUDIENCE = 0.55
# When businesses press send: local hour 8-20, and weekdays from Monday.
HOUR_WEIGHTS = np.array([2, 5, 9, 10, 7, 5, 4, 5, 6, 9, 10, 6, 2], dtype=float)
FIRST_HOUR = 8
WEEKDAY_WEIGHTS = np.array([7, 10, 10, 11, 9, 5, 2], dtype=float)


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign (or one arm of an A/B test): its template, start and number of recipients."""

    index: int
    id: str
    workspace: int
    name: str
    template: int
    channel: str
    category: str
    variant: str | None
    audience: int
    starts_at: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """All campaigns, by UTC day of their start, and each day's number of single messages by workspace."""

    campaigns: tuple[Campaign, ...]
    by_day: dict[date, tuple[Campaign, ...]]
    singles: dict[date, tuple[int, ...]]


def plan_calendar(population: Population) -> Calendar:
    """Spread the messages asked for over weeks and workspaces."""
    spec = population.spec
    rng = stream(spec.seed, "calendar")
    budgets = _weekly_budgets(population, round(spec.message_target * CAMPAIGN_SHARE))
    campaigns: list[Campaign] = []
    for (workspace, week_start, days), budget in budgets:
        for audience in _audiences(rng, workspace, budget):
            campaigns += _schedule(rng, population, workspace, week_start, days, audience, len(campaigns))
    by_day: dict[date, list[Campaign]] = {}
    for campaign in campaigns:
        by_day.setdefault(day_of(campaign.starts_at), []).append(campaign)
    return Calendar(
        campaigns=tuple(campaigns),
        by_day={
            day: tuple(sorted(those, key=lambda c: (c.workspace, c.starts_at, c.index)))
            for day, those in by_day.items()
        },
        singles=_singles(population, spec.message_target - sum(c.audience for c in campaigns)),
    )


def is_active(workspace: Workspace, day: date) -> bool:
    """Return whether the workspace has a running subscription on a day."""
    return workspace.ended_on is None or day < workspace.ended_on


def hours_ahead(workspace: Workspace, day: date) -> int:
    """Return the whole hours that a workspace's clock is ahead of UTC on a day."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(workspace.time_zone))
    offset = noon.utcoffset() or timedelta()
    return round(offset / timedelta(hours=1))


def _weekly_budgets(population: Population, total: int) -> list[tuple[tuple[Workspace, date, int], int]]:
    """Return messages per workspace and week, in proportion to contacts, activity and days."""
    spec = population.spec
    cells: list[tuple[Workspace, date, int]] = []
    weights: list[float] = []
    for workspace in population.workspaces:
        for offset in range(0, spec.days, 7):
            start = spec.start + timedelta(days=offset)
            days = [start + timedelta(days=d) for d in range(min(7, spec.days - offset))]
            active = sum(is_active(workspace, d) for d in days)
            if active:
                cells.append((workspace, start, active))
                weights.append(workspace.size * workspace.intensity * active)
    shares = np.array(weights) / np.sum(weights) * total
    return list(zip(cells, np.round(shares).astype(int).tolist(), strict=True))


def _audiences(rng: np.random.Generator, workspace: Workspace, budget: int) -> list[int]:
    """Cut a week's budget into campaigns of believable size."""
    if budget <= 0:
        return []
    count = max(1, round(budget / (workspace.size * TYPICAL_AUDIENCE)))
    shares = rng.beta(2.5, 2.0, count)
    sizes = np.minimum(np.round(shares / shares.sum() * budget), workspace.size).astype(int)
    if workspace.size > 60 and rng.random() < SMALL_SHARE * count:
        sizes = np.append(sizes, rng.integers(4, 40))
    return [int(size) for size in sizes if size > 0]


def _schedule(
    rng: np.random.Generator,
    population: Population,
    workspace: Workspace,
    week_start: date,
    days: int,
    audience: int,
    index: int,
) -> list[Campaign]:
    """Choose time, template, channel and name; an A/B test becomes two campaigns of half the size."""
    weekdays = [(week_start + timedelta(days=d)).weekday() for d in range(days)]
    weights = WEEKDAY_WEIGHTS[weekdays] / WEEKDAY_WEIGHTS[weekdays].sum()
    day = week_start + timedelta(days=int(rng.choice(days, p=weights)))
    hour = FIRST_HOUR + int(rng.choice(len(HOUR_WEIGHTS), p=HOUR_WEIGHTS / HOUR_WEIGHTS.sum()))
    starts_at = _in_period(population, workspace, day, hour, 15 * int(rng.integers(4)))
    kinds = wording().marketing if rng.random() < 0.85 else wording().service[:2]
    kind_weights = np.array([wording().archetypes[k].weight for k in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=kind_weights / kind_weights.sum()))]
    channel = "sms" if rng.random() < SMS_SHARE else "whatsapp"
    name = _name(rng, workspace, day)
    parts: list[tuple[str | None, int]] = [(None, audience)]
    if rng.random() < AB_SHARE and audience >= 100:
        parts = [("A", audience // 2), ("B", audience - audience // 2)]
    return [
        Campaign(
            index=index + place,
            id=f"cmp_{index + place + 1:06}",
            workspace=workspace.index,
            name=name,
            template=workspace.index * len(wording().archetypes) + kind,
            channel=channel,
            category=wording().archetypes[kind].category,
            variant=variant,
            audience=size,
            starts_at=starts_at,
            created_at=starts_at - int(rng.integers(1, 4 * DAY_S)),
        )
        for place, (variant, size) in enumerate(parts)
    ]


def _in_period(population: Population, workspace: Workspace, day: date, hour: int, minute: int) -> int:
    """Return a local time in UTC seconds, moved into the period where the time zone pushes it out."""
    spec = population.spec
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(workspace.time_zone))
    at = int(local.astimezone(UTC).timestamp())
    first, last = seconds_of(spec.start), seconds_of(spec.start + timedelta(days=spec.days))
    if at < first:
        return at + DAY_S
    return at - DAY_S if at >= last else at


def _name(rng: np.random.Generator, workspace: Workspace, day: date) -> str:
    """Draw a name out of a modest number: an occasion, sometimes with the week, rarely with a person."""
    draw = rng.random()
    if draw < 0.04:
        pattern = wording().with_names[int(rng.integers(len(wording().with_names)))]
        return pattern.format(name=f"{workspace.owner_first} {workspace.owner_last}")
    occasions = wording().occasions[workspace.language]
    occasion = occasions[int(rng.integers(len(occasions)))]
    if draw < 0.3:
        return f"{occasion} {day.year}"
    if draw < 0.5:
        return f"{occasion} W{day.isocalendar().week}"
    return occasion


def _singles(population: Population, total: int) -> dict[date, tuple[int, ...]]:
    """Draw single messages per day and workspace, fewer at weekends."""
    spec = population.spec
    rng = stream(spec.seed, "singles")
    days = [spec.start + timedelta(days=d) for d in range(spec.days)]
    weights = np.array(
        [[w.size * w.intensity * is_active(w, day) for w in population.workspaces] for day in days]
    )
    weights *= np.array([0.5 + WEEKDAY_WEIGHTS[day.weekday()] / 10 for day in days])[:, np.newaxis]
    expected = weights / weights.sum() * max(0, total)
    return {day: tuple(row) for day, row in zip(days, rng.poisson(expected).tolist(), strict=True)}
