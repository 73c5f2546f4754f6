"""Make the report of a workspace or of the platform from the published copy."""

import duckdb

from pipelines.declarations.disclosure import load_disclosure
from pipelines.declarations.errors import PipelineError, UnknownNameError, UsageError
from pipelines.reports.answers import GROUPS, Published, frames_of, last_day, platform_frames, published
from pipelines.reports.page import page
from pipelines.reports.period import Span

PLATFORM_TITLE = "All workspaces"


class NothingInPeriodError(PipelineError):
    """A report would be empty."""

    def __init__(self, span: Span, reached: str) -> None:
        super().__init__(
            f"No day of {span.name} is published; the last one is {reached}. Choose another --period."
        )


class NothingOfWorkspaceError(PipelineError):
    """A workspace has no row of its own."""

    def __init__(self, span: Span) -> None:
        fewest = load_disclosure().minimum_contacts
        super().__init__(
            f"This workspace has no published row in {span.name}: it sent nothing, or to fewer than "
            f"{fewest} contacts a day, who are in “other”. Choose another --period."
        )


def span_of(connection: duckdb.DuckDBPyConnection, period: str | None) -> Span | None:
    """Return the period that is asked for; else the last complete month, or this one if none is complete.

    Returns:
        None where no day is published.

    Raises:
        UsageError: The text is no period.
        NothingInPeriodError: No day of it is published.
    """
    reached = last_day(connection)
    if reached is None:
        return None
    if period is None:
        complete = Span.last_complete_month(reached)
        return complete if published(connection, complete).days else Span.month_of(reached)
    span = Span.parse(period)
    if published(connection, span).days is None:
        raise NothingInPeriodError(span, str(reached))
    return span


def platform_report(connection: duckdb.DuckDBPyConnection, span: Span) -> str:
    """Return the page of the platform."""
    found = published(connection, span)
    return page(platform_frames(connection, span), found, title=PLATFORM_TITLE, is_platform=True)


def workspace_report(connection: duckdb.DuckDBPyConnection, span: Span, *, key: str) -> str:
    """Return the page of one workspace: its own rows, and numbers of the platform.

    Raises:
        NothingOfWorkspaceError: It has no row of its own.
    """
    found = published(connection, span)
    frames = frames_of(connection, span, workspace=key).get(key)
    if frames is None:
        raise NothingOfWorkspaceError(span)
    return page(frames, found, title=found.label(key))


def key_of(found: Published, workspace: str) -> str:
    """Return the key of a workspace that is named by key or name.

    Raises:
        UnknownNameError: There is none.
        UsageError: Several have the name.
    """
    if workspace in found.names and workspace not in GROUPS:
        return workspace
    keys = sorted(key for key, name in found.names.items() if workspace in (name, found.label(key)))
    if len(keys) > 1:
        raise UsageError(f"{len(keys)} workspaces have this name. Name one by its key: {', '.join(keys)}.")
    if not keys:
        listed = "wasms sql 'from dim_published_workspaces'"
        raise UnknownNameError("workspace", workspace, list(found.names.values()), listed_by=listed)
    return keys[0]
