"""Decide which rule applies to which data: pure functions over the retention inputs.

Precedence: legal hold > statutory window > end of the account > workspace setting > default. Shortening a
window takes effect on what is stored already; lengthening it brings nothing back. All times are naive UTC.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

_INSTANT = timedelta(microseconds=1)
# A choice said to be older decides nothing: whatever it reached is past every window by now.
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  naive UTC, like all times here


class Clock(StrEnum):
    """Name what starts a window."""

    EVENT = "event"
    SUBSCRIPTION_END = "subscription_end"
    DELETION_OR_TERMINATION = "deletion_or_termination"
    NONE = "none"


class Precedence(StrEnum):
    """Name why one rule decides and no other."""

    HOLD = "legal hold"
    STATUTORY = "statutory window"
    TERMINATION = "end of the account"
    SETTING = "workspace setting"
    DEFAULT = "default"


class Layout(StrEnum):
    """Name how a data set is partitioned: by event day, by bucket of workspaces, by month of its own date."""

    DAYS = "days"
    BUCKETS = "buckets"
    MONTHS = "months"


@dataclass(frozen=True, slots=True)
class DataSet:
    """Hold what retention needs to know of a data set.

    Attributes:
        category: Data category of the policy.
        event_time: Stored time column; starts the window of a ``MONTHS`` row, and says whether a hold's
            period covers a row. None where rows have no time of their own.
        columns: Names of the stored columns.
        holds: Whether its rows are the legal holds themselves, which outlive what they hold.
        subject: Whom its rows are about, e.g. `contact`.
        tokens: Columns that name such a person, or a message; rows of an erased person are found by them.
        raw: Whether its rows are raw records, whose text has to be searched for a person.
    """

    source: str
    category: str
    layout: Layout
    event_time: str | None = None
    columns: frozenset[str] = frozenset()
    holds: bool = False
    subject: str = ""
    tokens: tuple[str, ...] = ()
    raw: bool = False

    @property
    def scope(self) -> str:
        """Return the column within whose value a token means one person or one record."""
        return "batch_id" if self.raw else "workspace_id"


@dataclass(frozen=True, slots=True)
class Rule:
    """Define the window of one category; ``window_days`` is None if data may stay for ever.

    Attributes:
        outlives_account: A statutory window: the end of the account does not shorten it.
    """

    clock: Clock
    window_days: int | None
    per_workspace: bool = False
    outlives_account: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """Hold all rules as of a date, by category."""

    effective_from: date
    rules: Mapping[str, Rule]


@dataclass(frozen=True, slots=True)
class Setting:
    """Hold the window that a workspace chose; None: back to the default."""

    valid_from: datetime
    days: int | None


@dataclass(frozen=True, slots=True)
class Hold:
    """Describe a legal hold, which keeps what its scope names, and no more, until it expires.

    Attributes:
        name: Keyed hash of workspace, hold and scope: a hold whose scope changes is another hold.
        source: Data set held; None = all of the workspace.
        contact_token: Data subject held; None = all. Data sets without this column are not held then.
        held_from, held_to: Period of the events held, end exclusive; None = open.
    """

    name: str
    workspace_id: str
    expires_at: datetime
    source: str | None = None
    contact_token: str | None = None
    held_from: datetime | None = None
    held_to: datetime | None = None

    def covers(self, data: DataSet, *, day: date | None = None) -> bool:
        """Return whether rows of a data set, of an event day if it has days, may be under this hold."""
        if data.holds or self.source not in (None, data.source):
            return False
        # Raw records in quarantine do not say whose they are, so none can be held.
        if "workspace_id" not in data.columns:
            return False
        if self.contact_token is not None and "contact_token" not in data.columns:
            return False
        if day is None:
            return True
        # A clock that is ahead may put an event a day later than the day it is filed under.
        starts = self.held_to is None or datetime.combine(day, datetime.min.time()) < self.held_to
        ends = self.held_from is None or day + timedelta(days=2) > self.held_from.date()
        return starts and ends


@dataclass(frozen=True, slots=True)
class Erasure:
    """Describe an erasure that a data subject asked for: rows with one of some tokens go at any age.

    Attributes:
        number: Of the request.
        subject: What the person is to the workspace, e.g. `contact`.
        tokens: What the person is known by in this workspace, and the messages to and from the person.
        until: Rows of events up to then are refused for ever; None = all rows are.
        records: Raw records that name the person: batch and record.
    """

    number: str
    workspace_id: str
    subject: str
    tokens: frozenset[str] = field(repr=False)
    until: datetime | None = None
    records: frozenset[tuple[str, str]] = frozenset()

    def covers(self, data: DataSet) -> bool:
        """Return whether rows of a data set may be about the person. Legal holds themselves stay."""
        if data.raw:
            return bool(self.records)
        return bool(data.tokens) and data.subject == self.subject and not data.holds

    def named_in(self, data: DataSet) -> Iterator[tuple[str, str]]:
        """Yield which rows of a data set are the person's: value of its scope, and of one of its `tokens`."""
        yield from self.records if data.raw else ((self.workspace_id, token) for token in self.tokens)


@dataclass(frozen=True, slots=True)
class RetentionInputs:
    """Hold everything that decides about retention, as known at one time.

    Attributes:
        versions: The policy's history, oldest first; before the first, the first applies.
        classes: Retention classes in days, ascending, that settings are rounded down to.
        settings: Workspace → its choices, oldest first.
        ended: Workspace → end of its last subscription, where none runs.
        erasures: Those that are due.
    """

    versions: Sequence[Version]
    classes: Sequence[int]
    settings: Mapping[str, Sequence[Setting]] = field(default_factory=dict)
    ended: Mapping[str, datetime] = field(default_factory=dict)
    holds: Sequence[Hold] = ()
    erasures: Sequence[Erasure] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """Hold the window that applies, and why; ``days`` is None if rows do not expire by day."""

    days: int | None
    precedence: Precedence
    version: date


def version_at(inputs: RetentionInputs, at: datetime) -> Version:
    """Return the version of the policy that is in force."""
    in_force = [v for v in inputs.versions if v.effective_from <= at.date()]
    return in_force[-1] if in_force else inputs.versions[0]


def window_at(inputs: RetentionInputs, category: str, workspace: str | None, at: datetime) -> Window:
    """Return the window by day that applies to a workspace (None = one without settings).

    A setting is rounded down to a class, so that rows never stay longer than chosen. A setting below the
    smallest class becomes the smallest class.
    """
    version = version_at(inputs, at)
    rule = version.rules[category]
    precedence = Precedence.STATUTORY if rule.outlives_account else Precedence.DEFAULT
    if rule.clock is not Clock.EVENT:
        return Window(None, precedence, version.effective_from)
    chosen = _chosen(inputs, workspace, at) if rule.per_workspace else None
    if chosen is None:
        return Window(rule.window_days, precedence, version.effective_from)
    days = max((c for c in inputs.classes if c <= chosen), default=min(inputs.classes))
    return Window(days, Precedence.SETTING, version.effective_from)


def expired_through(
    inputs: RetentionInputs, category: str, workspace: str | None, at: datetime
) -> date | None:
    """Return the newest event day that has been past its window at ``at`` or at any time before.

    A day stays expired: a window that was lengthened since brings nothing back. Day D of a window of N
    days is past it on D + N. Return None if rows do not expire by day.
    """
    # Just before a window changes, the old one has reached furthest.
    moments = [at, *(c - _INSTANT for c in _changes(inputs, category, workspace) if _EPOCH < c <= at)]
    reached = [
        moment.date() - timedelta(days=window.days)
        for moment in moments
        if (window := window_at(inputs, category, workspace, moment)).days is not None
    ]
    return max(reached, default=None)


def changes_between(
    inputs: RetentionInputs, category: str, workspace: str | None, since: datetime, until: datetime
) -> bool:
    """Return whether the window may have changed after ``since``, up to ``until``."""
    return any(since < change <= until for change in _changes(inputs, category, workspace))


def terminated_on(inputs: RetentionInputs, workspace: str, at: datetime) -> date | None:
    """Return the day on which a workspace's data must be gone; None while a subscription runs."""
    ended = inputs.ended.get(workspace)
    window = _account_window(inputs, at)
    return ended.date() + timedelta(days=window) if ended is not None and window is not None else None


def refused_from(
    inputs: RetentionInputs, workspace: str, at: datetime, *, inbox_ttl_days: int
) -> date | None:
    """Return the day from which rows of an ended workspace are not taken in any more.

    Raw records do not say whose they are until they are read, and may wait for ``inbox_ttl_days``. Refusing
    them that long before the end makes sure that none is waiting when the account ends.
    """
    day = terminated_on(inputs, workspace, at)
    return day - timedelta(days=inbox_ttl_days) if day is not None else None


def active_holds(inputs: RetentionInputs, at: datetime) -> list[Hold]:
    """Return holds that have not expired; the one that lasts longest first, so that rows move least."""
    alive = sorted((hold for hold in inputs.holds if hold.expires_at > at), key=lambda hold: hold.name)
    return sorted(alive, key=lambda hold: hold.expires_at, reverse=True)


def outlives_account(inputs: RetentionInputs, category: str, at: datetime) -> bool:
    """Return whether rows of a category stay when the account ends."""
    return version_at(inputs, at).rules[category].outlives_account


def _account_window(inputs: RetentionInputs, at: datetime) -> int | None:
    windows = [
        rule.window_days
        for rule in version_at(inputs, at).rules.values()
        if rule.clock is Clock.SUBSCRIPTION_END and rule.window_days is not None
    ]
    return min(windows, default=None)


def _chosen(inputs: RetentionInputs, workspace: str | None, at: datetime) -> int | None:
    settings = inputs.settings.get(workspace, ()) if workspace is not None else ()
    in_force = [setting for setting in settings if setting.valid_from <= at]
    return in_force[-1].days if in_force else None


def _changes(inputs: RetentionInputs, category: str, workspace: str | None) -> Iterator[datetime]:
    for version in inputs.versions[1:]:
        yield datetime.combine(version.effective_from, datetime.min.time())
    if workspace is not None and inputs.versions[-1].rules[category].clock is Clock.EVENT:
        yield from (setting.valid_from for setting in inputs.settings.get(workspace, ()))
