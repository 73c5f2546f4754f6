"""Draw the charts of reports: rows in, a Vega-Lite chart out; the page gives its colours a value.

Charts are written as Vega-Lite has them: Altair takes as long to put one together as drawing it takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
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
    scale = {"domain": [0, _most(marks) * _BESIDE], "nice": False}
    bar = {"type": "bar", "color": colour, "height": {"band": 0.62}}
    value = _number("value", axis=None, scale=scale)
    layers = [_layer(bar, x=value), *_ranges(axis=None, scale=scale), _beside(scale, dx=7)]
    return _finished(layers, shared={"y": _labels(marks)}, rows=_rows(marks), height=_ROW * len(marks))


def dots(marks: Sequence[Mark]) -> Spec:
    """Return rates as dots on one line each, in the order given, with the range of each."""
    scale = {"domain": [0, min(_most(marks) * _BESIDE, 1.15)], "nice": False}
    axis = {"format": "~%", "tickCount": 4, "grid": True, "orient": "bottom"}
    point = {"type": "point", "color": FILL, "filled": True, "size": 80, "opacity": 1}
    value = _number("value", axis=axis, scale=scale, title=None)
    ranges = _ranges(axis=axis, scale=scale, title=None)
    layers = [*ranges, _layer(point, x=value), _beside(scale, dx=9)]
    return _finished(layers, shared={"y": _labels(marks)}, rows=_rows(marks), height=_ROW * len(marks) + 24)


def columns(now: Sequence[Mark], before: Sequence[Mark], labels: Sequence[str]) -> Spec:
    """Return one column per day of the period with its range; the period before is a short line each day."""
    x = {
        "field": "label",
        "type": "nominal",
        "sort": [*labels],
        "title": None,
        "scale": {"domain": [*labels], "paddingInner": 0.25},
        "axis": {"labelAngle": 0, "values": [*shown_labels(labels)], "tickSize": 0, "labelPadding": 6},
    }
    axis = {"tickCount": 4, "format": "~s", "domain": False, "grid": True}
    y = _number("value", title=None, axis=axis)
    rule = {"type": "rule", "color": INK, "strokeWidth": 1}
    layers = [
        _layer({"type": "bar", "color": FILL}, y=y),
        _layer(rule, y=_number("low"), y2={"field": "high"}),
    ]
    if before:
        # Not one line through all days: it would give days without a number one.
        tick = {"type": "tick", "color": WARM, "thickness": 3, "orient": "horizontal"}
        layers.append({**_layer(tick, y=y), "data": {"name": _BEHIND}})
    return _finished(layers, shared={"x": x}, rows=_rows(now), behind=_rows(before), height=_TALL)


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
    steps = [UNSURE, *range(len(HEAT))]
    hours = {
        "values": [*range(0, 24, 3)],
        "labelExpr": "datum.value + ':00'",
        "labelAngle": 0,
        "tickSize": 0,
        "labelPadding": 6,
    }
    x = {"field": "hour", "type": "ordinal", "title": None, "scale": {"domain": [*range(24)]}, "axis": hours}
    days = {"domain": [day.capitalize() for day in WEEKDAYS]}
    y = {"field": "day", "type": "nominal", "title": None, "scale": days}
    step = {"field": "step", "type": "ordinal", "legend": None}
    square = _layer(
        {"type": "point", "shape": "square", "filled": True, "opacity": 1},
        x=x,
        y={**y, "axis": {"tickSize": 0, "labelPadding": 8}},
        color={**step, "scale": {"domain": steps, "range": [SOFT, *HEAT]}},
        size={**step, "scale": {"domain": steps, "range": [_SMALL, *[_LARGE] * len(HEAT)]}},
    )
    return _finished([square], shared={}, rows=rows, height=7 * 24 + 24)


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


def _labels(marks: Sequence[Mark]) -> Spec:
    axis = {"labelLimit": _LABELS, "tickSize": 0, "labelPadding": 8, "domain": False, "labelColor": INK}
    labels = [mark.label for mark in marks]
    return {"field": "label", "type": "nominal", "sort": labels, "title": None, "axis": axis}


def _ranges(**x: Any) -> list[Spec]:
    """Return a line from low to high, with an end on either side."""
    tick = {"type": "tick", "color": INK, "thickness": 1.5, "size": 9}
    low, high = _number("low", **x), _number("high", **x)
    rule = {"type": "rule", "color": INK, "strokeWidth": 1.5}
    return [_layer(rule, x=low, x2={"field": "high"}), _layer(tick, x=low), _layer(tick, x=high)]


def _beside(scale: Spec, *, dx: int) -> Spec:
    """Return the text of each mark, beside its range."""
    text = {"type": "text", "align": "left", "dx": dx, "color": INK, "fontWeight": 600}
    return _layer(text, x=_number("high", scale=scale), text={"field": "text", "type": "nominal"})


def _number(field: str, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative", **more}


def _layer(mark: Spec, **encoding: Spec) -> Spec:
    return {"mark": mark, "encoding": encoding}


def _finished(
    layers: Sequence[Spec], *, shared: Spec, rows: Rows, behind: Rows | None = None, height: int
) -> Spec:
    axis = {
        "labelColor": SOFT,
        "labelFontSize": _SIZE,
        "gridColor": LINE,
        "domainColor": LINE,
        "tickColor": LINE,
    }
    return {
        "$schema": _SCHEMA,
        "data": {"name": _ROWS},
        "datasets": {_ROWS: rows, _BEHIND: behind or []},
        "layer": [*layers],
        "encoding": shared,
        "width": _WIDTH,
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": 2,
        "config": {
            "aria": False,
            "background": "transparent",
            "font": "Arial",
            "view": {"stroke": None},
            "axis": axis,
            "text": {"fontSize": _SIZE},
        },
    }
