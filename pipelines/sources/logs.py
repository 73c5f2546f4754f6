"""What access logs and error logs share: entries in one of several forms, told apart when they are equal."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb

from pipelines.declarations.contract import Contract
from pipelines.sources.engine import quoted_list
from pipelines.sources.errors import UnsupportedContractError
from pipelines.sources.staging import CHUNK, Staged, rejected_by, timestamp_literal
from warehouse.store.connection import identifier

ORDINAL = "ordinal"


class LogParser:
    """Takes log entries apart for the one contract of a feed.

    A column `ordinal` says how many entries with the same primary key came before: two equal requests within
    a second are two rows, whatever else their lines say. Such entries stand close together, so counts go back
    two batches and no further.
    """

    def __init__(
        self, contracts: Sequence[Contract], *, received_at: datetime, fields: dict[str, str], found: str
    ) -> None:
        """Say how an entry is read.

        Args:
            contracts: The one contract.
            received_at: When the entries were received.
            fields: Name → SQL expression of `text` and `f`.
            found: SQL expression of `text` that gives the struct `f`; its `time` is empty or null where
                the entry does not match.
        """
        (self._contract,) = contracts
        self._received_at = timestamp_literal(received_at)
        self._found = found
        wanted = {name: column.path or name for name, column in self._contract.columns.items()}
        if missing := sorted(set(wanted.values()) - {*fields, ORDINAL}):
            raise UnsupportedContractError(self._contract.feed, f"this log has no {', '.join(missing)}")
        key = ", ".join(fields[wanted[name]] for name in self._contract.primary_key if name != ORDINAL)
        # Where two keys share a hash, one entry has a higher ordinal than it needs.
        self._key = f"hash({key})"
        self._columns = ", ".join(
            f"{'ordinal::varchar' if field == ORDINAL else fields[field]} as {identifier(name)}"
            for name, field in wanted.items()
        )

    def stage(self, engine: duckdb.DuckDBPyConnection) -> Staged:
        source = self._contract.source
        engine.execute("create temp table if not exists seen (key ubigint, times bigint, is_old boolean)")
        engine.execute(
            "create or replace temp table entries as "
            "select *, row_number() over (partition by key order by record) - 1 + coalesce(times, 0) "
            "as ordinal "
            f"from (select *, {self._key} as key "
            f"from (select record, text, {self._found} as f from {CHUNK})) "
            "left join seen using (key) order by record"
        )
        engine.execute(
            "create or replace temp table seen as "
            "select key, max(ordinal) + 1 as times, false as is_old from entries group by key union all "
            "select key, times, true from seen anti join entries using (key) where not is_old"
        )
        is_entry = "coalesce(f.time, '') <> ''"
        query = (
            f"select record as _record, {self._received_at} as _received_at, null::varchar as _channel, "
            f"{self._columns} from entries where {is_entry}"
        )
        malformed = f"select record from entries where not ({is_entry})"
        return Staged(
            rows={source: query},
            rejected=[rejected_by(engine, malformed, source=source, reason="malformed_line")],
        )


class JsonEntries:
    """SQL of an entry that is a JSON object: what its fields are called is known, its order is not."""

    def __init__(self) -> None:
        self._paths: list[str] = []

    def value(self, *keys: str) -> str:
        """The first value that stands at one of some keys, else an empty text; `a.b` is also one key."""
        values = ", ".join(self._place(path) for key in keys for path in _paths(key))
        return f"coalesce({values}, '')"

    def struct(self, fields: Mapping[str, str], *, otherwise: str) -> str:
        """The struct of an entry; of texts that are no JSON object, another expression of `text`."""
        # One parse of the object, whatever is read of it.
        values = f"[json_extract_string(text, {quoted_list(self._paths)})]"
        return (
            "case when not starts_with(text, '{') then " + otherwise + " when json_valid(text) "
            f"then list_transform({values}, lambda v: {packed(fields)})[1] end"
        )

    def _place(self, path: str) -> str:
        if path not in self._paths:
            self._paths.append(path)
        return f"v[{self._paths.index(path) + 1}]"


def packed(fields: Mapping[str, str]) -> str:
    """SQL of a struct."""
    return f"struct_pack({', '.join(f'{identifier(name)} := {value}' for name, value in fields.items())})"


def _paths(key: str) -> list[str]:
    nested = "$" + "".join(f".{json.dumps(step)}" for step in key.split("."))
    if key.endswith("[0]"):
        return [nested.replace('[0]"', '"[0]')]
    return list(dict.fromkeys([nested, f"$.{json.dumps(key)}"]))
