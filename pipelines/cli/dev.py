"""Define `wasms dev`: open the Dagster UI on this machine."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from types import FrameType
from typing import Annotated

import typer
from filelock import FileLock, Timeout

from pipelines.cli.options import AsOfOption, HomeOption, moment, runtime_at
from pipelines.cli.report import ERR, OUT
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.errors import PipelineError
from warehouse.home import Home
from warehouse.store.store import Store

MODULE = "pipelines.orchestration.definitions"


class AlreadyOpenError(PipelineError):
    """Another `wasms dev` has this home."""

    def __init__(self, home: Home) -> None:
        super().__init__(
            f"Dagster is open on {home.root} already, by another `wasms dev`: two would start everything "
            "twice. Stop that one first, or name another --home."
        )


def dev(
    port: Annotated[int, typer.Option(help="Port of the UI.", min=1, max=65535)] = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on. The UI has no login: leave it on this machine.")
    ] = "127.0.0.1",
    as_of: AsOfOption = None,
    home: HomeOption = None,
) -> None:
    """Open the Dagster UI. Schedules and sensors run while it is open.

    A second one on the same warehouse is refused. Its state is kept in data/dagster.
    """
    if find_spec("dagster_webserver") is None:
        ERR.print('The UI is an extra: pip install "wasms-warehouse[ui]".', markup=False)
        raise typer.Exit(1)
    runtime = runtime_at(home, may_make=True)
    clock = moment(as_of, option="--as-of").isoformat() if as_of else clock_of_demo(runtime.store)
    with alone(runtime.store.home):
        prepare(runtime.declarations, runtime.store)
        _say_what_to_do(f"http://{host}:{port}", clock)
        command = [sys.executable, "-m", "dagster", "dev", "-m", MODULE, "-h", host, "-p", str(port)]
        code = run_child(command, child_environment(runtime.store, clock))
    raise typer.Exit(code)


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Hold the right to open Dagster on a home.

    Raises:
        AlreadyOpenError: Another process has it.
    """
    lock = FileLock(home.locks / "dev.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise AlreadyOpenError(home) from None
    try:
        yield
    finally:
        lock.release()


def prepare(declarations: Declarations, store: Store) -> None:
    """Write what Dagster starts from, and tell it what command lines did since it was last open."""
    from pipelines.marts.dbt_runs import parse
    from pipelines.orchestration.instance import write_instance_config
    from pipelines.orchestration.reported import report_to

    write_instance_config(store.home)
    parse(store.home)
    report_to(store.home.dagster, declarations, store)
    store.engine.release()


def run_child(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a process to its end and return its exit code; hand on what would stop this one.

    0 where it stopped because it was asked to.
    """
    asked: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def hand_on(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        if child is not None:
            child.send_signal(number)

    # Before the child starts: what is ignored here, as in the background of a shell, it would ignore too.
    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        # In a session of its own: a Ctrl-C reaches it once, by us. Typer and Dagster check host and port.
        child = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603
        if asked:
            child.send_signal(asked[-1])
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0 if asked else code


def clock_of_demo(store: Store) -> str | None:
    """Return the time at which a demo ended, its clock; None for other warehouses.

    By the machine's clock, all data of a demo might have expired.
    """
    clock = store.ledger.clock() if store.ledger.is_demo() else None
    return clock.isoformat() if clock else None


def child_environment(store: Store, clock: str | None) -> dict[str, str]:
    """Return the environment of the Dagster process: its folders and the clock, no secret."""
    from pipelines.settings import AS_OF_VARIABLE, HOME_VARIABLE, environment_with

    return environment_with(
        DAGSTER_HOME=str(store.home.dagster),
        # Whatever an error may quote stays out of Dagster's database; our own messages do not need it.
        DAGSTER_REDACT_USER_CODE_ERRORS="1",
        DAGSTER_DISABLE_TELEMETRY="1",
        **{HOME_VARIABLE: str(store.home.root)},
        **({AS_OF_VARIABLE: clock} if clock else {}),
    )


def _say_what_to_do(url: str, clock: str | None) -> None:
    OUT.print(f"Dagster opens at {url}; stop it with Ctrl-C.", highlight=False)
    if clock:
        OUT.print(f"The clock stands at {clock}.", highlight=False)
    OUT.print(
        f"First look at {url}/asset-groups: the way from the inbox to the published marts.\n"
        "Files put into data/inbox/<feed>/ are taken in within a minute. "
        "What else happens, and when: docs/operators.md.",
        highlight=False,
        soft_wrap=True,
    )
