"""Draw the report of the largest WhatsApp campaigns: rows of `mart_campaign_funnel` as JSON in, SVG out.

wasms sql "from mart_campaign_funnel" --format json | python docs/images/campaign_report.py > report.svg
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from html import escape
from typing import Any

Row = Mapping[str, Any]

INK, SOFT, BAR, TRACK, LINE, PAPER = "#1d2327", "#5c666d", "#3c6e8f", "#ece8de", "#dedad0", "#ffffff"
FONTS = "system-ui, Segoe UI, Helvetica, Arial, sans-serif"
STEPS = {
    "attempted_messages": "messages",
    "delivered_messages": "delivered",
    "read_messages": "read",
    "clicked_messages": "clicked a link",
    "replied_72h_messages": "replied within 3 days",
    "opted_out_messages": "opted out",
}
COMPARED = 7
UNNAMED = ("none", "other", "former")


def report(rows: Sequence[Row]) -> str:
    """Return the picture: steps of the largest campaign, and click rates of the next ones beside it."""
    chosen = sorted(
        (row for row in rows if row["channel"] == "whatsapp" and row["campaign_key"] not in UNNAMED),
        key=lambda row: -(row["attempted_messages"] or 0),
    )[: COMPARED + 1]
    if not chosen:
        raise SystemExit("No WhatsApp campaign is published yet. Run `wasms demo` first.")
    parts = [*_funnel(chosen[0]), *_comparison(chosen), *_footer()]
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 400" role="img">',
            f'<g font-family="{FONTS}">',
            f'<rect x="1" y="1" width="998" height="398" rx="10" fill="{PAPER}" stroke="{LINE}"/>',
            *parts,
            "</g></svg>\n",
        ]
    )


def _funnel(row: Row) -> Iterator[str]:
    yield _text(32, 46, row["campaign_name"], size=24, weight=600)
    yield _text(32, 72, f"WhatsApp, {_days(row)}", fill=SOFT)
    whole = row["attempted_messages"] or 1
    for place, (column, label) in enumerate(STEPS.items()):
        y = 112 + place * 40
        count = row[column]
        yield _text(190, y, label, anchor="end")
        yield from _bar(204, y, width=220, share=count / whole)
        yield _text(436, y, f"{count:,} ({count / whole:.0%})", weight=600)


def _comparison(rows: Sequence[Row]) -> Iterator[str]:
    yield _text(600, 46, "Clicks per delivered message", size=17, weight=600)
    yield _text(600, 72, f"the {len(rows)} largest WhatsApp campaigns", fill=SOFT)
    most = max((row["click_rate"] or 0 for row in rows), default=0) or 1
    for place, row in enumerate(sorted(rows, key=lambda row: -(row["click_rate"] or 0))):
        y = 112 + place * 31
        rate = row["click_rate"]
        yield _text(796, y, row["campaign_name"], anchor="end")
        yield from _bar(810, y, width=100, share=(rate or 0) / most)
        yield _text(922, y, "none" if rate is None else f"{rate:.1%}", weight=600)


def _footer() -> Iterator[str]:
    text = "Counts are rounded at random and right on average. What may be a person’s name is masked."
    yield _text(32, 376, text, fill=SOFT)


def _bar(x: int, y: int, *, width: int, share: float) -> Iterator[str]:
    yield f'<rect x="{x}" y="{y - 14}" width="{width}" height="18" rx="3" fill="{TRACK}"/>'
    yield f'<rect x="{x}" y="{y - 14}" width="{width * share:.1f}" height="18" rx="3" fill="{BAR}"/>'


def _days(row: Row) -> str:
    first, last = (date.fromisoformat(row[f"{end}_send_date"]) for end in ("first", "last"))
    return f"{first:%-d %B %Y}" + (f" to {last:%-d %B %Y}" if last != first else "")


def _text(
    x: int, y: int, text: str, *, size: int = 15, weight: int = 400, fill: str = INK, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    sys.stdout.write(report(json.load(sys.stdin)))
