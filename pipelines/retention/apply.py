"""Carry out the deletions that are due in one warehouse."""

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from tenacity import retry, retry_if_exception_type, stop_after_attempt

from pipelines.declarations.declarations import Declarations
from pipelines.marts.account_end import end_in_marts
from pipelines.privacy.corrections import finish_corrections
from pipelines.privacy.erasures import finish_erasures
from pipelines.privacy.submit import follow_restricted, take_over
from pipelines.retention.dagster_records import delete_runs
from pipelines.retention.plan import (
    dagster_days,
    due_dagster_records,
    due_outside_store,
    machine_clock,
    operational_windows,
    plan_retention,
)
from warehouse.errors import ConflictError
from warehouse.keys.keyring import Purpose
from warehouse.keys.locks import reader_lease
from warehouse.progress import Progress, silent
from warehouse.retention import evidence, records
from warehouse.retention.apply import Applied, commit_plan
from warehouse.retention.databases import needs_rewrite, rewrite
from warehouse.retention.errors import PlanError, UnusualAmountError
from warehouse.retention.files import remove_due_files
from warehouse.retention.guard import unusual
from warehouse.retention.plan import Plan, write_manifest, written_plan
from warehouse.retention.planner import Planned
from warehouse.retention.suppression import forget_suppressed
from warehouse.retention.word_counts import forget_words
from warehouse.store.housekeeping import sweep
from warehouse.store.store import Store

# Kind of the evidence entry that records what is physically gone.
FINISHED = "retention finished"
# Somebody may ingest or compact at the same moment; who loses plans again.
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Finished:
    """Counts of what is physically gone: files of the store, other files, keys."""

    files_unlinked: int = 0
    files_removed: int = 0
    keys_destroyed: int = 0

    def __add__(self, other: Self) -> "Finished":
        return Finished(
            self.files_unlinked + other.files_unlinked,
            self.files_removed + other.files_removed,
            self.keys_destroyed + other.keys_destroyed,
        )


def apply_retention(
    declarations: Declarations,
    store: Store,
    *,
    as_of: datetime,
    guarded: bool = False,
    progress: Progress = silent,
) -> tuple[Applied, Finished]:
    """Plan and carry out what is due at ``as_of``; running it again does nothing more.

    Args:
        guarded: Whether an unusual amount is left to a person: where nobody watches.

    Raises:
        ClockError: The warehouse has reached a later day.
        UnusualAmountError: The plan is written down and waits; nothing of it was deleted.
    """
    store.ledger.check_clock(as_of)
    before = finish_pending(declarations, store)
    take_over(declarations, store, as_of=as_of)
    follow_restricted(declarations, store)
    applied = _plan_and_apply(declarations, store, as_of=as_of, guarded=guarded, progress=progress)
    return applied, before + finish_pending(declarations, store, progress=progress)


@retry(retry=retry_if_exception_type(ConflictError), stop=stop_after_attempt(_ATTEMPTS), reraise=True)
def _plan_and_apply(
    declarations: Declarations, store: Store, *, as_of: datetime, guarded: bool, progress: Progress
) -> Applied:
    # Another process may delete or compact meanwhile: what this one is about to read must stay on disk.
    with reader_lease(store.home.locks, store.ledger.generation()):
        planned = plan_retention(declarations, store, as_of=as_of)
        if guarded:
            _guard(store, planned.plan)
        store.ledger.advance_clock(as_of)
        return apply_planned(store, planned, progress=progress)


def apply_by_hash(
    declarations: Declarations, store: Store, prefix: str, *, now: datetime, progress: Progress = silent
) -> tuple[Applied, Finished]:
    """Carry out exactly the plan that was written down under a hash (or its beginning), or refuse.

    Raises:
        PlanError: There is no such plan, it is of another day, or what is due is not what it lists.
    """
    plan_hash, as_of = written_plan(store.home.manifests, prefix)
    if as_of.date() != now.date() or as_of > now:
        raise PlanError(f"The plan is of {as_of:%Y-%m-%d}, and today is {now:%Y-%m-%d}")
    store.ledger.check_clock(now)
    before = finish_pending(declarations, store)
    with reader_lease(store.home.locks, store.ledger.generation()):
        planned = plan_retention(declarations, store, as_of=as_of)
        if planned.plan.hash != plan_hash:
            raise PlanError("What is due has changed since the plan was made")
        store.ledger.advance_clock(now)
        try:
            applied = apply_planned(store, planned, progress=progress)
        except ConflictError:
            raise PlanError("What is due changed while the plan was carried out") from None
    return applied, before + finish_pending(declarations, store, progress=progress)


def apply_planned(store: Store, planned: Planned, *, progress: Progress = silent) -> Applied:
    """Commit the store's part of a plan; `finish_pending` does the rest."""
    if not planned.plan.is_empty:
        write_manifest(planned.plan, store.home.manifests)
    return commit_plan(store.home, planned, ledger=store.ledger, engine=store.engine, progress=progress)


def finish_pending(declarations: Declarations, store: Store, *, progress: Progress = silent) -> Finished:
    """Make physical what plans have committed: files, databases, keys. Safe to run at any time.

    Raises:
        LockedError: Somebody is writing the warehouse file; what is left stays pending.
    """
    total = Finished()
    for work in records.pending(store.ledger):
        swept = sweep(store.home, ledger=store.ledger, keyring=store.keyring)
        removed = remove_due_files(
            store.home,
            operational_windows(declarations),
            due_outside_store(declarations, store, work.as_of),
            as_of=work.as_of,
            name_key=records.subject_key(store.keyring),
        )
        removed += delete_runs(
            store.home,
            due_dagster_records(declarations, store, work.as_of),
            days=dagster_days(declarations),
            as_of=min(work.as_of, machine_clock()),
        )
        removed += forget_words(store.ledger, store.keyring, enough=declarations.enough, as_of=work.as_of)
        progress("databases", 0, 1)
        keys = _end(store, work)
        finished = Finished(swept.files, removed, swept.keys + keys)
        _note(store, work, finished)
        records.clear_pending(store.ledger, [work])
        total += finished
    reached = store.ledger.reached()
    finish_erasures(declarations, store, as_of=reached)
    finish_corrections(declarations, store, as_of=reached)
    return total


def _guard(store: Store, plan: Plan) -> None:
    found = unusual(plan, evidence.entries(store.ledger))
    if found is not None:
        write_manifest(plan, store.home.manifests)
        raise UnusualAmountError(
            plan.hash,
            found.rows,
            median_rows=found.median_rows,
            most_rows=found.most_rows,
            where=_options(store, plan.as_of),
        )


def _options(store: Store, as_of: datetime) -> str:
    """Return what a command needs to mean this warehouse at this time, from any folder."""
    clock = "" if as_of.date() == machine_clock().date() else f" --as-of {as_of.isoformat()}"
    return f"--home {shlex.quote(str(store.home.root))}{clock}"


def _end(store: Store, work: records.Pending) -> int:
    """Remove ended workspaces from the databases, then destroy their keys; return how many keys."""
    published = [name for name in work.workspaces if store.keyring.has(Purpose.SURROGATE, name)]
    if published:
        end_in_marts(store, published)
    elif work.rewrites_database and needs_rewrite(store.home, store.ledger):
        rewrite(store.home, keyring=store.keyring)
    # Surrogates last: what is in the databases is found by them.
    doomed = [(Purpose.SURROGATE, name) for name in work.workspaces]
    naming = records.subject_key(store.keyring)
    with store.ledger.transaction() as connection:
        forget_suppressed(connection, [records.subject(naming, name) for name in work.released])
    # Without a pseudonym key no token of an erased person can come again.
    of_people = (Purpose.PSEUDONYM, Purpose.SUPPRESSION, Purpose.SUPPRESSED)
    doomed += [(purpose, name) for name in work.released for purpose in of_people]
    there = [(purpose, name) for purpose, name in doomed if store.keyring.has(purpose, name)]
    for purpose, name in there:
        store.keyring.destroy(purpose, name)
    return len(there)


def _note(store: Store, work: records.Pending, finished: Finished) -> None:
    with store.ledger.transaction() as connection:
        evidence.append(
            connection,
            key=store.keyring.get(Purpose.LEDGER, "evidence"),
            kind=FINISHED,
            as_of=work.as_of,
            body={
                "plan": work.plan_hash,
                "files_unlinked": finished.files_unlinked,
                "files_removed": finished.files_removed,
                "keys_destroyed": finished.keys_destroyed,
                "workspaces_ended": len(work.workspaces),
            },
        )
    evidence.write_anchor(store.ledger, store.home.keys / evidence.ANCHOR)
