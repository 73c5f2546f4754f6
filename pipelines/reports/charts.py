"""Draw the charts of reports: rows in, a Vega-Lite chart out; the page gives its colours a value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from pipelines.reports.answers import Number
from pipelines.reports.words import share, whole

Spec = dict[str, Any]
Rows = list[dict[str, Any]]

# Stand-ins: `pipelines/reports/drawing.py` replaces each by a variable of the page, which has a dark and a
# light value.
INK, SOFT, LINE, FILL, PALE, WARM = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
HEAT = tuple(f"#0700{step:02d}" for step in range(7))
VARIABLES = dict(
    zip((INK, SOFT, LINE, FILL, PALE, WARM), ("ink", "soft", "line", "fill", "pale", "warm"), strict=True)
)
VARIABLES |= {colour: f"heat-{step}" for step, colour in enumerate(HEAT)}

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# A rate whose range is wider says little about one hour.
WIDE = 0.2

_WIDTH, _ROW, _TALL = 500, 30, 220
_SIZE, _LABELS = 13, 190
_ROWS, _BEHIND = "rows", "behind"
_SMALL, _LARGE, UNSURE = 12, 250, -1
# Room for the numbers behind the longest bar.
_BESIDE = 1.28


@dataclass(frozen=True, slots=True)
class Mark:
    """One bar or dot: what it stands for, its number, and the text beside it."""

    label: str
    number: Number
    text: str


def bars(marks: Sequence[Mark], *, colour: str = FILL) -> Spec:
    """Return horizontal bars in the order given, each with its range and its text."""
    base = alt.Chart().encode(y=_labels(marks))
    scale = alt.Scale(domain=[0, _most(marks) * _BESIDE], nice=False)
    x = alt.X("value:Q", axis=None, scale=scale)
    return _finished(
        base.mark_bar(color=colour, height=alt.RelativeBandSize(0.62)).encode(x=x),
        *_ranges(base, x),
        base.mark_text(align="left", dx=7, color=INK, fontWeight=600).encode(
            x=alt.X("high:Q", scale=scale), text="text:N"
        ),
        rows=_rows(marks),
        height=_ROW * len(marks),
    )


def dots(marks: Sequence[Mark]) -> Spec:
    """Return rates as dots on one line each, in the order given, with the range of each."""
    base = alt.Chart().encode(y=_labels(marks))
    axis = alt.Axis(format="~%", tickCount=4, grid=True, orient="bottom")
    scale = alt.Scale(domain=[0, min(_most(marks) * _BESIDE, 1.15)], nice=False)
    x = alt.X("value:Q", axis=axis, scale=scale, title=None)
    return _finished(
        *_ranges(base, x),
        base.mark_point(color=FILL, filled=True, size=80, opacity=1).encode(x=x),
        base.mark_text(align="left", dx=9, color=INK, fontWeight=600).encode(
            x=alt.X("high:Q", scale=scale), text="text:N"
        ),
        rows=_rows(marks),
        height=_ROW * len(marks) + 24,
    )


def columns(now: Sequence[Mark], before: Sequence[Mark], labels: Sequence[str]) -> Spec:
    """Return one column per day of the period with its range; the period before is a short line each day."""
    x = alt.X(
        "label:N",
        sort=list(labels),
        title=None,
        scale=alt.Scale(domain=list(labels), paddingInner=0.25),
        axis=alt.Axis(labelAngle=0, values=[*shown_labels(labels)], tickSize=0, labelPadding=6),
    )
    y = alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=4, format="~s", domain=False, grid=True))
    base = alt.Chart().encode(x=x)
    layers = [
        base.mark_bar(color=FILL).encode(y=y),
        base.mark_rule(color=INK, strokeWidth=1).encode(y=alt.Y("low:Q"), y2="high:Q"),
    ]
    if before:
        # Not one line through all days: it would give days without a number one.
        lines = alt.Chart(alt.NamedData(_BEHIND)).mark_tick(color=WARM, thickness=3, orient="horizontal")
        layers.append(lines.encode(x=x, y=y))
    return _finished(*layers, rows=_rows(now), behind=_rows(before), height=_TALL)


def shown_labels(labels: Sequence[str]) -> Sequence[str]:
    """Return the labels that have room: all of a week, every fifth of a month and the first."""
    return labels if len(labels) <= len(WEEKDAYS) else [labels[0], *labels[4::5]]


def heat(cells: Sequence[Mark]) -> Spec:
    """Return weekday by hour; each label is e.g. `mon-09`. Rates of wide ranges are small squares."""
    rows = [
        {
            "day": mark.label[:3].capitalize(),
            "hour": int(mark.label[4:]),
            "step": UNSURE if is_wide(mark.number) else step_of(mark, cells),
        }
        for mark in cells
        if mark.number.is_known
    ]
    base = alt.Chart().mark_point(shape="square", filled=True, opacity=1)
    steps = [UNSURE, *range(len(HEAT))]
    hours = alt.Axis(
        values=[*range(0, 24, 3)], labelExpr="datum.value + ':00'", labelAngle=0, tickSize=0, labelPadding=6
    )
    days = [day.capitalize() for day in WEEKDAYS]
    return _finished(
        base.encode(
            x=alt.X("hour:O", title=None, scale=alt.Scale(domain=[*range(24)]), axis=hours),
            y=alt.Y(
                "day:N", title=None, scale=alt.Scale(domain=days), axis=alt.Axis(tickSize=0, labelPadding=8)
            ),
            color=alt.Color("step:O", legend=None, scale=alt.Scale(domain=steps, range=[SOFT, *HEAT])),
            size=alt.Size(
                "step:O", legend=None, scale=alt.Scale(domain=steps, range=[_SMALL, *[_LARGE] * len(HEAT)])
            ),
        ),
        rows=rows,
        height=7 * 24 + 24,
    )


def is_wide(number: Number) -> bool:
    """Return whether a rate says too little to be compared."""
    return number.low is None or number.high is None or number.high - number.low > WIDE


def sure_range(cells: Sequence[Mark]) -> tuple[float, float] | None:
    """Return the lowest and the highest rate among those that can be compared; None where there are none."""
    sure = [mark.number.value for mark in cells if mark.number.value is not None and not is_wide(mark.number)]
    return (min(sure), max(sure)) if sure else None


def step_of(mark: Mark, cells: Sequence[Mark]) -> int:
    """Return the step of colour of a rate, from the lowest to the highest that can be compared."""
    lowest, highest = sure_range(cells) or (0.0, 1.0)
    place = ((mark.number.value or 0.0) - lowest) / ((highest - lowest) or 1.0)
    return int(max(0.0, min(place, 0.999)) * len(HEAT))


def counted(label: str, number: Number) -> Mark:
    """Return a mark of a count."""
    return Mark(label, number, whole(number.value))


def rated(label: str, number: Number) -> Mark:
    """Return a mark of a rate."""
    return Mark(label, number, share(number.value))


def _most(marks: Sequence[Mark]) -> float:
    return max((mark.number.high or 0.0 for mark in marks), default=0.0) or 1.0


def _rows(marks: Sequence[Mark]) -> Rows:
    return [
        {
            "label": mark.label,
            "text": mark.text,
            "value": mark.number.value,
            "low": mark.number.low,
            "high": mark.number.high,
        }
        for mark in marks
        if mark.number.is_known
    ]


def _labels(marks: Sequence[Mark]) -> alt.Y:
    axis = alt.Axis(labelLimit=_LABELS, tickSize=0, labelPadding=8, domain=False, labelColor=INK)
    return alt.Y("label:N", sort=[mark.label for mark in marks], title=None, axis=axis)


def _ranges(base: alt.Chart, x: alt.X) -> tuple[alt.Chart, ...]:
    low, high = (x.copy(deep=False) for _ in range(2))
    low.shorthand, high.shorthand = "low:Q", "high:Q"
    return (
        base.mark_rule(color=INK, strokeWidth=1.5).encode(x=low, x2="high:Q"),
        base.mark_tick(color=INK, thickness=1.5, size=9).encode(x=low),
        base.mark_tick(color=INK, thickness=1.5, size=9).encode(x=high),
    )


def _finished(*layers: alt.Chart, rows: Rows, behind: Rows | None = None, height: int) -> Spec:
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    chart = (
        alt.layer(*layers, data=alt.NamedData(_ROWS))
        .properties(width=_WIDTH, height=height, autosize=fit, padding=2)
        .configure(aria=False, background="transparent", font="Arial")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=SOFT, labelFontSize=_SIZE, gridColor=LINE, domainColor=LINE, tickColor=LINE
        )
        .configure_text(fontSize=_SIZE)
    )
    # Rows are added at the end: Altair would copy and check each one several times.
    spec: Spec = chart.to_dict(validate=False)
    return spec | {"datasets": {_ROWS: rows, _BEHIND: behind or []}}
