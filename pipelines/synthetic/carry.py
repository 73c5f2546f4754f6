"""Hold rows that arrive on a later day than the one they were drawn on."""

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from pipelines.synthetic.stamps import DAY_S, seconds_of


@dataclass(slots=True)
class Carry:
    """Frames of one kind, waiting for their day; holds the late few, never a whole period."""

    column: str
    per_second: int
    waiting: dict[int, list[pl.DataFrame]] = field(default_factory=dict)
    empty: pl.DataFrame = field(default_factory=pl.DataFrame)

    def put(self, frame: pl.DataFrame) -> None:
        """Add rows; each waits for the day of its time in ``column``."""
        self.empty = frame.clear()
        days = frame.select((pl.col(self.column) // (DAY_S * self.per_second)).alias("day"))["day"]
        for day in days.unique().sort().to_list():
            self.waiting.setdefault(day, []).append(frame.filter(days == day))

    def take(self, day: date) -> pl.DataFrame:
        """Return the rows of a day, in the order in which they were put."""
        rows: pl.DataFrame = pl.concat([self.empty, *self.waiting.pop(seconds_of(day) // DAY_S, ())])
        return rows
