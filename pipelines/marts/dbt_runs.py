"""Run dbt in this process on the project's models, and sum up what it did."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import platformdirs

from anonymizers.text.gc_pause import gc_paused
from pipelines.codegen.model_sql import DBT_PROJECT
from pipelines.declarations.errors import PipelineError
from warehouse.errors import WarehouseError
from warehouse.files import replacing
from warehouse.home import Home

MANIFEST = "manifest.json"
# Folders that dbt writes into its project when somebody calls it by hand.
_LEFT_BY_DBT = ("logs", "target")
# The file in which dbt keeps what it read of its project.
_PROJECT_AS_READ = "partial_parse.msgpack"
# The project as dbt read it last, by its path and digest: to read it again costs more than to build a table.
_PARSED: dict[str, "Manifest"] = {}

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest


class MartsError(PipelineError):
    """A model or a test of the marts failed."""

    def __init__(
        self, failed: Sequence[str], *, outcomes: Mapping[str, str], project_is_broken: bool = False
    ) -> None:
        what = "The dbt project does not load" if project_is_broken else f"Failed in dbt: {', '.join(failed)}"
        super().__init__(
            f"{what}. Slices built before stay as they are, nothing was published. "
            "`dbt build` in dbt_project/ shows the statement; its log may hold values: keep it to yourself."
        )
        self.failed = tuple(failed)
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """The result of a build.

    Attributes:
        models: Views, tables and seeds built, by name.
        outcomes: Status of each model, seed and test by name, in dbt's words.
        seconds: Time that each model, seed and test took, by name.
        days: Slices built.
    """

    models: tuple[str, ...]
    outcomes: Mapping[str, str]
    seconds: Mapping[str, float]
    days: int = 0


def _dbt(
    arguments: list[str],
    *,
    manifest: "Manifest | None" = None,
    callbacks: list[Callable[[Any], None]] | None = None,
) -> "dbtRunnerResult":
    # Takes a second to import, and most commands never build anything. Its hundreds of classes would write
    # code at once for conversions that few of them ever need.
    with gc_paused():
        from mashumaro.config import BaseConfig

        BaseConfig.lazy_compilation = True
        from dbt.cli.main import dbtRunner

    return dbtRunner(manifest, callbacks or []).invoke(arguments)


def _dbt_on_project(
    home: Home, command: str, *arguments: str, callbacks: list[Callable[[Any], None]] | None = None
) -> "dbtRunnerResult":
    """Run dbt on the project, which is read once for all runs of this process, until a file of it changes."""
    project = f"{DBT_PROJECT} {project_digest()}"
    if project not in _PARSED:
        parsed = _read_project(home)
        if not parsed.success:
            return parsed
        _PARSED.clear()
        _PARSED[project] = cast("Manifest", parsed.result)
    called = [command, *_common_arguments(home), *arguments]
    return _dbt(called, manifest=_PARSED[project], callbacks=callbacks)


def _read_project(home: Home) -> "dbtRunnerResult":
    """Let dbt read the project. What it kept may name the seeds of another checkout: they are this one's."""
    with _read_before(home.dbt_target / _PROJECT_AS_READ):
        result = _dbt(["parse", *_common_arguments(home)])
    if result.success:
        for node in cast("Manifest", result.result).nodes.values():
            if hasattr(node, "root_path"):
                node.root_path = str(DBT_PROJECT)
    return result


@contextmanager
def _read_before(path: Path) -> Iterator[None]:
    """Lend a new warehouse what dbt read of the project for the user's last one, and keep it for the next.

    It is made of the project's text alone, and dbt compares it with every file: what differs is read again.
    Where it cannot be kept, each new warehouse reads the whole project.
    """
    kept = platformdirs.user_cache_path("wasms") / path.name
    with suppress(OSError):
        if not path.exists() and kept.stat().st_uid == os.getuid():
            shutil.copyfile(kept, path)
    lent = path.stat().st_mtime_ns if path.exists() else None
    yield
    with suppress(OSError):
        if path.stat().st_mtime_ns != lent:
            with replacing(kept) as temporary:
                shutil.copyfile(path, temporary)


def dbt_build(
    home: Home, *arguments: str, callbacks: list[Callable[[Any], None]] | None = None
) -> BuildSummary:
    """Run `dbt build` without unit tests, which test the code and not the data.

    Args:
        callbacks: Called with each of dbt's events.

    Raises:
        MartsError: A model or test failed; names it.
        PipelineError, WarehouseError: What stopped dbt, where it was an error of ours.
    """
    excluded = ("--exclude-resource-type", "unit_test")
    return _summarized(_dbt_on_project(home, "build", *excluded, *arguments, callbacks=callbacks))


def parse(home: Home) -> Path:
    """Write the dbt project's manifest, what the lineage is drawn from; return its path.

    Raises:
        MartsError: The project does not load.
    """
    result = _read_project(home)
    if not result.success:
        raise MartsError([], outcomes={}, project_is_broken=True) from None
    path = home.dbt_target / MANIFEST
    cast("Manifest", result.result).write(str(path))  # type: ignore[no-untyped-call]  # dbt-core 1.11
    return path


def _common_arguments(home: Home) -> list[str]:
    # Neither logs nor run results: DuckDB's messages may quote values, and both would outlive them.
    return [
        *("--project-dir", str(DBT_PROJECT)),
        *("--profiles-dir", str(DBT_PROJECT)),
        *("--target-path", str(home.dbt_target)),
        *("--log-path", str(home.dbt_logs)),
        *("--log-level", "none"),
        *("--log-level-file", "none"),
        "--no-write-json",
    ]


@contextmanager
def connection_closed_afterwards() -> Iterator[None]:
    """Let go of the warehouse file after what runs inside."""
    try:
        yield
    finally:
        close_connection()


def close_connection() -> None:
    """Let go of the warehouse file: dbt-duckdb keeps an in-memory database for the process's life."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = getattr(DuckDBConnectionManager, "_ENV", None)
    if environment is not None:
        environment.close()
    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]  # dbt-duckdb 1.11


def project_digest() -> str:
    """Return a digest of all files of the dbt project, and of the versions that build it."""
    digest = hashlib.sha256()
    for package in ("dbt-core", "dbt-duckdb", "duckdb"):
        digest.update(f"{package} {version(package)}\n".encode())
    for path in sorted(DBT_PROJECT.rglob("*.*")):
        folder = path.relative_to(DBT_PROJECT).parts[0]
        if folder not in _LEFT_BY_DBT and path.suffix in (".sql", ".yml", ".csv"):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(DBT_PROJECT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def published_names() -> frozenset[str]:
    """Return the models of published names, which every build makes anew."""
    return frozenset(path.stem for path in DBT_PROJECT.glob("models/published/*.sql"))


def _summarized(result: "dbtRunnerResult") -> BuildSummary:
    nodes = list(getattr(result.result, "results", []))
    failed = sorted(str(n.node.name) for n in nodes if n.status in ("error", "fail", "partial success"))
    outcomes = {str(n.node.name): str(n.status) for n in nodes}
    if not result.success:
        # `from None`: dbt's own errors quote statements and values; ours do not.
        raise _own_error(result.exception) or MartsError(
            failed, outcomes=outcomes, project_is_broken=not nodes
        ) from None
    return BuildSummary(
        models=tuple(sorted(n.node.name for n in nodes if n.node.resource_type in ("model", "seed"))),
        outcomes=outcomes,
        seconds={str(n.node.name): float(n.execution_time) for n in nodes},
    )


def _own_error(error: BaseException | None) -> PipelineError | WarehouseError | None:
    """Return the error of ours that dbt wrapped, if there is one, e.g. of a missing key."""
    while error is not None:
        if isinstance(error, PipelineError | WarehouseError):
            return error
        error = error.__cause__ or error.__context__
    return None
