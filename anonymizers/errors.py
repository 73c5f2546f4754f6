"""Report why a batch is not anonymized: place, reason, next step; never a value."""

from collections.abc import Iterable

from anonymizers.treatments import Treatment


class AnonymizerError(Exception):
    """Report that a batch is not anonymized, and so must not be stored; base of all other errors."""


class UndeclaredColumnsError(AnonymizerError):
    """Report columns of a batch that its plan does not have."""

    def __init__(self, source: str, columns: Iterable[str]) -> None:
        names = sorted(columns)
        super().__init__(
            f"{source}: {len(names)} column(s) have no declared treatment: {', '.join(names)}. "
            "The batch was not loaded.\n"
            f"Declare each one in pipelines/contracts/{source}.yml, e.g. `treatment: drop`."
        )


class MissingColumnsError(AnonymizerError):
    """Report columns of the plan that a batch lacks."""

    def __init__(self, source: str, columns: Iterable[str]) -> None:
        names = sorted(columns)
        super().__init__(
            f"{source}: {len(names)} declared column(s) are missing: {', '.join(names)}. "
            "The batch was not loaded.\n"
            "A parser gives every declared column, of nulls where a record has none."
        )


class ColumnTypeError(AnonymizerError):
    """Report columns that are not of the type their plan declares, or hold bytes not of their type."""

    def __init__(self, source: str, columns: Iterable[str]) -> None:
        names = sorted(columns)
        super().__init__(
            f"{source}: {len(names)} column(s) are not of their declared type: {', '.join(names)}. "
            "The batch was not loaded.\n"
            f"Mend the parser, or `type` in pipelines/contracts/{source}.yml."
        )


class MissingKeyError(AnonymizerError):
    """Report how many workspaces of a batch have no usable pseudonym key."""

    def __init__(self, source: str, workspaces: int) -> None:
        super().__init__(
            f"{source}: {workspaces} workspace(s) of the batch have no pseudonym key of 32 bytes or more. "
            "The batch was not loaded.\n"
            "A key that was destroyed with its workspace is never made again; otherwise restore the key ring."
        )


class TreatmentError(AnonymizerError):
    """Report that a treatment failed, by the class of the error, whose message may quote a value."""

    def __init__(self, source: str, column: str, treatment: Treatment, fault: type[BaseException]) -> None:
        super().__init__(
            f"{source}.{column}: `{treatment.value}` failed ({fault.__name__}). The batch was not loaded.\n"
            "Reproduce it with a made-up value of the same shape in tests/unit/anonymizers."
        )
