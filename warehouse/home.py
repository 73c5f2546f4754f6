"""Name the directories and files of one warehouse: a single root, data and keys apart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from warehouse.errors import HomeError

_PRIVATE, _PASSABLE = 0o700, 0o710
# The group can read. Nobody can write to the file, so nobody can take DuckDB's lock for writers.
PUBLISHED_FOLDER, PUBLISHED_FILE = 0o750, 0o440


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
    copy of the data holds the keys nor deleting the data loses them. ``published`` lies beside both: it is
    all that other accounts of the machine can open.
    """

    root: Path

    keys = _Below("keys")
    recognizers_path = _Below("recognizers.yml")
    data = _Below("data")
    inbox = _Below("data/inbox")
    store = _Below("data/store")
    ledger_path = _Below("data/ledger.sqlite")
    warehouse_path = _Below("data/warehouse.duckdb")
    published = _Below("published")
    published_path = _Below("published/marts.duckdb")
    portal = _Below("data/portal")
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
        """Make the directories, which only their owner can read but for the published one; return the home.

        Whoever is of the home's group can pass through its root, without listing it, to what is published.
        Directories that are there keep their modes.

        Raises:
            HomeError: A file lies in their place, or they may not be written.
        """
        work = (self.dagster, self.dbt_target, self.dbt_logs, self.tmp, self.locks)
        private = (self.data, self.keys, self.inbox, self.store, *work, self.manifests, self.receipts)
        modes = {self.root: _PASSABLE, self.published: PUBLISHED_FOLDER, **dict.fromkeys(private, _PRIVATE)}
        try:
            for path, mode in modes.items():
                path.mkdir(mode=mode, parents=True, exist_ok=True)
        except OSError as error:
            raise HomeError(f"No warehouse can be at {self.root}: {error.strerror}.") from None
        return self
