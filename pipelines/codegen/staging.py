"""Generate the dbt source `store` and the staging models, one per contract."""

from collections.abc import Iterable, Mapping

import yaml

from pipelines.codegen.documents import DO_NOT_EDIT
from pipelines.codegen.stored_columns import stored_columns
from pipelines.declarations.contract import Contract

SOURCE_NAME = "store"
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
    return model_yaml(model, DO_NOT_EDIT)


def model_yaml(model: Mapping[str, object], do_not_edit: str) -> str:
    """Return the YAML file beside a model, which says from what it is generated."""
    text = yaml.safe_dump({"models": [model]}, sort_keys=False, width=110, allow_unicode=True)
    return f"# {do_not_edit}\n{text}"


class _Indented(yaml.SafeDumper):
    """Lists are indented below their key, as in the files people write."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)


def dbt_sources(contracts: Mapping[str, Contract]) -> str:
    """Return the dbt source `store`: one table per contract, with types, descriptions and categories."""
    document = {
        "sources": [
            {
                "name": SOURCE_NAME,
                "description": "Pseudonymous rows of the store; views over its live files, in memory only.",
                "database": "memory",
                "schema": "store",
                "tables": [_dbt_table(contract) for contract in contracts.values()],
            }
        ]
    }
    text = yaml.dump(document, Dumper=_Indented, sort_keys=False, allow_unicode=True, width=110)
    return f"# {DO_NOT_EDIT}\n{text}"


def _dbt_table(contract: Contract) -> dict[str, object]:
    return {
        "name": contract.source,
        "description": contract.description,
        "config": {
            "meta": {
                "owner": contract.owner,
                "kind": contract.kind.value,
                "policy": contract.policy.value,
                "subject": contract.subject.value,
            }
        },
        "columns": [
            {
                "name": column.name,
                "data_type": column.type,
                "description": column.description,
                "config": {"meta": {"fideslang_category": column.category}},
            }
            for column in stored_columns(contract)
        ],
    }
