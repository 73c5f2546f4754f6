"""Generate the staging models, one per contract, so that a new source is one contract and `make sync`."""

from collections.abc import Iterable, Mapping

import yaml

from pipelines.codegen.documents import DO_NOT_EDIT, SOURCE_NAME, stored_columns
from pipelines.declarations.contract import Contract

STAGING_FOLDER = "dbt_project/models/staging"


def staging_files(contracts: Iterable[Contract]) -> Mapping[str, str]:
    """Return path below the root → text of every staging model and of the YAML file beside it."""
    return {
        f"{STAGING_FOLDER}/stg_{contract.source}.{suffix}": text
        for contract in contracts
        for suffix, text in (("sql", _sql(contract)), ("yml", _yml(contract)))
    }


def _sql(contract: Contract) -> str:
    columns = ",\n".join(f"    {column.name}" for column in stored_columns(contract))
    return (
        "with source as (\n\n"
        f"    select * from {{{{ source('{SOURCE_NAME}', '{contract.source}') }}}}\n\n"
        f")\n\nselect\n{columns}\nfrom source\n"
    )


def _yml(contract: Contract) -> str:
    model = {
        "name": f"stg_{contract.source}",
        "description": contract.description,
        "columns": [
            {"name": column.name, "data_type": column.type, "description": column.description}
            for column in stored_columns(contract)
        ],
    }
    text = yaml.safe_dump({"models": [model]}, sort_keys=False, width=110, allow_unicode=True)
    return f"# {DO_NOT_EDIT}\n{text}"
