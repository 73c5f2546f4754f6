"""A retention plan: everything that is due, each with why, and the hash that binds its execution to it."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

from warehouse.files import replacing

# What becomes of rows; the last two are followed by a class or the name of a hold.
GONE = "gone"
STAY = "stay"
CLASS = "class"
HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is due: rule, version, date, precedence.

    Attributes:
        rule: Precedence that decided (`rules.Precedence`), or the name of an operational window.
        due: First day on which it must be gone.
    """

    rule: str
    category: str
    window_days: int | None
    version: date | None
    due: date | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many rows of a file go one way: `gone`, `stay`, `class N` or `hold NAME`."""

    to: str
    rows: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class PartItem:
    """One store file that is due: removed whole, or rewritten where some of its rows go elsewhere."""

    path: str
    source: str
    partition: str
    rows: int
    bytes: int
    sha256: str
    outcomes: tuple[Outcome, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every row goes."""
        return all(outcome.to == GONE for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class FileItem:
    """One file outside the store past its window: inbox, temporary files, logs, manifests.

    Attributes:
        path: Relative to the data directory; of the inbox, the feed and a keyed hash of the name, for
            names of files may be personal.
    """

    path: str
    bytes: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class KeyItem:
    """One key to be destroyed; ``name`` is the key's own, or a keyed hash where it would name a workspace."""

    purpose: str
    name: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Ending:
    """A workspace whose account has ended, by keyed hash."""

    subject: str
    due: date


@dataclass(frozen=True, slots=True)
class Plan:
    """What `apply` would do, completely and nothing else.

    Attributes:
        facts: Digest of all facts that decided.
        endings: Workspaces to be ended now; ``coming_endings``: within the alarm's days.
        gaps: Days whose rows go although their slice was never built; ``alarms``: days for which that
            is near.
        held: Hold → rows that are past their window and kept by it, before and by this plan.
        missing_keys: Files due whose key is gone already: they can be removed, not looked into.
    """

    as_of: datetime
    policy_version: date
    facts: str
    parts: tuple[PartItem, ...] = ()
    files: tuple[FileItem, ...] = ()
    keys: tuple[KeyItem, ...] = ()
    endings: tuple[Ending, ...] = ()
    coming_endings: tuple[Ending, ...] = ()
    gaps: tuple[date, ...] = ()
    alarms: tuple[date, ...] = ()
    held: tuple[tuple[str, int], ...] = ()
    missing_keys: int = 0
    rewrites_database: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.parts or self.files or self.endings or self.gaps or self.rewrites_database)

    @property
    def rows_gone(self) -> int:
        """Rows that this plan deletes."""
        return sum(outcome.rows for _, outcome in self.outcomes() if outcome.to == GONE)

    @property
    def bytes_gone(self) -> int:
        """Bytes of the files that are removed whole."""
        return sum(part.bytes for part in self.parts if part.is_whole) + sum(f.bytes for f in self.files)

    def outcomes(self) -> Iterator[tuple[PartItem, Outcome]]:
        """Each outcome with its file."""
        return ((part, outcome) for part in self.parts for outcome in part.outcomes)

    def rows_by(self) -> Counter[tuple[str, str, str]]:
        """Rows by data set, destination and rule, those that stay left out."""
        totals: Counter[tuple[str, str, str]] = Counter()
        for part, outcome in self.outcomes():
            if outcome.to != STAY:
                totals[part.source, outcome.to, outcome.reason.rule] += outcome.rows
        return totals

    def to_json(self) -> str:
        """The manifest: canonical, so that equal plans are equal texts."""
        return json.dumps(asdict(self), default=str, sort_keys=True, indent=1)

    @property
    def hash(self) -> str:
        """Names the plan: SHA-256 of the manifest."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def write_manifest(plan: Plan, directory: Path) -> Path:
    """Write the manifest below its hash, whole; return its path."""
    path = directory / f"{plan.hash}.json"
    with replacing(path) as temporary:
        temporary.write_text(plan.to_json(), "utf-8")
    return path
