"""Plan retention: from retention inputs, ledger and clock to everything that is due. Changes nothing."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from warehouse.home import Home
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.retention.decisions import Decisions, digest_of
from warehouse.retention.errors import UnknownDataSetError
from warehouse.retention.plan import ALARM_DAYS, HOLD, AccountEnd, PartItem, Plan
from warehouse.retention.planning.context import Context, PlanRequest, context_of
from warehouse.retention.planning.gaps import days_at_risk, days_lost
from warehouse.retention.planning.keys import due_keys
from warehouse.retention.planning.parts import DuePart, due_parts
from warehouse.retention.rows import Case
from warehouse.retention.rules import RetentionInputs, terminated_on
from warehouse.store.connection import Engine


@dataclass(frozen=True, slots=True)
class Planned:
    """Hold a plan, and what carrying it out needs to know and nobody else should.

    Attributes:
        cases: Path → what decided about its rows, for files that are rewritten.
        parts: Path → the file as the ledger lists it.
        workspaces: Ended workspaces; ``released``: those whose data no hold keeps.
        decisions: By category, to be recorded.
        generation: Of the store that was planned for.
    """

    plan: Plan
    cases: Mapping[str, Case]
    parts: Mapping[str, Part]
    workspaces: tuple[str, ...]
    released: tuple[str, ...]
    decisions: Mapping[str, Decisions]
    inputs: RetentionInputs
    generation: int


def make_plan(home: Home, *, ledger: Ledger, engine: Engine, request: PlanRequest) -> Planned:
    """Find everything that is due at ``request.as_of``, each with why.

    Raises:
        UnknownDataSetError: The store holds a data set that no rule covers.
        KeyringError, StoreError: A file that must be looked into cannot be read.
    """
    generation = ledger.generation()
    context = context_of(home, ledger=ledger, engine=engine, request=request)
    if unknown := ledger.sources() - set(request.data_sets):
        raise UnknownDataSetError(sorted(unknown))
    due = due_parts(context)
    held = {hold.workspace_id for hold in context.holds}
    return Planned(
        plan=_plan(context, due),
        cases={each.part.path: each.case for each in due if each.case is not None},
        parts={each.part.path: each.part for each in due},
        workspaces=tuple(sorted(context.ended)),
        released=tuple(sorted(set(context.ended) - held)),
        decisions=context.decisions,
        inputs=request.inputs,
        generation=generation,
    )


def _plan(context: Context, due: Sequence[DuePart]) -> Plan:
    request = context.request
    coming = _about_to_end(request.inputs, request.as_of)
    gaps = days_lost(request.slices, due)
    at_risk = days_at_risk(context.ledger, request.slices, as_of=request.as_of)
    return Plan(
        as_of=request.as_of,
        policy_version=context.version,
        inputs=digest_of(request.inputs, key=context.subject_key),
        parts=tuple(_item(context, each) for each in due),
        files=tuple(request.files),
        keys=tuple(due_keys(context, due)),
        account_ends=_account_ends(context.ended, context.subject),
        coming_account_ends=_account_ends(coming, context.subject),
        gaps=gaps,
        alarms=tuple(day for day in at_risk if day not in gaps),
        erasures=tuple(sorted(erasure.number for erasure in request.inputs.erasures)),
        held=_held(context, due),
        missing_keys=sum(each.is_unreadable for each in due),
        rewrites_database=request.rewrites_database or bool(context.ended),
    )


def _item(context: Context, due: DuePart) -> PartItem:
    part = due.part
    path = context.home.data / part.path
    digest = "(not there)"
    if path.is_file():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return PartItem(part.path, part.source, part.partition, part.rows, part.bytes, digest, due.outcomes)


def _held(context: Context, due: Sequence[DuePart]) -> tuple[tuple[str, int], ...]:
    """Count the rows that each hold keeps after the plan."""
    rows: Counter[str] = Counter()
    paths = {each.part.path for each in due}
    for part in context.ledger.held_parts():
        if part.path not in paths:
            rows[str(part.hold)] += part.rows
    for each in due:
        for outcome in each.outcomes:
            if outcome.to.startswith(HOLD):
                rows[outcome.to.removeprefix(f"{HOLD} ")] += outcome.rows
    return tuple(sorted(rows.items()))


def _about_to_end(inputs: RetentionInputs, as_of: datetime) -> dict[str, date]:
    """Return the workspaces whose data goes within the days of an alarm → on which day."""
    soon = as_of.date() + timedelta(days=ALARM_DAYS)
    days = {workspace: terminated_on(inputs, workspace, as_of) for workspace in inputs.ended}
    return {w: day for w, day in days.items() if day is not None and as_of.date() < day <= soon}


def _account_ends(days: Mapping[str, date], subject: Callable[[str], str]) -> tuple[AccountEnd, ...]:
    """Return the items of a plan for some workspaces, by day."""
    ends = (AccountEnd(subject(workspace), day) for workspace, day in days.items())
    return tuple(sorted(ends, key=lambda end: (end.due, end.subject)))
