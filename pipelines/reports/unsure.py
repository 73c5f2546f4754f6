"""Say in words what is unsure about a report, and what is not in it."""

from collections.abc import Iterator, Sequence

from pipelines.declarations.cube import REST
from pipelines.declarations.disclosure import load_disclosure
from pipelines.reports.answers import Frames, Published, Row
from pipelines.reports.questions import BY_CAMPAIGN, BY_COUNTRY, HEADLINE, RATES
from pipelines.reports.words import whole

READING = (
    "Read rates are of channels that report reading, such as WhatsApp. Who has switched receipts off counts "
    "as unread."
)


def unsure(frames: Frames, published: Published, *, is_platform: bool) -> list[str]:
    """Return sentences, the most important first."""
    return [
        *_of_numbers(),
        *_of_groups(frames.rows(BY_CAMPAIGN)),
        *_of_days(published),
        *_of_months(frames, published, is_platform=is_platform),
        *_of_late(frames, published, is_platform=is_platform),
        READING,
        *([] if published.benchmarks else [_no_benchmarks(published)]),
    ]


def _of_numbers() -> Iterator[str]:
    limits = load_disclosure()
    yield (
        f"Counts are rounded at random to a multiple of {limits.rounding_base}, so that no person can be "
        "found in them. "
        "They are right on average. The range beside a number holds the true one 95 times in 100."
    )
    yield (
        "A range is about rounding only. It does not say how a campaign would do if it were sent again: of "
        "few messages, rates differ by chance."
    )


def _of_groups(rows: Sequence[Row]) -> Iterator[str]:
    limits = load_disclosure()
    rest = sum(row["attempted_messages"].value or 0.0 for row in rows if row.keys["campaign"] == REST)
    said = f"Campaigns of fewer than {limits.minimum_contacts} contacts a day are one row, “other”"
    yield f"{said}: {whole(rest)} messages here." if rest else f"{said}. None has messages here."


def _of_days(published: Published) -> Iterator[str]:
    span = published.span
    if published.days is None:
        yield f"No day of {span.title} is published."
        return
    first, last, days = published.days
    if published.is_whole:
        yield f"All {days} days of the period are published. What providers reported later is not counted."
        return
    yield (
        f"{days} of {span.days} days are published, {first:%-d %B} to {last:%-d %B %Y}: totals are of "
        "these days. The others have no published message; a day is published nine days after it."
    )


def _of_months(frames: Frames, published: Published, *, is_platform: bool) -> Iterator[str]:
    if is_platform and published.coverage is not None:
        counted, total = published.coverage
        yield f"Numbers that need the whole month at once count {counted} of {total} workspaces."
    is_compared = frames.only(HEADLINE, before=True)["attempted_messages"].is_known
    if is_compared and not (published.is_whole and published.is_before_whole):
        yield (
            f"Counts are not compared with {published.span.before.title}, rates are: not every day of both "
            "is published."
        )
    if is_platform and published.span.is_month:
        yield (
            "Countries, hours, codes and costs leave out workspaces that keep message logs for less than "
            "60 days: a part of their month is deleted before the month is counted."
        )
    elif published.span.is_month and not published.is_whole and not frames.rows(BY_COUNTRY):
        yield "Countries, hours, codes, costs and distinct contacts are published when a whole month is."
    elif published.span.is_month and not frames.rows(BY_COUNTRY):
        yield (
            "Countries, hours, codes, costs and distinct contacts are missing: this workspace keeps its "
            "message logs for less than 60 days, or had too few contacts."
        )


def _of_late(frames: Frames, published: Published, *, is_platform: bool) -> Iterator[str]:
    key = next((row.keys.get("workspace") for row in frames.rows(BY_CAMPAIGN)), None)
    late = sum(published.late.values()) if is_platform else published.late.get(str(key), 0)
    if late:
        yield f"{whole(late)} delivery statuses came too late and are in none of these numbers."


def _no_benchmarks(published: Published) -> str:
    if not published.span.is_month:
        return f"{len(RATES)} rates are compared with other workspaces by month only."
    fewest = load_disclosure().minimum_workspaces
    return (
        f"A comparison with other workspaces needs at least {fewest} that take part, none with over half "
        "of the messages."
    )
