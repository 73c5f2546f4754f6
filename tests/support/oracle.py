"""What must survive, said a second time: row by row and day by day, from the policy's words alone.

Deliberately slow and plain, and without a line of the engine: it walks over every day since a row's event
and asks whether the row was past its window on it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

ONE_DAY = timedelta(days=1)
# What the policy says, as numbers of its own: a wrong one in the engine must not agree with itself.
INBOX_DAYS = 14
CLASSES = (15, 30, 60, 90, 180, 365)
# What was past its window longer ago was so at an earlier look.
LOOK_BACK = timedelta(days=400)


@dataclass(frozen=True)
class Rule:
    """Window of one category.

    Attributes:
        days: From the event; None: until the account ends.
        chosen: Whether a workspace may choose another window.
        outlives: Whether the end of the account leaves it alone.
    """

    days: int | None
    chosen: bool = False
    outlives: bool = False


@dataclass(frozen=True)
class Hold:
    """A legal hold; None = not limited in that respect. ``until`` is exclusive."""

    name: str
    workspace: str
    expires_at: datetime
    source: str | None = None
    contact: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Known:
    """All that is known at one moment, as it came in.

    Attributes:
        policy: First day → category → rule; before the first day the first applies.
        chosen: Workspace → (since when, days or None for the default) in order of time.
        ended: Workspace → end of its subscription.
        account_days: Days after that in which everything must be gone.
    """

    policy: Mapping[date, Mapping[str, Rule]]
    chosen: Mapping[str, tuple[tuple[datetime, int | None], ...]] = field(default_factory=dict)
    ended: Mapping[str, datetime] = field(default_factory=dict)
    holds: tuple[Hold, ...] = ()
    account_days: int = 30
    classes: tuple[int, ...] = CLASSES


@dataclass(frozen=True)
class Row:
    """One row as the store has it.

    Attributes:
        day: Day its window starts on; None: it has none.
        at: Its own time, which a hold's period asks about; None: it has none.
        contact: Whose it is; "" where the data set knows no contacts.
        moves: Whether it lies in the class of its window (events), or where it was put for good.
        needed_until: It is a legal hold itself: the end of the account does not end it before this.
    """

    source: str
    category: str
    workspace: str
    id: str
    day: date | None = None
    at: datetime | None = None
    contact: str | None = ""
    moves: bool = True
    needed_until: datetime | None = None


class Oracle:
    """Survivors by row: `class 90`, `kept` where rows have no class, `hold <name>`."""

    def __init__(self) -> None:
        self.decisions: dict[Row, str] = {}
        # (category, workspace) → newest day that was past its window at any time; "" for all others.
        self._through: dict[tuple[str, str], date] = {}
        self._ended: set[str] = set()
        self._asked: tuple[datetime, Known] | None = None
        self._found: dict[tuple[str, str], date | None] = {}

    def arrive(self, rows: Iterable[Row], *, at: datetime, known: Known) -> None:
        """Rows come to be taken in; what is past its window, or of an account that is gone, is not."""
        for row in rows:
            if (
                row in self.decisions
                or self.is_refused(row, at=at, known=known)
                or self._is_past(row, at, known)
            ):
                continue
            self.decisions[row] = self._class_of(row, at, known)

    def leave(self, rows: Iterable[Row], *, at: datetime, known: Known) -> None:
        """The source deleted rows: they go, unless a hold keeps them out of sight."""
        for row in rows:
            if row in self.decisions:
                hold = self._hold_over(row, self.decisions.pop(row), at, known)
                if hold is not None:
                    self.decisions[row] = f"hold {hold.name}"

    def apply(self, *, at: datetime, known: Known) -> None:
        """What is due goes, or is held; what is not lies where it belongs."""
        for workspace in known.ended:
            gone = gone_on(known, workspace)
            if gone is not None and gone <= at.date():
                # For good: whoever comes back after that is another workspace.
                self._ended.add(workspace)
        self._remember(at, known)
        for row, decision in list(self.decisions.items()):
            # What a hold alone kept is past its window for good.
            due = (
                decision.startswith("hold ")
                or self._has_ended(row, at, known)
                or self._is_past(row, at, known)
            )
            if not due:
                # Where all workspaces have one window nothing needs to move: the day alone decides.
                if rule_on(known, row.category, at.date()).chosen:
                    self.decisions[row] = self._class_of(row, at, known)
            elif hold := self._hold_over(row, decision, at, known):
                self.decisions[row] = f"hold {hold.name}"
            elif row.needed_until is None or row.needed_until <= at:
                del self.decisions[row]

    def _is_past(self, row: Row, at: datetime, known: Known) -> bool:
        if row.day is None:
            return False
        before = self._through.get((row.category, row.workspace), self._through.get((row.category, "")))
        if before is not None and row.day <= before:
            return True
        newest = self._newest_past(row.category, row.workspace, at, known)
        return newest is not None and row.day <= newest

    def _remember(self, at: datetime, known: Known) -> None:
        """Nothing that lengthens a window later brings back what was past it today."""
        before = dict(self._through)
        for category in rule_categories(known):
            for workspace in ("", *known.chosen):
                newest = self._newest_past(category, workspace, at, known)
                reached = [newest] if newest else []
                reached += [before[key] for key in ((category, workspace), (category, "")) if key in before][
                    :1
                ]
                self._through[category, workspace] = max(reached, default=date.min)

    def _newest_past(self, category: str, workspace: str, at: datetime, known: Known) -> date | None:
        """The newest day that is past, or was on any day since: the same for all rows of a workspace."""
        if self._asked != (at, known):
            self._asked, self._found = (at, known), {}
        key = category, workspace if workspace in known.chosen else ""
        if key not in self._found:
            first = max(min(known.policy), at.date() - LOOK_BACK)
            windows = windows_by_day(*key, first, at, known)
            self._found[key] = max((day - timedelta(days=days) for day, days in windows), default=None)
        return self._found[key]

    def _class_of(self, row: Row, at: datetime, known: Known) -> str:
        rule = rule_on(known, row.category, at.date())
        if rule.days is None or not row.moves:
            return "kept"
        return f"class {window_at(known, row.category, row.workspace, at)}"

    def _hold_over(self, row: Row, decision: str, at: datetime, known: Known) -> Hold | None:
        """The hold that keeps a row: the one that does already, else the one that lasts longest."""
        if row.needed_until is not None:
            return None
        covering = [hold for hold in known.holds if hold.expires_at > at and covers(hold, row)]
        covering.sort(
            key=lambda hold: (decision != f"hold {hold.name}", -hold.expires_at.timestamp(), hold.name)
        )
        return covering[0] if covering else None

    def _has_ended(self, row: Row, at: datetime, known: Known) -> bool:
        return row.workspace in self._ended and not rule_on(known, row.category, at.date()).outlives

    def is_refused(self, row: Row, *, at: datetime, known: Known) -> bool:
        if rule_on(known, row.category, at.date()).outlives:
            return False
        gone = gone_on(known, row.workspace)
        return row.workspace in self._ended or (gone is not None and at.date() >= gone - INBOX_DAYS * ONE_DAY)


def gone_on(known: Known, workspace: str) -> date | None:
    """The day on which nothing of a workspace may be left."""
    ended = known.ended.get(workspace)
    return ended.date() + known.account_days * ONE_DAY if ended is not None else None


def rule_categories(known: Known) -> set[str]:
    """All categories that any version of the policy names."""
    return {category for version in known.policy.values() for category in version}


def covers(hold: Hold, row: Row) -> bool:
    """Whether a row is in the scope of a hold; a period says nothing of rows without a time."""
    return (
        hold.workspace == row.workspace
        and hold.source in (None, row.source)
        and hold.contact in (None, row.contact)
        and (hold.since is None or row.at is None or row.at >= hold.since)
        and (hold.until is None or row.at is None or row.at < hold.until)
    )


def rule_on(known: Known, category: str, day: date) -> Rule:
    """The rule of the policy that is in force on a day."""
    begun = [first for first in sorted(known.policy) if first <= day]
    return known.policy[begun[-1] if begun else min(known.policy)][category]


def window_at(known: Known, category: str, workspace: str, at: datetime) -> int:
    """Days of the window at one instant: the workspace's choice, rounded down to a class, or the rule's."""
    rule = rule_on(known, category, at.date())
    assert rule.days is not None
    begun = [days for since, days in known.chosen.get(workspace, ()) if since <= at]
    if not (rule.chosen and begun and begun[-1] is not None):
        return rule.days
    return max([c for c in known.classes if c <= begun[-1]] or [min(known.classes)])


def windows_by_day(
    category: str, workspace: str, first: date, at: datetime, known: Known
) -> Iterator[tuple[date, int]]:
    """Every window that was in force at some instant of each day up to now, with its day."""
    for ordinal in range(first.toordinal(), at.toordinal() + 1):
        day = date.fromordinal(ordinal)
        midnight = datetime.combine(day, time())
        changes = [since for since, _ in known.chosen.get(workspace, ()) if since.date() == day]
        for instant in (midnight, *changes):
            if instant <= at and rule_on(known, category, day).days is not None:
                yield day, window_at(known, category, workspace, instant)
