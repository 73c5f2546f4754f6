"""Report why a batch is not anonymized: place, reason, next step; never a value."""

from collections.abc import Iterable
from typing import ClassVar

from anonymizers.treatments import Treatment


class AnonymizerError(Exception):
    """Report that a batch is not anonymized, and so must not be stored; base of all other errors."""


class _ColumnsError(AnonymizerError):
    problem: ClassVar[str]
    remedy: ClassVar[str]

    def __init__(self, source: str, columns: Iterable[str]) -> None:
        names = sorted(columns)
        super().__init__(
            f"{source}: {len(names)} {self.problem}: {', '.join(names)}. The batch was not loaded.\n"
            + self.remedy.format(source=source)
        )


class UndeclaredColumnsError(_ColumnsError):
    """Report columns of a batch that its plan does not have."""

    problem = "column(s) have no declared treatment"
    remedy = "Declare each one in pipelines/contracts/{source}.yml, e.g. `treatment: drop`."


class MissingColumnsError(_ColumnsError):
    """Report columns of the plan that a batch lacks."""

    problem = "declared column(s) are missing"
    remedy = "Mend the parser: it must give every declared column, with nulls where a record has none."


class ColumnTypeError(_ColumnsError):
    """Report columns that are not of the type their plan declares, or hold bytes not of their type."""

    problem = "column(s) are not of their declared type"
    remedy = "Mend the parser, or `type` in pipelines/contracts/{source}.yml."


class MissingKeyError(AnonymizerError):
    """Report how many workspaces of a batch have no usable pseudonym key."""

    def __init__(self, source: str, workspaces: int) -> None:
        super().__init__(
            f"{source}: {workspaces} workspace(s) of the batch have no pseudonym key of 32 bytes or more. "
            "The batch was not loaded.\n"
            "If a workspace was erased, its key stays destroyed. Otherwise restore the key directory."
        )


class TreatmentError(AnonymizerError):
    """Report that a treatment failed, by the class of the error, whose message may quote a value."""

    def __init__(self, source: str, column: str, treatment: Treatment, fault: type[BaseException]) -> None:
        super().__init__(
            f"{source}.{column}: `{treatment.value}` failed ({fault.__name__}). The batch was not loaded.\n"
            "Reproduce it with a made-up value of the same shape in tests/unit/anonymizers."
        )
