"""Define `wasms retention explain`: which rule applies to which data, and why something is still there."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from functools import partial
from typing import Annotated

import typer
from rich.table import Column

from pipelines.cli.options import AsOfOption, HomeOption, moment, runtime_at
from pipelines.cli.report import OUT, bare_table
from pipelines.declarations.contract import PLATFORM_WORKSPACE, WorkspaceFrom
from pipelines.declarations.declarations import Declarations
from pipelines.windows.inputs import data_sets, retention_inputs
from warehouse.retention import evidence, records
from warehouse.retention.explain import Explanation
from warehouse.retention.explain import explain as explained
from warehouse.retention.journal import inputs_known_on
from warehouse.retention.plan_entry import accounts_ended
from warehouse.retention.presence import presence
from warehouse.retention.reasons import reasons
from warehouse.retention.rules import DataSet, Hold
from warehouse.store.store import Store

_SHORT = 12


def explain(
    workspace: Annotated[str, typer.Option("--workspace", metavar="ID", help="The workspace.")],
    day: Annotated[str, typer.Option("--date", metavar="DAY", help="The day of the events.")],
    known_on: Annotated[
        str | None,
        typer.Option(
            "--as-known-on",
            metavar="DAY",
            help="Use the rules, settings and holds known at the end of that day. Default: today's.",
            show_default=False,
        ),
    ] = None,
    as_of: AsOfOption = None,
    home: HomeOption = None,
) -> None:
    """Explain which rule applies to the data of a workspace and a day, and what is still there and why.

    Writes nothing but a note in the access log.
    """
    event_day = moment(day, option="--date").date()
    runtime = runtime_at(home)
    who = records.subject(records.subject_key(runtime.store.keyring), workspace)
    sets = _data_sets_of(runtime.declarations, workspace)
    if known_on is None:
        now = moment(as_of, option="--as-of")
        inputs, called = retention_inputs(*runtime, as_of=now), workspace
    else:
        day_known = moment(known_on, option="--as-known-on").date()
        then = datetime.combine(day_known, time.max)
        now = then if as_of is None else moment(as_of, option="--as-of")
        inputs, called = inputs_known_on(runtime.store.ledger, then), who
    since = records.refused(runtime.store.ledger).get(who)
    explanations = explained(
        inputs,
        sets,
        called,
        event_day=event_day,
        as_of=now,
        ended_since=since if since is not None and since <= now.date() else None,
    )
    OUT.print(f"Workspace {workspace}, events of {event_day}, as of {now:%Y-%m-%d}.", highlight=False)
    if known_on is not None:
        OUT.print(f"By what was known at the end of {known_on}; what is there now is not shown.")
        _print(explanations, None)
        return
    for entry in evidence.entries(runtime.store.ledger):
        if who in accounts_ended(entry):
            OUT.print(f"The account was ended as of {entry.as_of:%Y-%m-%d}: evidence entry {entry.seq}.")
    runtime.store.ledger.log_access("retention explain")
    _print(explanations, _reasons(runtime.store, explanations, sets, workspace, event_day=event_day))


def _data_sets_of(declarations: Declarations, workspace: str) -> Mapping[str, DataSet]:
    """Return the data sets that can hold rows of a workspace."""
    return data_sets(
        {
            name: contract
            for name, contract in declarations.contracts.items()
            if workspace == PLATFORM_WORKSPACE or contract.workspace.from_ is not WorkspaceFrom.PLATFORM
        }
    )


def _reasons(
    store: Store,
    explanations: Sequence[Explanation],
    sets: Mapping[str, DataSet],
    workspace: str,
    *,
    event_day: date,
) -> dict[str, tuple[str, ...]]:
    stones = defaultdict(list)
    for stone in records.tombstones(store.ledger):
        if stone.event_date == event_day:
            stones[stone.source].append(stone)
    there = partial(presence, store.home, ledger=store.ledger, engine=store.engine)
    return {
        each.source: tuple(
            reasons(
                each,
                there(data=sets[each.source], workspace=workspace, event_day=event_day),
                stones[each.source],
            )
        )
        for each in explanations
    }


def _print(explanations: Sequence[Explanation], why: Mapping[str, Sequence[str]] | None) -> None:
    """Print one line per rule that applies, then the reason, and what is there where that is known."""
    groups: dict[Explanation, list[str]] = defaultdict(list)
    for explanation in sorted(explanations, key=lambda e: (e.category, e.source)):
        groups[replace(explanation, source="")].append(explanation.source)
    headings = ("category", "decided by", "goes on", "window", "class", "since", "policy of")
    table = bare_table(*(Column(heading, no_wrap=True) for heading in headings))
    for cells in dict.fromkeys(tuple(_cells(explanation)) for explanation in groups):
        table.add_row(*cells)
    OUT.print(table)
    for explanation, sources in groups.items():
        OUT.print(f"\n{explanation.category}, {_when(explanation)}", style="bold", highlight=False)
        for line in (*_rules(explanation), *_content(sources, why)):
            OUT.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _cells(explanation: Explanation) -> Iterator[str]:
    yield explanation.category
    yield explanation.rule.value
    yield str(explanation.due or "-")
    yield f"{explanation.days} days" if explanation.days is not None else "-"
    yield str(explanation.retention_class or "-")
    yield str(explanation.since or "-")
    yield str(explanation.version)


def _when(explanation: Explanation) -> str:
    if explanation.due is None:
        return "no day named yet"
    return f"{'due since' if explanation.is_due else 'until'} {explanation.due}"


def _rules(explanation: Explanation) -> Iterator[str]:
    yield explanation.why
    for lost in explanation.lost:
        yield f"Not {lost.rule}: {lost.why}"
    for hold in explanation.holds:
        yield f"Legal hold {hold.name[:_SHORT]} keeps {_scope(hold)} until {hold.expires_at:%Y-%m-%d}."


def _content(sources: Sequence[str], why: Mapping[str, Sequence[str]] | None) -> Iterator[str]:
    if why is None:
        yield f"Applies to {', '.join(sources)}."
        return
    for source in sources:
        for reason in why[source]:
            yield f"{source}: {reason}"
    if empty := [source for source in sources if not why[source]]:
        yield f"Nothing is there of {', '.join(empty)}."


def _scope(hold: Hold) -> str:
    whose = "all rows" if hold.contact_token is None else "rows about one person"
    if hold.held_from is None and hold.held_to is None:
        return whose
    start = f"{hold.held_from:%Y-%m-%d}" if hold.held_from else "the beginning"
    end = f"{hold.held_to:%Y-%m-%d}" if hold.held_to else "the end"
    return f"{whose} from {start} to {end}"
