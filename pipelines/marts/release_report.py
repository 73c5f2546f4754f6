"""Keep what the last release was attacked with and what it lost, for those who read about it later."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING

from pipelines.declarations.declarations import Declarations
from pipelines.disclosure.attacks.finding import Attacked
from warehouse.ledger.file import now
from warehouse.ledger.ledger import Ledger
from warehouse.store.store import Store

if TYPE_CHECKING:
    from pipelines.disclosure.utility import Variant

# Names in the ledger's `meta`.
ATTACKS, UTILITY = "release_attacks", "release_utility"


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """A table about everything that was released together: counts, means and shares over many cells.

    Attributes:
        made_at: The machine's clock (UTC), to the minute.
        first, last: First and last period that was new.
    """

    made_at: str
    first: str
    last: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def note_attacks(
    ledger: Ledger, attacks: Iterable[Attacked], *, periods: Sequence[date], rounds: int
) -> None:
    """Keep what was tried on new slices; ``rounds`` is how often something was taken out before."""
    rows = [(each.attack, each.tries, f"{each.tried:,}", str(len(each.findings))) for each in attacks]
    rows.append(("before", "What was found was taken out, and everything attacked again", str(rounds), ""))
    days = (min(periods), max(periods))
    _note(ledger, ATTACKS, days, headings=("Attack", "What it tries", "Tried", "Recovered"), rows=rows)


def measured_utility(declarations: Declarations, store: Store, days: tuple[date, date]) -> "Variant":
    """Measure what released days lost, and keep it; see `utility_of_release`."""
    from pipelines.disclosure.utility import HEADINGS, described, utility_of_release

    found = utility_of_release(declarations, store, days)
    _note(store.ledger, UTILITY, days, headings=HEADINGS, rows=[described(found)])
    return found


def _note(
    ledger: Ledger,
    name: str,
    days: tuple[date, date],
    *,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> None:
    first, last = map(str, days)
    report = ReleaseReport(now()[:16], first, last, headings, rows)
    ledger.set_value(name, json.dumps(asdict(report)))


def noted(ledger: Ledger, name: str) -> ReleaseReport | None:
    """Return what was kept under a name; None where there is nothing."""
    kept = ledger.value(name)
    return ReleaseReport(**json.loads(kept)) if kept else None


def forget(ledger: Ledger) -> None:
    """Remove what was kept."""
    for name in (ATTACKS, UTILITY):
        ledger.set_value(name, "")
