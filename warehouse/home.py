"""Name the directories and files of one warehouse: a single root, data and keys apart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self


class _Below:
    """Stand for a path below the root of a home."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __get__(self, home: "Home", _owner: type) -> Path:
        return home.root / self._path


@dataclass(frozen=True, slots=True)
class Home:
    """Hold the root of one warehouse, and give the paths below it.

    ``data`` may be deleted and rebuilt; ``keys`` lies beside it, never below it, so that neither a
    copy of the data holds the keys nor deleting the data loses them.
    """

    root: Path

    keys = _Below("keys")
    recognizers_path = _Below("recognizers.yml")
    data = _Below("data")
    inbox = _Below("data/inbox")
    store = _Below("data/store")
    ledger_path = _Below("data/ledger.sqlite")
    warehouse_path = _Below("data/warehouse.duckdb")
    published_path = _Below("data/published/marts.duckdb")
    dagster = _Below("data/dagster")
    dbt_target = _Below("data/dbt/target")
    dbt_logs = _Below("data/dbt/logs")
    manifests = _Below("data/manifests")
    receipts = _Below("data/receipts")
    tmp = _Below("data/tmp")
    locks = _Below("data/locks")

    @classmethod
    def of_dbt_target(cls, path: Path) -> Self | None:
        """Return the warehouse whose `dbt_target` a directory is; None if it is of none."""
        root = path.absolute().parents[2:3]
        home = cls(root[0]) if root else None
        return home if home and home.dbt_target == path.absolute() else None

    def create(self) -> "Home":
        """Make the directories, readable by their owner only; return the home itself."""
        work = (self.dagster, self.dbt_target, self.dbt_logs, self.tmp, self.locks)
        inner = (*work, self.manifests, self.receipts)
        outer = (self.root, self.data, self.keys, self.inbox, self.store, self.published_path.parent)
        for path in (*outer, *inner):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self
