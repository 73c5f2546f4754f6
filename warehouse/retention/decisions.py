"""Decide by the rules for whole workspaces, so that each row need only look up its workspace."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime

from warehouse.retention.plan import Reason
from warehouse.retention.records import DEFAULT_SUBJECT, AppliedWindow, subject
from warehouse.retention.rules import (
    Clock,
    Precedence,
    RetentionInputs,
    Window,
    changes_between,
    expired_through,
    terminated_on,
    version_at,
    window_at,
)


@dataclass(frozen=True, slots=True)
class Decision:
    """Say what happens to the rows of a workspace in one category.

    Attributes:
        days: Class that its rows belong in; None: the class they are in.
        through: Newest event day that is past its window; None: the class of the partition says it.
        is_ended: All its rows go, whatever their day.
    """

    reason: Reason
    days: int | None = None
    through: date | None = None
    is_ended: bool = False


@dataclass(frozen=True, slots=True)
class Decisions:
    """Hold the decisions of one category.

    Attributes:
        default: For workspaces that are not listed; None: their rows are where they belong.
        through: Newest expired event day if one window applies to all workspaces; None: the class of a
            partition says it.
        applied: Classes to be recorded: (category, subject) → class.
        horizons: Newest expired days to be recorded.
    """

    default: Decision | None = None
    listed: Mapping[str, Decision] = field(default_factory=dict)
    through: date | None = None
    applied: Mapping[tuple[str, str], AppliedWindow] = field(default_factory=dict)
    horizons: Mapping[tuple[str, str], date] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Return whether no row needs to be looked at, because partitions decide for all their rows."""
        return self.default is None and not self.listed


@dataclass(frozen=True, slots=True)
class Known:
    """Hold what the ledger remembers of earlier decisions."""

    applied: Mapping[tuple[str, str], AppliedWindow]
    horizons: Mapping[tuple[str, str], date]
    applied_as_of: datetime | None
    subject_key: bytes


def decisions_of(
    inputs: RetentionInputs, category: str, *, ended: Mapping[str, date], as_of: datetime, known: Known
) -> Decisions:
    """Decide which workspaces' rows of a category have to be looked at, and what happens to them.

    Args:
        ended: Workspaces whose data must be gone by now → since which day.
    """
    rule = version_at(inputs, as_of).rules[category]
    by_window = Decisions()
    if rule.clock is Clock.EVENT:
        by_window = _by_window(inputs, category, as_of=as_of, known=known)
    if rule.outlives_account:
        return by_window
    version = version_at(inputs, as_of).effective_from
    account_ends = {
        workspace: Decision(Reason(Precedence.TERMINATION.value, category, None, version, day), is_ended=True)
        for workspace, day in ended.items()
    }
    return replace(by_window, listed={**by_window.listed, **account_ends})


def ended_workspaces(inputs: RetentionInputs, *, as_of: datetime) -> dict[str, date]:
    """Return the workspaces whose data must be gone by now → since which day."""
    days = {workspace: terminated_on(inputs, workspace, as_of) for workspace in inputs.ended}
    return {workspace: day for workspace, day in days.items() if day is not None and day <= as_of.date()}


def window_reason(category: str, window: Window) -> Reason:
    """Return why rows go, or move, because of their window."""
    return Reason(window.precedence.value, category, window.days, window.version, None)


def digest_of(inputs: RetentionInputs, *, key: bytes) -> str:
    """Return a keyed digest of all retention inputs, which shows whether any changed."""
    holds = sorted((hold.name, hold.expires_at) for hold in inputs.holds)
    content = [asdict(version) for version in inputs.versions], list(inputs.classes), holds
    settings = sorted((subject(key, w), _history(inputs, w)) for w in inputs.settings)
    ended = sorted((subject(key, w), at) for w, at in inputs.ended.items())
    erasures = sorted(erasure.number for erasure in inputs.erasures)
    return _digest([content, settings, ended, *([erasures] if erasures else [])])


def _by_window(inputs: RetentionInputs, category: str, *, as_of: datetime, known: Known) -> Decisions:
    everyone = window_at(inputs, category, None, as_of)
    through = expired_through(inputs, category, None, as_of)
    applied = {
        (category, DEFAULT_SUBJECT): AppliedWindow(everyone.days or 0, _rules(inputs, category, as_of))
    }
    horizons = {(category, DEFAULT_SUBJECT): through} if through else {}
    if not version_at(inputs, as_of).rules[category].per_workspace:
        return Decisions(through=through, applied=applied, horizons=horizons)
    before = known.applied.get((category, DEFAULT_SUBJECT))
    since = known.applied_as_of or as_of
    all_changed = before != applied[category, DEFAULT_SUBJECT]
    all_changed = all_changed or changes_between(inputs, category, None, since, as_of)
    listed = {}
    for workspace in inputs.settings:
        window = window_at(inputs, category, workspace, as_of)
        who = category, subject(known.subject_key, workspace)
        applied[who] = AppliedWindow(window.days or 0, _history(inputs, workspace))
        days = [
            expired_through(inputs, category, workspace, as_of),
            known.horizons.get(who, known.horizons.get((category, DEFAULT_SUBJECT))),
        ]
        reached = max((day for day in days if day is not None), default=None)
        if reached is not None:
            horizons[who] = reached
        if who in known.applied:
            changed = known.applied[who] != applied[who] or changes_between(
                inputs, category, workspace, since, as_of
            )
        else:
            # Until the workspace chose, its rows were in the default class, and expired with it.
            changed = window.days != everyone.days or (reached or date.min) > (through or date.min)
        if all_changed or changed:
            listed[workspace] = Decision(window_reason(category, window), window.days, reached)
    default = Decision(window_reason(category, everyone), everyone.days, through)
    return Decisions(default if all_changed else None, listed, None, applied, horizons)


def _rules(inputs: RetentionInputs, category: str, as_of: datetime) -> str:
    """Return a digest of all rules so far: a version may be replaced before it was ever applied."""
    begun = [v for v in inputs.versions if v.effective_from <= as_of.date()]
    return _digest([(v.effective_from, asdict(v.rules[category])) for v in begun])


def _history(inputs: RetentionInputs, workspace: str) -> str:
    return _digest([(setting.valid_from.isoformat(), setting.days) for setting in inputs.settings[workspace]])


def _digest(content: object) -> str:
    text = json.dumps(content, default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
