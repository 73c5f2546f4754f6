"""Define the options that several commands share."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.declarations.errors import UsageError
from pipelines.settings import home_from_environment
from warehouse.errors import ImplausibleClockError
from warehouse.home import Home

if TYPE_CHECKING:
    from pipelines.runtime import Runtime

# Windows are added to days, and calendars end.
FIRST_YEAR, LAST_YEAR = 1970, 2200
# The default window of message logs: a step so long deletes all of them.
MOST_DAYS_AHEAD = 90


class NoWarehouseError(UsageError):
    """A command names a folder that is no warehouse."""

    def __init__(self, root: Path) -> None:
        super().__init__(
            f"There is no warehouse in {root}. Name its folder: --home or WASMS_HOME. `wasms run` makes one."
        )


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder of the warehouse (data/ and keys/). Default: WASMS_HOME, else .wasms here.",
        show_default=False,
    ),
]


def in_a_folder(output: Path | None) -> Path | None:
    """Return a file to write to, if its folder is there."""
    if output is not None and not output.parent.is_dir():
        raise typer.BadParameter("its folder does not exist; make it first")
    return output


def not_empty(text: str) -> str:
    """Return a text that stays on record, if it says something."""
    if not text.strip():
        raise typer.BadParameter("it stays on record, so it may not be empty")
    return text


def completing(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Return what a shell asks for the names that begin with what is typed."""

    # Not a lambda: Typer looks at the type of its argument.
    def beginning_with(start: str) -> list[str]:
        return [name for name in names() if name.startswith(start)]

    return beginning_with


JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="File to write to; its ending chooses the format: .csv, .json … Default: the screen.",
        dir_okay=False,
        callback=in_a_folder,
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

_DAY = ["%Y-%m-%d"]
FromOption = Annotated[
    datetime | None, typer.Option("--from", formats=_DAY, help="First day.", show_default=False)
]
ToOption = Annotated[
    datetime | None, typer.Option("--to", formats=_DAY, help="Last day.", show_default=False)
]

ClockIsRightOption = Annotated[
    bool,
    typer.Option(
        "--clock-is-right",
        help=f"Go on although --as-of is more than {MOST_DAYS_AHEAD} days after the last work here.",
    ),
]

AllowExpiredOption = Annotated[
    bool,
    typer.Option("--allow-expired", help="Load a file although most of its rows are past their window."),
]


def home_at(home: Path | None) -> Home:
    """Return the folders of the warehouse that the command names; nothing is opened."""
    return Home(home.absolute()) if home else home_from_environment()


def runtime_at(home: Path | None, *, may_make: bool = False) -> "Runtime":
    """Open the warehouse that the command names.

    Args:
        may_make: Whether one is made where there is none.

    Raises:
        NoWarehouseError: There is none. It would hold nothing and be in order, whatever is asked.
    """
    from pipelines.runtime import open_runtime

    found = home_at(home)
    if not may_make and not found.ledger_path.exists():
        raise NoWarehouseError(found.root)
    return open_runtime(found)


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


def clock_at(runtime: "Runtime", text: str | None, *, is_right: bool = False) -> datetime:
    """Return the clock for a command that deletes what is past its window, as naive UTC.

    Args:
        is_right: Whether a person has said that a long step forward is meant.

    Raises:
        ImplausibleClockError: It lies after the machine's clock, except in a demo, or far after the clock
            that the warehouse has reached.
    """
    at, ledger = moment(text, option="--as-of"), runtime.store.ledger
    if at > moment(None, option="") + timedelta(days=1) and not ledger.is_demo():
        raise ImplausibleClockError(
            at, "lies in the future, by the clock of this machine. Correct one of them."
        )
    reached = ledger.clock()
    if reached is not None and not is_right and at > reached + timedelta(days=MOST_DAYS_AHEAD):
        raise ImplausibleClockError(
            at,
            f"is {(at - reached).days} days after {reached:%Y-%m-%d}, when this warehouse worked last. So "
            "long a step deletes much. If the date is right, add --clock-is-right.",
        )
    return at
