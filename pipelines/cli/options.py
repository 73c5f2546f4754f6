"""Define the options that several commands share."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.settings import home_from_environment
from warehouse.home import Home

if TYPE_CHECKING:
    from pipelines.runtime import Runtime

# Windows are added to days, and calendars end.
FIRST_YEAR, LAST_YEAR = 1970, 2200

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder of the warehouse (data/ and keys/). Default: WASMS_HOME, else .wasms here.",
        show_default=False,
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="The clock: a date or ISO 8601 time (UTC). Decides what is closed and due. Default: now.",
        show_default=False,
    ),
]


def home_at(home: Path | None) -> Home:
    """Return the folders of the warehouse that the command names; nothing is opened."""
    return Home(home.absolute()) if home else home_from_environment()


def runtime_at(home: Path | None) -> "Runtime":
    """Open the warehouse that the command names."""
    from pipelines.runtime import open_runtime

    return open_runtime(home_at(home))


def moment(text: str | None, *, option: str) -> datetime:
    """Parse a time as naive UTC; return the present where none is given.

    Raises:
        typer.BadParameter: It is not a date or time.
    """
    if text is None:
        return datetime.now(UTC).replace(tzinfo=None)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            "expected a date or ISO 8601 time, e.g. 2026-11-30 or 2026-11-30T12:00:00Z", param_hint=option
        ) from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise typer.BadParameter(f"expected a year from {FIRST_YEAR} to {LAST_YEAR}", param_hint=option)
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
