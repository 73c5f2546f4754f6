"""Remove from disk what was removed in the ledger: unlink hidden files, destroy their keys, sweep orphans."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from warehouse.files import unlink_durably
from warehouse.home import Home
from warehouse.keys.keyring import LONGEST_UNNEEDED, KeyRing, KeyStore, Purpose
from warehouse.keys.locks import keys_lock, leased_generations, writing_batches
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.store.sketches import files_of, listed_by

# A reader that needs longer than this loses its files: deletion may wait for readers, but not for ever.
LONGEST_LEASE = timedelta(minutes=15)

_PART_NAME = re.compile(r"^\.?part-([A-Za-z0-9]+)-[0-9a-f]+\.(?:parquet|sketch)(\.tmp)?$")


@dataclass(frozen=True, slots=True)
class Swept:
    """Count the files and keys that were removed from disk."""

    files: int
    keys: int


def sweep(home: Home, *, ledger: Ledger, keyring: KeyStore) -> Swept:
    """Unlink files that are hidden and not read any more, and destroy keys that nothing on disk needs.

    Safe to run at any time and again after a crash.
    """
    leased = leased_generations(home.locks)
    # A file removed at generation g was visible up to g - 1: readers of g and later never saw it.
    oldest_reader = min(leased, default=ledger.generation())
    deadline = datetime.now(UTC).replace(tzinfo=None) - LONGEST_LEASE
    doomed = ledger.removed_parts(before=oldest_reader, removed_before=deadline)
    if not doomed:
        return Swept(files=0, keys=0)
    unlink_durably(*(path for part in doomed for path in files_of(home, part)))
    for part in doomed:
        _remove_empty(home, part)
    with keys_lock(home.locks):
        unused = ledger.unused_keys({part.key_name for part in doomed}, besides=doomed)
        if writing_batches(home.locks):
            # A writer may be about to use one of them: those files count as there until the next sweep.
            doomed, unused = [part for part in doomed if part.key_name not in unused], []
        keyring.destroy(Purpose.PARQUET, *unused)
    ledger.mark_unlinked(doomed, destroyed=unused)
    return Swept(files=len(doomed), keys=len(unused))


def remove_orphans(home: Home, *, ledger: Ledger) -> int:
    """Unlink files that crashed writers left in the store; return how many. Safe beside live writers."""
    orphans = _orphans(home, ledger)
    unlink_durably(*(home.data / path for path in orphans))
    return len(orphans)


def destroy_orphan_keys(home: Home, *, ledger: Ledger, keyring: KeyRing) -> int:
    """Destroy Parquet keys that no file needs, a day after they were made; return how many.

    Crashed writers leave such keys, and so does an old copy of the key directory that was put back. If the
    ledger lists no file at all nothing is destroyed: it may be about to be restored.
    """
    with keys_lock(home.locks):
        needed = ledger.key_names()
        if not needed or writing_batches(home.locks):
            return 0
        destroyed = keyring.destroy_besides(Purpose.PARQUET, needed, older_than=LONGEST_UNNEEDED)
    if destroyed:
        ledger.mark_unlinked((), destroyed=[f"orphan {digest}" for digest in destroyed])
    return len(destroyed)


def _orphans(home: Home, ledger: Ledger) -> list[str]:
    on_disk = {
        str(path.relative_to(home.data)): match.group(1)
        for path in home.store.rglob("*part-*")
        if (match := _PART_NAME.match(path.name))
    }
    # In this order: what is committed after the first look is found in the last.
    writing = writing_batches(home.locks)
    listed = ledger.known_paths()
    return sorted(
        path for path, batch in on_disk.items() if batch not in writing and listed_by(path) not in listed
    )


def _remove_empty(home: Home, part: Part) -> None:
    directory = (home.data / part.path).parent
    while directory != home.store and directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
        directory = directory.parent
