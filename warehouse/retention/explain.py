"""Which rule applies to the data of a workspace and a day, which others lost against it, and why.

Pure: facts in, explanations out. The same whether facts are of today or of an earlier day.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from warehouse.retention.records import Tombstone
from warehouse.retention.rules import (
    Clock,
    DataSet,
    Facts,
    Hold,
    Layout,
    Precedence,
    Setting,
    Window,
    active_holds,
    terminated_on,
    version_at,
    window_at,
)

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Lost:
    """A rule that does not decide, and why not."""

    rule: Precedence
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What decides about one data set's rows of a workspace and an event day.

    Attributes:
        rule: What sets ``due``; a hold may keep rows beyond it.
        version: Policy version that the rule is from.
        since: First day of the window that decides; None where no window does.
        days: Length of that window.
        retention_class: Class in which such rows belong at the time asked about.
        due: First day on which they must be gone; None where none is named yet.
        why: Why this rule decides, in a sentence.
        holds: Holds that may keep some of them now, the one that lasts longest first.
    """

    source: str
    category: str
    rule: Precedence
    version: date
    since: date | None
    days: int | None
    retention_class: int | None
    due: date | None
    is_due: bool
    why: str
    lost: tuple[Lost, ...] = ()
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Rows, or files, of a data set that are there for a workspace and a day.

    Attributes:
        rows: None where they cannot be counted: the key is destroyed, or the file waits to be unlinked.
        hold: Name of the hold that keeps them out of sight.
        is_hidden: Deleted already; the file waits for readers.
    """

    source: str
    partition: str
    rows: int | None
    hold: str | None = None
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class _Period:
    """A window and since when it is in force."""

    start: datetime
    window: Window


@dataclass(frozen=True, slots=True)
class _Question:
    facts: Facts
    workspace: str
    event_day: date
    as_of: datetime
    end: date | None


def explain(
    facts: Facts,
    data_sets: Mapping[str, DataSet],
    workspace: str,
    *,
    event_day: date,
    as_of: datetime,
    ended_since: date | None = None,
) -> list[Explanation]:
    """Explain every data set, in order of name.

    Args:
        workspace: As the facts call it: its id, or its subject.
        event_day: Day of the events; state has no day, and is explained all the same.
        ended_since: Day on which the workspace was ended, where the facts do not tell any more.
    """
    end = terminated_on(facts, workspace, as_of) or ended_since
    question = _Question(facts, workspace, event_day, as_of, end)
    return [_explained(question, data_sets[source]) for source in sorted(data_sets)]


def reasons(explanation: Explanation, found: Sequence[Found], stones: Sequence[Tombstone]) -> Iterator[str]:
    """Why what is there is still there, and the evidence for what is not; in sentences.

    Args:
        found: What is there of this data set.
        stones: Partitions of this data set and day that lost rows.
    """
    for item in found:
        yield f"{_amount(item)} in {item.partition}: {_why_there(explanation, item)}"
    for stone in stones:
        yield (
            f"Rows of the {stone.retention_days}-day class were deleted as of "
            f"{stone.deleted_as_of:%Y-%m-%d}: evidence entry {stone.evidence}."
        )


def _explained(question: _Question, data: DataSet) -> Explanation:
    base = _state(question, data) if data.layout is Layout.BUCKETS else _by_window(question, data)
    return replace(_with_end(question, data, base), holds=_holds(question, data))


# Windows ----------------------------------------------------------------------------------------


def _by_window(question: _Question, data: DataSet) -> Explanation:
    """The first window that the day reaches while it is in force; nothing later brings the day back."""
    facts, as_of = question.facts, question.as_of
    periods = _periods(question, data.category)
    reached = _reached(periods, question.event_day)
    current = window_at(facts, data.category, question.workspace, as_of)
    if reached is None:
        return _explanation(data, current, why="No window ends: the policy keeps this category for ever.")
    period, due = reached
    window = period.window
    in_force = [p for p in periods if p.start <= as_of][-1]
    lost = tuple(_lost_windows(question, data, period, in_force, due))
    return replace(
        _explanation(data, window, why=_why_window(question, data, period, due)),
        since=_since(period, window),
        days=window.days,
        retention_class=current.days if data.layout is Layout.DAYS else None,
        due=due,
        is_due=due <= as_of.date(),
        lost=lost,
    )


def _periods(question: _Question, category: str) -> list[_Period]:
    facts, workspace = question.facts, question.workspace
    starts = {datetime.combine(v.effective_from, datetime.min.time()) for v in facts.versions[1:]}
    starts |= {setting.valid_from for setting in facts.settings.get(workspace, ())}
    first = min(starts, default=question.as_of) - _INSTANT
    periods = [_Period(datetime.min, window_at(facts, category, workspace, first))]  # noqa: DTZ901  no time
    for start in sorted(starts):
        window = window_at(facts, category, workspace, start)
        if window != periods[-1].window:
            periods.append(_Period(start, window))
    return periods


def _reached(periods: Sequence[_Period], day: date) -> tuple[_Period, date] | None:
    """The period in which the day first is past its window, and the day on which it is."""
    for period, following in zip(periods, [*periods[1:], None], strict=True):
        if period.window.days is None:
            continue
        due = datetime.combine(day + timedelta(days=period.window.days), datetime.min.time())
        moment = max(due, period.start)
        if following is None or moment < following.start:
            return period, moment.date()
    return None


def _why_window(question: _Question, data: DataSet, period: _Period, due: date) -> str:
    window, own = period.window, question.event_day + timedelta(days=period.window.days or 0)
    start = "the event" if data.event_time is not None else "they came"
    text = f"{window.days} days after {start}, {_whose(question, data.category, period)}"
    if due > own:
        return f"{text}. The window was shortened on {due}, and shortening reaches what is there already."
    return f"{text}."


def _whose(question: _Question, category: str, period: _Period) -> str:
    match period.window.precedence:
        case Precedence.SETTING:
            chosen = _setting_at(question, period)
            asked = chosen.days if chosen is not None else None
            days = period.window.days
            if asked is None or asked == days:
                return "as the workspace chose"
            how = "rounded down to a class" if asked > (days or 0) else "less than the shortest class"
            return f"as the workspace chose {asked}, {how}"
        case Precedence.STATUTORY:
            return f"the statutory window of {category}"
        case _:
            return f"the default of {category}"


def _lost_windows(
    question: _Question, data: DataSet, deciding: _Period, in_force: _Period, due: date
) -> Iterator[Lost]:
    window, facts = deciding.window, question.facts
    days = in_force.window.days
    if in_force.start > deciding.start and (days is None or days > (window.days or 0)):
        yield Lost(
            in_force.window.precedence,
            f"{days} days, in force since {in_force.start:%Y-%m-%d}: the day had expired on {due} already, "
            "and lengthening a window brings nothing back.",
        )
    rule = version_at(facts, deciding.start).rules[data.category]
    if window.precedence is Precedence.SETTING:
        yield Lost(Precedence.DEFAULT, f"{rule.window_days} days: the workspace chose its own window.")
    elif question.workspace in facts.settings and "workspace_id" in data.columns:
        yield Lost(Precedence.SETTING, f"A workspace cannot choose the window of {data.category}.")


def _setting_at(question: _Question, period: _Period) -> Setting | None:
    settings = question.facts.settings.get(question.workspace, ())
    return next((s for s in reversed(settings) if s.valid_from <= period.start), None)


def _since(period: _Period, window: Window) -> date:
    # Before the first change the policy's own date tells more than the beginning of time.
    return window.version if period.start.year == 1 else period.start.date()


# The end of the account -------------------------------------------------------------------------


def _state(question: _Question, data: DataSet) -> Explanation:
    """Latest state: it has no day, and stays until it is deleted or the account ends."""
    version = version_at(question.facts, question.as_of)
    rule = version.rules[data.category]
    window = Window(None, Precedence.DEFAULT, version.effective_from)
    if data.holds:
        why = "A legal hold is listed until it expires, also after the end of the account."
    elif rule.clock is Clock.DELETION_OR_TERMINATION:
        why = f"Until it is deleted in the source, or {rule.window_days} days after the end of the account."
    else:
        why = f"While the account runs, and {rule.window_days} days after its end."
    return replace(_explanation(data, window, why=why), since=version.effective_from, days=rule.window_days)


def _with_end(question: _Question, data: DataSet, base: Explanation) -> Explanation:
    end, version = question.end, version_at(question.facts, question.as_of)
    if end is None or data.holds:
        return base
    ended = f"The account has ended: its data goes on {end}"
    if version.rules[data.category].outlives_account:
        lost = Lost(Precedence.TERMINATION, f"{ended}, but a statutory window is not shortened by it.")
        return replace(base, lost=(*base.lost, lost))
    if base.due is not None and base.due <= end:
        later = Lost(Precedence.TERMINATION, f"{ended}, which is not earlier.")
        return replace(base, lost=(*base.lost, later))
    beaten = () if base.due is None else (Lost(base.rule, f"Its window would have ended on {base.due}."),)
    return replace(
        base,
        rule=Precedence.TERMINATION,
        version=version.effective_from,
        due=end,
        is_due=end <= question.as_of.date(),
        why=f"{ended}.",
        lost=(*beaten, *base.lost),
    )


# Holds and what is there ------------------------------------------------------------------------


def _holds(question: _Question, data: DataSet) -> tuple[Hold, ...]:
    day = None if data.layout is Layout.BUCKETS else question.event_day
    return tuple(
        hold
        for hold in active_holds(question.facts, question.as_of)
        if hold.workspace_id == question.workspace and hold.covers(data, day=day)
    )


def _amount(item: Found) -> str:
    if item.is_hidden:
        return "A file"
    return "Unreadable rows" if item.rows is None else f"{item.rows:,} row(s)"


def _why_there(explanation: Explanation, item: Found) -> str:
    if item.is_hidden:
        return "deleted; the file waits for readers, 15 minutes at most."
    if item.hold is not None:
        hold = next((h for h in explanation.holds if h.name == item.hold), None)
        until = (
            f"until {hold.expires_at:%Y-%m-%d}" if hold else "which has ended: the next apply deletes them"
        )
        return f"out of sight, kept by legal hold {item.hold}, {until}."
    if item.rows is None:
        return "their key is destroyed."
    if not explanation.is_due:
        return f"not due before {explanation.due}." if explanation.due else "no end is named yet."
    if explanation.holds:
        return f"due since {explanation.due}; the next apply deletes them, except what a legal hold keeps."
    return f"due since {explanation.due}: the next `wasms retention apply` deletes them."


def _explanation(data: DataSet, window: Window, *, why: str) -> Explanation:
    return Explanation(
        source=data.source,
        category=data.category,
        rule=window.precedence,
        version=window.version,
        since=None,
        days=None,
        retention_class=None,
        due=None,
        is_due=False,
        why=why,
    )
