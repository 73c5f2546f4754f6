"""Define `wasms attack`: try to learn about people from everything that is published."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import duckdb
import polars as pl
import typer
from rich.table import Column, Table

from pipelines.cli.options import HomeOption, runtime_at
from pipelines.cli.reading import published_path, restricted_zone
from pipelines.cli.report import EXIT_FAILED, OUT, bare_table, stages
from pipelines.declarations.cube import load_cubes
from pipelines.declarations.disclosure import load_disclosure
from pipelines.disclosure.attacks.dictionary import NUMBERS, attack_with_dictionary, numbers_of
from pipelines.disclosure.attacks.finding import Attacked
from pipelines.disclosure.attacks.inference import ADVANTAGE_ALLOWED, Advantage
from pipelines.disclosure.attacks.overlap import PAIRS, cells_per_fact, overlap_accuracy
from pipelines.disclosure.attacks.suite import attack
from pipelines.disclosure.attacks.trial import Trial, try_workspaces
from pipelines.pages import write_page
from warehouse.publishing.releases import rows_in
from warehouse.store.connection import quoted

if TYPE_CHECKING:
    from pipelines.runtime import Runtime

_TEXTS = ("attack", "attacker", "of a contact:", "measure")
_WARNING = "[yellow]Worlds are drawn from pseudonymous rows; they stay in memory.[/yellow]"


def attack_command(
    restricted: Annotated[
        bool,
        typer.Option(
            "--restricted",
            help="Also attack worlds drawn from pseudonymous rows, whose truth is known. Takes minutes each.",
        ),
    ] = False,
    workspaces: Annotated[
        int, typer.Option(help="How many workspaces to draw worlds from, small and large ones.", min=1)
    ] = 4,
    numbers: Annotated[int, typer.Option(help="How many phone numbers to try.", min=1)] = NUMBERS,
    report: Annotated[
        Path | None, typer.Option(help="HTML page to write: what was tried and found.", dir_okay=False)
    ] = None,
    home: HomeOption = None,
) -> None:
    """Try to find exact numbers, small groups and contacts in the published copy; exit 1 if one is found.

    Reads nothing but the published copy, unless --restricted is given.
    """
    runtime = runtime_at(home)
    path = published_path(runtime.store.home)
    with stages() as stage:
        stage("attack", 0, 2)
        with duckdb.connect() as connection:
            connection.execute(f"attach {quoted(str(path))} as warehouse (read_only)")
            results = attack(connection, load_cubes(), rows_in(connection))
            stage("attack", 1, 2)
            results.append(attack_with_dictionary(connection, _numbers(connection, numbers)))
        stage("attack", 2, 2)
    overlaps, facts = _overlaps(), _facts()
    trial = _trial(runtime, workspaces) if restricted else None
    _print(results, overlaps, facts, trial)
    if report is not None:
        write_page(
            report,
            "attacks.html.j2",
            now=datetime.now(UTC),
            results=results,
            overlaps=overlaps,
            facts=facts,
            trial=trial,
            allowed=ADVANTAGE_ALLOWED,
        )
        OUT.print(f"Written: {report}", highlight=False, soft_wrap=True)
    if any(result.findings for result in results) or (
        trial and (trial.is_above_bound or trial.repeated.changing)
    ):
        raise typer.Exit(EXIT_FAILED)


def _numbers(connection: duckdb.DuckDBPyConnection, amount: int) -> pl.Series:
    rows = connection.execute(
        "select distinct contact_country from warehouse.cubes.cube_countries_monthly"
    ).fetchall()
    return numbers_of([country for (country,) in rows if len(country) == 2], amount=amount)


def _trial(runtime: "Runtime", workspaces: int) -> Trial | None:
    with (
        restricted_zone(runtime, what="attack --restricted", warning=_WARNING) as connection,
        stages() as stage,
    ):
        return try_workspaces(connection, runtime.store.home, load_cubes(), most=workspaces, progress=stage)


def _overlaps() -> list[tuple[int, float, float]]:
    """Compute what no build can prevent: how well overlapping audiences can be compared.

    Returns:
        Pairs of audiences that differ by one contact, and which share of contacts is guessed right from them
        if the others change, and if they do not.
    """
    base = load_disclosure().rounding_base
    return [
        (n, overlap_accuracy(base, n, is_steady=False), overlap_accuracy(base, n, is_steady=True))
        for n in PAIRS
    ]


def _facts() -> list[tuple[str, int, float]]:
    """Compute the same of each measure, in a day and in its month together: measure, cells, share."""
    base, cells = load_disclosure().rounding_base, cells_per_fact(load_cubes().values())
    right = {number: overlap_accuracy(base, number, is_steady=False) for number in {*cells.values()}}
    return [(measure, number, right[number]) for measure, number in cells.items()]


def _print(
    results: Sequence[Attacked],
    overlaps: Sequence[tuple[int, float, float]],
    facts: Sequence[tuple[str, int, float]],
    trial: Trial | None,
) -> None:
    table = _table("Everything published, attacked together", "attack", "tried", "recovered")
    for result in results:
        table.add_row(result.attack, f"{result.tried:,}", f"{sum(f.cells for f in result.findings):,}")
    OUT.print(table)
    findings = [finding for result in results for finding in result.findings]
    for found in findings:
        OUT.print(f"{found.cube}, {found.period}, {found.column}: {found.problem} ({found.cells})")
    if not findings:
        OUT.print("Nothing was recovered.")
    OUT.print()
    title = "Somebody who knows all others guesses one contact of two audiences that differ by it"
    table = _table(title, "pairs seen", "others change", "others steady")
    for pairs, changing, steady in overlaps:
        table.add_row(str(pairs), f"{changing:.0%} right", f"{steady:.0%} right")
    OUT.print(table)
    OUT.print()
    title = "The same of one fact, from every cell that counts it"
    table = _table(title, "measure", "cells", "")
    for measure, cells, right in facts:
        table.add_row(measure, str(cells), f"{right:.0%} right")
    OUT.print(table)
    if trial is not None:
        OUT.print()
        _print_trial(trial)


def _print_trial(trial: Trial) -> None:
    sizes = ", ".join(f"{contacts:,}" for contacts in trial.workspaces)
    title = f"Worlds drawn from workspaces of {sizes} contacts: advantage over guessing (0 = none, 1 = sure)"
    table = _table(title, "attacker", "of a contact:", "advantage", "95% interval", "targets", "power")
    for game in trial.games:
        found = game.advantage
        table.add_row(
            game.attacker,
            game.secret,
            f"{found.value:.3f}",
            _interval(found),
            f"{found.targets:,}",
            f"{found.power:.3f}",
        )
    OUT.print(table)
    for what, gain in (("who is in", trial.membership), ("what contacts did", trial.attribute)):
        OUT.print(
            f"Of {what} a stranger learns {gain.value:.3f} ({_interval(gain)}) over all {gain.targets:,} "
            f"targets; allowed: {ADVANTAGE_ALLOWED}.",
            style="red" if gain.high > ADVANTAGE_ALLOWED else None,
        )
    for game in trial.standing_out:
        OUT.print(
            f"Above it, beyond chance: {game.secret} ({game.advantage.targets:,} contacts), to somebody who "
            "knows all their rows beforehand."
        )
    repeated = trial.repeated
    OUT.print(
        f"Built 100 times: {repeated.changing:,} of {repeated.cells:,} cells changed; the mean of all "
        f"answers is {repeated.error:.1f} off the truth."
    )


def _table(title: str, *columns: str) -> Table:
    headings = (Column(name, justify="left" if name in _TEXTS else "right") for name in columns)
    return bare_table(*headings, title=title)


def _interval(found: Advantage) -> str:
    return f"{found.low:.3f} to {found.high:.3f}"
