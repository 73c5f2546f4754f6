"""Envelopes: `{received_at, channel, body}` around what a provider sent; without one, it is bare."""

from datetime import datetime

import duckdb
import pyarrow as pa

from pipelines.sources.staging import CHUNK, rejected_by, timestamp_literal, unix_time
from warehouse.store.connection import quoted

BODIES = "bodies"
"""Relation (record, received_at, channel, text) of bodies that are not JSON themselves."""
IS_ENVELOPE = "json_exists(text, '$.received_at') and json_exists(text, '$.body')"


def received(text: str) -> str:
    """The time of an envelope, null where it is none: ISO 8601, or Unix time in seconds or a part of them."""
    moment = f"make_timestamp(epoch_us(try_cast({text} as timestamptz)))"
    return f"case when year({moment}) between 1970 and 2199 then {moment} else {unix_time(text)} end"


def open_text_envelopes(
    engine: duckdb.DuckDBPyConnection, *, source: str, received_at: datetime, is_form: bool = False
) -> list[pa.Table]:
    """Make `BODIES` of bodies that are plain text, bare or as the string in an envelope.

    Args:
        is_form: Whether the texts are forms. One that a web framework has taken apart is an object, in its
            envelope or bare, and is put together again.

    Returns:
        What was rejected: JSON that is not well formed, or is not an envelope around such a body.
    """
    # Frameworks that allow for repeated fields give a list for each.
    value = "coalesce(field.value->>'$[0]', field.value->>'$', '')"
    fields = "map_entries(try_cast(parts[3] as map(varchar, json)))"
    pairs = f"list_transform({fields}, lambda field: url_encode(field.key) || '=' || url_encode({value}))"
    is_object = f"json_type(parts[3]) = 'OBJECT' and len({fields}) > 0" if is_form else "false"
    is_body = f"coalesce(json_type(parts[3]) = 'VARCHAR' or {is_object}, false)"
    bare_form = "when is_json and is_valid then [null, null, text::json] " if is_form else ""
    default = timestamp_literal(received_at)
    engine.execute(
        "create or replace temp table opened as select record, text, "
        "starts_with(ltrim(text), '{') as is_json, "
        "case when is_json then json_valid(text) else true end as is_valid, "
        f"case when is_json and is_valid then {IS_ENVELOPE} else false end as is_envelope, "
        "case when is_envelope then json_extract(text, ['$.received_at', '$.channel', '$.body']) "
        f"{bare_form}end as parts from {CHUNK}"
    )
    told = received("parts[1]->>'$'")
    moment = f"case when is_envelope then {told} else {default} end"
    engine.execute(
        f"create or replace temp table {BODIES} as "
        f"select record, {moment} as received_at, parts[2]->>'$' as channel, "
        f"case when {is_object} then array_to_string({pairs}, '&') else rtrim(parts[3]->>'$') end as text "
        f"from opened where {is_body} union all "
        f"select record, {default}, null, trim(text) from opened where not is_json "
        "order by record"
    )
    faults = {
        "malformed_json": "select record from opened where not is_valid",
        "unrecognized_body": f"select record from opened where is_json and is_valid and not {is_body}",
        "invalid_envelope": f"select record from {BODIES} where received_at is null",
    }
    rejected = [rejected_by(engine, q, source=source, reason=reason) for reason, q in faults.items()]
    engine.execute(f"delete from {BODIES} where received_at is null")
    return rejected


def json_path_of(path: str, *, enveloped: bool) -> str:
    """A path within the body as a path within the record, quoted for SQL."""
    return quoted(path.replace("$", "$.body", 1) if enveloped else path)
