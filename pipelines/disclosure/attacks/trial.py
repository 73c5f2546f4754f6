"""Run the attacks on worlds of several workspaces, and put the results together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from pipelines.codegen.model_sql import ModelSql
from pipelines.declarations.cube import Cube
from pipelines.disclosure.attacks.base import base_of
from pipelines.disclosure.attacks.inference import ADVANTAGE_ALLOWED, Advantage
from pipelines.disclosure.attacks.lab import STRANGER, TRACED, Inferred, infer
from pipelines.disclosure.attacks.repetition import Repeated, repeat
from pipelines.disclosure.slices import SCHEMAS
from warehouse.home import Home
from warehouse.progress import Progress


@dataclass(frozen=True, slots=True)
class Trial:
    """The attacks on worlds drawn from workspaces' rows.

    Attributes:
        workspaces: Contacts of each workspace that was attacked.
        games: By attacker and secret, over all workspaces.
        repeated: What building the smallest workspace's slice 100 times gave.
    """

    workspaces: tuple[int, ...]
    games: tuple[Inferred, ...]
    repeated: Repeated

    @property
    def is_above_bound(self) -> bool:
        """Return whether a stranger gains more than allowed, by the upper end of the interval."""
        return max(self.membership.high, self.attribute.high) > ADVANTAGE_ALLOWED

    @property
    def membership(self) -> Advantage:
        """Return what a stranger gains in saying who is in, over all targets, outliers included."""
        return _together(game.advantage for game in self._bounded if game.is_membership)

    @property
    def attribute(self) -> Advantage:
        """Return what a stranger gains in saying what contacts did, over all targets."""
        return _together(game.advantage for game in self._bounded if not game.is_membership)

    @property
    def standing_out(self) -> tuple[Inferred, ...]:
        """Return kinds of targets of whom a stranger learns more than allowed on average, beyond chance."""
        return tuple(game for game in self._bounded if game.advantage.low > ADVANTAGE_ALLOWED)

    @property
    def _bounded(self) -> list[Inferred]:
        """Return the games for which there is a bound."""
        return [game for game in self.games if game.attacker == STRANGER and game.secret != TRACED]


def try_workspaces(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    cubes: Mapping[str, Cube],
    *,
    most: int,
    progress: Progress,
) -> Trial | None:
    """Attack worlds drawn from some workspaces, from the smallest to the largest; None where there is none.

    Args:
        connection: A session on store and warehouse.
        most: Workspaces to attack; spread evenly over their sizes.
    """
    models = ModelSql()
    days = _spread(_busiest_days(connection, models), most)
    bases = [base_of(connection, workspace_id=w, day=day, models=models) for w, day in days]
    chosen = sorted(bases, key=lambda base: base.contacts)
    if not chosen:
        return None
    found: list[Inferred] = []
    for done, base in enumerate(chosen):
        progress("worlds", done, len(chosen))
        found += infer(base, cubes, tmp=home.tmp, models=models, seed=done + 1)
    repeated = repeat(chosen[0], cubes, tmp=home.tmp, models=models)
    progress("worlds", len(chosen), len(chosen))
    return Trial(tuple(base.contacts for base in chosen), tuple(_summed(found)), repeated)


def _busiest_days(connection: duckdb.DuckDBPyConnection, models: ModelSql) -> list[tuple[str, date]]:
    """Return each workspace with the day on which it wrote to most contacts, the smallest first.

    A day of a complete month, where there is one: no other's month is published.
    """
    connection.execute(f"set search_path = '{SCHEMAS}'")
    complete = models.render("{{ of_complete_months('days', 'send_date') }}")
    return connection.execute(
        "with days as (select workspace_id, send_date, count(distinct contact_token) as contacts "
        "from warehouse.restricted.fct_messages group by 1, 2 having contacts >= $least), "
        f"complete as ({complete}), "
        "judged as (select days.*, complete.send_date is not null as is_complete from days "
        "left join complete using (workspace_id, send_date)) "
        "select workspace_id, arg_max(send_date, (is_complete, contacts, send_date)) from judged "
        "group by workspace_id order by max(contacts), workspace_id",
        {"least": models.variables["minimum_contacts"]},
    ).fetchall()


def _spread(days: Sequence[tuple[str, date]], most: int) -> list[tuple[str, date]]:
    """Return some of them, evenly spread from the first to the last."""
    if len(days) <= most:
        return list(days)
    step = (len(days) - 1) / max(most - 1, 1)
    return [days[round(n * step)] for n in range(most)]


def _summed(found: Iterable[Inferred]) -> list[Inferred]:
    """Return one game per attacker and secret: the mean over targets of all workspaces."""
    groups: dict[tuple[str, str], list[Inferred]] = {}
    for each in found:
        groups.setdefault((each.attacker, each.secret), []).append(each)
    return [
        Inferred(
            attacker,
            secret,
            contacts=sum(each.contacts for each in games),
            worlds=sum(each.worlds for each in games),
            advantage=_together(each.advantage for each in games),
        )
        for (attacker, secret), games in sorted(groups.items(), reverse=True)
    ]


def _together(advantages: Iterable[Advantage]) -> Advantage:
    """Return the mean over targets; intervals of different worlds add like independent errors."""
    games = list(advantages)
    targets = sum(game.targets for game in games)
    weights = [game.targets / max(targets, 1) for game in games]
    value = sum(w * g.value for w, g in zip(weights, games, strict=True))
    half = sum((w * (g.high - g.low) / 2) ** 2 for w, g in zip(weights, games, strict=True)) ** 0.5
    power = sum(w * g.power for w, g in zip(weights, games, strict=True))
    return Advantage(value, value - half, value + half, targets, power)
