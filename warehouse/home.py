"""Where everything lies: one root, data and keys apart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Home:
    """The directories of one warehouse.

    ``data`` may be deleted and rebuilt; ``keys`` lies beside it, never below it, so that neither a
    copy of the data holds the keys nor deleting the data loses them.
    """

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def recognizers_path(self) -> Path:
        return self.root / "recognizers.yml"

    @property
    def inbox(self) -> Path:
        return self.data / "inbox"

    @property
    def store(self) -> Path:
        return self.data / "store"

    @property
    def ledger_path(self) -> Path:
        return self.data / "ledger.sqlite"

    @property
    def warehouse_path(self) -> Path:
        return self.data / "warehouse.duckdb"

    @property
    def published_path(self) -> Path:
        return self.data / "published" / "marts.duckdb"

    @property
    def dagster(self) -> Path:
        return self.data / "dagster"

    @property
    def dbt_target(self) -> Path:
        return self.data / "dbt" / "target"

    @classmethod
    def of_dbt_target(cls, path: Path) -> Self | None:
        """The warehouse whose `dbt_target` a directory is; None = of none."""
        root = path.absolute().parents[2:3]
        home = cls(root[0]) if root else None
        return home if home and home.dbt_target == path.absolute() else None

    @property
    def dbt_logs(self) -> Path:
        return self.data / "dbt" / "logs"

    @property
    def manifests(self) -> Path:
        return self.data / "manifests"

    @property
    def tmp(self) -> Path:
        return self.data / "tmp"

    @property
    def locks(self) -> Path:
        return self.data / "locks"

    def create(self) -> "Home":
        """Make the directories, readable by their owner only; return the home itself."""
        for path in (
            self.root,
            self.data,
            self.keys,
            self.inbox,
            self.store,
            self.published_path.parent,
            self.dagster,
            self.dbt_target,
            self.dbt_logs,
            self.manifests,
            self.tmp,
            self.locks,
        ):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self
