"""Sections of a report that rank workspaces or campaigns by their rates."""

from collections.abc import Sequence

from pipelines.declarations.cube import REST
from pipelines.reports import charts
from pipelines.reports.answers import Frames, Published, Row
from pipelines.reports.drawing import drawn
from pipelines.reports.parts import LISTED, SHOWN, TITLES, Figure, Grid, Section, cell, spoken
from pipelines.reports.questions import BY_CAMPAIGN, BY_WORKSPACE

RANKED = ("read_rate", "click_rate")
GROUPS = {REST: "Other campaigns, together", "none": "No campaign", "former": "Former workspaces"}
_KEY = 4


def compared(frames: Frames, published: Published, *, is_workspaces: bool, is_platform: bool) -> Section:
    """Return workspaces or campaigns beside each other: the largest ones, ranked by their rates."""
    asked, column, title = (
        (BY_WORKSPACE, "workspace", "Workspaces compared")
        if is_workspaces
        else (BY_CAMPAIGN, "campaign", "Campaigns compared")
    )
    rows = sorted(frames.rows(asked), key=lambda row: -(row["attempted_messages"].value or 0.0))
    alone = [row for row in rows if row.keys[column] not in GROUPS]
    if not alone:
        return Section(
            column, title, f"No {column} of this period has enough contacts to stand alone.", is_wide=True
        )
    names = (
        {id(row): published.label(str(row.keys[column])) for row in rows}
        if is_workspaces
        else named(rows, column)
    )
    has_owners = not is_workspaces and is_platform
    figures = []
    for rate in RANKED:
        known = [(names[id(row)], row[rate]) for row in alone[:SHOWN] if row[rate].is_known]
        marks = [
            charts.rated(name, number)
            for name, number in sorted(known, key=lambda pair: -(pair[1].value or 0.0))
        ]
        if marks:
            label = spoken(f"{TITLES[rate]} by {column}", marks)
            figures.append(Figure(drawn(charts.dots(marks), label=label), TITLES[rate]))
    of = f"the {SHOWN} largest of {len(alone)}" if len(alone) > SHOWN else f"all {len(alone)}"
    return Section(
        column,
        title,
        f"Ranked by rate: {of}. Where two lines overlap, the order of the two may be chance. SMS "
        "does not report reading.",
        figures,
        Grid(
            (
                column.capitalize(),
                *(["Workspace"] if has_owners else []),
                *(TITLES[m] for m in asked.metrics),
            ),
            [
                (
                    names[id(row)],
                    *([published.label(str(row.keys["workspace"]))] if has_owners else []),
                    *(cell(name, row[name]) for name in asked.metrics),
                )
                for row in rows[:LISTED]
            ],
            f"The {min(LISTED, len(rows))} largest of {len(rows)}, with ranges",
        ),
        is_wide=True,
    )


def named(rows: Sequence[Row], column: str) -> dict[int, str]:
    """Return the identity of each row → a name that no other row has; masked names may be the same."""
    found = {
        id(row): GROUPS.get(str(row.keys[column])) or str(row.keys.get(f"{column}_name") or row.keys[column])
        for row in rows
    }
    names = list(found.values())
    return {
        id(row): name if names.count(name) == 1 else f"{name} · {str(row.keys[column])[:_KEY]}"
        for row, name in ((row, found[id(row)]) for row in rows)
    }
