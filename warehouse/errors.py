"""Errors of the warehouse: place, reason, next step; never a value."""

from collections.abc import Sequence
from datetime import date, datetime


class WarehouseError(Exception):
    """Base of every error of files, keys and time."""


class ClockError(WarehouseError):
    """The clock was asked to run backwards."""

    def __init__(self, asked: datetime, reached: datetime) -> None:
        super().__init__(
            f"--as-of {asked:%Y-%m-%dT%H:%M:%SZ} is earlier than {reached:%Y-%m-%dT%H:%M:%SZ}, which this "
            "warehouse has reached already: deletions would be undone. "
            "Use a later --as-of, or another --home."
        )


class ConflictError(WarehouseError):
    """Another batch changed the same partitions while this one was being written."""

    def __init__(self, partitions: Sequence[str]) -> None:
        super().__init__(f"{len(partitions)} partition(s) were changed by another batch; read them again.")
        self.partitions = tuple(partitions)


class DuplicateBatchError(WarehouseError):
    """The same file was committed before."""

    def __init__(self) -> None:
        super().__init__("A file of the same content was ingested before. Nothing was loaded.")


class RulesChangedError(WarehouseError):
    """Windows, endings or holds changed while a batch was being written."""

    def __init__(self) -> None:
        super().__init__("Retention rules changed while rows were being written; read the file again.")


class LockedError(WarehouseError):
    """Somebody else is writing."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is being written by another process. Try again when it has finished.")


class KeyringError(WarehouseError):
    """A key is missing or cannot be unwrapped."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"Key {what}: {reason}. Nothing was read or written with it. "
            "Restore the key directory from its backup; without it the data it protects cannot be read."
        )


class ReconciliationError(WarehouseError):
    """The counts of a batch do not add up."""

    def __init__(self, source: str, read: int, accounted: int) -> None:
        super().__init__(
            f"{source}: {read} row(s) read but {accounted} accounted for (kept + duplicate + dropped + "
            "quarantined). Nothing was committed, the file stays in the inbox. Please report this defect."
        )


class StoreError(WarehouseError):
    """A store file could not be read or written."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}. Nothing was committed.")


class RowsError(WarehouseError):
    """A file would not have the rows that it was to have."""

    def __init__(self, source: str, found: int, expected: int) -> None:
        super().__init__(f"{source}: {found} row(s) where {expected} were counted. Nothing was committed.")


class UndeletableError(WarehouseError):
    """Retention was asked to remove what it must never remove."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Retention does not delete {what}. Nothing was removed. Where somebody put a link, put the "
            "files themselves or a mount in its place; otherwise please report this defect."
        )


class UnsoundMartsError(WarehouseError):
    """The marts did not pass their tests."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"The last build of the marts did not pass: {', '.join(names)}. Nothing was published; "
            "the last published copy stays. Build again: `wasms run`."
        )


class ThawedSliceError(WarehouseError):
    """A released slice is not what it was."""

    def __init__(self, slices: Sequence[tuple[str, date]]) -> None:
        cube, period = slices[0]
        more = f", and {len(slices) - 1} more" if slices[1:] else ""
        super().__init__(
            f"cubes.{cube}, {period}{more}: released, and changed since. The difference of two releases may "
            "be one person. Nothing was published, the last copy stays. Restore warehouse.duckdb."
        )
        self.slices = tuple(slices)


class UnreleasedSliceError(WarehouseError):
    """A slice was to be published that has not been attacked and released."""

    def __init__(self, slices: Sequence[tuple[str, date]]) -> None:
        cube, period = slices[0]
        more = f", and {len(slices) - 1} more" if slices[1:] else ""
        super().__init__(
            f"cubes.{cube}, {period}{more}: not released. Nothing was published, the last copy stays. "
            "`wasms run` releases what passes its attacks."
        )
        self.slices = tuple(slices)


class CoarseningError(WarehouseError):
    """A cube has a column of which nothing says what becomes of it when an account ends."""

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        super().__init__(
            f"cubes.{table}: nothing says what becomes of {', '.join(columns)} when an account ends. "
            "Nothing was changed. Columns of a cube are its period, its level, keys, one free dimension, and "
            "counts (bigint), each with its flag."
        )


class ShrinkError(WarehouseError):
    """A full export would delete most of a table."""

    def __init__(self, source: str, before: int, after: int) -> None:
        super().__init__(
            f"{source}: the full export holds {after} of {before} rows; absence would delete the rest. "
            "Nothing was loaded. If this is meant, run again with --allow-shrink."
        )
