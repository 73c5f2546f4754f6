"""Take locks and leases: files locked by the kernel, so that a crash frees them.

The ledger's write transaction orders all commits to the store; a lock is needed only where a
transaction cannot reach: the one DuckDB file, and files that a reader or writer still needs.
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from warehouse.errors import LockedError


@contextmanager
def warehouse_lock(locks: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold the right to open `warehouse.duckdb`, across processes.

    Raises:
        LockedError: Another process held it for ``timeout_s`` seconds.
    """
    lock = FileLock(locks / "warehouse.lock")
    try:
        lock.acquire(timeout=timeout_s)
    except Timeout:
        raise LockedError("warehouse.duckdb") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def reader_lease(locks: Path, generation: int) -> Iterator[None]:
    """Keep the files of a generation on disk while somebody reads them."""
    with _lease(locks, f"reader-{generation}-{secrets.token_hex(8)}"):
        yield


@contextmanager
def writer_lease(locks: Path, batch_id: str) -> Iterator[None]:
    """Keep a batch's uncommitted files from being removed as orphans, and their keys from destruction."""
    with ExitStack() as lease:
        with keys_lock(locks):
            lease.enter_context(_lease(locks, f"writer-{batch_id}"))
        yield


@contextmanager
def keys_lock(locks: Path) -> Iterator[None]:
    """Hold off new writers while keys are destroyed; a writer that begins later makes a key of its own."""
    with FileLock(locks / "keys.lock"):
        yield


def leased_generations(locks: Path) -> list[int]:
    """Return the generations of the store that live readers hold."""
    return [int(name.split("-")[1]) for name in _held(locks, "reader")]


def writing_batches(locks: Path) -> frozenset[str]:
    """Return the batches that live writers are working on."""
    return frozenset(name.removeprefix("writer-") for name in _held(locks, "writer"))


@contextmanager
def _lease(locks: Path, name: str) -> Iterator[None]:
    path = locks / f"{name}.lease"
    lock = FileLock(path)
    lock.acquire()
    while not path.exists():
        # `_held` found the file between its creation and its locking, and removed it.
        lock.release()
        lock.acquire()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


def _held(locks: Path, prefix: str) -> list[str]:
    held = []
    for path in locks.glob(f"{prefix}-*.lease"):
        probe = FileLock(path)
        try:
            probe.acquire(timeout=0)
        except Timeout:
            held.append(path.stem)
            continue
        # Nobody holds it: its owner crashed.
        with suppress(FileNotFoundError):
            path.unlink()
        probe.release()
    return held
