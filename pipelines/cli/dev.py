"""Define `wasms dev`: open the Dagster UI on this machine."""

import subprocess
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from pipelines.cli.options import AsOfOption, HomeOption, moment, runtime_at
from pipelines.cli.report import ERR, OUT
from warehouse.store.store import Store

MODULE = "pipelines.orchestration.definitions"


def dev(
    port: Annotated[int, typer.Option(help="Port of the UI.", min=1, max=65535)] = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on. The UI has no login: leave it on this machine.")
    ] = "127.0.0.1",
    as_of: AsOfOption = None,
    home: HomeOption = None,
) -> None:
    """Open the Dagster UI. Schedules and sensors run while it is open.

    Its state is kept in data/dagster.
    """
    from pipelines.marts.dbt_runs import parse
    from pipelines.orchestration.instance import write_instance_config

    if find_spec("dagster_webserver") is None:
        ERR.print('The UI is an extra: pip install "wasms-warehouse[ui]".', markup=False)
        raise typer.Exit(1)
    runtime = runtime_at(home)
    clock = moment(as_of, option="--as-of").isoformat() if as_of else clock_of_demo(runtime.store)
    write_instance_config(runtime.store.home)
    parse(runtime.store.home)
    _say_what_to_do(f"http://{host}:{port}", clock)
    command = [sys.executable, "-m", "dagster", "dev", "-m", MODULE, "-h", host, "-p", str(port)]
    try:
        # Our own interpreter and a fixed module; host and port are checked by Typer and Dagster.
        done = subprocess.run(command, env=child_environment(runtime.store, clock), check=False)  # noqa: S603
    except KeyboardInterrupt:
        # The child got the same signal and has stopped.
        raise typer.Exit(0) from None
    raise typer.Exit(done.returncode)


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
