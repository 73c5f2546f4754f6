"""Describe a retention plan: everything that is due, each with why, and the hash that names the plan."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Self

from warehouse.files import replace_text
from warehouse.retention.errors import PlanError

# What happens to rows; the last two are followed by a class or the name of a hold.
GONE = "gone"
STAY = "stay"
CLASS = "class"
HOLD = "hold"

# The rule by which rows of an erased person go; followed by the number of the request.
ERASURE = "erasure request"

# Unbuilt slices and accounts about to end are told this long before.
ALARM_DAYS = 7

_SHORTEST_PREFIX = 8


@dataclass(frozen=True, slots=True)
class Reason:
    """Say why something is due: rule, version, date, precedence.

    Attributes:
        rule: Precedence that decided (`rules.Precedence`), or the name of an operational window.
        due: First day on which it must be gone.
    """

    rule: str
    category: str
    window_days: int | None
    version: date | None
    due: date | None

    def dated(self, day: date | None) -> Self:
        """Return this reason with the day on which rows of an event day are due, if a window says it."""
        if self.due is not None or day is None or self.window_days is None:
            return self
        return replace(self, due=day + timedelta(days=self.window_days))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Count the rows of a file that go one way: `gone`, `stay`, `class N` or `hold NAME`."""

    to: str
    rows: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class PartItem:
    """Plan one store file that is due: removed whole, or rewritten if some of its rows go elsewhere."""

    path: str
    source: str
    partition: str
    rows: int
    bytes: int
    sha256: str
    outcomes: tuple[Outcome, ...]

    @property
    def is_whole(self) -> bool:
        """Return whether every row goes."""
        return all(outcome.to == GONE for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class FileItem:
    """Plan one file outside the store that is past its window: inbox, temporary files, logs, manifests.

    Attributes:
        path: Relative to the data directory; of the inbox, the feed and a keyed hash of the name, for
            names of files may be personal.
    """

    path: str
    bytes: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class KeyItem:
    """Plan one key to be destroyed.

    Attributes:
        name: The key's own name, or a keyed hash where it would name a workspace.
    """

    purpose: str
    name: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class AccountEnd:
    """Name a workspace whose account has ended, by keyed hash, and the day its data must be gone."""

    subject: str
    due: date


@dataclass(frozen=True)
class Plan:
    """Hold everything that `apply` would do, and nothing else.

    Attributes:
        inputs: Digest of all retention inputs that decided.
        account_ends: Accounts to be ended now; ``coming_account_ends``: within the days of an alarm.
        gaps: Days whose rows go although their slice was never built; ``alarms``: days for which that
            is near.
        erasures: Numbers of the erasure requests that it carries out.
        held: Hold → rows that are past their window and kept by it, before and by this plan.
        missing_keys: Files due whose key is gone already: they can be removed, not looked into.
    """

    as_of: datetime
    policy_version: date
    inputs: str
    parts: tuple[PartItem, ...] = ()
    files: tuple[FileItem, ...] = ()
    keys: tuple[KeyItem, ...] = ()
    account_ends: tuple[AccountEnd, ...] = ()
    coming_account_ends: tuple[AccountEnd, ...] = ()
    gaps: tuple[date, ...] = ()
    alarms: tuple[date, ...] = ()
    erasures: tuple[str, ...] = ()
    held: tuple[tuple[str, int], ...] = ()
    missing_keys: int = 0
    rewrites_database: bool = False

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to do."""
        due = self.parts or self.files or self.account_ends or self.gaps or self.erasures
        return not (due or self.rewrites_database)

    @property
    def rows_gone(self) -> int:
        """Return how many rows this plan deletes."""
        return sum(outcome.rows for _, outcome in self.outcomes() if outcome.to == GONE)

    @property
    def bytes_gone(self) -> int:
        """Return the bytes of the files that are removed whole."""
        return sum(part.bytes for part in self.parts if part.is_whole) + sum(f.bytes for f in self.files)

    def outcomes(self) -> Iterator[tuple[PartItem, Outcome]]:
        """Return each outcome with its file."""
        return ((part, outcome) for part in self.parts for outcome in part.outcomes)

    def rows_by(self) -> Counter[tuple[str, str, str]]:
        """Count rows by data set, destination and rule; rows that stay are left out."""
        totals: Counter[tuple[str, str, str]] = Counter()
        for part, outcome in self.outcomes():
            if outcome.to != STAY:
                totals[part.source, outcome.to, outcome.reason.rule] += outcome.rows
        return totals

    @cached_property
    def manifest(self) -> str:
        """Return everything as JSON: canonical, so that equal plans are equal texts."""
        return json.dumps(asdict(self), default=str, sort_keys=True, indent=1)

    @property
    def hash(self) -> str:
        """Return the plan's name: SHA-256 of the manifest."""
        return hashlib.sha256(self.manifest.encode()).hexdigest()


def write_manifest(plan: Plan, directory: Path) -> Path:
    """Write the manifest under the plan's hash, whole; return its path."""
    path = directory / f"{plan.hash}.json"
    replace_text(path, plan.manifest)
    return path


def written_plan(directory: Path, prefix: str) -> tuple[str, datetime]:
    """Return hash and clock of the one written plan whose hash begins with a prefix.

    Raises:
        PlanError: There is none, or more than one.
    """
    # `prefix` may be anything, so it is compared, never made a path.
    found = [path for path in directory.glob("*.json") if path.stem.startswith(prefix)]
    if len(prefix) < _SHORTEST_PREFIX or len(found) != 1:
        raise PlanError(
            f"{len(found)} plan(s) begin with this hash (give at least {_SHORTEST_PREFIX} characters)"
        )
    (path,) = found
    return path.stem, datetime.fromisoformat(json.loads(path.read_text("utf-8"))["as_of"])
