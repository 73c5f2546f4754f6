"""Turn charts into SVG that stands inside a page: colours and letters are the page's, nothing is loaded."""

import re
from typing import Any

from markupsafe import Markup, escape

_ROOT = re.compile(r"<svg [^>]*?viewBox=\"([^\"]+)\"[^>]*>")
_FONT = re.compile(r' font-family="[^"]*"')
# What only scripts would use, and what is so without being said.
_IDLE = re.compile(r' (?:class|pointer-events|aria-\w+|role|opacity|stroke-miterlimit)="[^"]*"')
# Places to a hundredth of a unit.
_PLACES, _DIGITS = re.compile(r' (?:d|transform)="[^"]*"'), re.compile(r"(\.\d\d)\d+")
_NAMESPACE = re.compile(r' xmlns(:\w+)?="[^"]*"')


def drawn(chart: dict[str, Any], *, label: str) -> Markup:
    """Render a chart as one `<svg>` that a screen reader reads as ``label``."""
    import vl_convert

    from pipelines.reports.charts import VARIABLES

    # No address is allowed: a chart has all of its rows in it.
    svg = str(vl_convert.vegalite_to_svg(chart, allowed_base_urls=[]))
    return inline(svg, label=label, variables=VARIABLES)


def inline(svg: str, *, label: str, variables: dict[str, str]) -> Markup:
    """Return an SVG as part of a page: named for screen readers, as wide as its place, in its colours."""
    svg = _NAMESPACE.sub("", _IDLE.sub("", _FONT.sub("", svg)))
    svg = _ROOT.sub(
        rf'<svg class="chart" role="img" aria-label="{escape(label)}" viewBox="\1">', svg, count=1
    )
    svg = _PLACES.sub(lambda found: _DIGITS.sub(r"\1", found[0]), svg)
    for colour, name in variables.items():
        svg = svg.replace(f'"{colour}"', f'"var(--{name})"')
    return Markup(svg)  # noqa: S704 - texts of a chart are escaped by what draws it, the label above
