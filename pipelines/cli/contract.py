"""Define `wasms contract`: show contracts, check that they load, and draft new ones."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pipelines.cli.options import HomeOption, home_at
from pipelines.codegen.documents import window
from pipelines.codegen.stored_columns import stored_columns
from pipelines.declarations.contract import Contract, contract_named, contract_problems, load_contracts
from pipelines.declarations.errors import PipelineError, PolicyError, UnknownContractError
from pipelines.declarations.policy import Policy, load_policy, policy_problems
from pipelines.declarations.recognizers import text_scrubber
from pipelines.drafting.draft import UNDECIDED, draft

EXIT_FAILED = 1
EXIT_USAGE = 2

app = typer.Typer(
    help="List, show, check and draft contracts: what becomes of each column.", no_args_is_help=True
)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of a contract, e.g. whatsapp__statuses.")
]


@app.command("list")
def list_command() -> None:
    """List all contracts: name, kind, policy category, inbox folder."""
    contracts = _loaded().values()
    _print_table((c.source, c.kind, c.policy, c.landing) for c in contracts)


@app.command("show")
def show_command(name: NameArgument) -> None:
    """Show one contract: its inbox folder, how long rows stay, and what is stored of each column."""
    contract = _named(name)
    rule = _policy().versions[-1].categories[contract.policy]
    typer.echo(contract.description)
    _print_table(
        (
            ("lands in", contract.landing),
            ("key", ", ".join(contract.primary_key)),
            ("subject", contract.subject),
            ("kept", f"{contract.policy}: {window(rule)}"),
            ("undeclared columns", contract.unknown),
        )
    )
    typer.echo()
    stored = stored_columns(contract)
    _print_table(
        (raw, column.handling, ", ".join(s.name for s in stored if s.raw == raw) or "-")
        for raw, column in contract.columns.items()
    )


@app.command("check")
def check_command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name of a contract. Default: all.")
    ] = None,
) -> None:
    """Check that contracts load and fit the policy; exit 1 if they do not."""
    problems = contract_problems()
    if name is not None and name not in problems:
        _fail(UnknownContractError(name, list(problems)), code=EXIT_USAGE)
    chosen = problems if name is None else {name: problems[name]}
    found = [problem for problem in chosen.values() if problem]
    if not any(problems.values()):
        found += [p for p in policy_problems(load_contracts(), _policy()) if p.partition(":")[0] in chosen]
    for problem in found:
        typer.echo(problem, err=True)
    if found:
        raise typer.Exit(EXIT_FAILED)
    typer.echo(f"{len(chosen)} contract(s) in order.")


@app.command("new")
def new_command(
    sample_file: Annotated[
        Path,
        typer.Argument(
            metavar="SAMPLE_FILE",
            help="The file to look at: .csv, .jsonl or .parquet.",
            exists=True,
            dir_okay=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write, e.g. pipelines/contracts/shop__orders.yml. Default: the screen.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Draft a contract from a sample file.

    The draft holds suggestions and leaves every decision open. No value of the sample is in it.
    """
    if output is not None and output.exists():
        raise typer.BadParameter("the file exists; a draft never replaces one", param_hint="--output")
    name = (
        output.stem if output and re.fullmatch("[a-z][a-z0-9]*__[a-z][a-z0-9_]*", output.stem) else UNDECIDED
    )
    try:
        text = draft(sample_file, name=name, scrubber=text_scrubber(home_at(home).recognizers_path))
    except PipelineError as error:
        _fail(error, code=EXIT_FAILED)
    if output is None:
        typer.echo(text, nl=False)
        return
    output.write_text(text, "utf-8")
    typer.echo(f"wrote {output}. Decide every {UNDECIDED}, then run `wasms contract check`.")


def _loaded() -> Mapping[str, Contract]:
    try:
        return load_contracts()
    except PipelineError as error:
        _fail(error, code=EXIT_FAILED)


def _policy() -> Policy:
    try:
        return load_policy()
    except PolicyError as error:
        _fail(error, code=EXIT_FAILED)


def _named(name: str) -> Contract:
    try:
        return contract_named(name, _loaded())
    except UnknownContractError as error:
        _fail(error, code=EXIT_USAGE)


def _fail(error: PipelineError, *, code: int) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(code)


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    lines = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
