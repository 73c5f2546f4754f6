"""Build cubes and marts: run dbt in this process, some days at once, in memory that stays the same."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import duckdb

from pipelines.codegen.variables import ROWS_AT_ONCE
from pipelines.declarations.calendar import month_end
from pipelines.declarations.declarations import Declarations
from pipelines.marts.chunks import NO_DAY, Chunk, chunks_of
from pipelines.marts.dbt_runs import (
    BuildSummary,
    MartsError,
    close_connection,
    connection_closed_afterwards,
    dbt_build,
    project_digest,
    published_names,
)
from pipelines.marts.frozen import refuse_frozen_month, refuse_frozen_slices, slice_sources
from warehouse.progress import Progress, silent
from warehouse.retention import records
from warehouse.store.connection import quoted
from warehouse.store.session import leases, open_warehouse_file
from warehouse.store.store import Store

# The cubes of months, and what is held in memory for them alone.
_MONTHS = "tag:monthly"
# What is made from cubes, and the tests of both. Marts are views: they follow the cubes by themselves.
OVER_CUBES = "fqn:wasms.published fqn:wasms.marts,resource_type:test fqn:wasms.cubes,resource_type:test"

# What a day changes: rows in memory, cubes, published names, and the tests of them. Views and seeds are their
# text, so they are made and tested again only where a text has changed.
_OF_DAYS = "fqn:wasms.slices fqn:wasms.cubes fqn:wasms.published test_type:singular"
# What a month changes: the same, of cubes of months alone.
_OF_MONTHS = f"fqn:wasms.slices fqn:wasms.cubes,{_MONTHS} fqn:wasms.published test_type:singular"
# Where the warehouse file says of which project its views are.
_PROJECT = "reference.project"

# Stands among the unsound marts while a build runs; there still, if it was killed.
_INTERRUPTED = "(interrupted build)"
_PASSED = ("success", "pass", "warn", "no-op")


def build(
    declarations: Declarations,
    store: Store,
    *,
    from_day: date,
    to_day: date,
    select: str | None = None,
    progress: Progress = silent,
    is_reissue: bool = False,
    has_months: bool = True,
) -> BuildSummary:
    """Build cubes, some days at a time, and the marts over them, and test what is new in both.

    A month is built with its last day, or later by `build_month`. Holds the warehouse's lock throughout. A
    slice that was not released yet may be built again and replaces itself, as long as all its rows are there.

    Args:
        from_day: First send day, inclusive.
        to_day: Last send day, inclusive; its slice is closed (`last_closed_day`). Before ``from_day``: no
            slice is built, but all tables exist afterwards.
        select: dbt selection; None = everything.
        progress: Called with the number of days built so far.
        is_reissue: Released days are built again on purpose (`pipelines/marts/reissue.py`).
        has_months: Months that end with one of the days are built too.

    Raises:
        FrozenSliceError: Rows of a day were deleted; names it and the evidence. Nothing was built.
        MartsError: A model or test failed; names it.
        LockedError: Another process is writing the warehouse.
        KeyringError: A key of a live partition is missing.
        StoreError: A live partition cannot be read.
    """
    days = max((to_day - from_day).days + 1, 0)
    with leases(store.home), connection_closed_afterwards():
        if days:
            refuse_frozen_slices(declarations, store, first=from_day, last=to_day, may_be_released=is_reissue)
        is_current = _is_current(store)
        rows: Counter[date] = Counter()
        for source in slice_sources(declarations.contracts):
            rows.update(dict(store.ledger.live_days(source)))
        chunks = chunks_of(
            from_day,
            to_day,
            gaps=frozenset(records.gaps(store.ledger)),
            exist=is_current,
            rows=rows,
            most_rows=ROWS_AT_ONCE,
        )
        report = progress if days else silent
        with _sound_afterwards(store) as summaries:
            done = 0
            for chunk in chunks:
                more = 0 if chunk is NO_DAY else chunk.days
                callbacks = [_on_model(done, more, days, report)]
                chosen = select or (_OF_DAYS if is_current else None)
                # The first chunk makes all tables and columns that are missing, those of months too.
                has_month = chunk.has_month and (has_months or not is_current)
                summaries.append(
                    _build_chunk(store, chunk, select=chosen, callbacks=callbacks, has_month=has_month)
                )
                if chosen is None:
                    _note_project(store)
                    is_current = True
                done += more
                report("build", done, days)
    return replace(_together(summaries), days=days)


def build_month(store: Store, month: date) -> BuildSummary:
    """Build the cubes of one month whose days are in the cubes, and test what is new in them.

    Args:
        month: Its first day.

    Raises:
        FrozenSliceError: The month is released or has a gap. Nothing was built.
        MartsError: A model or test failed; names it.
        LockedError: Another process is writing the warehouse.
    """
    last = month_end(month)
    with leases(store.home), connection_closed_afterwards():
        refuse_frozen_month(store, month)
        with _sound_afterwards(store) as summaries:
            summaries.extend(_tables_and_views(store))
            chunk = Chunk(last, last, has_month=True)
            summaries.append(_build_chunk(store, chunk, select=_OF_MONTHS))
    return _together(summaries)


def build_marts(store: Store) -> None:
    """Build what is made from cubes as they are, and run the tests of both, over all periods.

    For when a cube was changed by something else than a build. Never builds a slice.

    Raises:
        MartsError: A model or test failed; names it.
        LockedError: Another process is writing the warehouse.
    """
    with leases(store.home), connection_closed_afterwards(), _sound_afterwards(store) as summaries:
        summaries.extend(_tables_and_views(store))
        chosen = ("--select", OVER_CUBES, "--exclude", "fqn:wasms.slices fqn:wasms.cubes,resource_type:model")
        summaries.append(dbt_build(store.home, *chosen))


def _tables_and_views(store: Store) -> Iterator[BuildSummary]:
    """Make tables and views that are missing or of another project; build no slice."""
    if not _is_current(store):
        yield _build_chunk(store, NO_DAY)
        _note_project(store)


@contextmanager
def _sound_afterwards(store: Store) -> Iterator[list[BuildSummary]]:
    """Keep account of what does not pass while builds are summed up: then nothing is published."""
    unsound = store.ledger.unsound_marts()
    store.ledger.set_unsound_marts(unsound | {_INTERRUPTED})
    summaries: list[BuildSummary] = []
    try:
        yield summaries
    except MartsError as error:
        failed = {name for name, outcome in error.outcomes.items() if outcome not in _PASSED}
        store.ledger.set_unsound_marts(unsound | failed)
        raise
    # What passes now has mended what failed under the same name, and nothing else.
    passed = {name for each in summaries for name in each.outcomes}
    store.ledger.set_unsound_marts(unsound - passed - {_INTERRUPTED})


def _together(summaries: Sequence[BuildSummary]) -> BuildSummary:
    seconds: Counter[str] = Counter()
    for each in summaries:
        seconds.update(each.seconds)
    outcomes = {name: outcome for each in summaries for name, outcome in each.outcomes.items()}
    return replace(summaries[-1], outcomes=outcomes, seconds=seconds)


def _is_current(store: Store) -> bool:
    """Tell whether all tables and views are of the project as it is, and none has failed.

    Where they are of another, the file does not say so any more: a build may leave some of each.
    """
    if not store.home.warehouse_path.exists():
        return False
    # Not named as the view: DuckDB would take it for a table where there is none.
    present = (project_digest(),)
    with open_warehouse_file(store.home, keyring=store.keyring, read_only=False) as connection:
        try:
            noted = connection.execute(f"from warehouse.{_PROJECT}").fetchone()
        except duckdb.CatalogException:
            noted = None
        if noted not in (None, present):
            connection.execute(f"drop view warehouse.{_PROJECT}")
    # Every build makes the published names anew.
    return noted == present and not store.ledger.unsound_marts() - published_names() - {_INTERRUPTED}


def _note_project(store: Store) -> None:
    """Write down in the warehouse file that everything in it is of the project as it is."""
    close_connection()
    with open_warehouse_file(store.home, keyring=store.keyring, read_only=False) as connection:
        connection.execute(
            f"create or replace view warehouse.{_PROJECT} as select {quoted(project_digest())} as digest"
        )


def _build_chunk(
    store: Store,
    chunk: Chunk,
    *,
    select: str | None = None,
    callbacks: list[Callable[[Any], None]] | None = None,
    has_month: bool = True,
) -> BuildSummary:
    summary = dbt_build(
        store.home,
        *("--event-time-start", chunk.first.isoformat()),
        *("--event-time-end", (chunk.last + timedelta(days=1)).isoformat()),
        *(("--select", select) if select else ()),
        *(() if has_month else ("--exclude", _MONTHS)),
        callbacks=callbacks,
    )
    if chunk is not NO_DAY:
        return summary
    # Tests that look at no day have passed nothing.
    return replace(summary, outcomes={name: summary.outcomes[name] for name in summary.models})


def _on_model(before: int, days: int, total: int, progress: Progress) -> Callable[[Any], None]:
    """Return a callback for dbt that reports progress in days, by the models built of a chunk."""

    def on_event(event: Any) -> None:
        if event.info.name == "LogModelResult":
            progress("build", before + days * event.data.index // event.data.total, total)

    return on_event
