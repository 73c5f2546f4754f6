"""Describe the columns of the store's views: name, type, description and category."""

from collections.abc import Iterator
from dataclasses import dataclass

from anonymizers.treatments import TextFeature, Treatment
from pipelines.declarations.column import Column
from pipelines.declarations.contract import Contract, Kind

_PSEUDONYM = "user.unique_id.pseudonymous"
_FEATURES = {
    TextFeature.LENGTH: "Length in characters",
    TextFeature.SEGMENTS: "Number of SMS segments",
    TextFeature.LANGUAGE: "Language (ISO 639-1)",
    TextFeature.HAS_LINK: "Whether it holds a link",
    TextFeature.IS_OPT_OUT: "Whether it asks for no more messages",
}
_USER_AGENT_PARTS = ("Browser family", "Operating system family", "Device family")


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One column of a store view. ``raw`` is None where the pipeline adds the column itself."""

    name: str
    type: str
    description: str
    category: str
    raw: str | None = None


def stored_columns(contract: Contract) -> tuple[StoredColumn, ...]:
    """Return every column of a contract's store view, in the order of the view."""
    described = {
        stored.name: stored
        for raw, column in contract.columns.items()
        for stored in _described(contract, raw, column)
    }
    added = {column.name: column for column in _added(contract)}
    stored = [(described | added)[name] for name, _ in contract.plan.stored_columns()]
    if contract.kind is Kind.EVENT:
        stored += [added["event_date"], added["retention_days"]]
    return tuple(stored)


def _described(contract: Contract, raw: str, column: Column) -> Iterator[StoredColumn]:
    plan = next(plan for plan in contract.plan.columns if plan.raw == raw)
    category = _PSEUDONYM if column.treatment is Treatment.PSEUDONYMIZE else column.category
    texts = _stored_descriptions(column)
    for (name, type_), text in zip(plan.outputs(), texts, strict=True):
        yield StoredColumn(name, type_, text, category, raw)


def _stored_descriptions(column: Column) -> tuple[str, ...]:
    match column.treatment:
        case Treatment.DROP:
            return ()
        case Treatment.PSEUDONYMIZE:
            return (f"{column.description} Pseudonym under the key of the {column.scope}.",)
        case Treatment.REDUCE_USER_AGENT:
            return tuple(f"{part}. {column.description}" for part in _USER_AGENT_PARTS)
        case Treatment.DERIVE_TEXT_FEATURES:
            return tuple(f"{_FEATURES[feature]}. {column.description}" for feature in column.features)
        case _:
            return (column.description,)


def _added(contract: Contract) -> Iterator[StoredColumn]:
    keys = ", ".join(contract.primary_key)
    if "workspace_id" not in contract.columns:
        yield StoredColumn("workspace_id", "varchar", "Workspace the row belongs to.", "user.account")
    yield StoredColumn(
        contract.plan.id_column,
        "varchar",
        f"Pseudonym of the row's key ({keys}) under the key of the {contract.id_scope}.",
        _PSEUDONYM,
    )
    yield StoredColumn("received_at", "timestamp", "When the record arrived.", "system.operations")
    yield StoredColumn("event_date", "date", "Day of the event; partition.", "system.operations")
    yield StoredColumn("retention_days", "integer", "Days the row is kept; partition.", "system.operations")
