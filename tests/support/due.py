"""A warehouse in which much is due at once: windows, an ended account, holds, moves between classes."""

import shutil
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path

from pipelines.declarations.contract import Contract, load_contracts
from pipelines.declarations.declarations import Declarations, view_schema
from pipelines.declarations.policy import Policy, load_policy
from pipelines.ingestion.options import Options
from pipelines.run import run
from pipelines.runtime import Runtime, open_runtime
from pipelines.sources.inbox import landed_files
from pipelines.synthetic import WorldSpec
from tests.support.year import Delivery, at_end_of, ingest, world
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing
from warehouse.keys.locks import reader_lease
from warehouse.ledger.ledger import Ledger
from warehouse.store.connection import Engine
from warehouse.store.housekeeping import remove_orphans
from warehouse.store.reading import read_columns, read_parts
from warehouse.store.store import Store

# The last workspace ends and is held as a whole; the second is shortened, the fifth lengthened half way.
SPEC = WorldSpec(
    workspaces=6,
    contacts=20,
    days=2,
    seed=11,
    start=date(2026, 5, 11),
    messages=150,
    account_ends=2,
    hold_days=90,
)
# All slices are closed, nothing has ended.
BUILT_AT = datetime.combine(SPEC.start + timedelta(days=25), time())
# Neither retention nor marts differ by them: fewer files make more kills an hour.
LEFT_OUT = ("access_log", "error_log", "twilio_export", "app/payments", "app/members", "privacy/requests")
# Thirty days are past for those who chose them, and two accounts have ended.
DUE_AT = datetime.combine(SPEC.start + timedelta(days=45), time())
# (data set, id) → class, or hold.
Content = dict[tuple[str, str], str]


def warehouse_with_much_due(root: Path, *, marts: bool = False, spec: WorldSpec = SPEC) -> Runtime:
    """Take a small world in, day by day; with marts, build and publish them."""
    runtime = open_runtime(Home(root))
    world(root / "world", spec)
    for feed in LEFT_OUT:
        shutil.rmtree(root / "world" / feed, ignore_errors=True)
    for landed in landed_files(root / "world", runtime.declarations.contracts):
        ingest(runtime, Delivery(landed.feed, landed.path, landed.arrival, frozenset({landed.arrival})))
    assert at_end_of(landed.arrival) <= BUILT_AT
    if marts:
        run(*runtime, options=Options(as_of=BUILT_AT))
    return runtime


@cache
def _declared() -> tuple[Mapping[str, Contract], Policy]:
    return load_contracts(), load_policy()


def reopened(home: Home) -> Runtime:
    """As another process opens a warehouse, without reading the declarations again."""
    remove_orphans(home, ledger=Ledger(home.ledger_path))
    return looking_at(home)


def looking_at(home: Home) -> Runtime:
    """A warehouse as it lies there: nothing is swept."""
    contracts, policy = _declared()
    keyring = KeyRing(home.keys)
    return Runtime(
        Declarations(contracts, policy, home.recognizers_path),
        Store(home, keyring, Ledger(home.ledger_path), Engine(home.tmp, keyring)),
    )


def content(home: Home) -> Content:
    """Every row that is in sight, with its class, and every held one with its hold."""
    runtime = looking_at(home)
    ledger, engine = runtime.store.ledger, runtime.store.engine
    found: Content = {}
    with reader_lease(home.locks, ledger.generation()):
        for source in sorted(
            {part.source for part in ledger.live_parts()} & set(runtime.declarations.contracts)
        ):
            schema = view_schema(runtime.declarations.contracts[source])
            names = [name for name, _ in schema]
            columns = [name for name in ("event_id", "entity_id", "retention_days") if name in names]
            table = read_columns(runtime.store, source, schema=schema, columns=columns)
            for id_, *days in zip(*(table[name].to_pylist() for name in columns), strict=True):
                assert (source, id_) not in found, "a row is there twice"
                found[source, id_] = f"class {days[0]}" if days else "kept"
        for part in ledger.held_parts():
            table = read_parts(home, engine=engine, parts=[part])
            id_column = "event_id" if "event_id" in table.column_names else "entity_id"
            for id_ in table[id_column].to_pylist():
                assert (part.source, id_) not in found, "a held row is there twice"
                found[part.source, id_] = f"hold {part.hold}"
    engine.release()
    return found


def files_on_disk(home: Home) -> set[str]:
    """Store files, by their place in the data directory."""
    return {str(p.relative_to(home.data)) for p in home.store.rglob("*") if p.is_file()}


def files_in_ledger(home: Home) -> set[str]:
    """Store files that the ledger lists, in sight or held."""
    ledger = Ledger(home.ledger_path)
    return {part.path for part in (*ledger.live_parts(), *ledger.held_parts())}
