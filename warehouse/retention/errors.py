"""Errors of retention: place, reason, next step; never a value."""

from warehouse.errors import WarehouseError


class EvidenceContentError(WarehouseError):
    """An entry would say more than the evidence may keep for ever."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(
            f"Evidence, {place}: {reason}. Nothing was written. Evidence is kept for ever and holds counts, "
            "dates, keyed hashes and names of data sets, partitions and rules only."
        )
