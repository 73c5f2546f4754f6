"""Errors of the anonymizers: place, reason, next step; never a value."""

from collections.abc import Iterable

from anonymizers.treatments import Treatment


class AnonymizerError(Exception):
    """Base of every reason for which a batch is not anonymized; none of it may be stored then."""


class UndeclaredColumnsError(AnonymizerError):
    """A batch has columns that the plan does not know."""

    def __init__(self, source: str, columns: Iterable[str]) -> None:
        names = sorted(columns)
        super().__init__(
            f"{source}: {len(names)} column(s) have no declared treatment: {', '.join(names)}. "
            "The batch was not loaded.\n"
            f"Declare each one in pipelines/contracts/{source}.yml, e.g. `treatment: drop`."
        )


class MissingColumnsError(AnonymizerError):
    """A batch lacks columns that the plan treats."""

    def __init__(self, source: str, columns: Iterable[str]) -> None:
        names = sorted(columns)
        super().__init__(
            f"{source}: {len(names)} declared column(s) are missing: {', '.join(names)}. "
            "The batch was not loaded.\n"
            "A parser gives every declared column, of nulls where a record has none."
        )


class ColumnTypeError(AnonymizerError):
    """A column is not of the type its plan declares, or holds bytes that are not of its type."""

    def __init__(self, source: str, columns: Iterable[str]) -> None:
        names = sorted(columns)
        super().__init__(
            f"{source}: {len(names)} column(s) are not of their declared type: {', '.join(names)}. "
            "The batch was not loaded.\n"
            f"Mend the parser, or `type` in pipelines/contracts/{source}.yml."
        )


class MissingKeyError(AnonymizerError):
    """A workspace in the batch has no usable pseudonym key."""

    def __init__(self, source: str, workspaces: int) -> None:
        super().__init__(
            f"{source}: {workspaces} workspace(s) of the batch have no pseudonym key of 32 bytes or more. "
            "The batch was not loaded.\n"
            "A key that was destroyed with its workspace is never made again; otherwise restore the key ring."
        )


class TreatmentError(AnonymizerError):
    """A treatment broke; names the kind of the fault, because its message may quote a value."""

    def __init__(self, source: str, column: str, treatment: Treatment, fault: type[BaseException]) -> None:
        super().__init__(
            f"{source}.{column}: `{treatment.value}` failed ({fault.__name__}). The batch was not loaded.\n"
            "Reproduce it with a made-up value of the same shape in tests/unit/anonymizers."
        )
