"""Staging models, one per contract: generated, so that a new source is one contract and `make sync`."""

from collections.abc import Iterable, Mapping

import yaml

from pipelines.contract import Contract
from pipelines.runtime import view_schema

STAGING_FOLDER = "dbt_project/models/staging"
_PARTITION_DESCRIPTIONS = {
    "event_date": "Day of the store partition: the earlier of event and receipt, in UTC.",
    "retention_days": "Retention class of the store partition; the row is gone after so many days.",
}
_HEAD_DESCRIPTIONS = {
    "workspace_id": "The workspace.",
    "event_id": "Pseudonym of the event's key: the same event has the same id in every file.",
    "entity_id": "Pseudonym of the row's key.",
    "received_at": "When it arrived (UTC).",
}


def staging_files(contracts: Iterable[Contract]) -> Mapping[str, str]:
    """Path below the project's root → text of every staging model and the YAML beside it."""
    return {
        f"{STAGING_FOLDER}/stg_{contract.source}.{ending}": text
        for contract in contracts
        for ending, text in (("sql", _sql(contract)), ("yml", _yml(contract)))
    }


def _sql(contract: Contract) -> str:
    columns = ",\n".join(f"    {name}" for name, _ in view_schema(contract))
    return (
        "with source as (\n\n"
        f"    select * from {{{{ source('store', '{contract.source}') }}}}\n\n"
        f")\n\nselect\n{columns}\nfrom source\n"
    )


def _yml(contract: Contract) -> str:
    own = {
        name: contract.columns[plan.raw].description
        for plan in contract.plan.columns
        for name, _ in plan.outputs()
    }
    described = _HEAD_DESCRIPTIONS | _PARTITION_DESCRIPTIONS | own
    model = {
        "name": f"stg_{contract.source}",
        "description": contract.description,
        "columns": [
            {"name": name, "data_type": type_, "description": described[name]}
            for name, type_ in view_schema(contract)
        ],
    }
    header = f"# Generated from pipelines/contracts/{contract.source}.yml by `make sync`.\n"
    return header + yaml.safe_dump({"models": [model]}, sort_keys=False, width=110, allow_unicode=True)
