"""Define the errors of the warehouse. Each message gives place, reason and next step; never a value."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import ClassVar


class WarehouseError(Exception):
    """Serve as the base of every error that this package raises."""


class ClockError(WarehouseError):
    """Report a date earlier than one this warehouse has reached already."""

    def __init__(self, asked: datetime, reached: datetime) -> None:
        super().__init__(
            f"--as-of {asked:%Y-%m-%dT%H:%M:%SZ} is earlier than {reached:%Y-%m-%dT%H:%M:%SZ}, which this "
            "warehouse has reached already: deletions would be undone. Use a later --as-of, or another "
            "--home. If a wrong clock took it there: `wasms retention set-clock-back`."
        )


class ImplausibleClockError(WarehouseError):
    """Report a date that a wrong clock or a slip of the hand may have given; deletion would follow it."""

    def __init__(self, asked: datetime, reason: str) -> None:
        super().__init__(f"--as-of {asked:%Y-%m-%dT%H:%M:%SZ} {reason} Nothing was changed.")


class HomeError(WarehouseError):
    """Report that the folder of a warehouse is not named, or cannot be one."""

    def __init__(self, reason: str = "WASMS_HOME is empty.") -> None:
        super().__init__(
            f"{reason} Set WASMS_HOME or --home to the folder of the warehouse, or unset it to use .wasms "
            "here."
        )


class FormatError(WarehouseError):
    """Report a warehouse that another version of this software has made."""

    def __init__(self, found: int, expected: int) -> None:
        super().__init__(
            f"This warehouse has format {found}, and this version of wasms reads format {expected}. Nothing "
            "was changed. Use the version that made it, or another --home, and load the raw files anew."
        )


class ConflictError(WarehouseError):
    """Report that another batch changed the same partitions while this one was being written."""

    def __init__(self, partitions: Sequence[str]) -> None:
        super().__init__(
            f"{len(partitions)} partition(s) were changed by another batch. Nothing was committed. "
            "Run the command again."
        )


class DuplicateBatchError(WarehouseError):
    """Report that a file of the same content was committed before."""

    def __init__(self) -> None:
        super().__init__("A file of the same content was ingested before. Nothing was loaded.")


class RulesChangedError(WarehouseError):
    """Report that windows, account ends or holds changed while a batch was being written."""

    def __init__(self) -> None:
        super().__init__(
            "Retention rules changed while rows were being written. Nothing was committed. "
            "Run the command again."
        )


class LockedError(WarehouseError):
    """Report that another process is writing."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is being written by another process. Try again when it has finished.")


class KeyringError(WarehouseError):
    """Report a key that is missing or cannot be unwrapped."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"Key {what}: {reason}. Nothing was read or written with it. "
            "Restore the key directory from its backup. Without the key, its data cannot be read."
        )


class ReconciliationError(WarehouseError):
    """Report counts of a batch that do not add up to the rows read."""

    def __init__(self, source: str, read: int, accounted: int) -> None:
        super().__init__(
            f"{source}: {read} row(s) read but {accounted} accounted for (kept + duplicate + dropped + "
            "quarantined). Nothing was committed, the file stays in the inbox. Please report this defect."
        )


class StoreError(WarehouseError):
    """Report a data file that could not be read or written."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(
            f"{source}: {reason}. Nothing was committed. Check disk space and permissions and run the "
            "command again; if a file is damaged, restore it from a backup."
        )


class RowsError(WarehouseError):
    """Report that a file would not have the rows that were counted for it."""

    def __init__(self, source: str, found: int, expected: int) -> None:
        super().__init__(
            f"{source}: {found} row(s) where {expected} were counted. Nothing was committed. "
            "Run the command again; if it fails again, please report this defect."
        )


class UndeletableError(WarehouseError):
    """Report that retention was asked to remove something it must never remove."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Retention does not delete {what}. Nothing was removed. If it is a link, replace it by the "
            "files themselves or a mount. Otherwise please report this defect."
        )


class UnsoundMartsError(WarehouseError):
    """Report that the last build of the marts did not pass its tests."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"The last build of the marts did not pass: {', '.join(names)}. Nothing was published; "
            "the last published copy stays. Build again: `wasms run`."
        )


class _SlicesError(WarehouseError):
    """Report slices that must not be published: names the first, counts the others."""

    reason: ClassVar[str]

    def __init__(self, slices: Sequence[tuple[str, date]]) -> None:
        cube, period = slices[0]
        more = f", and {len(slices) - 1} more" if slices[1:] else ""
        super().__init__(f"cubes.{cube}, {period}{more}: {self.reason}")
        self.slices = tuple(slices)


class ChangedAfterReleaseError(_SlicesError):
    """Report released slices that are not what was released."""

    reason = (
        "released, and changed since. The difference of two releases may be one person. Nothing was "
        "published, the last copy stays. Restore warehouse.duckdb from a backup."
    )


class UnreleasedSliceError(_SlicesError):
    """Report slices that were to be published and have not been attacked and released."""

    reason = (
        "not released. Nothing was published, the last copy stays. `wasms run` releases what passes the "
        "attacks."
    )


class CoarseningError(WarehouseError):
    """Report columns of a cube for which no rule says what happens when an account ends."""

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        super().__init__(
            f"cubes.{table}: no rule says what happens to {', '.join(columns)} when an account ends. "
            "Nothing was changed. Give the cube only these columns: its period, its level, keys, one free "
            "dimension, and counts (bigint), each with its squares."
        )


class ShrinkError(WarehouseError):
    """Report a full export that would delete most of a table."""

    def __init__(self, source: str, before: int, after: int) -> None:
        super().__init__(
            f"{source}: the full export holds {after} of {before} rows, so the others would be deleted. "
            "Nothing was loaded. If this is intended, run again with --allow-shrink."
        )
