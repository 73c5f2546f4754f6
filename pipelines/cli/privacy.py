"""Define `wasms privacy`: record, carry out and prove requests of data subjects."""

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from anonymizers.treatments import IdentityKind
from pipelines.cli import privacy_proof
from pipelines.cli.options import (
    AsOfOption,
    HomeOption,
    JsonOption,
    OutputOption,
    clock_at,
    moment,
    not_empty,
    runtime_at,
)
from pipelines.cli.privacy_proof import NumberArgument
from pipelines.cli.report import OUT, show_rows, stages, write_text
from pipelines.declarations.contract import Subject
from pipelines.privacy.people import is_stored
from pipelines.privacy.submit import close, confirm, give_more_time, lift, note_told, pause, submit
from pipelines.retention.apply import apply_retention
from pipelines.retention.plan import plan_retention
from warehouse.ledger.requests import (
    ERASING,
    OPEN,
    Kind,
    Request,
    Status,
    history,
    request,
    requests,
    waiting,
)
from warehouse.retention.plan import ERASURE, GONE, Plan
from warehouse.retention.rules import Precedence

app = typer.Typer(
    no_args_is_help=True,
    help="Record, carry out and prove requests of data subjects: erasure, access and more.",
)
app.add_typer(privacy_proof.app)

_WhyOption = Annotated[
    str,
    typer.Option(
        "--why",
        help="The reason. It stays on record, so it must name nobody.",
        callback=not_empty,
        show_default=False,
    ),
]


class Identifier(StrEnum):
    """Name what is given of a person."""

    PHONE = "phone"
    EMAIL = "email"
    WHATSAPP_USER = "whatsapp-user"
    CONTACT = "contact"
    MEMBER = "member"
    WORKSPACE = "workspace"


_SUBJECTS = {Identifier.MEMBER: Subject.MEMBER, Identifier.WORKSPACE: Subject.WORKSPACE}


@app.command("submit")
def submit_command(
    kind: Annotated[Kind, typer.Option("--type", help="What is asked.", show_default=False)],
    workspace: Annotated[
        str, typer.Option(help="Workspace whose contact or member the person is.", show_default=False)
    ],
    identifier: Annotated[
        Identifier, typer.Option("--by", help="What the person is named by.")
    ] = Identifier.PHONE,
    source: Annotated[
        str | None,
        typer.Option(
            "--data-set",
            help="Of a correction: where the wrong rows are. Default: app__contacts, app__members.",
        ),
    ] = None,
    purposes: Annotated[
        list[str] | None,
        typer.Option(
            "--purpose",
            help="Of an objection: a category of the policy (message_log); may be repeated. Default: all.",
        ),
    ] = None,
    as_of: AsOfOption = None,
    home: HomeOption = None,
) -> None:
    """Record a request. The identifier is read from standard input, never from the command line.

    `--by workspace` asks about all of the workspace: a copy, or its end. No identifier is read then.

    Nothing is done until `wasms privacy confirm` says how the person's identity was verified.
    """
    runtime = runtime_at(home)
    recorded, person = submit(
        *runtime,
        kind=kind,
        workspace=workspace,
        identifiers=_read(identifier),
        subject=_SUBJECTS.get(identifier, Subject.CONTACT),
        source=source,
        purposes=purposes or (),
        as_of=clock_at(runtime, as_of),
    )
    known = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in person.kinds.items())
    whom = f"The person is known by: {known}." if known else f"It is about all of {workspace}."
    OUT.print(f"Recorded as [bold]{recorded.number}[/bold]. {whom}")
    if person.tokens and not is_stored(*runtime, person):
        OUT.print(
            f"[yellow]No row in the store names this {identifier.value}. Is it spelt right, and of this "
            "workspace? What is confirmed deletes or restricts nothing.[/yellow]"
        )
    if person.is_shared:
        OUT.print(
            "[yellow]This identifier stands beside many others, so it may not be one person's. What it is "
            "connected with is left alone. Look before you confirm.[/yellow]"
        )
    OUT.print(f"First answer by {recorded.answer_by}, the whole by {recorded.due_on}.")
    OUT.print(f'Next: wasms privacy confirm {recorded.number} --how "…"', highlight=False)


@app.command("confirm")
def confirm_command(
    number: NumberArgument,
    how: Annotated[
        str,
        typer.Option(
            help="How the identity was verified and by which team, e.g. `code by SMS, support`. No names.",
            callback=not_empty,
            show_default=False,
        ),
    ],
    as_of: AsOfOption = None,
    home: HomeOption = None,
) -> None:
    """Say that the person's identity was verified. The next run carries the request out."""
    runtime = runtime_at(home)
    confirm(*runtime, number, how=how, as_of=clock_at(runtime, as_of))
    found = request(runtime.store.ledger, number)
    if found.status is Status.RESTRICTED:
        OUT.print(
            f"{number} is in force: no model and no query sees the rows that it is about. They are kept."
        )
        OUT.print(f'To end it: wasms privacy lift {number} --why "…"', highlight=False)
    elif found.kind in ERASING:
        OUT.print(f"{number} is confirmed. `wasms privacy run` or the next `wasms run` carries it out.")
    elif found.kind is Kind.CORRECT:
        OUT.print(
            f"{number} is confirmed. Correct it in the application: when the next export has brought the new "
            "row, a run closes the request with a receipt."
        )
    else:
        OUT.print(
            f"{number} is confirmed. Next: wasms privacy access {number} --output FILE", highlight=False
        )


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Those that are done or closed too.")] = False,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    home: HomeOption = None,
) -> None:
    """List requests, those due first. Nobody is named."""
    today = moment(as_of, option="--as-of").date()
    found = requests(runtime_at(home).store.ledger, statuses=tuple(Status) if everything else OPEN)
    rows = [
        {
            "request": each.number,
            "type": each.kind.value,
            "status": each.status.value,
            "received": each.received_at.date(),
            "answer_by": each.answer_by if each.status is Status.RECEIVED else None,
            "due": each.due_on,
            "days_left": (each.due_on - today).days if each.status in OPEN else None,
        }
        for each in found
    ]
    show_rows(rows, as_json=as_json, output=output, nothing="No request is open.")


@app.command()
def status(
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    home: HomeOption = None,
) -> None:
    """Count the requests that are open, with their ages. Nobody is named."""
    found = waiting(runtime_at(home).store.ledger, today=moment(as_of, option="--as-of").date())
    rows = [asdict(each) for each in found]
    show_rows(rows, as_json=as_json, output=output, nothing="No request is open.")


@app.command("tell")
def tell_command(
    number: NumberArgument,
    recipient: Annotated[
        str, typer.Option("--recipient", help="Who was told, as the policy names it.", show_default=False)
    ],
    as_of: AsOfOption = None,
    home: HomeOption = None,
) -> None:
    """Record that a recipient of the data was told of an erasure, correction or restriction."""
    runtime = runtime_at(home)
    left = note_told(*runtime, number, recipient, as_of=clock_at(runtime, as_of))
    OUT.print(f"Recorded. Not told yet: {', '.join(left)}." if left else "Recorded. All are told.")


@app.command()
def show(number: NumberArgument, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Show how far a request is, and its history."""
    import json

    ledger = runtime_at(home).store.ledger
    found, steps = request(ledger, number), history(ledger, number)
    if as_json:
        steps_of = [asdict(step) for step in steps]
        write_text(json.dumps({**asdict(found), "history": steps_of}, default=str, indent=1) + "\n")
        return
    OUT.print(
        f"{found.number}: {found.kind}, {found.status}. Answer by {found.answer_by}, due {found.due_on}."
    )
    for step in steps:
        OUT.print(f"  {step.as_of:%Y-%m-%d %H:%M}  {step.what}{': ' + step.note if step.note else ''}")
    if found.receipt:
        OUT.print(f"Receipt: data/receipts/{found.receipt}", highlight=False)


@app.command()
def run(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted; change nothing.")
    ] = False,
    as_of: AsOfOption = None,
    home: HomeOption = None,
) -> None:
    """Carry out the confirmed erasures and what else is due for deletion, in one pass over the store."""
    runtime = runtime_at(home)
    now = clock_at(runtime, as_of)
    if dry_run:
        _print_rows(plan_retention(*runtime, as_of=now).plan)
        OUT.print("Nothing was changed. Without --dry-run these rows go.")
        return
    ledger = runtime.store.ledger
    before = requests(ledger, statuses=[Status.REWRITTEN]) + requests(
        ledger, kinds=[Kind.CORRECT], statuses=[Status.VERIFIED]
    )
    with stages() as stage:
        applied, _ = apply_retention(*runtime, as_of=now, progress=stage)
    _print_rows(applied.plan)
    for number in sorted({*applied.plan.erasures, *(each.number for each in before)}):
        _print_end(request(ledger, number))


@app.command("pause")
def pause_command(
    number: NumberArgument, why: _WhyOption, as_of: AsOfOption = None, home: HomeOption = None
) -> None:
    """Do nothing for a request until it is confirmed again. Its due date stays."""
    runtime = runtime_at(home)
    pause(runtime.store, number, why=why, as_of=clock_at(runtime, as_of))
    OUT.print(f"{number} is paused.")


@app.command()
def extend(
    number: NumberArgument,
    why: _WhyOption,
    days: Annotated[int, typer.Option(help="How many days more, 60 at most in all.", min=1)] = 30,
    as_of: AsOfOption = None,
    home: HomeOption = None,
) -> None:
    """Give a request more time. The person has to be told why (GDPR article 12(3))."""
    runtime = runtime_at(home)
    due_on = give_more_time(runtime.store, number, days=days, why=why, as_of=clock_at(runtime, as_of))
    OUT.print(f"{number} is due on {due_on}.")


@app.command("lift")
def lift_command(
    number: NumberArgument, why: _WhyOption, as_of: AsOfOption = None, home: HomeOption = None
) -> None:
    """End a restriction: models and queries see the person's rows again, as they are."""
    runtime = runtime_at(home)
    lift(runtime.store, number, why=why, as_of=clock_at(runtime, as_of))
    OUT.print(f"{number} is lifted.")


@app.command()
def withdraw(
    number: NumberArgument, why: _WhyOption, as_of: AsOfOption = None, home: HomeOption = None
) -> None:
    """End a request that the person took back. Whom it was about is forgotten."""
    _close(number, Status.WITHDRAWN, why, as_of, home)


@app.command()
def refuse(
    number: NumberArgument, why: _WhyOption, as_of: AsOfOption = None, home: HomeOption = None
) -> None:
    """End a request that is refused. Whom it was about is forgotten."""
    _close(number, Status.REFUSED, why, as_of, home)


def _read(identifier: Identifier) -> dict[IdentityKind, str]:
    """Read what names the person from standard input; nothing where no person is meant."""
    if identifier is Identifier.WORKSPACE:
        return {}
    if sys.stdin.isatty():
        typer.echo(f"The person's {identifier.value}, then Enter:", err=True)
    value = sys.stdin.readline().strip()
    if not value:
        raise typer.BadParameter("give the identifier on standard input")
    return {IdentityKind(identifier.value.replace("-", "_")): value}


def _close(number: str, status: Status, why: str, as_of: str | None, home: Path | None) -> None:
    runtime = runtime_at(home)
    close(runtime.store, number, status, why=why, as_of=clock_at(runtime, as_of))
    OUT.print(f"{number} is {status}.")


def _print_rows(plan: Plan) -> None:
    """Print what requests delete, and the accounts that end; the rest as one number."""
    asked = {
        (rule.removeprefix(f"{ERASURE} "), source, to): count
        for (source, to, rule), count in plan.rows_by().items()
        if rule.startswith(ERASURE) or rule == Precedence.TERMINATION
    }
    rows = [
        {"request": rule, "data_set": source, "to": to, "rows": count}
        for (rule, source, to), count in sorted(asked.items())
    ]
    show_rows(rows, as_json=False, output=None, nothing="No row of a confirmed erasure is in the store.")
    others = plan.rows_gone - sum(count for (_, _, to), count in asked.items() if to == GONE)
    if others:
        OUT.print(f"{others:,} other row(s) are past their window.")


def _print_end(done: Request) -> None:
    if done.status is Status.DONE:
        OUT.print(f"{done.number} is done. Receipt: data/receipts/{done.receipt}", highlight=False)
    elif done.kind is Kind.CORRECT:
        OUT.print(f"{done.number}: no corrected row has come from the application yet.")
    else:
        OUT.print(
            f"{done.number}: the rows are gone. Somebody still reads a file that was replaced; "
            "the next run removes it, searches once more and writes the receipt."
        )
