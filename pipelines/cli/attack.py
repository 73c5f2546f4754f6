"""`wasms attack`: what somebody could find out from everything that is published."""

import duckdb
import typer
from rich.table import Table

from pipelines.attacks.overlap import PAIRS, overlap_accuracy
from pipelines.attacks.suite import attack
from pipelines.cli.ingest import EXIT_FAILED
from pipelines.cli.options import HomeOption, runtime_at
from pipelines.cli.reading import published_path
from pipelines.cli.report import OUT, stages
from pipelines.cube import load_cubes
from pipelines.perturbation import last_count, noises
from warehouse.connection import quoted
from warehouse.releases import slices_in


def attack_command(home: HomeOption = None) -> None:
    """Attack the published copy, reading nothing else; exit 1 if a small group or a coded count comes out."""
    path = published_path(runtime_at(home))
    with stages() as stage, duckdb.connect() as connection:
        stage("attack", 0, 1)
        connection.execute(f"attach {quoted(str(path))} as warehouse (read_only)")
        results = attack(connection, load_cubes(), slices_in(connection))
        stage("attack", 1, 1)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("attack", "cells tried", "recovered"):
        table.add_column(name, justify="left" if name == "attack" else "right")
    for result in results:
        table.add_row(result.attack, f"{result.tried:,}", f"{sum(f.cells for f in result.findings):,}")
    OUT.print(table)
    findings = [finding for result in results for finding in result.findings]
    for finding in findings:
        OUT.print(f"{finding.cube}, {finding.period}, {finding.column}: {finding.problem} ({finding.cells})")
    if findings:
        raise typer.Exit(EXIT_FAILED)
    OUT.print("Nothing was recovered.")
    OUT.print()
    OUT.print(_overlap())


def _overlap() -> Table:
    """What no build can take back: how far the noise carries over many overlapping audiences."""
    title = "Somebody who knows all others guesses one contact of two audiences that differ by it"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in ("pairs seen", "others change", "others steady"):
        table.add_column(name, justify="right")
    drawn = noises(last_count())
    for pairs in PAIRS:
        shares = (overlap_accuracy(drawn, pairs, is_steady=steady) for steady in (False, True))
        table.add_row(str(pairs), *(f"{share:.0%} right" for share in shares))
    return table
