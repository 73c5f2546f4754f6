"""The real command in a process of its own, killed after a while."""

import multiprocessing
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

from warehouse.home import Home
from warehouse.ledger.ledger import Ledger
from warehouse.retention import records

# What a process needs most of its first seconds for; loaded once, then every process is a fork.
# DuckDB looks for pandas when it is given a table.
_PRELOADED = (
    "pipelines.cli.retention",
    "pipelines.cli.run",
    "pipelines.ingestion.ingest",
    "dbt.cli.main",
    "presidio_analyzer",
    "pandas",
)


def command(arguments: Sequence[str]) -> None:
    """`wasms` with arguments."""
    from pipelines.cli.app import main

    sys.argv = ["wasms", *arguments]
    # Nobody looks at what hundreds of killed processes say.
    with Path("/dev/null").open("w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        main()


def processes() -> ForkServerContext:
    """Where processes come from that begin with everything loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    return context


@dataclass(frozen=True)
class Moment:
    """When to kill: so long after a sign was first seen on disk."""

    after_s: float
    sign: Callable[[Home], bool]


def run_and_kill(
    context: ForkServerContext, arguments: Sequence[str], *, home: Home, moment: Moment | None
) -> float:
    """Run a command; kill it (SIGKILL) at a moment if it is still there. Returns how long it ran."""
    process = context.Process(target=command, args=(list(arguments),))
    started = time.monotonic()
    process.start()
    if moment is not None:
        while process.is_alive() and not moment.sign(home):
            time.sleep(0.001)
        process.join(moment.after_s)
        process.kill()
    process.join()
    ran = time.monotonic() - started
    if moment is None:
        assert process.exitcode == 0, process.exitcode
    process.close()
    return ran


def signs(*, generation: int, files: int) -> list[Callable[[Home], bool]]:
    """What an apply shows of its progress: it has begun, wrote a file, committed, unlinked one."""

    def committed(home: Home) -> bool:
        # As quick as can be: what comes after the commit is over in a tenth of a second.
        with closing(sqlite3.connect(home.ledger_path)) as connection:
            rows = connection.execute("select value from meta where name = 'generation'").fetchall()
        return int(rows[0][0]) > generation

    def files_there(home: Home) -> int:
        # `os.walk` passes over directories that go meanwhile.
        return sum(name.startswith("part-") for _, _, names in os.walk(home.store) for name in names)

    return [
        lambda _home: True,
        lambda home: files_there(home) > files,
        committed,
        lambda home: committed(home) and files_there(home) <= files,
    ]


def _hidden_are_there(home: Home) -> bool:
    hidden = Ledger(home.ledger_path).read(
        "select path from parts where removed is not null and unlinked_at is null"
    )
    return bool(hidden) and all((home.data / row["path"]).exists() for row in hidden)


def step_reached(home: Home, *, generation: int, files: int) -> str:
    """How far a killed apply had come, by what it left."""
    ledger = Ledger(home.ledger_path)
    on_disk = {str(p.relative_to(home.data)) for p in home.store.rglob("*") if p.is_file()}
    if ledger.generation() == generation:
        return "rows being rewritten" if len(on_disk) > files else "before the first file"
    if not records.pending(ledger):
        return "all done"
    if not ledger.read("select 1 from parts where removed is not null and unlinked_at is null"):
        return "after the sweep"
    return "committed" if _hidden_are_there(home) else "unlinking"
