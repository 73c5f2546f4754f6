"""What the rules say of whole workspaces, so that rows need only look theirs up."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime

from warehouse.retention.plan import Reason
from warehouse.retention.records import DEFAULT_SUBJECT, AppliedWindow, subject
from warehouse.retention.rules import (
    Clock,
    Facts,
    Precedence,
    Window,
    changes_between,
    expired_through,
    terminated_on,
    version_at,
    window_at,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the rows of a workspace in one category.

    Attributes:
        days: Class its rows belong in; None: the one they are in.
        through: Newest event day that is past its window; None: as the class of the partition says.
        is_ended: All its rows go, whatever their day.
    """

    reason: Reason
    days: int | None = None
    through: date | None = None
    is_ended: bool = False


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Verdicts of one category.

    Attributes:
        default: For workspaces not listed; None: their rows are where they belong.
        through: Newest expired event day where one window holds for all workspaces; else None: the class
            of a partition says it.
        applied: Classes as they will be, to be recorded: (category, subject) → class.
        horizons: Newest expired days to be recorded.
    """

    default: Verdict | None = None
    listed: Mapping[str, Verdict] = field(default_factory=dict)
    through: date | None = None
    applied: Mapping[tuple[str, str], AppliedWindow] = field(default_factory=dict)
    horizons: Mapping[tuple[str, str], date] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether no row needs to be looked at: partitions say all there is to know."""
        return self.default is None and not self.listed


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger remembers that bears on verdicts."""

    applied: Mapping[tuple[str, str], AppliedWindow]
    horizons: Mapping[tuple[str, str], date]
    applied_as_of: datetime | None
    subject_key: bytes


def verdicts_of(
    facts: Facts, category: str, *, ended: Mapping[str, date], as_of: datetime, known: Known
) -> Verdicts:
    """Which workspaces' rows of a category have to be looked at, and what to do with them.

    Args:
        ended: Workspaces whose data must be gone by now → since which day.
    """
    rule = version_at(facts, as_of).rules[category]
    by_window = Verdicts()
    if rule.clock is Clock.EVENT:
        by_window = _by_window(facts, category, as_of=as_of, known=known)
    if rule.outlives_account:
        return by_window
    endings = {
        workspace: Verdict(ended_reason(facts, category, day, as_of), is_ended=True)
        for workspace, day in ended.items()
    }
    return replace(by_window, listed={**by_window.listed, **endings})


def ended_workspaces(facts: Facts, *, as_of: datetime) -> dict[str, date]:
    """Workspaces whose data must be gone by now, and since which day."""
    days = {workspace: terminated_on(facts, workspace, as_of) for workspace in facts.ended}
    return {workspace: day for workspace, day in days.items() if day is not None and day <= as_of.date()}


def ended_reason(facts: Facts, category: str, day: date, as_of: datetime) -> Reason:
    """Why rows of an ended workspace go."""
    version = version_at(facts, as_of).effective_from
    return Reason(Precedence.TERMINATION.value, category, None, version, day)


def window_reason(category: str, window: Window, due: date | None) -> Reason:
    """Why rows go, or move, because of their window."""
    return Reason(window.precedence.value, category, window.days, window.version, due)


def digest_of(facts: Facts, *, key: bytes) -> str:
    """Keyed digest of all facts, to see whether any changed."""
    holds = sorted((hold.name, hold.expires_at) for hold in facts.holds)
    content = [asdict(version) for version in facts.versions], list(facts.classes), holds
    settings = sorted((subject(key, w), _history(facts, w)) for w in facts.settings)
    ended = sorted((subject(key, w), at) for w, at in facts.ended.items())
    return _digest([content, settings, ended])


def _by_window(facts: Facts, category: str, *, as_of: datetime, known: Known) -> Verdicts:
    everyone = window_at(facts, category, None, as_of)
    through = expired_through(facts, category, None, as_of)
    applied = {(category, DEFAULT_SUBJECT): AppliedWindow(everyone.days or 0, _rules(facts, category, as_of))}
    horizons = {(category, DEFAULT_SUBJECT): through} if through else {}
    if not version_at(facts, as_of).rules[category].per_workspace:
        return Verdicts(through=through, applied=applied, horizons=horizons)
    before = known.applied.get((category, DEFAULT_SUBJECT))
    since = known.applied_as_of or as_of
    all_changed = before != applied[category, DEFAULT_SUBJECT] or changes_between(
        facts, category, None, since, as_of
    )
    listed = {}
    for workspace in facts.settings:
        window = window_at(facts, category, workspace, as_of)
        who = category, subject(known.subject_key, workspace)
        applied[who] = AppliedWindow(window.days or 0, _history(facts, workspace))
        days = [
            expired_through(facts, category, workspace, as_of),
            known.horizons.get(who, known.horizons.get((category, DEFAULT_SUBJECT))),
        ]
        reached = max((day for day in days if day is not None), default=None)
        if reached is not None:
            horizons[who] = reached
        if who in known.applied:
            changed = known.applied[who] != applied[who] or changes_between(
                facts, category, workspace, since, as_of
            )
        else:
            # Until it chose, its rows were in the default class, and went with it.
            changed = window.days != everyone.days or (reached or date.min) > (through or date.min)
        if all_changed or changed:
            listed[workspace] = Verdict(window_reason(category, window, None), window.days, reached)
    default = Verdict(window_reason(category, everyone, None), everyone.days, through)
    return Verdicts(default if all_changed else None, listed, None, applied, horizons)


def _rules(facts: Facts, category: str, as_of: datetime) -> str:
    """Digest of a category's rules so far: two versions may come at once, and the later hide the earlier."""
    begun = [v for v in facts.versions if v.effective_from <= as_of.date()]
    return _digest([(v.effective_from, asdict(v.rules[category])) for v in begun])


def _history(facts: Facts, workspace: str) -> str:
    choices: Iterable[tuple[str, int | None]] = [
        (setting.valid_from.isoformat(), setting.days) for setting in facts.settings[workspace]
    ]
    return _digest(choices)


def _digest(content: object) -> str:
    text = json.dumps(content, default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
