"""Form-encoded bodies: Twilio status callbacks, `MessageSid=…&MessageStatus=…&To=%2B…`."""

from collections.abc import Sequence
from datetime import datetime

import duckdb

from pipelines.declarations.contract import Contract
from pipelines.sources.engine import quoted_list
from pipelines.sources.envelope import BODIES, open_text_envelopes
from pipelines.sources.paths import known_keys
from pipelines.sources.staging import Staged, count_unknown, rejected_by
from warehouse.store.connection import identifier, quoted

_DECODED = "try(url_decode(replace({}, '+', ' ')))"


class FormParser:
    """Takes form-encoded records apart for the one contract of a feed."""

    def __init__(self, contracts: Sequence[Contract], *, received_at: datetime) -> None:
        (self._contract,) = contracts
        self._received_at = received_at
        self._keys = {name: column.path or name for name, column in self._contract.columns.items()}

    def stage(self, engine: duckdb.DuckDBPyConnection) -> Staged:
        contract = self._contract
        rejected = open_text_envelopes(engine, source=contract.feed, received_at=self._received_at)
        engine.execute(
            "create or replace temp table pairs as select record, received_at, channel, "
            "string_split(text, '&') as pairs, "
            f"list_transform(pairs, lambda p: split_part(p, '=', 1)) as keys from {BODIES}"
        )
        keys = list(dict.fromkeys(self._keys.values()))
        raw = ", ".join(f"{_value(key)} as r{i}" for i, key in enumerate(keys))
        decoded = ", ".join(f"{_DECODED.format(f'r{i}')} as d{i}" for i in range(len(keys)))
        broken = " or ".join(f"(r{i} is not null and d{i} is null)" for i in range(len(keys)))
        engine.execute(
            f"create or replace temp table fields as select record, received_at, channel, keys, {decoded}, "
            f"{broken} or not list_has_any(keys, {quoted_list(keys)}) as is_malformed "
            f"from (select *, {raw} from pairs)"
        )
        malformed = "select record from fields where is_malformed"
        rejected.append(rejected_by(engine, malformed, source=contract.source, reason="malformed_form"))
        good = "from fields where not is_malformed"
        key_sets = engine.execute(f"select keys, count(*) {good} group by all").fetchall()
        columns = ", ".join(f"d{keys.index(key)} as {identifier(name)}" for name, key in self._keys.items())
        return Staged(
            rows={
                contract.source: "select record as _record, received_at as _received_at, "
                f"channel as _channel, {columns} {good}"
            },
            rejected=rejected,
            unknown={contract.source: count_unknown(contract, key_sets, known=known_keys(contract))},
        )


def _value(key: str) -> str:
    pair = f"pairs[list_position(keys, {quoted(key)})]"
    return f"substr({pair}, {len(key) + 2})"
