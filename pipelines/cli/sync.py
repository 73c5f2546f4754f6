"""Define `wasms sync`: write or compare what is generated from the declarations."""

from typing import Annotated

import typer

from pipelines.codegen.sync import generated_files, out_of_step, project_root, write
from pipelines.declarations.contract import load_contracts
from pipelines.declarations.policy import load_policy


def sync_command(
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Write nothing; list the files that are out of step, and exit 1 if there are any."
        ),
    ] = False,
) -> None:
    """Write what is generated from the declarations: dbt models, data dictionary, record of processing."""
    root = project_root()
    files = generated_files(load_contracts(), load_policy())
    if not check:
        for path in write(root, files):
            typer.echo(f"wrote {path}")
        return
    if stale := out_of_step(root, files):
        for path in stale:
            typer.echo(path)
        typer.echo(f"{len(stale)} generated file(s) out of step. Run `make sync`.", err=True)
        raise typer.Exit(1)
