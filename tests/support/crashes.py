"""Crashes where they hurt: around every transaction of the ledger, every use of a key, every step."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from warehouse.keys.keyring import KeyRing, Purpose
from warehouse.ledger.ledger import Ledger


class CrashError(Exception):
    """The process would be gone here."""


@dataclass
class Fuse:
    """Burns once, at the n-th dangerous moment; None: never. ``seen`` lists the moments passed."""

    at: int | None = None
    seen: list[str] = field(default_factory=list)

    def pass_(self, moment: str) -> None:
        """A dangerous moment."""
        self.seen.append(moment)
        if self.at is not None and len(self.seen) > self.at:
            self.at = None
            raise CrashError(moment)

    def progress(self, stage: str, done: int, total: int) -> None:
        """As a listener to progress."""
        self.pass_(stage)


class CrashingLedger(Ledger):
    """The real ledger; a crash may come right before a transaction begins or right after it is through."""

    fuse = Fuse()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        self.fuse.pass_("before a transaction")
        with super().transaction() as connection:
            yield connection
            self.fuse.pass_("inside a transaction")
        self.fuse.pass_("after a transaction")


class CrashingKeyRing(KeyRing):
    """The real keys; a crash may come before or after one is made or destroyed."""

    fuse = Fuse()

    def get(self, purpose: Purpose, name: str) -> bytes:
        if not self.has(purpose, name):
            self.fuse.pass_(f"before a {purpose} key is made")
        return super().get(purpose, name)

    def destroy(self, purpose: Purpose, *names: str) -> None:
        for name in names:
            self.fuse.pass_(f"before a {purpose} key is destroyed")
            super().destroy(purpose, name)
