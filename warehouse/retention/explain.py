"""Explain which rule applies to the data of a workspace and a day, which others do not decide, and why.

Pure functions from retention inputs, of today or of an earlier day, to explanations.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from warehouse.retention.rules import (
    Clock,
    DataSet,
    Hold,
    Layout,
    Precedence,
    RetentionInputs,
    Window,
    active_holds,
    terminated_on,
    version_at,
    window_at,
)

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Lost:
    """Name a rule that does not decide, and why not."""

    rule: Precedence
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Say what decides about one data set's rows of a workspace and an event day.

    Attributes:
        rule: The rule that sets ``due``; a hold may keep rows beyond it.
        version: Policy version that the rule is from.
        since: First day of the window that decides; None if no window does.
        days: Length of that window.
        retention_class: Class in which such rows belong at the time asked about.
        due: First day on which they must be gone; None if no day is known yet.
        why: Why this rule decides, in a sentence.
        holds: Holds that may keep some of them now, the one that lasts longest first.
    """

    source: str
    category: str
    rule: Precedence
    version: date
    why: str
    since: date | None = None
    days: int | None = None
    retention_class: int | None = None
    due: date | None = None
    is_due: bool = False
    lost: tuple[Lost, ...] = ()
    holds: tuple[Hold, ...] = ()


class _Period(NamedTuple):
    """Hold a window and since when it is in force."""

    start: datetime
    window: Window


class _Question(NamedTuple):
    inputs: RetentionInputs
    workspace: str
    event_day: date
    as_of: datetime
    end: date | None


def explain(
    inputs: RetentionInputs,
    data_sets: Mapping[str, DataSet],
    workspace: str,
    *,
    event_day: date,
    as_of: datetime,
    ended_since: date | None = None,
) -> list[Explanation]:
    """Explain every data set, in order of name.

    Args:
        workspace: As the retention inputs call it: its id, or its subject.
        event_day: Day of the events; state has no day, and is explained all the same.
        ended_since: Day on which the workspace was ended, if the retention inputs do not say so any more.
    """
    end = terminated_on(inputs, workspace, as_of) or ended_since
    question = _Question(inputs, workspace, event_day, as_of, end)
    return [_explained(question, data_sets[source]) for source in sorted(data_sets)]


def _explained(question: _Question, data: DataSet) -> Explanation:
    base = _state(question, data) if data.layout is Layout.BUCKETS else _by_window(question, data)
    return replace(_with_account_end(question, data, base), holds=_holds(question, data))


# Windows ----------------------------------------------------------------------------------------


def _by_window(question: _Question, data: DataSet) -> Explanation:
    """Explain by the first window that the day reaches; no later window brings the day back."""
    inputs, as_of = question.inputs, question.as_of
    periods = _periods(question, data.category)
    reached = _reached(periods, question.event_day)
    current = window_at(inputs, data.category, question.workspace, as_of)
    if reached is None:
        why = "No window ends: the policy keeps this category for ever."
        return Explanation(data.source, data.category, current.precedence, current.version, why)
    period, due = reached
    in_force = [p for p in periods if p.start <= as_of][-1]
    # Before the first change the policy's own date tells more than the beginning of time.
    since = period.window.version if period.start.year == 1 else period.start.date()
    return Explanation(
        source=data.source,
        category=data.category,
        rule=period.window.precedence,
        version=period.window.version,
        why=_why_window(question, data, period, due),
        since=since,
        days=period.window.days,
        retention_class=current.days if data.layout is Layout.DAYS else None,
        due=due,
        is_due=due <= as_of.date(),
        lost=tuple(_lost_windows(question, data, period, in_force, due)),
    )


def _periods(question: _Question, category: str) -> list[_Period]:
    """Return the windows of the workspace, each with since when it was in force."""
    inputs, workspace = question.inputs, question.workspace
    starts = {datetime.combine(v.effective_from, datetime.min.time()) for v in inputs.versions[1:]}
    starts |= {setting.valid_from for setting in inputs.settings.get(workspace, ())}
    first = min(starts, default=question.as_of) - _INSTANT
    periods = [_Period(datetime.min, window_at(inputs, category, workspace, first))]  # noqa: DTZ901  no time
    for start in sorted(starts):
        window = window_at(inputs, category, workspace, start)
        if window != periods[-1].window:
            periods.append(_Period(start, window))
    return periods


def _reached(periods: Sequence[_Period], day: date) -> tuple[_Period, date] | None:
    """Return the period in which the day is first past its window, and the day on which it is."""
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
            settings = question.inputs.settings.get(question.workspace, ())
            chosen = next((s.days for s in reversed(settings) if s.valid_from <= period.start), None)
            days = period.window.days
            if chosen is None or chosen == days:
                return "as the workspace chose"
            how = "rounded down to a class" if chosen > (days or 0) else "less than the shortest class"
            return f"as the workspace chose {chosen}, {how}"
        case Precedence.STATUTORY:
            return f"the statutory window of {category}"
        case _:
            return f"the default of {category}"


def _lost_windows(
    question: _Question, data: DataSet, deciding: _Period, in_force: _Period, due: date
) -> Iterator[Lost]:
    window, inputs = deciding.window, question.inputs
    days = in_force.window.days
    if in_force.start > deciding.start and (days is None or days > (window.days or 0)):
        yield Lost(
            in_force.window.precedence,
            f"{days} days, in force since {in_force.start:%Y-%m-%d}: the day had expired on {due} already, "
            "and lengthening a window brings nothing back.",
        )
    rule = version_at(inputs, deciding.start).rules[data.category]
    if window.precedence is Precedence.SETTING:
        yield Lost(Precedence.DEFAULT, f"{rule.window_days} days: the workspace chose its own window.")
    elif question.workspace in inputs.settings and "workspace_id" in data.columns:
        yield Lost(Precedence.SETTING, f"A workspace cannot choose the window of {data.category}.")


# State, account ends and holds ------------------------------------------------------------------


def _state(question: _Question, data: DataSet) -> Explanation:
    """Explain latest state, which has no day, and stays until it is deleted or the account ends."""
    version = version_at(question.inputs, question.as_of)
    rule, since = version.rules[data.category], version.effective_from
    if data.holds:
        why = "A legal hold is listed until it expires, also after the end of the account."
    elif rule.clock is Clock.DELETION_OR_TERMINATION:
        why = f"Until it is deleted in the source, or {rule.window_days} days after the end of the account."
    else:
        why = f"While the account runs, and {rule.window_days} days after its end."
    return Explanation(
        data.source, data.category, Precedence.DEFAULT, since, why, since=since, days=rule.window_days
    )


def _with_account_end(question: _Question, data: DataSet, base: Explanation) -> Explanation:
    end, version = question.end, version_at(question.inputs, question.as_of)
    if end is None or data.holds:
        return base
    ended = f"The account has ended: its data goes on {end}"
    if version.rules[data.category].outlives_account:
        lost = Lost(Precedence.TERMINATION, f"{ended}, but a statutory window is not shortened by it.")
        return replace(base, lost=(*base.lost, lost))
    if base.due is not None and base.due <= end:
        lost = Lost(Precedence.TERMINATION, f"{ended}, which is not earlier.")
        return replace(base, lost=(*base.lost, lost))
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


def _holds(question: _Question, data: DataSet) -> tuple[Hold, ...]:
    day = None if data.layout is Layout.BUCKETS else question.event_day
    return tuple(
        hold
        for hold in active_holds(question.inputs, question.as_of)
        if hold.workspace_id == question.workspace and hold.covers(data, day=day)
    )
