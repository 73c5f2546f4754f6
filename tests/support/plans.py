"""Small plans and batches for tests of the anonymizers."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from anonymizers.plan import ColumnPlan, Plan, SharedBy
from anonymizers.text.scrubber import Mask
from anonymizers.treatments import IdentityKind, KeyScope, TextFeature, Treatment, ValueType

RECEIVED_AT = datetime(2026, 3, 1, 12, 0, 0, 123456)
KEYS: Mapping[str, bytes] = {
    "ws_one": bytes(range(32)),
    "ws_two": bytes(range(32, 64)),
    "_platform": bytes(range(64, 96)),
}


class Untouched:
    """A scrubber that finds nothing: shows what reaches it and what the rules around it do."""

    def scrub(self, texts: Sequence[str]) -> Sequence[str]:
        return texts

    def masks(self, texts: Sequence[str]) -> Sequence[Sequence[Mask]]:
        return [[] for _ in texts]


def column(
    raw: str,
    treatment: Treatment,
    *,
    output: str | None = None,
    type_: ValueType = ValueType.VARCHAR,
    identity: IdentityKind | None = None,
    scope: KeyScope = KeyScope.WORKSPACE,
    features: tuple[TextFeature, ...] = (),
    allow: tuple[str, ...] = (),
    template: SharedBy | None = None,
) -> ColumnPlan:
    return ColumnPlan(raw, output or raw, type_, treatment, identity, scope, features, allow, template)


def plan(*columns: ColumnPlan, source: str = "shop__orders", key: Sequence[str] = ()) -> Plan:
    return Plan(
        source=source,
        columns=columns,
        key_columns=tuple(key) or (columns[0].raw,),
        id_column="event_id",
    )


def batch(
    columns: Mapping[str, Sequence[object] | pa.Array], *, workspaces: Sequence[str] | str = "ws_one"
) -> pa.Table:
    """A batch of raw string columns (or Arrow arrays) with the two columns every batch has."""
    arrays = {
        name: values if isinstance(values, pa.Array) else pa.array(values, pa.string())
        for name, values in columns.items()
    }
    rows = len(next(iter(arrays.values())))
    names = [workspaces] * rows if isinstance(workspaces, str) else list(workspaces)
    return pa.table(
        {
            "_workspace_id": pa.array(names, pa.string()),
            "_received_at": pa.array([RECEIVED_AT] * rows, pa.timestamp("us")),
            **arrays,
        }
    )
