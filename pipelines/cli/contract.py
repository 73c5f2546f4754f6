"""Define `wasms contract`: show contracts, check that they load, and draft new ones."""

import re
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import HomeOption, JsonOption, OutputOption, completing, home_at
from pipelines.cli.report import EXIT_FAILED, OUT, show_rows, write_json
from pipelines.codegen.documents import window
from pipelines.codegen.stored_columns import stored_columns
from pipelines.declarations.contract import contract_named, contract_problems, load_contracts
from pipelines.declarations.errors import UnknownNameError
from pipelines.declarations.policy import load_policy, policy_problems
from pipelines.declarations.recognizers import text_scrubber
from pipelines.drafting.draft import UNDECIDED, draft

app = typer.Typer(
    help="List, show, check and draft contracts: what becomes of each column.", no_args_is_help=True
)


NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Name of a contract, e.g. whatsapp__statuses.",
        autocompletion=completing(load_contracts),
    ),
]


@app.command("list")
def list_command(as_json: JsonOption = False, output: OutputOption = None) -> None:
    """List all contracts: name, kind, policy category, inbox folder."""
    rows = [
        {"contract": c.source, "kind": c.kind, "policy": c.policy, "lands in": c.landing}
        for c in load_contracts().values()
    ]
    show_rows(rows, as_json=as_json, output=output)


@app.command("show")
def show_command(name: NameArgument, as_json: JsonOption = False) -> None:
    """Show one contract: its inbox folder, how long rows stay, and what is stored of each column."""
    contract = contract_named(name, load_contracts())
    rule = load_policy().versions[-1].categories[contract.policy]
    facts = {
        "lands in": contract.landing,
        "key": ", ".join(contract.primary_key),
        "subject": contract.subject,
        "kept": f"{contract.policy}: {window(rule)}",
        "undeclared columns": contract.unknown,
    }
    stored = stored_columns(contract)
    columns = [
        {
            "column": raw,
            "treatment": column.handling,
            "stored as": ", ".join(s.name for s in stored if s.raw == raw) or "-",
        }
        for raw, column in contract.columns.items()
    ]
    if as_json:
        write_json({"contract": name, "description": contract.description, **facts, "columns": columns})
        return
    OUT.print(contract.description, markup=False, highlight=False)
    for fact, value in facts.items():
        OUT.print(f"{fact:18}  {value}", markup=False, highlight=False)
    OUT.print()
    show_rows(columns)


@app.command("check")
def check_command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name of a contract. Default: all.")
    ] = None,
) -> None:
    """Check that contracts load and fit the policy; exit 1 if they do not."""
    problems = contract_problems()
    if name is not None and name not in problems:
        raise UnknownNameError("contract", name, problems)
    chosen = problems if name is None else {name: problems[name]}
    found = [problem for problem in chosen.values() if problem]
    if not any(problems.values()):
        found += [
            p for p in policy_problems(load_contracts(), load_policy()) if p.partition(":")[0] in chosen
        ]
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
    text = draft(sample_file, name=name, scrubber=text_scrubber(home_at(home).recognizers_path))
    if output is None:
        typer.echo(text, nl=False)
        return
    output.write_text(text, "utf-8")
    typer.echo(f"wrote {output}. Decide every {UNDECIDED}, then run `wasms contract check`.")
