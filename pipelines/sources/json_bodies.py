"""JSON bodies: webhooks, usage events, exports. Generic: contracts say where the rows stand.

One parse of each record by DuckDB's `json_transform`, into just the structure that the contracts of
the feed need; the rows themselves stay JSON until their columns are read, so that their undeclared
keys can be counted.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.declarations.contract import Contract
from pipelines.sources.envelope import IS_ENVELOPE, json_path_of, received
from pipelines.sources.errors import UnsupportedContractError
from pipelines.sources.json_items import item_query, leaf_of, texts, unknown_items
from pipelines.sources.kinds import UNRECOGNIZED, feed_kinds, is_read
from pipelines.sources.paths import (
    ColumnPath,
    Step,
    add_to,
    column_path,
    known_keys,
    read_paths,
    steps,
    struct_field,
    struct_value,
)
from pipelines.sources.staging import CHUNK, HEAD, Staged, count_unknown, rejected_by, timestamp_literal
from warehouse.store.connection import quoted

_RECEIVED_AT = "json_extract_string(text, '$.received_at')"
# Values that columns climb to are ids and names of the sender's.
_MAX_SHARED_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class _Rows:
    """Where the rows of one contract stand, seen from the last list that all contracts share."""

    contract: Contract
    steps: tuple[Step, ...]
    rest: tuple[Step, ...]

    @property
    def are_items(self) -> bool:
        """Whether they are the items of a list, or one object."""
        return bool(self.rest) and self.rest[-1].is_list

    @property
    def ways(self) -> list[tuple[Step, ...]]:
        """The ways from the body to the rows: there may be two."""
        within = self.contract.also_within
        return [
            self.steps,
            *([(*self.steps[:-1], Step(within, is_list=False), self.steps[-1])] if within else []),
        ]

    @property
    def node(self) -> str:
        shared = len(self.steps) - len(self.rest)
        return (
            f"coalesce({', '.join(struct_field('n', [s.name for s in way[shared:]]) for way in self.ways)})"
        )

    @property
    def presence(self) -> str:
        """SQL condition: there is at least one."""
        if self.are_items:
            return f"coalesce(len({self.node}), 0) > 0"
        where = self.contract.where
        return f"{struct_field(self.node, column_path(where).keys)} is not null" if where else "true"


class JsonParser:
    """Takes JSON records apart for all contracts of one feed."""

    def __init__(self, contracts: Sequence[Contract], *, received_at: datetime) -> None:
        self._feed = contracts[0].feed
        self._received_at = timestamp_literal(received_at)
        # Relation (record, text) of what is well formed; bodies that were strings are objects in it.
        self._source = CHUNK
        ways = [steps(contract.records) for contract in contracts]
        self._spine = _shared(ways)
        self._rows = [_Rows(c, way, way[len(self._spine) :]) for c, way in zip(contracts, ways, strict=True)]
        self._kinds = feed_kinds(contracts, shared=self._spine)
        # A body that is itself the one row is kept as JSON, like the items of a list.
        self._is_whole = len(contracts) == 1 and not ways[0] and not contracts[0].where
        self._check()
        self._above = self._attributes_above()
        climbed = [self._value_above(at, path) for at in self._rows for path in _climbing(at.contract)]
        sizes = [f"coalesce(strlen({value}), 0) > {_MAX_SHARED_BYTES}" for value in dict.fromkeys(climbed)]
        is_here = ", ".join(f"{at.presence} as is_here{i}" for i, at in enumerate(self._rows))
        # What is asked about leaves, worked out once for each of them.
        self._told = (
            f"select rowid as leaf, record, {self._kinds.kind} as kind, {self._kinds.beside} as beside, "
            f"{' or '.join(sizes) or 'false'} as is_oversized, {is_here} from leaf"
        )
        read = (f"is_here{i} and {is_read(at.contract)}" for i, at in enumerate(self._rows))
        self._is_uncovered = f"not coalesce({' or '.join(read)}, false)"
        self._schema: Any = "JSON" if self._is_whole else self._tree()

    def stage(self, engine: duckdb.DuckDBPyConnection) -> Staged:
        rejected = list(self._read(engine))
        rows: dict[str, str] = {}
        unknown: dict[str, int] = {}
        dropped = {}
        uncovered, oversized, unneeded, present = self._summary(engine)
        if oversized:
            # Copied to every row beside it, a long value would fill the memory.
            rejected.append(self._reject_leaves(engine, "is_oversized", reason="'value_too_large'"))
            self._delete_leaves(engine, "is_oversized")
            uncovered, _, unneeded, present = self._summary(engine)
        if unneeded:
            dropped = self._count_unneeded(engine)
        if uncovered:
            is_odd = f"{self._is_uncovered} and not {self._kinds.is_not_needed}"
            rejected.append(self._reject_leaves(engine, is_odd, reason=self._kinds.unrecognized))
            self._delete_leaves(engine, self._is_uncovered)
        for at in (at for at, is_present in zip(self._rows, present, strict=True) if is_present):
            source = at.contract.source
            if self._is_whole or at.are_items:
                items = self._items(at)
                others = f"select * from ({items}) where not coalesce(starts_with(item, '{{'), false)"
                rows[source] = item_query(
                    at.contract, f"select * from ({items}) where starts_with(item, '{{')"
                )
                unknown[source], has_others = unknown_items(engine, at.contract, items)
                if has_others:
                    reason = f"{UNRECOGNIZED}no_object"
                    rejected.append(rejected_by(engine, others, source=source, reason=reason))
            else:
                rows[source], unknown[source] = self._objects(engine, at)
        return Staged(rows, rejected, unknown, dropped)

    def _summary(self, engine: duckdb.DuckDBPyConnection) -> tuple[int, int, int, list[int]]:
        """Leaves without a row, with an oversized value, not needed, and with rows of each contract."""
        conditions = [self._is_uncovered, "is_oversized", self._kinds.is_not_needed]
        conditions += [f"is_here{i}" for i in range(len(self._rows))]
        # Leaves are alike: there are few groups of them.
        groups = f"select * exclude (leaf, record), count(*) as leaves from ({self._told}) group by all"
        counts = ", ".join(f"coalesce(sum(leaves) filter ({c}), 0)::bigint" for c in conditions)
        ((uncovered, oversized, unneeded, *present),) = engine.execute(
            f"select {counts} from ({groups})"
        ).fetchall()
        return uncovered, oversized, unneeded, present

    def _count_unneeded(self, engine: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
        kinds = self._kinds
        reasons = f"select {kinds.dropped} as reason from ({self._told}) where {kinds.is_not_needed}"
        found = engine.execute(f"select reason, count(*) from ({reasons}) group by reason").fetchall()
        return {(self._feed, reason): leaves for reason, leaves in found}

    def _reject_leaves(self, engine: duckdb.DuckDBPyConnection, condition: str, *, reason: str) -> pa.Table:
        query = f"select record, {reason} as reason from ({self._told}) where {condition}"
        return rejected_by(engine, query, source=self._feed)

    def _delete_leaves(self, engine: duckdb.DuckDBPyConnection, condition: str) -> None:
        found = f"select leaf from ({self._told}) where {condition}"
        engine.execute(f"delete from leaf where rowid in ({found})")

    # Reading ------------------------------------------------------------------------------------

    def _read(self, engine: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
        """Parse `CHUNK` into `leaf`: one row per item of the last shared list, as `n`."""
        self._source = CHUNK
        try:
            self._read_enveloped(engine)
        # DuckDB quotes the record in its message, and may cut it within a character: then it is no text.
        except (duckdb.InvalidInputException, UnicodeDecodeError):
            # Told apart only when one is malformed: the check is a parse of its own.
            engine.execute(
                f"create or replace temp table valid as select * from {CHUNK} where json_valid(text)"
            )
            bad = f"select record from {CHUNK} anti join valid using (record)"
            yield rejected_by(engine, bad, source=self._feed, reason="malformed_json")
            self._source = "valid"
            self._read_enveloped(engine)
        odd = self._find_odd(engine)
        if odd and self._open_strings(engine):
            self._read_enveloped(engine)
            odd = self._find_odd(engine)
        if odd:
            yield from self._read_bare(engine)

    def _find_odd(self, engine: duckdb.DuckDBPyConnection) -> int:
        """Make `odd` of the records that gave nothing as an envelope; return how many they are."""
        ((found, total),) = engine.execute(
            f"select (select count(distinct record) from leaf), (select count(*) from {self._source})"
        ).fetchall()
        without = "anti join leaf using (record)" if found < total else "limit 0"
        engine.execute(
            "create or replace temp table odd as select *, "
            f"case when {IS_ENVELOPE} then {received(_RECEIVED_AT)} end as received_at, "
            f"{IS_ENVELOPE} as is_envelope from {self._source} {without}"
        )
        return int(total - found)

    def _open_strings(self, engine: duckdb.DuckDBPyConnection) -> bool:
        """Write the bodies that are strings of JSON as JSON; return whether there are any."""
        body = "json_extract_string(text, '$.body')"
        engine.execute(
            "create or replace temp table opened as select record, json_object('received_at', "
            f"{_RECEIVED_AT}, 'channel', json_extract_string(text, '$.channel'), 'body', {body}::json) "
            "as text from (select * from odd where is_envelope and json_type(text, '$.body') = 'VARCHAR') "
            f"where json_valid({body})"
        )
        ((opened,),) = engine.execute("select count(*) from opened").fetchall()
        if opened:
            engine.execute(
                "create or replace temp table records as "
                f"from {self._source} anti join opened using (record) union all from opened"
            )
            self._source = "records"
        return bool(opened)

    def _read_enveloped(self, engine: duckdb.DuckDBPyConnection) -> None:
        envelope = {"received_at": "VARCHAR", "channel": "VARCHAR", "body": self._schema}
        parsed = (
            f"select record, json_transform(text, {quoted(json.dumps(envelope))}) as j from {self._source}"
        )
        bodies = (
            f"select record, {received('j.received_at')} as received_at, j.channel as channel, j.body as n "
            f"from ({parsed})"
        )
        engine.execute(f"create or replace temp table leaf as {self._leaves(bodies)}")
        # Not a `where` above: DuckDB 1.5 pushes it down and parses every record once more for it.
        string = " or starts_with(n, '\"')" if self._is_whole else ""
        engine.execute(f"delete from leaf where received_at is null or n is null{string}")

    def _read_bare(self, engine: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
        """What gave nothing as an envelope: bare bodies, broken envelopes, bodies of nothing."""
        body = (
            "ltrim(text)" if self._is_whole else f"json_transform(text, {quoted(json.dumps(self._schema))})"
        )
        bodies = (
            f"select record, {self._received_at} as received_at, null::varchar as channel, {body} as n "
            "from odd where not is_envelope"
        )
        engine.execute(f"insert into leaf {self._leaves(bodies)}")
        missing = f"case when is_envelope then {self._missing('$.body')} else {self._missing('$')} end"
        reason = f"case when is_envelope and received_at is null then 'invalid_envelope' else {missing} end"
        query = f"select record, {reason} as reason from odd anti join leaf using (record)"
        yield rejected_by(engine, query, source=self._feed)

    def _missing(self, body: str) -> str:
        """SQL expression: which part of a body that gave nothing is not there."""
        cases = [f"when json_type(text, {quoted(body)}) is distinct from 'OBJECT' then 'no_object'"]
        way = body
        for step in self._spine:
            way += f'."{step.name}"' + ("[*]" if step.is_list else "")
            if step.is_list:
                cases.append(
                    f"when len(json_extract(text, {quoted(way)})) = 0 then {quoted(f'no_{step.name}')}"
                )
        return f"{quoted(UNRECOGNIZED)} || case {' '.join(cases)} else 'no_object' end"

    def _leaves(self, bodies: str) -> str:
        """The query that follows the shared lists down from bodies (record, received_at, channel, n)."""
        query = bodies
        depth = 0
        carried: list[str] = []
        for i, step in enumerate(self._spine, start=1):
            if not step.is_list:
                continue
            attributes = [
                f"{struct_value(struct_field('n', [s.name for s in self._spine[depth:d]]), path)} as {alias}"
                for (d, path), alias in self._above.items()
                if depth <= d < i
            ]
            items = struct_field("n", [s.name for s in self._spine[depth:i]])
            columns = ["record", "received_at", "channel", *carried, *attributes, f"unnest({items}) as n"]
            query = f"select {', '.join(columns)} from ({query})"
            carried += [a.rpartition(" as ")[2] for a in attributes]
            depth = i
        return query

    # Rows ---------------------------------------------------------------------------------------

    def _items(self, at: _Rows) -> str:
        """The query of rows that are still JSON."""
        above = [f"{self._value_above(at, path)} as u{i}" for i, path in enumerate(_climbing(at.contract))]
        item = "n" if self._is_whole else f"unnest({at.node})"
        columns = ["record", "received_at", "channel", *above, f"{item} as item"]
        return f"select {', '.join(columns)} from leaf"

    def _objects(self, engine: duckdb.DuckDBPyConnection, at: _Rows) -> tuple[str, int]:
        """Rows that are one object of each leaf, already taken apart."""
        contract = at.contract
        values = {
            name: self._value_above(at, path) if path.up else struct_value(at.node, path)
            for name, path in read_paths(contract).items()
        }
        found = f"from leaf where {at.presence}"
        query = f"select {HEAD}, {texts(contract, values)} {found}"
        node = "$" + "".join(f'."{s.name}"' + ("[*]" if s.is_list else "") for s in at.steps)
        keys = "json_keys(text, {})" if any(s.is_list for s in at.steps) else "[json_keys(text, {})]"
        sets = " union all ".join(
            f"select unnest({keys.format(json_path_of(node, enveloped=enveloped))}) as keys "
            f"from {self._source} semi join (select record {found}) using (record) "
            f"{join} (select record from odd where not is_envelope) using (record)"
            for join, enveloped in (("anti join", True), ("semi join", False))
        )
        key_sets = engine.execute(f"select keys, count(*) from ({sets}) group by all").fetchall()
        needed = {column_path(contract.where).keys[0]} if contract.where else set()
        known = known_keys(contract) | self._keys_of_others(at)
        return query, count_unknown(contract, [(k, n) for k, n in key_sets if needed <= set(k)], known=known)

    def _value_above(self, at: _Rows, path: ColumnPath) -> str:
        depth = len(at.steps) - path.up
        if depth < len(self._spine):
            return self._above[depth, path]
        return struct_value(struct_field("n", [s.name for s in at.steps[len(self._spine) : depth]]), path)

    # Compiling ----------------------------------------------------------------------------------

    def _check(self) -> None:
        for at in self._rows:
            if any(step.is_list for step in at.rest[:-1]):
                self._refuse(f"{at.contract.source}: `records` has a list that no other contract shares")
            if at.contract.where and at.are_items:
                self._refuse(f"{at.contract.source}: `where` needs rows that are one object")
            if any(path.up > len(at.steps) for path in read_paths(at.contract).values()):
                self._refuse(f"{at.contract.source}: a path climbs above the body")

    def _refuse(self, reason: str) -> None:
        raise UnsupportedContractError(self._feed, reason)

    def _attributes_above(self) -> dict[tuple[int, ColumnPath], str]:
        """Values of shared levels that columns climb to: (level, path) → alias."""
        wanted = ((len(at.steps) - path.up, path) for at in self._rows for path in _climbing(at.contract))
        unique = dict.fromkeys((d, path) for d, path in wanted if d < len(self._spine))
        return {key: f"a{i}" for i, key in enumerate(unique)}

    def _tree(self) -> dict[str, Any]:
        """The structure of a body."""
        root: dict[str, Any] = {}
        for way, leaf in self._kinds.ways:
            add_to(root, way, leaf)
        for at in self._rows:
            ways = [(way, "JSON") for way in at.ways] if at.are_items else []
            for name, path in read_paths(at.contract).items():
                if path.up or not at.are_items:
                    here = at.steps[: len(at.steps) - path.up]
                    ways.append(((*here, *path.levels), leaf_of(at.contract, name)))
            if at.contract.where:
                ways.append(((*at.steps, *column_path(at.contract.where).levels), "VARCHAR"))
            if not all(add_to(root, way, leaf) for way, leaf in ways):
                self._refuse(f"{at.contract.source}: a path is both a value and an object")
        return root

    def _keys_of_others(self, at: _Rows) -> set[str]:
        node: Any = self._schema
        for step in at.steps:
            node = node[step.name]
            node = node[0] if isinstance(node, list) else node
        return set(node)


def _shared(ways: Sequence[tuple[Step, ...]]) -> tuple[Step, ...]:
    """The levels all contracts have in common, down to the last common list above the rows."""
    above = [way[:-1] if way and way[-1].is_list else way for way in ways]
    common: list[Step] = []
    for level in zip(*above, strict=False):
        if len(set(level)) > 1:
            break
        common.append(level[0])
    while common and not common[-1].is_list:
        common.pop()
    return tuple(common)


def _climbing(contract: Contract) -> list[ColumnPath]:
    return [path for path in read_paths(contract).values() if path.up]
