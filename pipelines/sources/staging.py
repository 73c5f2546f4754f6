"""What the parsers have in common: a batch of texts in, queries of raw rows out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import duckdb
import pyarrow as pa

from pipelines.declarations.contract import Contract, UnknownColumns
from pipelines.sources.batch import REJECTED
from pipelines.sources.errors import UndeclaredColumnsError
from warehouse.store.connection import quoted

CHUNK = "chunk"
"""Relation (record, text) that a batch of records is registered as."""
HEAD = "record as _record, received_at as _received_at, channel as _channel"
"""First columns of a query of raw rows, from a relation (record, received_at, channel, …)."""

_LATEST_SECOND = 7_258_118_400


@dataclass(frozen=True, slots=True)
class Staged:
    """A batch, taken apart but not yet typed.

    Attributes:
        rows: Contract → query of its raw rows: `_record`, `_received_at`, `_channel`, columns as text.
        rejected: Records and rows that could not be taken apart.
        unknown: Contract → rows with undeclared columns.
        dropped: (contract or feed, reason) → rows and records that are known and not needed.
    """

    rows: Mapping[str, str]
    rejected: Sequence[pa.Table] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[tuple[str, str], int] = field(default_factory=dict)


class Parser(Protocol):
    """Takes records of one format apart."""

    def stage(self, engine: duckdb.DuckDBPyConnection) -> Staged:
        """Take the records in `CHUNK` apart.

        Raises:
            UndeclaredColumnsError: An undeclared column, and the contract stops at such.
        """


def rejected_by(
    engine: duckdb.DuckDBPyConnection, query: str, *, source: str, reason: str | None = None
) -> pa.Table:
    """Reject each record that a query gives: its column `record`, and `reason` where that is not given."""
    why = quoted(reason) if reason else "reason"
    select = f"select record, {quoted(source)} as source, {why} as reason from ({query})"
    return engine.execute(select).to_arrow_table().cast(REJECTED)


def count_unknown(
    contract: Contract, key_sets: Iterable[tuple[Sequence[str], int]], *, known: frozenset[str]
) -> int:
    """How many rows carry a key that is not declared.

    Args:
        key_sets: Distinct sets of keys, and how many rows have each.

    Raises:
        UndeclaredColumnsError: There are some, and the contract stops at such.
    """
    unknown = [(names, rows) for keys, rows in key_sets if (names := set(keys) - known)]
    rows = sum(rows for _, rows in unknown)
    if rows and contract.unknown is UnknownColumns.STOP:
        raise UndeclaredColumnsError(contract.source, set().union(*(n for n, _ in unknown)), rows=rows)
    return rows


def unix_time(text: str) -> str:
    """SQL of a number of seconds since 1970, or of milli-, micro- or nanoseconds; null where it is none.

    Parts of any time since 1973 are more than the latest second, which is in 2199.
    """
    number = f"try_cast({text} as double)"
    parts = " ".join(
        f"when {number} between {f'1e{power + 8}' if power else 0} and {_LATEST_SECOND}e{power} "
        f"then make_timestamp(cast({number} * 1e{6 - power} as bigint))"
        for power in (0, 3, 6, 9)
    )
    return f"case {parts} end"


def timestamp_literal(moment: datetime) -> str:
    """A naive UTC time in SQL."""
    return f"timestamp {quoted(moment.isoformat(sep=' '))}"
