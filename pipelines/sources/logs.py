"""What access logs and error logs share: lines of the web servers, told apart when they are equal."""

from collections.abc import Sequence
from datetime import datetime

import duckdb

from pipelines.declarations.contract import Contract
from pipelines.sources.errors import UnsupportedContractError
from pipelines.sources.staging import CHUNK, Staged, rejected_by, timestamp_literal
from warehouse.store.connection import identifier

ORDINAL = "ordinal"


class LogParser:
    """Takes log entries apart for the one contract of a feed.

    A column `ordinal` says how many equal entries came before: two equal requests within a second
    are two rows. Equal entries stand close together, so counts go back two batches and no further.
    """

    def __init__(
        self, contracts: Sequence[Contract], *, received_at: datetime, fields: dict[str, str], found: str
    ) -> None:
        """Say how an entry is read.

        Args:
            contracts: The one contract.
            received_at: When the entries were received.
            fields: Name → SQL expression of `text` and `f`.
            found: SQL expression of `text` that gives the struct `f`; its `time` is empty where the
                entry does not match.
        """
        (self._contract,) = contracts
        self._received_at = timestamp_literal(received_at)
        self._found = found
        wanted = {name: column.path or name for name, column in self._contract.columns.items()}
        if missing := sorted(set(wanted.values()) - {*fields, ORDINAL}):
            raise UnsupportedContractError(self._contract.feed, f"this log has no {', '.join(missing)}")
        self._columns = ", ".join(
            f"{'ordinal::varchar' if field == ORDINAL else fields[field]} as {identifier(name)}"
            for name, field in wanted.items()
        )

    def stage(self, engine: duckdb.DuckDBPyConnection) -> Staged:
        source = self._contract.source
        engine.execute("create temp table if not exists seen (text varchar, times bigint, is_old boolean)")
        engine.execute(
            f"create or replace temp table entries as select record, text, {self._found} as f, "
            "row_number() over (partition by text order by record) - 1 + coalesce(times, 0) as ordinal "
            f"from {CHUNK} left join seen using (text) order by record"
        )
        engine.execute(
            "create or replace temp table seen as "
            "select text, max(ordinal) + 1 as times, false as is_old from entries group by text union all "
            "select text, times, true from seen anti join entries using (text) where not is_old"
        )
        query = (
            f"select record as _record, {self._received_at} as _received_at, null::varchar as _channel, "
            f"{self._columns} from entries where f.time <> ''"
        )
        malformed = "select record from entries where f.time = ''"
        return Staged(
            rows={source: query},
            rejected=[rejected_by(engine, malformed, source=source, reason="malformed_line")],
        )
