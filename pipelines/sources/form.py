"""Form-encoded bodies: Twilio's status callbacks and incoming messages, `MessageSid=…&To=%2B…`."""

from collections.abc import Sequence
from datetime import datetime

import duckdb

from pipelines.declarations.contract import Contract
from pipelines.sources.engine import quoted_list
from pipelines.sources.envelope import BODIES, open_text_envelopes
from pipelines.sources.paths import known_keys
from pipelines.sources.staging import HEAD, Staged, count_unknown, rejected_by
from warehouse.store.connection import identifier, quoted

_DECODED = "try(url_decode(replace({}, '+', ' ')))"


class FormParser:
    """Takes form-encoded records apart for the contracts of a feed.

    A record belongs to the contract whose `where` it has, else to the one that has no `where`.
    """

    def __init__(self, contracts: Sequence[Contract], *, received_at: datetime) -> None:
        self._contracts = contracts
        self._received_at = received_at
        paths = [column.path or name for c in contracts for name, column in c.columns.items()]
        self._keys = list(dict.fromkeys(paths))

    def stage(self, engine: duckdb.DuckDBPyConnection) -> Staged:
        feed = self._contracts[0].feed
        rejected = open_text_envelopes(engine, source=feed, received_at=self._received_at, is_form=True)
        engine.execute(
            "create or replace temp table pairs as select record, received_at, channel, "
            "string_split(text, '&') as pairs, "
            f"list_transform(pairs, lambda p: split_part(p, '=', 1)) as keys from {BODIES}"
        )
        numbers = range(len(self._keys))
        raw = ", ".join(f"{_value(key)} as r{i}" for i, key in enumerate(self._keys))
        decoded = ", ".join(f"{_DECODED.format(f'r{i}')} as d{i}" for i in numbers)
        broken = " or ".join(f"(r{i} is not null and d{i} is null)" for i in numbers)
        engine.execute(
            f"create or replace temp table fields as select record, received_at, channel, keys, {decoded}, "
            f"{broken} or not list_has_any(keys, {quoted_list(self._keys)}) as is_malformed, "
            f"{self._source()} as source from (select *, {raw} from pairs)"
        )
        malformed = "select record from fields where is_malformed"
        rejected.append(rejected_by(engine, malformed, source=feed, reason="malformed_form"))
        staged = [self._rows(engine, contract) for contract in self._contracts]
        sources = [contract.source for contract in self._contracts]
        return Staged(
            rows=dict(zip(sources, (query for query, _ in staged), strict=True)),
            rejected=rejected,
            unknown=dict(zip(sources, (count for _, count in staged), strict=True)),
        )

    def _source(self) -> str:
        """SQL of the contract that a record belongs to."""
        ordered = sorted(self._contracts, key=lambda contract: contract.where is None)
        *told, other = ordered
        cases = "".join(f"when {_belongs(contract)} then {quoted(contract.source)} " for contract in told)
        return f"case {cases}else {quoted(other.source)} end" if told else quoted(other.source)

    def _rows(self, engine: duckdb.DuckDBPyConnection, contract: Contract) -> tuple[str, int]:
        """The query of a contract's rows, and how many of them have undeclared keys."""
        good = f"from fields where not is_malformed and source = {quoted(contract.source)}"
        key_sets = engine.execute(f"select keys, count(*) {good} group by all").fetchall()
        columns = ", ".join(
            f"d{self._keys.index(column.path or name)} as {identifier(name)}"
            for name, column in contract.columns.items()
        )
        unknown = count_unknown(contract, key_sets, known=known_keys(contract))
        return f"select {HEAD}, {columns} {good}", unknown


def _belongs(contract: Contract) -> str:
    has = f"list_contains(keys, {quoted(contract.where or '')})"
    return f"{has} and not list_contains(keys, {quoted(contract.unless)})" if contract.unless else has


def _value(key: str) -> str:
    pair = f"pairs[list_position(keys, {quoted(key)})]"
    return f"substr({pair}, {len(key) + 2})"
