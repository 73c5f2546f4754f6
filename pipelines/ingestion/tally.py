"""Count what becomes of the rows of one file, and refuse a file that is not what was expected."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from pipelines.declarations.errors import MostlyExpiredError
from pipelines.ingestion.sorting import MAY_BE_RIGHT_LATER, Sorted
from pipelines.sources.batch import ParsedBatch
from pipelines.sources.errors import UnfitFileError
from warehouse.ledger.batches import Count

# Fewer rows past their window need nobody's yes.
FEWEST_EXPIRED = 20
# A file of which so much is rejected for one reason is not what was expected: it is refused as a whole.
NEARLY_ALL = 0.9
# Of fewer rows than that, single values may be wrong in all without the file being another one.
_FEWEST_VALUES = 10
_VALUE_REASONS = ("missing_value:", "invalid_value:", "unexpected_value:")


@dataclass(slots=True)
class Tally:
    """Count the rows of one file by what became of them; attributes as in `Ingested`.

    Attributes:
        outcomes: (data set, outcome, reason) → rows.
    """

    rows_read: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    redacted: Counter[str] = field(default_factory=Counter)
    days: dict[str, set[date]] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """Return how many rows were read."""
        return sum(self.rows_read.values())

    @property
    def counts(self) -> list[Count]:
        """Return the rows by outcome, as the ledger writes them down."""
        return [Count(*key, rows) for key, rows in self.outcomes.items()]

    def take_parsed(self, batch: ParsedBatch) -> None:
        """Count the rows of a parsed batch, and what gave none: dropped or rejected."""
        self.unknown.update(batch.unknown)
        self.masked.update(batch.masked)
        self.rows_read.update({source: rows.num_rows for source, rows in batch.tables.items()})
        rejected = batch.rejected.group_by(["source", "reason"]).aggregate([([], "count_all")])
        unread = {(source, "dropped", reason): rows for (source, reason), rows in batch.dropped.items()}
        for row in rejected.to_pylist():
            unread[row["source"], "quarantined", row["reason"]] = row["count_all"]
        self.outcomes.update(unread)
        for (source, _, _), rows in unread.items():
            self.rows_read[source] += rows

    def take_sorted(self, source: str, found: Sorted) -> None:
        """Count the rows of a data set that were sorted out."""
        if "_event_date" in found.rows.columns:
            self.days.setdefault(source, set()).update(found.rows["_event_date"].unique())
        for reason, rows in found.reasons.items():
            outcome = "quarantined" if reason in MAY_BE_RIGHT_LATER else "dropped"
            self.outcomes[source, outcome, reason] += rows


def check_windows(tally: Tally, as_of: datetime) -> None:
    """Refuse a file most of whose rows are past their window: a wrong clock looks the same."""
    expired = sum(rows for (_, _, reason), rows in tally.outcomes.items() if reason == "expired")
    if expired >= FEWEST_EXPIRED and expired * 2 > tally.read:
        raise MostlyExpiredError(expired, tally.read, as_of)


def check_fit(tally: Tally, feed: str, looks_like: Callable[[], str]) -> None:
    """Refuse a file of which nearly all records are rejected for one reason that lies in the file."""
    rejected: Counter[str] = Counter()
    for (_, outcome, reason), rows in tally.outcomes.items():
        if outcome == "quarantined" and reason not in MAY_BE_RIGHT_LATER:
            rejected[reason] += rows
    for reason, rows in rejected.most_common(1):
        if rows >= NEARLY_ALL * tally.read and (
            tally.read >= _FEWEST_VALUES or not reason.startswith(_VALUE_REASONS)
        ):
            raise UnfitFileError(feed, reason, rejected=rows, read=tally.read, looks_like=looks_like())
