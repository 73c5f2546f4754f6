"""Define the errors of retention. Each message gives place, reason and next step; never a value."""

from collections.abc import Sequence
from datetime import datetime

from warehouse.errors import WarehouseError


class EvidenceContentError(WarehouseError):
    """Report an entry that says more than the evidence may keep for ever."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(
            f"Evidence, {place}: {reason}. Nothing was written. Evidence is kept for ever and holds counts, "
            "dates, keyed hashes and names of data sets, partitions and rules only. Please report this."
        )


class UnknownDataSetError(WarehouseError):
    """Report data sets in the store that no retention rule covers."""

    def __init__(self, sources: Sequence[str]) -> None:
        super().__init__(
            f"No retention rule covers {', '.join(sources)}. Nothing was deleted. "
            "Restore the contract: pipelines/contracts/<name>.yml says which rule applies."
        )


class PlanError(WarehouseError):
    """Report a retention plan that must not be carried out."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}. Nothing was deleted. Make a new plan: `wasms retention plan`.")


class NotAheadError(WarehouseError):
    """Report a clock that need not be set back."""

    def __init__(self, reached: datetime | None, to: datetime) -> None:
        at = f"stands at {reached:%Y-%m-%dT%H:%M:%SZ}" if reached else "has not begun"
        super().__init__(
            f"The clock of this warehouse {at}, which is not after {to:%Y-%m-%dT%H:%M:%SZ}. "
            "Nothing was changed, and nothing needs to be."
        )


class UnusualAmountError(WarehouseError):
    """Report a plan that deletes so much more than usual that a person must look at it."""

    def __init__(self, plan_hash: str, rows: int, *, median_rows: int, most_rows: int) -> None:
        super().__init__(
            f"What is due today is {rows:,} row(s), where {median_rows:,} a day are usual; more than "
            f"{most_rows:,} wait for a person. Nothing of this plan was deleted. Look at it: "
            "`wasms retention plan`. If clock, policy and ended accounts are right, carry it out today: "
            f"`wasms retention apply --plan {plan_hash}`."
        )


class NothingKnownError(WarehouseError):
    """Report a day before the journal of retention inputs begins."""

    def __init__(self, on: datetime, first: datetime | None) -> None:
        begins = f"it begins on {first:%Y-%m-%d}" if first else "it is empty"
        super().__init__(
            f"The rules, settings and holds of {on:%Y-%m-%d} are not in the journal: {begins}. "
            "Ask for a later day; every `wasms retention apply` writes the journal."
        )
