"""Close days: delete rows past their window, and compact days that no event may reach any more."""

from datetime import datetime

from pipelines.declarations.calendar import last_closed_day
from pipelines.declarations.contract import lateness_days
from pipelines.declarations.declarations import Declarations
from pipelines.retention.apply import apply_retention
from pipelines.windows.inputs import tokens_of_people
from warehouse.store.compaction import compact_day
from warehouse.store.housekeeping import Swept, sweep
from warehouse.store.sketches import sketch_large_files
from warehouse.store.store import Store


def close_days(declarations: Declarations, store: Store, *, as_of: datetime) -> int:
    """Delete what is past its window, compact every closed day that changed; return how many rows went.

    Running it again does nothing more.
    """
    # First, so that nothing that may fail comes before a deletion that is due.
    applied, _ = apply_retention(declarations, store, as_of=as_of)
    compact_closed_days(declarations, store, as_of=as_of)
    return applied.plan.rows_gone


def compact_closed_days(declarations: Declarations, store: Store, *, as_of: datetime) -> tuple[int, Swept]:
    """Compact every closed day that changed, and sketch large files.

    Running it again does nothing more.

    Returns:
        How many files were replaced by fewer, and what was unlinked.
    """
    generation = store.ledger.generation()
    last = last_closed_day(as_of, lateness_days=lateness_days(declarations.contracts))
    compacted = sum(
        compact_day(store.home, ledger=store.ledger, engine=store.engine, source=source, day=day, as_of=as_of)
        for source, day in store.ledger.dirty_days()
        # Quarantine has days too, but nothing reads it often enough to be worth it.
        if day <= last and source in declarations.contracts
    )
    store.ledger.clear_dirty_days(until=last, generation=generation)
    sketch_large_files(
        store.home,
        ledger=store.ledger,
        engine=store.engine,
        sources=[name for name, contract in declarations.contracts.items() if tokens_of_people(contract)],
    )
    return compacted, sweep(store.home, ledger=store.ledger, keyring=store.keyring)
