"""Write or compare the files that are generated from the declarations (`wasms sync`)."""

from collections.abc import Mapping
from pathlib import Path

from pipelines.codegen.cubes import cube_files
from pipelines.codegen.documents import data_dictionary, kinds_of_record, record_of_processing
from pipelines.codegen.model_sql import DBT_PROJECT
from pipelines.codegen.published_keys import published_keys
from pipelines.codegen.staging import dbt_sources, staging_files
from pipelines.codegen.variables import dbt_project, dbt_variables
from pipelines.declarations.contract import Contract
from pipelines.declarations.cube import load_cubes
from pipelines.declarations.errors import NoCheckoutError
from pipelines.declarations.policy import Policy


def generated_files(contracts: Mapping[str, Contract], policy: Policy) -> dict[str, str]:
    """Return path below the root → text of every generated file."""
    project = (DBT_PROJECT / "dbt_project.yml").read_text("utf-8")
    cubes = cube_files(load_cubes(policy.disclosure.minimum_contacts).values())
    return {
        "dbt_project/dbt_project.yml": dbt_project(project, dbt_variables(contracts, policy)),
        "dbt_project/models/staging/_sources.yml": dbt_sources(contracts),
        **staging_files(contracts.values()),
        **cubes,
        "docs/data-dictionary.md": data_dictionary(contracts, policy),
        "docs/kinds-of-record.md": kinds_of_record(contracts),
        "docs/published-tables.md": published_keys(cubes),
        "docs/record-of-processing.md": record_of_processing(contracts, policy),
    }


def out_of_step(root: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths of ``files`` that are missing below ``root`` or differ, in order."""
    return tuple(path for path, text in files.items() if _read(root / path) != text)


def write(root: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Write the files that are out of step; return their paths."""
    stale = out_of_step(root, files)
    for path in stale:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(files[path], "utf-8")
    return stale


def project_root(package: Path = Path(__file__).parents[1]) -> Path:
    """Return the checkout that the package is installed from.

    Raises:
        NoCheckoutError: The package was copied without the project around it.
    """
    root = package.parent
    if not (root / "dbt_project").is_dir():
        raise NoCheckoutError
    return root


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None
