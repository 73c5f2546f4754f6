"""Say how a file is to be ingested."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Options:
    """How to ingest.

    Attributes:
        as_of: The clock, naive UTC.
        received_at: When records without an envelope were received; None = ``as_of``.
        workspace: Workspace of records whose channel would name it.
        keep: Leave the file where it is.
        allow_shrink: Let a full export delete more than half of a table.
        allow_expired: Load a file although most of its rows are past their window.
        quarantined_on: Day since when records retried from quarantine are there; their stay does not
            begin anew. None = the day of ``as_of``.
        dry_run: Do all but commit: count what would become of the rows, change nothing.
    """

    as_of: datetime
    received_at: datetime | None = None
    workspace: str | None = None
    keep: bool = False
    allow_shrink: bool = False
    allow_expired: bool = False
    quarantined_on: date | None = None
    dry_run: bool = False
