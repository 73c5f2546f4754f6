"""Build cubes and marts: run dbt in this process, some days at once, in memory that stays the same."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from anonymizers.text.gc_pause import gc_paused
from pipelines.codegen.model_sql import DBT_PROJECT
from pipelines.codegen.variables import ROWS_AT_ONCE
from pipelines.declarations.calendar import month_end
from pipelines.declarations.cube import load_cubes
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.errors import PipelineError
from pipelines.marts.frozen import refuse_frozen_slices, slice_sources
from warehouse.errors import WarehouseError
from warehouse.home import Home
from warehouse.progress import Progress, silent
from warehouse.retention import records
from warehouse.store.connection import quoted
from warehouse.store.session import leases, open_warehouse_file
from warehouse.store.store import Store

# Cubes are built as tables without rows from a day before there was anything to send.
EMPTY_DAY = date(2009, 1, 1)
MANIFEST = "manifest.json"
# What dbt builds at once: so many days, or fewer where they have more rows than may be joined at once; when a
# month closes, the messages of all of it, and more of them spill.
MOST_DAYS_AT_ONCE = 31
# The cubes of months, and what is held in memory for them alone.
_MONTHS = "tag:monthly"
# What is made from cubes, and the tests of both. Marts are views: they follow the cubes by themselves.
OVER_CUBES = "fqn:wasms.published fqn:wasms.marts,resource_type:test fqn:wasms.cubes,resource_type:test"

# What a day changes: rows in memory, cubes, published names, and the tests of them. Views and seeds are their
# text, so they are made and tested again only where a text has changed.
_OF_DAYS = "fqn:wasms.slices fqn:wasms.cubes fqn:wasms.published test_type:singular"
# Where the warehouse file says of which project its views are.
_PROJECT = "reference.project"

# Folders that dbt writes into its project when somebody calls it by hand.
_LEFT_BY_DBT = ("logs", "target")

# Stands among the unsound marts while a build runs; there still, if it was killed.
_INTERRUPTED = "(interrupted build)"
_PASSED = ("success", "pass", "warn", "no-op")

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult


class MartsError(PipelineError):
    """A model or a test of the marts failed."""

    def __init__(
        self, failed: Sequence[str], *, outcomes: Mapping[str, str], project_is_broken: bool = False
    ) -> None:
        what = "The dbt project does not load" if project_is_broken else f"Failed in dbt: {', '.join(failed)}"
        super().__init__(
            f"{what}. Slices built before stay as they are, nothing was published. "
            "`dbt build` in dbt_project/ shows the statement; its log may hold values: keep it to yourself."
        )
        self.failed = tuple(failed)
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """The result of a build.

    Attributes:
        days: Slices built.
        models: Views, tables and seeds built, by name.
        tests: Tests passed.
        outcomes: Status of each model, seed and test by name, in dbt's words.
        seconds: Time that each model, seed and test took, by name.
    """

    days: int
    models: tuple[str, ...]
    tests: int
    outcomes: Mapping[str, str]
    seconds: Mapping[str, float]


def build(
    declarations: Declarations,
    store: Store,
    *,
    from_day: date,
    to_day: date,
    select: str | None = None,
    progress: Progress = silent,
    is_reissue: bool = False,
) -> BuildSummary:
    """Build cubes, some days at a time, and the marts over them, and test what is new in both.

    A month is built with its last day. Holds the warehouse's lock throughout. A slice that was not released
    yet may be built again and replaces itself, as long as all its rows are there.

    Args:
        from_day: First send day, inclusive.
        to_day: Last send day, inclusive; its slice is closed (`last_closed_day`). Before ``from_day``: no
            slice is built, but all tables exist afterwards.
        select: dbt selection; None = everything.
        progress: Called with the number of days built so far.
        is_reissue: Released days are built again on purpose (`pipelines/marts/reissue.py`).

    Raises:
        FrozenSliceError: Rows of a day were deleted; names it and the evidence. Nothing was built.
        MartsError: A model or test failed; names it.
        LockedError: Another process is writing the warehouse.
        KeyringError: A key of a live partition is missing.
        StoreError: A live partition cannot be read.
    """
    days = max((to_day - from_day).days + 1, 0)
    with leases(store.home), _connection_closed_afterwards():
        if days:
            refuse_frozen_slices(declarations, store, first=from_day, last=to_day, may_be_released=is_reissue)
        made = _made(store)
        has_views = made.has_views
        chunks = chunks_of(
            from_day,
            to_day,
            gaps=_gaps(store),
            exist=made.has_all_cubes,
            rows=_rows_by_day(declarations, store),
            most_rows=ROWS_AT_ONCE,
        )
        report = progress if days else silent
        with _sound_afterwards(store) as summaries:
            done = 0
            for chunk in chunks:
                more = 0 if chunk is _NO_DAY else chunk.days
                callbacks = [_on_model(done, more, days, report)]
                chosen = select or (_OF_DAYS if has_views else None)
                summaries.append(_build_chunk(store, chunk, select=chosen, callbacks=callbacks))
                if chosen is None:
                    _note_project(store)
                    has_views = True
                done += more
                report("build", done, days)
    return replace(_together(summaries), days=days)


def build_marts(store: Store, *, select: str) -> BuildSummary:
    """Build chosen marts over cubes as they are, and run chosen tests, over all periods.

    For when a cube was changed by something else than a build. Never builds a slice.

    Args:
        select: dbt selection.

    Raises:
        MartsError: A model or test failed; names it.
        LockedError: Another process is writing the warehouse.
    """
    with leases(store.home), _connection_closed_afterwards():
        made = _made(store)
        with _sound_afterwards(store) as summaries:
            if not (made.has_all_cubes and made.has_views):
                summaries.append(_build_chunk(store, _NO_DAY, select=None, callbacks=[]))
                _note_project(store)
            chosen = ("--select", select, "--exclude", "fqn:wasms.slices fqn:wasms.cubes,resource_type:model")
            summaries.append(_summarized(_dbt(_build_arguments(store.home, *chosen)), days=0))
    return _together(summaries)


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


@dataclass(frozen=True, slots=True)
class Chunk:
    """Days that are built together.

    Attributes:
        first, last: Both inclusive.
        has_month: Cubes of months are built with it: its last day ends a month of which every day is there;
            or they have no tables yet, and get them without a row.
    """

    first: date
    last: date
    has_month: bool

    @property
    def days(self) -> int:
        """Return how many days they are."""
        return (self.last - self.first).days + 1


_NO_DAY = Chunk(EMPTY_DAY, EMPTY_DAY, has_month=True)


def chunks_of(
    first: date,
    last: date,
    *,
    gaps: Collection[date],
    exist: bool,
    rows: Mapping[date, int],
    most_rows: int,
) -> Iterator[Chunk]:
    """Yield the days from ``first`` to ``last`` in chunks, each month's end at the end of a chunk.

    A month that lost a day before it was built is never built: a part would pass for the whole.

    Args:
        exist: There are tables of every cube; else the first chunk makes them.
        rows: Rows of message logs by day; ``most_rows`` of them in one chunk, unless a day alone has more.
    """
    if last < first:
        yield _NO_DAY
    while first <= last:
        closes = month_end(first)
        end, held = first, rows.get(first, 0)
        while end < min(closes, last, first + timedelta(days=MOST_DAYS_AT_ONCE - 1)):
            held += rows.get(end + timedelta(days=1), 0)
            if held > most_rows:
                break
            end += timedelta(days=1)
        lost = any((day.year, day.month) == (end.year, end.month) for day in gaps)
        if not exist and end == closes and lost:
            yield _NO_DAY
            exist = True
        yield Chunk(first, end, has_month=(end == closes and not lost) or not exist)
        exist = True
        first = end + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Made:
    """The state of the warehouse file before a build.

    Attributes:
        has_all_cubes: There is a table of every cube, also of those that were declared since the last build.
        has_views: All views and seeds are of the project as it is, and neither they nor tests have failed.
            Where they are of another, the file does not say so any more: a build may leave some of each.
    """

    has_all_cubes: bool
    has_views: bool


def _made(store: Store) -> _Made:
    if not store.home.warehouse_path.exists():
        return _Made(has_all_cubes=False, has_views=False)
    # Not named as the view: DuckDB would take it for a table where there is none.
    present = (_project_digest(),)
    with open_warehouse_file(store.home, keyring=store.keyring, read_only=False) as connection:
        rows = connection.execute(
            "select table_name from duckdb_tables() "
            "where database_name = 'warehouse' and schema_name = 'cubes'"
        ).fetchall()
        try:
            noted = connection.execute(f"from warehouse.{_PROJECT}").fetchone()
        except duckdb.CatalogException:
            noted = None
        if noted not in (None, present):
            connection.execute(f"drop view warehouse.{_PROJECT}")
    return _Made(
        has_all_cubes={name for (name,) in rows} >= set(load_cubes()),
        has_views=noted == present and not store.ledger.unsound_marts() - _made_each_time(),
    )


def _made_each_time() -> frozenset[str]:
    """Return what may be unsound although views are in order: every build makes it anew."""
    return frozenset({_INTERRUPTED, *(path.stem for path in DBT_PROJECT.glob("models/published/*.sql"))})


def _note_project(store: Store) -> None:
    """Write down in the warehouse file that everything in it is of the project as it is."""
    _close_connection()
    with open_warehouse_file(store.home, keyring=store.keyring, read_only=False) as connection:
        connection.execute(
            f"create or replace view warehouse.{_PROJECT} as select {quoted(_project_digest())} as digest"
        )


def _project_digest() -> str:
    """Return a digest of all files of the dbt project, and of the versions that build it."""
    digest = hashlib.sha256()
    for package in ("dbt-core", "dbt-duckdb", "duckdb"):
        digest.update(f"{package} {version(package)}\n".encode())
    for path in sorted(DBT_PROJECT.rglob("*.*")):
        folder = path.relative_to(DBT_PROJECT).parts[0]
        if folder not in _LEFT_BY_DBT and path.suffix in (".sql", ".yml", ".csv"):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(DBT_PROJECT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _rows_by_day(declarations: Declarations, store: Store) -> Mapping[date, int]:
    rows: Counter[date] = Counter()
    for source in slice_sources(declarations.contracts):
        rows.update(dict(store.ledger.live_days(source)))
    return rows


def _gaps(store: Store) -> frozenset[date]:
    return frozenset(records.gaps(store.ledger))


def _build_chunk(
    store: Store, chunk: Chunk, *, select: str | None, callbacks: list[Callable[[Any], None]]
) -> BuildSummary:
    arguments = _build_arguments(
        store.home,
        *("--event-time-start", chunk.first.isoformat()),
        *("--event-time-end", (chunk.last + timedelta(days=1)).isoformat()),
        *(("--select", select) if select else ()),
        *(() if chunk.has_month else ("--exclude", _MONTHS)),
    )
    summary = _summarized(_dbt(arguments, callbacks=callbacks), days=chunk.days)
    if chunk is not _NO_DAY:
        return summary
    # Tests that look at no day have passed nothing.
    return replace(summary, outcomes={name: summary.outcomes[name] for name in summary.models})


def _dbt(arguments: list[str], *, callbacks: list[Callable[[Any], None]] | None = None) -> "dbtRunnerResult":
    # Takes a second to import, and most commands never build anything. Its hundreds of classes would write
    # code at once for conversions that few of them ever need.
    with gc_paused():
        from mashumaro.config import BaseConfig

        BaseConfig.lazy_compilation = True
        from dbt.cli.main import dbtRunner

    return dbtRunner(callbacks=callbacks or []).invoke(arguments)


def _build_arguments(home: Home, *more: str) -> list[str]:
    # Unit tests test the code, not the data: see `check_models`.
    return ["build", *_common_arguments(home), "--exclude-resource-type", "unit_test", *more]


def check_models(store: Store) -> BuildSummary:
    """Run the unit tests of the models, on rows of their own, against the views of this warehouse.

    Raises:
        MartsError: A test failed; names it.
    """
    arguments = ["test", *_common_arguments(store.home), *("--select", "test_type:unit")]
    with leases(store.home), _connection_closed_afterwards():
        result = _dbt(arguments)
    return _summarized(result, days=0)


def parse(home: Home) -> Path:
    """Write the dbt project's manifest, what the lineage is drawn from; return its path.

    Raises:
        MartsError: The project does not load.
    """
    result = _dbt(["parse", *_common_arguments(home), "--write-json"])
    if not result.success:
        raise MartsError([], outcomes={}, project_is_broken=True) from None
    return home.dbt_target / MANIFEST


def _common_arguments(home: Home) -> list[str]:
    # Neither logs nor run results: DuckDB's messages may quote values, and both would outlive them.
    return [
        *("--project-dir", str(DBT_PROJECT)),
        *("--profiles-dir", str(DBT_PROJECT)),
        *("--target-path", str(home.dbt_target)),
        *("--log-path", str(home.dbt_logs)),
        *("--log-level", "none"),
        *("--log-level-file", "none"),
        "--no-write-json",
    ]


@contextmanager
def _connection_closed_afterwards() -> Iterator[None]:
    try:
        yield
    finally:
        _close_connection()


def _close_connection() -> None:
    """Let go of the warehouse file: dbt-duckdb keeps an in-memory database for the process's life."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = getattr(DuckDBConnectionManager, "_ENV", None)
    if environment is not None:
        environment.close()
    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]  # dbt-duckdb 1.11


def _on_model(before: int, days: int, total: int, progress: Progress) -> Callable[[Any], None]:
    """Return a callback for dbt that reports progress in days, by the models built of a chunk."""

    def on_event(event: Any) -> None:
        if event.info.name == "LogModelResult":
            progress("build", before + days * event.data.index // event.data.total, total)

    return on_event


def _summarized(result: "dbtRunnerResult", *, days: int) -> BuildSummary:
    nodes = list(getattr(result.result, "results", []))
    failed = sorted(str(n.node.name) for n in nodes if n.status in ("error", "fail", "partial success"))
    outcomes = {str(n.node.name): str(n.status) for n in nodes}
    if not result.success:
        # `from None`: dbt's own errors quote statements and values; ours do not.
        raise _own_error(result.exception) or MartsError(
            failed, outcomes=outcomes, project_is_broken=not nodes
        ) from None
    return BuildSummary(
        days=days,
        models=tuple(sorted(n.node.name for n in nodes if n.node.resource_type in ("model", "seed"))),
        tests=sum(n.node.resource_type in ("test", "unit_test") for n in nodes),
        outcomes=outcomes,
        seconds={str(n.node.name): float(n.execution_time) for n in nodes},
    )


def _own_error(error: BaseException | None) -> PipelineError | WarehouseError | None:
    """Return the error of ours that dbt wrapped, if there is one, e.g. of a missing key."""
    while error is not None:
        if isinstance(error, PipelineError | WarehouseError):
            return error
        error = error.__cause__ or error.__context__
    return None
