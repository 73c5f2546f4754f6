"""Say in sentences why rows are still there, and what proves that others are not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from warehouse.retention.explain import Explanation
from warehouse.retention.records import Tombstone


@dataclass(frozen=True, slots=True)
class Found:
    """Describe rows, or files, of a data set that are there for a workspace and a day.

    Attributes:
        rows: None if they cannot be counted: the key is destroyed, or the file waits to be unlinked.
        hold: Name of the hold that keeps them out of sight.
        is_hidden: Deleted already; the file waits for readers.
    """

    source: str
    partition: str
    rows: int | None
    hold: str | None = None
    is_hidden: bool = False


def reasons(explanation: Explanation, found: Sequence[Found], stones: Sequence[Tombstone]) -> Iterator[str]:
    """Yield a sentence for each thing that is there, and for each deletion the evidence.

    Args:
        found: What is there of this data set.
        stones: Partitions of this data set and day that lost rows.
    """
    for item in found:
        yield f"{_amount(item)} in {item.partition}: {_why_there(explanation, item)}"
    for stone in stones:
        yield (
            f"Rows of the {stone.retention_days}-day class were deleted as of "
            f"{stone.deleted_as_of:%Y-%m-%d}: evidence entry {stone.evidence}."
        )


def _amount(item: Found) -> str:
    if item.is_hidden:
        return "A file"
    return "Unreadable rows" if item.rows is None else f"{item.rows:,} row(s)"


def _why_there(explanation: Explanation, item: Found) -> str:
    if item.is_hidden:
        return "deleted; the file waits for readers, 15 minutes at most."
    if item.hold is not None:
        hold = next((h for h in explanation.holds if h.name == item.hold), None)
        until = (
            f"until {hold.expires_at:%Y-%m-%d}" if hold else "which has ended: the next apply deletes them"
        )
        return f"retained under legal hold {item.hold}, {until}."
    if item.rows is None:
        return "their key is destroyed."
    if not explanation.is_due:
        return f"not due before {explanation.due}." if explanation.due else "no end is named yet."
    if explanation.holds:
        return f"due since {explanation.due}; the next apply deletes them, except what a legal hold keeps."
    return f"due since {explanation.due}: the next `wasms retention apply` deletes them."
