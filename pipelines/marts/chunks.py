"""Cut days that are to be built into chunks that are built together."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.declarations.calendar import month_end

# Cubes are built as tables without rows from a day before there was anything to send.
EMPTY_DAY = date(2009, 1, 1)
# What dbt builds at once: so many days, or fewer where they have more rows than may be joined at once; when a
# month closes, the messages of all of it, and more of them spill.
MOST_DAYS_AT_ONCE = 31


@dataclass(frozen=True, slots=True)
class Chunk:
    """Days that are built together.

    Attributes:
        first, last: Both inclusive.
        has_month: Cubes of months are built with it: its last day ends a month of which every day is there;
            or their tables or columns are missing, and come without a row.
    """

    first: date
    last: date
    has_month: bool

    @property
    def days(self) -> int:
        """Return how many days they are."""
        return (self.last - self.first).days + 1


# Makes all tables, and no slice.
NO_DAY = Chunk(EMPTY_DAY, EMPTY_DAY, has_month=True)


def chunks_of(
    first: date,
    last: date,
    *,
    gaps: Collection[date],
    exist: bool,
    rows: Mapping[date, int],
    most_rows: int,
) -> Iterator[Chunk]:
    """Yield the days from ``first`` to ``last`` in chunks, each month's end at the end of a chunk.

    A month that lost a day before it was built is never built: a part would pass for the whole.

    Args:
        exist: There are tables of every cube as it is declared; else the first chunk makes them.
        rows: Rows of message logs by day; ``most_rows`` of them in one chunk, unless a day alone has more.
    """
    if last < first:
        yield NO_DAY
    while first <= last:
        closes = month_end(first)
        end, held = first, rows.get(first, 0)
        while end < min(closes, last, first + timedelta(days=MOST_DAYS_AT_ONCE - 1)):
            held += rows.get(end + timedelta(days=1), 0)
            if held > most_rows:
                break
            end += timedelta(days=1)
        lost = any((day.year, day.month) == (end.year, end.month) for day in gaps)
        if not exist and end == closes and lost:
            yield NO_DAY
            exist = True
        yield Chunk(first, end, has_month=(end == closes and not lost) or not exist)
        exist = True
        first = end + timedelta(days=1)
