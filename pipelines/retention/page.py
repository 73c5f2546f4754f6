"""Write the privacy officer's page: one HTML file, nothing loaded from elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pipelines.declarations.calendar import runs_of
from pipelines.pages import pages
from pipelines.retention.report import Lane, Report
from warehouse.files import replacing

DAYS_CHARTED = 60
_BAR_PITCH = 10
_TALLEST = 96.0


@dataclass(frozen=True, slots=True)
class Bar:
    """Rows deleted on one day; ``height`` in percent."""

    day: date
    x: int
    rows: int
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Rows deleted by day."""

    days: int
    first: date
    last: date
    most: int
    bars: tuple[Bar, ...]


def write_page(report: Report, path: Path) -> None:
    """Write the page, whole; readable by its owner only, as it may name workspaces."""
    with replacing(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(page(report), "utf-8")


def page(report: Report) -> str:
    """Render the page as HTML."""
    environment = pages()
    environment.filters |= {
        "n": "{:,}".format,
        "size": _size,
        "day": _day,
        "moment": _moment,
        "span": _span,
        "dayranges": _ranges,
    }
    return environment.get_template("retention.html.j2").render(report=report, chart=chart(report))


def chart(report: Report) -> Chart:
    """Compute the chart of the last days of deletions, the tallest bar full."""
    last = report.as_of.date()
    first = last - timedelta(days=DAYS_CHARTED - 1)
    shown = [(day, rows) for day, rows in report.deleted_by_day if first <= day <= last]
    most = max((rows for _, rows in shown), default=0)
    bars = (Bar(day, (day - first).days * _BAR_PITCH, rows, _TALLEST * rows / most) for day, rows in shown)
    return Chart(DAYS_CHARTED, first, last, most, tuple(bars))


def _size(value: int) -> str:
    size = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f}\u202f{unit}" if unit == "B" or size >= 10 else f"{size:.1f}\u202f{unit}"
        size /= 1000
    return f"{size:.1f}\u202fTB"


def _day(value: date) -> str:
    return f"{value.day}\u00a0{value:%b}\u00a0{value.year}"


def _moment(value: datetime) -> str:
    return f"{_day(value)}, {value:%H:%M}"


def _span(lane: Lane) -> str:
    """Return, as CSS, where the stored days lie within a window; days past it are cut at the limit."""
    left = max(0.0, 100 * (lane.window_days - lane.oldest_age) / lane.window_days)
    right = max(0.0, 100 * (lane.newest_age - 1) / lane.window_days)
    return f"left:{left:.2f}%;right:{min(right, 100 - left):.2f}%"


def _ranges(days: Sequence[date]) -> str:
    """Return days in words, those that follow each other together."""
    return ", ".join(_day(a) if a == b else f"{_day(a)} to {_day(b)}" for a, b in runs_of(days))
