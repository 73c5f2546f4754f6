"""Plan the deletions that are due in one warehouse; changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime

from pipelines.declarations.calendar import TIME_ZONE_DAYS, last_closed_day
from pipelines.declarations.contract import lateness_days
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.policy import Operational
from pipelines.marts.frozen import slice_sources
from pipelines.privacy.accounts import ended_by_request
from pipelines.privacy.erasures import due_erasures
from pipelines.retention.dagster_records import due_runs
from pipelines.sources.inbox import feeds
from pipelines.windows.inputs import data_sets, retention_inputs
from warehouse.keys.locks import reader_lease
from warehouse.retention import records
from warehouse.retention.databases import needs_rewrite
from warehouse.retention.files import due_files
from warehouse.retention.places import Windows
from warehouse.retention.plan import FileItem
from warehouse.retention.planner import Planned, make_plan
from warehouse.retention.planning.context import PlanRequest, Slices
from warehouse.retention.word_counts import due_words
from warehouse.store.store import Store


def plan_retention(declarations: Declarations, store: Store, *, as_of: datetime) -> Planned:
    """Plan everything that is due at ``as_of``; changes nothing.

    Raises:
        UnknownDataSetError: The store holds a data set without a contract.
        KeyringError, StoreError: A file that must be looked into cannot be read.
    """
    known, erasures = retention_inputs(declarations, store, as_of=as_of), due_erasures(declarations, store)
    ended = {**known.ended, **ended_by_request(declarations, erasures, as_of=as_of)}
    request = PlanRequest(
        inputs=replace(known, erasures=erasures, ended=ended),
        data_sets=data_sets(declarations.contracts),
        as_of=as_of,
        slices=slices_of(declarations, store, as_of=as_of),
        rewrites_database=needs_rewrite(store.home, store.ledger),
        files=[
            *due_outside_store(declarations, store, as_of),
            *due_dagster_records(declarations, store, as_of),
            *due_words(store.ledger, store.keyring, enough=declarations.enough, as_of=as_of),
        ],
    )
    with reader_lease(store.home.locks, store.ledger.generation()):
        return make_plan(store.home, ledger=store.ledger, engine=store.engine, request=request)


def slices_of(declarations: Declarations, store: Store, *, as_of: datetime) -> Slices:
    """Return how far the cubes are built, and how far they could be."""
    return Slices(
        sources=slice_sources(declarations.contracts),
        built_until=store.ledger.built_until(),
        closed_until=last_closed_day(as_of, lateness_days=lateness_days(declarations.contracts)),
        spread_days=TIME_ZONE_DAYS,
    )


def operational_windows(declarations: Declarations) -> Windows:
    """Return the windows of everything outside the store."""
    days = declarations.policy.operational_days
    return Windows(
        inbox=declarations.policy.inbox_ttl_days,
        tmp=days[Operational.TMP],
        dbt=days[Operational.DBT],
        compute_logs=days[Operational.COMPUTE_LOGS],
        manifests=days[Operational.MANIFESTS],
        feeds=frozenset(feeds(declarations.contracts)),
        now=machine_clock(),
    )


def due_outside_store(declarations: Declarations, store: Store, as_of: datetime) -> list[FileItem]:
    """List files outside the store that are due."""
    key = records.subject_key(store.keyring)
    found = due_files(store.home, operational_windows(declarations), as_of=as_of, name_key=key)
    return [item for _, item in found]


def due_dagster_records(declarations: Declarations, store: Store, as_of: datetime) -> list[FileItem]:
    """List Dagster's records that are due; their ages are counted by the machine's clock."""
    return due_runs(store.home, days=dagster_days(declarations), as_of=min(as_of, machine_clock()))


def machine_clock() -> datetime:
    """Return the machine's clock, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def dagster_days(declarations: Declarations) -> int:
    """Return for how many days Dagster's records are kept."""
    return declarations.policy.operational_days[Operational.DAGSTER_RUNS]
