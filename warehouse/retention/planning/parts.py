"""Find the store files that lose or move rows.

Whole partitions are found by the ledger's index alone, whatever the size of the store. Rows are looked at
only where a workspace's windows changed, its account ended, or a legal hold may cover what is due.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, timedelta

from warehouse.keys.keyring import Purpose
from warehouse.ledger.parts import Part
from warehouse.retention.decisions import Decisions, window_reason
from warehouse.retention.plan import GONE, STAY, Outcome, Reason
from warehouse.retention.planning.context import Context
from warehouse.retention.rows import Case, RowDecisions
from warehouse.retention.rules import DataSet, Erasure, Layout, Precedence, Window, version_at, window_at
from warehouse.store.sketches import parts_naming


@dataclass(frozen=True, slots=True)
class DuePart:
    """Hold a store file that is due.

    Attributes:
        outcomes: What happens to its rows.
        case: What decided about its rows; None if the file goes whole, without being looked into.
        is_unreadable: Its key is gone.
    """

    part: Part
    outcomes: tuple[Outcome, ...]
    case: Case | None = None
    is_unreadable: bool = False


def due_parts(context: Context) -> list[DuePart]:
    """Return every store file that is due, by path.

    Raises:
        KeyringError, StoreError: A file that must be looked into cannot be read.
    """
    with closing(RowDecisions(context.engine, data=context.home.data)) as rows:
        due = [
            each
            for _, data in sorted(context.request.data_sets.items())
            for each in _of_data_set(context, data, rows)
        ]
        due += _no_longer_held(context, rows)
    return sorted(due, key=lambda each: each.part.path)


def _of_data_set(context: Context, data: DataSet, rows: RowDecisions) -> Iterator[DuePart]:
    has_decisions = "workspace_id" in data.columns and not context.decisions[data.category].is_empty
    by_rows = has_decisions or bool(_erasures(context, data))
    candidates = _past_window_by_class(context, data)
    if by_rows:
        candidates = _by_class(_to_look_into(context, data, candidates, rows))
    for days, parts in candidates.items():
        case = _case(context, data, days)
        if by_rows or data.layout is not Layout.DAYS:
            yield from _looked_into(context, case, parts, rows)
            continue
        held = [p for p in parts if any(hold.covers(data, day=p.event_date) for hold in case.holds)]
        yield from (_gone_whole(case, part) for part in parts if part not in held)
        yield from _looked_into(context, case, held, rows)


def _by_class(parts: Iterable[Part]) -> Mapping[int | None, list[Part]]:
    by_class: dict[int | None, list[Part]] = defaultdict(list)
    for part in parts:
        by_class[part.retention_days].append(part)
    return by_class


def _to_look_into(
    context: Context,
    data: DataSet,
    past_window: Mapping[int | None, Sequence[Part]],
    rows: RowDecisions,
) -> list[Part]:
    """Return all live files, or if there are only erasures to decide about, those that may name a person."""
    live = context.ledger.live_parts(data.source)
    if not context.decisions[data.category].is_empty:
        return live
    past = {part.path for parts in past_window.values() for part in parts}
    tokens = {token for erasure in _erasures(context, data) for token in erasure.tokens}
    others = [part for part in live if part.path not in past]
    naming = parts_naming(rows.connection, others, tokens, home=context.home, engine=context.engine)
    return [*(part for part in live if part.path in past), *naming]


def _past_window_by_class(context: Context, data: DataSet) -> Mapping[int | None, list[Part]]:
    """Return files that are past the window of their class; of months, those that may hold such rows."""
    ledger, today = context.ledger, context.request.as_of.date()
    match data.layout:
        case Layout.DAYS:
            through = context.decisions[data.category].through
            classes = [days for source, days in ledger.live_classes() if source == data.source]
            return {
                days: ledger.parts_through(
                    data.source, days, through or today - timedelta(days=days), after=date.min
                )
                for days in classes
            }
        case Layout.MONTHS:
            window = _month_window(context, data)
            if window is None:
                return {}
            last = today - timedelta(days=window)
            return {None: [p for p in ledger.live_parts(data.source) if _may_hold_rows_of(p, last)]}
        case Layout.BUCKETS:
            return {}


def _may_hold_rows_of(part: Part, day: date) -> bool:
    """Return whether a month's file may hold rows as old as a day; one of no known month is looked into."""
    try:
        return date.fromisoformat(f"{part.partition.partition('month=')[2].partition('/')[0]}-01") <= day
    except ValueError:
        return True


def _case(context: Context, data: DataSet, days: int | None) -> Case:
    """Return what decides about the files of one class."""
    request = context.request
    window = window_at(request.inputs, data.category, None, request.as_of)
    if days is not None and window.days != days and window.precedence is Precedence.DEFAULT:
        # Files of a class that is not the default are there because workspaces chose it.
        window = Window(days, Precedence.SETTING, window.version)
    return Case(
        data=data,
        decisions=context.decisions[data.category],
        holds=[hold for hold in context.holds if hold.covers(data)],
        as_of=request.as_of,
        by_day=window_reason(data.category, window),
        month_window=_month_window(context, data),
        erasures=_erasures(context, data),
    )


def _erasures(context: Context, data: DataSet) -> list[Erasure]:
    return [erasure for erasure in context.request.inputs.erasures if erasure.covers(data)]


def _month_window(context: Context, data: DataSet) -> int | None:
    if data.layout is not Layout.MONTHS:
        return None
    return version_at(context.request.inputs, context.request.as_of).rules[data.category].window_days


def _looked_into(
    context: Context, case: Case, parts: Sequence[Part], rows: RowDecisions
) -> Iterator[DuePart]:
    """Decide about every row of some files; yield the files that do not stay as they are."""
    unreadable = [part for part in parts if _is_due_and_unreadable(context, case, part)]
    # Nobody can read these any more, so there is nothing left to hold or to move.
    yield from (replace(_gone_whole(case, part), is_unreadable=True) for part in unreadable)
    readable = [part for part in parts if part not in unreadable]
    outcomes = rows.count(case, readable) if readable else {}
    for part in readable:
        found = outcomes.get(part.path, ())
        if any(outcome.to != STAY for outcome in found):
            yield DuePart(part, found, case)


def _is_due_and_unreadable(context: Context, case: Case, part: Part) -> bool:
    """Return whether a file is past its window and its key gone, as in a backup that was restored."""
    if context.engine.keyring.has(Purpose.PARQUET, part.key_name):
        return False
    if case.released:
        return True
    if part.event_date is None or part.retention_days is None:
        return False
    through = case.decisions.through or case.as_of.date() - timedelta(days=part.retention_days)
    return part.event_date <= through


def _gone_whole(case: Case, part: Part) -> DuePart:
    reason = case.by_day
    if reason.window_days is None:
        reason = replace(reason, window_days=part.retention_days)
    return DuePart(part, (Outcome(GONE, part.rows, reason.dated(part.event_date)),))


def _no_longer_held(context: Context, rows: RowDecisions) -> Iterator[DuePart]:
    """Decide about rows under a hold that has ended, was narrowed or withdrawn."""
    active = {hold.name for hold in context.holds}
    for part in context.ledger.held_parts():
        if part.hold in active:
            continue
        data = context.request.data_sets[part.source]
        reason = Reason(f"{Precedence.HOLD.value} ended", data.category, None, context.version, None)
        case = replace(_case(context, data, None), decisions=Decisions(), by_day=reason, released=True)
        if any(hold.covers(data, day=part.event_date) for hold in case.holds):
            yield from _looked_into(context, case, [part], rows)
        else:
            yield DuePart(part, (Outcome(GONE, part.rows, reason),))
