"""Anonymize a batch: raw rows in, rows without direct identifiers out, or an error and nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import assert_never

import polars as pl
import pyarrow as pa

from anonymizers import tokens
from anonymizers.errors import (
    ColumnTypeError,
    MissingColumnsError,
    MissingKeyError,
    TreatmentError,
    UndeclaredColumnsError,
)
from anonymizers.identity import normalise
from anonymizers.ip_addresses import generalize_ip
from anonymizers.json_allowlist import allowlisted
from anonymizers.phone import countries, normalise_phones
from anonymizers.plan import DUCKDB_TYPES, ColumnPlan, Plan, feature_name
from anonymizers.text.features import derive
from anonymizers.text.scrubber import REDACTED, TextScrubber, scrubbed
from anonymizers.text.template_mode import templated
from anonymizers.treatments import KeyScope, Treatment, ValueType
from anonymizers.url import scrubbed_urls
from anonymizers.user_agent import families

WORKSPACE_COLUMN = "_workspace_id"
RECEIVED_COLUMN = "_received_at"
REGION_COLUMN = "_region"

_ARROW_TYPES: dict[ValueType, pa.DataType] = {
    ValueType.VARCHAR: pa.string(),
    ValueType.BIGINT: pa.int64(),
    ValueType.DOUBLE: pa.float64(),
    ValueType.DECIMAL: pa.decimal128(18, 6),
    ValueType.BOOLEAN: pa.bool_(),
    ValueType.TIMESTAMP: pa.timestamp("us"),
    ValueType.JSON: pa.string(),
}
_STORED_TYPES = {DUCKDB_TYPES[value_type]: arrow for value_type, arrow in _ARROW_TYPES.items()}
# The same values in other layouts, as polars and DuckDB return them.
_OTHER_STRINGS = (pa.large_string(), pa.string_view())
_SCRUBBED = (Treatment.SCRUB_TEXT, Treatment.SCRUB_URL, Treatment.JSON_ALLOWLIST)


def anonymize(rows: pa.Table, *, plan: Plan, keys: Mapping[str, bytes], text: TextScrubber) -> pa.Table:
    """Treat every column of a batch as its plan says.

    Args:
        rows: n rows with the raw columns of ``plan``, each of its declared type, `_workspace_id` (resolved),
            `_received_at` (UTC) and, where the plan needs them, `_region` (the workspace's country or null).
        plan: What becomes of each column.
        keys: Workspace id to pseudonym key, for every workspace of `keyed_workspaces`; `_platform` where
            the platform's key is used.
        text: Removes personal data from free text.

    Returns:
        The same n rows in the same order, with the columns ``plan.stored_columns()`` in that order.

    Raises:
        UndeclaredColumnsError: A column has no plan.
        MissingColumnsError: A planned column is not there.
        ColumnTypeError: A column has another type than its plan says.
        MissingKeyError: A workspace has no key of at least 32 bytes.
        TreatmentError: A treatment failed; nothing of the batch is returned.
    """
    _check_columns(rows, plan)
    _check_keys(rows, plan, keys)
    types = dict(plan.stored_columns())
    keyed = tokens.Keyed.of(_strings(rows, WORKSPACE_COLUMN), keys=keys)
    with _errors_without_values(plan.source, plan.id_column, Treatment.PSEUDONYMIZE):
        stored = {
            "workspace_id": rows.column(WORKSPACE_COLUMN),
            plan.id_column: _arrow(_ids(rows, plan, keyed), pa.string()),
            "received_at": rows.column(RECEIVED_COLUMN),
        }
    for column in plan.columns:
        with _errors_without_values(plan.source, column.raw, column.treatment):
            treated = _treated(rows, column, plan=plan, keyed=keyed, text=text)
            stored |= {name: _arrow(values, _STORED_TYPES[types[name]]) for name, values in treated.items()}
    return pa.table({name: stored[name] for name in types})


def keyed_workspaces(rows: pa.Table, *, plan: Plan) -> set[str | None]:
    """Return the workspaces whose own key is needed to anonymize some rows.

    All of them, unless the platform's key makes row ids: then those that have a row with an identifier. None
    stands for rows without a workspace, for which there is no key.
    """
    workspaces = pl.Series(rows.column(WORKSPACE_COLUMN))
    if plan.id_scope is KeyScope.WORKSPACE:
        return set(workspaces.unique())
    named = [pl.Series(rows.column(column)).is_not_null() for column in plan.identities]
    chosen = [workspaces.is_null(), *named]
    return {workspace for rows_of in chosen for workspace in workspaces.filter(rows_of).unique()}


def redactions(stored: pa.Table, *, plan: Plan) -> dict[str, int]:
    """Return by free-text column how many values have a text that is redacted as a whole; 0 is left out."""
    counts = {
        column.output: int(pl.Series(stored.column(column.output)).str.contains(REDACTED, literal=True).sum())
        for column in plan.columns
        if column.treatment in _SCRUBBED
    }
    return {name: count for name, count in counts.items() if count}


@contextmanager
def _errors_without_values(source: str, column: str, treatment: Treatment) -> Iterator[None]:
    """Replace any error by one without values: messages of polars and pyarrow quote them."""
    try:
        yield
    # A panic in polars is no `Exception`.
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001  its message may not leave
        raise TreatmentError(source, column, treatment, type(error)) from None


def _treated(  # noqa: C901  one case per treatment
    rows: pa.Table, column: ColumnPlan, *, plan: Plan, keyed: tokens.Keyed, text: TextScrubber
) -> dict[str, pl.Series | pa.ChunkedArray]:
    """Return the stored columns of one raw column."""
    output = column.output
    match column.treatment:
        case Treatment.DROP:
            return {}
        case Treatment.KEEP:
            return {output: rows.column(column.raw)}
        case Treatment.PSEUDONYMIZE:
            return {output: _tokens(rows, column, keyed)}
        case Treatment.GENERALIZE_IP:
            return {output: generalize_ip(_strings(rows, column.raw))}
        case Treatment.REDUCE_USER_AGENT:
            agents = families(_strings(rows, column.raw))
            return {f"{output}_{part}": values for part, values in agents.items()}
        case Treatment.SCRUB_TEXT:
            return {output: _scrubbed(rows, column, plan, text)}
        case Treatment.SCRUB_URL:
            return {output: scrubbed_urls(_strings(rows, column.raw), scrubber=text)}
        case Treatment.COUNTRY_FROM_PHONE:
            numbers = normalise_phones(_strings(rows, column.raw), _regions(rows, column))
            return {output: countries(numbers)}
        case Treatment.DERIVE_TEXT_FEATURES:
            measured = derive(_strings(rows, column.raw), features=column.features)
            return {feature_name(output, feature): values for feature, values in measured.items()}
        case Treatment.JSON_ALLOWLIST:
            return {output: allowlisted(_strings(rows, column.raw), allow=column.allow, scrubber=text)}
        case _:
            assert_never(column.treatment)


def _scrubbed(rows: pa.Table, column: ColumnPlan, plan: Plan, text: TextScrubber) -> pl.Series:
    texts = _strings(rows, column.raw)
    if column.template is None:
        return scrubbed(texts, scrubber=text)
    return templated(
        texts,
        units=_part(rows, plan, column.template.unit),
        workspaces=_strings(rows, WORKSPACE_COLUMN),
        scrubber=text,
        fewest=column.template.fewest,
    )


def _tokens(rows: pa.Table, column: ColumnPlan, keyed: tokens.Keyed) -> pl.Series:
    if column.identity is None:
        raise ValueError("no identity kind")
    messages = tokens.identity_messages(_spelt_alike(rows, column), kind=column.identity)
    return keyed.tokens(messages, scope=column.scope)


def _check_columns(rows: pa.Table, plan: Plan) -> None:
    expected = {
        WORKSPACE_COLUMN: pa.string(),
        RECEIVED_COLUMN: pa.timestamp("us"),
        **({REGION_COLUMN: pa.string()} if plan.needs_regions else {}),
        **{column.raw: _ARROW_TYPES[column.type] for column in plan.columns},
    }
    names = rows.column_names
    if undeclared := set(names) - set(expected):
        raise UndeclaredColumnsError(plan.source, undeclared)
    if missing := set(expected) - set(names):
        raise MissingColumnsError(plan.source, missing)
    if doubled := {name for name in names if names.count(name) > 1}:
        raise UndeclaredColumnsError(plan.source, doubled)
    if wrong := {name for name in names if not _is(rows.schema.field(name).type, expected[name])}:
        raise ColumnTypeError(plan.source, wrong)
    # Bytes that are no UTF-8 make polars panic and print; the check costs 7 ms per million values.
    if invalid := {name for name in names if not _is_valid(rows.select([name]))}:
        raise ColumnTypeError(plan.source, invalid)


def _is_valid(rows: pa.Table) -> bool:
    try:
        rows.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is(found: pa.DataType, declared: pa.DataType) -> bool:
    return bool(found == declared or (declared == pa.string() and found in _OTHER_STRINGS))


def _check_keys(rows: pa.Table, plan: Plan, keys: Mapping[str, bytes]) -> None:
    needed = keyed_workspaces(rows, plan=plan)
    if KeyScope.PLATFORM in (plan.id_scope, *(column.scope for column in plan.columns)):
        needed.add(tokens.PLATFORM)
    if without := sum(w is None or len(keys.get(w, b"")) < tokens.KEY_BYTES for w in needed):
        raise MissingKeyError(plan.source, without)


def _ids(rows: pa.Table, plan: Plan, keyed: tokens.Keyed) -> pl.Series:
    parts = [_part(rows, plan, name) for name in plan.key_columns]
    return keyed.tokens(tokens.id_messages(parts, source=plan.source), scope=plan.id_scope)


def _part(rows: pa.Table, plan: Plan, name: str) -> pl.Series:
    """Return one column as text, identities spelt alike: two spellings are one event, one contact."""
    for column in plan.columns:
        if column.raw == name:
            return _spelt_alike(rows, column)
    return _strings(rows, RECEIVED_COLUMN if name == "received_at" else name)


def _spelt_alike(rows: pa.Table, column: ColumnPlan) -> pl.Series:
    texts = _strings(rows, column.raw)
    if column.identity is None:
        return texts
    return normalise(texts, kind=column.identity, regions=_regions(rows, column))


def _regions(rows: pa.Table, column: ColumnPlan) -> pl.Series | None:
    return _strings(rows, REGION_COLUMN) if column.by_region else None


def _strings(rows: pa.Table, name: str) -> pl.Series:
    """Return a column as text; timestamps as ISO 8601 with microseconds."""
    series = pl.Series(name, rows.column(name))
    if series.dtype == pl.Datetime:
        return series.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
    return series.cast(pl.String)


def _arrow(values: pl.Series | pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    array = values.to_arrow() if isinstance(values, pl.Series) else values
    return array.cast(type_) if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array.cast(type_)])
