"""Make, keep and destroy keys: random, one per purpose and name, wrapped by a key outside the data.

One file per key, so that destroying a key is unlinking a file: nothing to rewrite, nothing left in
free pages. Each key is wrapped with AES-256-GCM (Tink) and bound to its purpose and name, so that a
wrapped key cannot be passed off as another.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Protocol

import tink
from tink import aead, json_proto_keyset_format, secret_key_access

from warehouse.errors import KeyringError
from warehouse.files import fsync_directory, leftovers_of, replacing, unlink_durably

KEY_BYTES = 32
# A key is made before what needs it is listed; one that nothing needs is destroyed so long after it was made.
LONGEST_UNNEEDED = timedelta(days=1)


class Purpose(StrEnum):
    """Name what a key is for; keys of two purposes are never the same."""

    PSEUDONYM = "pseudonym"
    SURROGATE = "surrogate"
    PARQUET = "parquet"
    DATABASE = "database"
    LEDGER = "ledger"
    WORDS = "words"
    SUPPRESSION = "suppression"
    SUPPRESSED = "suppressed"
    REQUEST = "request"
    RECEIPT = "receipt"


class KeyStore(Protocol):
    """Describe what the rest of the system needs of a key ring."""

    def get(self, purpose: Purpose, name: str) -> bytes:
        """Return the key, 32 bytes; make it if there is none yet."""

    def find(self, purpose: Purpose, name: str) -> bytes:
        """Return the key, 32 bytes; raise KeyringError if there is none."""

    def has(self, purpose: Purpose, name: str) -> bool:
        """Return whether there is such a key."""

    def destroy(self, purpose: Purpose, *names: str) -> None:
        """Remove keys for ever."""

    def seal(self, purpose: Purpose, name: str, content: bytes) -> None:
        """Keep something that is not a key as if it were one."""

    def unseal(self, purpose: Purpose, name: str) -> bytes:
        """Return what was sealed; raise KeyringError if it is not there."""


class KeyRing:
    """Keep wrapped keys in a directory of their own, in files that only their owner can read.

    The key that wraps the others is a Tink keyset, ``kek.json`` in the same directory. To keep it in
    a key management service instead, write another ``KeyStore``.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._aead: aead.Aead | None = None
        # With the identity of the file: another process may destroy a key, and make one of the same name.
        self._unwrapped: dict[tuple[Purpose, str], tuple[int, int, bytes]] = {}

    def get(self, purpose: Purpose, name: str) -> bytes:
        """Return the key, 32 bytes; make, wrap and sync it to disk if there is none yet."""
        path = self._path(purpose, name)
        if not path.exists():
            self._create(path, self._wrapper().encrypt(secrets.token_bytes(KEY_BYTES), _bound(purpose, name)))
        return self.find(purpose, name)

    def seal(self, purpose: Purpose, name: str, content: bytes) -> None:
        """Wrap something that is not a key and write it beside the keys, in place of what was there.

        It is gone for ever when it is destroyed, as a key is.
        """
        with replacing(self._path(purpose, name)) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_bytes(self._wrapper().encrypt(content, _bound(purpose, name)))

    def unseal(self, purpose: Purpose, name: str) -> bytes:
        """Return what was sealed.

        Raises:
            KeyringError: It does not exist or cannot be unwrapped.
        """
        return self.find(purpose, name)

    def find(self, purpose: Purpose, name: str) -> bytes:
        """Return the key, 32 bytes.

        Raises:
            KeyringError: The key does not exist or cannot be unwrapped.
        """
        path = self._path(purpose, name)
        try:
            status = path.stat()
            cached = self._unwrapped.get((purpose, name))
            if cached is not None and cached[:2] == (status.st_ino, status.st_mtime_ns):
                return cached[2]
            wrapped = path.read_bytes()
        except FileNotFoundError:
            self._unwrapped.pop((purpose, name), None)
            raise KeyringError(f"{purpose} {name}", "it does not exist") from None
        try:
            key = bytes(self._wrapper().decrypt(wrapped, _bound(purpose, name)))
        except tink.TinkError:
            raise KeyringError(f"{purpose} {name}", "it cannot be unwrapped") from None
        self._unwrapped[purpose, name] = (status.st_ino, status.st_mtime_ns, key)
        return key

    def has(self, purpose: Purpose, name: str) -> bool:
        """Return whether there is such a key."""
        return self._path(purpose, name).exists()

    def get_all(self, purpose: Purpose, names: Iterable[str]) -> dict[str, bytes]:
        """Return several keys by name; make those that are missing."""
        return {name: self.get(purpose, name) for name in names}

    def besides(self, purpose: Purpose, names: Iterable[str], *, older_than: timedelta) -> int:
        """Count the keys of a purpose and age that are not of some names."""
        return len(self._besides(purpose, names, older_than))

    def destroy_besides(self, purpose: Purpose, names: Iterable[str], *, older_than: timedelta) -> list[str]:
        """Destroy all keys of a purpose and age that are not of some names; return their digests."""
        paths = self._besides(purpose, names, older_than)
        unlink_durably(*paths)
        return sorted(path.stem for path in paths)

    def _besides(self, purpose: Purpose, names: Iterable[str], older_than: timedelta) -> list[Path]:
        known = {self._path(purpose, name) for name in names}
        newest = datetime.now(UTC).timestamp() - older_than.total_seconds()
        present = (self._directory / purpose.value).glob("*.key")
        return [path for path in present if path not in known and path.stat().st_mtime < newest]

    def destroy(self, purpose: Purpose, *names: str) -> None:
        """Destroy keys: unlink their only wrapped copies, durably. What they encrypted is unreadable then."""
        for name in names:
            self._unwrapped.pop((purpose, name), None)
        paths = [self._path(purpose, name) for name in names]
        # With what a killed `seal` left.
        unlink_durably(*paths, *chain.from_iterable(map(leftovers_of, paths)))

    def _path(self, purpose: Purpose, name: str) -> Path:
        # A digest, because names differ by case only on some file systems, and to fit any name.
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]
        return self._directory / purpose.value / f"{digest}.key"

    def _wrapper(self) -> aead.Aead:
        if self._aead is None:
            aead.register()
            path = self._directory / "kek.json"
            if not path.exists():
                if any(self._directory.glob("*/*.key")):
                    raise KeyringError("kek.json", "it is gone, but keys wrapped by it are still there")
                handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
                text = json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
                self._create(path, text.encode())
            try:
                handle = json_proto_keyset_format.parse(path.read_text("utf-8"), secret_key_access.TOKEN)
                self._aead = handle.primitive(aead.Aead)
            except (tink.TinkError, ValueError):
                raise KeyringError("kek.json", "it is not a Tink keyset") from None
        return self._aead

    @staticmethod
    def _create(path: Path, content: bytes) -> None:
        """Write a file that must not exist yet; of two writers at once the first wins, whole."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)
            except FileExistsError:
                return
            fsync_directory(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def _bound(purpose: Purpose, name: str) -> bytes:
    return f"{purpose.value}\x1f{name}".encode()
