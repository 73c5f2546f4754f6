"""Release new slices: attack them, record them and publish them. Earlier releases stay as they are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import yaml

from pipelines.codegen.model_sql import DBT_PROJECT
from pipelines.declarations.calendar import month_end
from pipelines.declarations.cube import load_cubes
from pipelines.declarations.errors import PipelineError
from pipelines.disclosure.attacks.finding import Attacked, Finding
from pipelines.disclosure.attacks.suite import attack, coarsen_slices
from pipelines.marts.build import build_marts
from pipelines.marts.release_report import note_attacks
from warehouse.errors import UnsoundMartsError
from warehouse.publishing.publish import Published, publish, published_before
from warehouse.publishing.releases import Key, Slice, release, rows_in, slices_in, unreleased
from warehouse.store.session import open_session
from warehouse.store.store import Store

# Each round hides something; a slice without rows cannot fail, so the rounds end.
MOST_ROUNDS = 5


class AttackedError(PipelineError):
    """An attack on the slices still succeeds after several rounds of hiding what it found."""

    def __init__(self, findings: list[Finding]) -> None:
        first = findings[0]
        super().__init__(
            f"{first.cube}, {first.period}: {first.attack}: {first.column}: {first.problem}. "
            "Nothing was published, the last copy stays. Please report this defect."
        )


@dataclass(frozen=True, slots=True)
class Released:
    """The result of a release: what was published, and the attacks that found nothing in it.

    Attributes:
        attacks: One per attack, all without findings; none where nothing new was published.
        days: First and last day of the new slices, where a new month is among them; else None.
        rounds: How many rounds of hiding what attacks had found were needed before.
    """

    published: Published
    attacks: tuple[Attacked, ...]
    days: tuple[date, date] | None
    rounds: int


def release_and_publish(store: Store, *, reissued: Collection[Key] = (), why: str = "") -> Released:
    """Attack every slice that is not released yet, record it, and replace the published copy.

    What an attack finds is taken out before anything is released: that measure of the slice is emptied, or
    the whole slice is withheld, and the marts are built again.

    Args:
        reissued: Released slices that were built again (`pipelines/marts/reissue.py`): new revisions.
        why: Why they were reissued.

    Raises:
        ChangedAfterReleaseError: A slice was changed after its release; nothing is published.
        AttackedError: An attack still succeeds after `MOST_ROUNDS` rounds.
        UnsoundMartsError: The last build did not pass its tests.
        LockedError: Somebody is building at this moment.
    """
    if unsound := store.ledger.unsound_marts():
        raise UnsoundMartsError(sorted(unsound))
    if (present := published_before(store.home)) is not None:
        return Released(present, attacks=(), days=None, rounds=0)
    waiting, attacks = _attacked(store, reissued)
    rounds = 0
    while findings := [finding for each in attacks for finding in each.findings]:
        if rounds == MOST_ROUNDS:
            raise AttackedError(findings)
        with open_session(store.home, schemas={}) as connection:
            coarsen_slices(connection, load_cubes(), findings)
        rounds += 1
        waiting, attacks = _attacked(store, reissued)
    if rounds:
        build_marts(store)
    revisions = [each for each in waiting if (each.cube, each.period) in reissued]
    release(store.ledger, revisions, why=why)
    release(store.ledger, [each for each in waiting if each not in revisions], why="closed")
    published = publish(store.home, keyring=store.keyring, comments=descriptions())
    if waiting:
        note_attacks(store.ledger, attacks, periods=[each.period for each in waiting], rounds=rounds)
    months = [each.period for each in waiting if each.cube.endswith("_monthly")]
    days = [each.period for each in waiting if each.cube.endswith("_daily")]
    # A month may be built after its days were published.
    days = days or [*months, *map(month_end, months)]
    return Released(
        published,
        tuple(attacks),
        days=(min(days), max(days)) if months else None,
        rounds=rounds,
    )


def _attacked(store: Store, reissued: Collection[Key]) -> tuple[list[Slice], list[Attacked]]:
    with open_session(store.home, schemas={}, read_only=True) as connection:
        waiting = unreleased(store.ledger, rows_in(connection), reissued=reissued)
        return slices_in(connection, waiting), attack(connection, load_cubes(), waiting)


def descriptions() -> Mapping[str, Mapping[str, str]]:
    """Return table → column → description; under the empty name stands what the table is."""
    found = {}
    for folder in ("cubes", "marts", "published"):
        for path in sorted((DBT_PROJECT / "models" / folder).glob("*.yml")):
            # libyaml: dbt reads the same files with it.
            for model in yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)["models"]:
                columns = {column["name"]: column["description"] for column in model["columns"]}
                found[model["name"]] = {"": model["description"], **columns}
    return found
