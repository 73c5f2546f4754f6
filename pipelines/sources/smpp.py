"""SMPP delivery receipts (SMPP 3.4, appendix B): `id:… sub:… submit date:… stat:DELIVRD … text:…`.

Operators agree on the fields and little else: dates come as `YYMMDDhhmm`, with seconds, with years of four
digits, with dashes and a space, as zeros, as `NULL`, or not at all; states in small letters or in full;
values behind a space; commas, semicolons or bars between the fields.
"""

from collections.abc import Sequence
from datetime import datetime

import duckdb

from anonymizers.treatments import ValueType
from pipelines.declarations.contract import Contract, UnknownColumns
from pipelines.sources.envelope import BODIES, open_text_envelopes
from pipelines.sources.errors import UndeclaredColumnsError
from pipelines.sources.staging import HEAD, Staged, rejected_by
from warehouse.store.connection import identifier, quoted

_TEXT = "text"
# The operator is named by the envelope: `smpp/<its folder>`.
_OPERATOR = "operator"
_STATUS = "stat"
_DATE = r"\d{2,4}[-/.]\d\d[-/.]\d{2,4}[ T]\d\d:\d\d\S*|\d{6,8} \d{4,6}"
# No date: nothing but zeros, the beginning of Unix time, or a word for it.
_NO_DATE = r"(?i)^(0+|(19)?700101\d*|null|nil|none|n/?a|-+)$"
# A value may stand behind a space; the name of the next field is none.
_SPACED = r":[ \t]+(\d\S*|[^\s:]*\d[^\s:]*|[A-Za-z]{7,})(\s|$)"
# States in full, as SMPP 3.4 names them in the table of appendix B.
_STATES = {
    "DELIVERED": "DELIVRD",
    "UNDELIVERABLE": "UNDELIV",
    "UNDELIVERED": "UNDELIV",
    "ACCEPTED": "ACCEPTD",
    "REJECTED": "REJECTD",
    # Not of SMPP, or of version 5.0.
    "FAILED": "UNDELIV",
    "SCHEDULED": "ENROUTE",
}
# Some leave the field's name out: `… done date:2603010905 DELIVRD err:000`.
_BARE_STATE = r"(?i)(?:^|\s)(ENROUTE|DELIVRD|EXPIRED|DELETED|UNDELIV|ACCEPTD|REJECTD)(?:\s|$)"
# `text` is last and carries the message itself, in which anything may stand: also `id:` or `stat:`.
_PARTS = r"(?is)^(.*?)(?:(?:^|[\s,;|]+)text:(.*))?$"


class SmppParser:
    """Takes delivery receipts apart for the one contract of a feed."""

    def __init__(self, contracts: Sequence[Contract], *, received_at: datetime) -> None:
        (self._contract,) = contracts
        self._received_at = received_at
        self._keys = {name: column.path or name for name, column in self._contract.columns.items()}
        self._dates = {
            self._keys[name] for name, c in self._contract.columns.items() if c.type is ValueType.TIMESTAMP
        }

    def stage(self, engine: duckdb.DuckDBPyConnection) -> Staged:
        contract = self._contract
        rejected = open_text_envelopes(engine, source=contract.feed, received_at=self._received_at)
        keys = sorted({key for key in self._keys.values() if key not in (_TEXT, _OPERATOR)})
        known = rf"(?i)(^|\s)({'|'.join(map(self._field, keys))})"
        names = "|".join(map(_name, keys))
        spaced, between = rf"(?i)\b({names}){_SPACED}", rf"(?i)[,;|]\s*({names}):"
        engine.execute(
            "create or replace temp table receipts as select *, "
            f"regexp_extract(text, {quoted(_PARTS)}, 1) as before, "
            f"regexp_replace(before, {quoted(between)}, ' \\1:', 'g') as fields, "
            f"regexp_replace(fields, {quoted(spaced)}, '\\1:\\2\\3', 'g') as head, "
            f"regexp_extract(text, {quoted(_PARTS)}, 2) as tail, "
            f"regexp_matches(head, {quoted(known)}) as is_receipt, "
            f"trim(regexp_replace(head, {quoted(known)}, '', 'g')) <> '' as has_more from {BODIES}"
        )
        malformed = "select record from receipts where not is_receipt"
        rejected.append(rejected_by(engine, malformed, source=contract.source, reason="malformed_receipt"))
        columns = ", ".join(f"{self._value(key)} as {identifier(name)}" for name, key in self._keys.items())
        return Staged(
            rows={contract.source: f"select {HEAD}, {columns} from receipts where is_receipt"},
            rejected=rejected,
            unknown={contract.source: self._unknown(engine)},
        )

    def _unknown(self, engine: duckdb.DuckDBPyConnection) -> int:
        # What is left once the known fields are taken out has no name that could be relied on.
        query = "select count(*) from receipts where is_receipt and has_more"
        ((rows,),) = engine.execute(query).fetchall()
        if rows and self._contract.unknown is UnknownColumns.STOP:
            raise UndeclaredColumnsError(self._contract.source, ["(unprintable)"], rows=rows)
        return int(rows)

    def _field(self, key: str) -> str:
        """Pattern of a field and its value."""
        value = rf"{_DATE}|\S*" if key in self._dates else r"\S*"
        return rf"{_name(key)}:({value})"

    def _value(self, key: str) -> str:
        if key == _TEXT:
            return "tail"
        if key == _OPERATOR:
            return "coalesce(nullif(split_part(channel, '/', 2), ''), channel)"
        pattern = rf"(?i)(?:^|\s){self._field(key)}"
        value = f"regexp_extract(head, {quoted(pattern)}, 1)"
        if key == _STATUS:
            names = " ".join(f"when {quoted(name)} then {quoted(short)}" for name, short in _STATES.items())
            bare = f"regexp_extract(head, {quoted(_BARE_STATE)}, 1)"
            state = f"upper(coalesce(nullif({value}, ''), {bare}))"
            return f"case {state} {names} else {state} end"
        return f"regexp_replace({value}, {quoted(_NO_DATE)}, '')" if key in self._dates else value


def _name(key: str) -> str:
    """Pattern of a field's name."""
    return "stat(?:us|e)?" if key == _STATUS else key.replace(" ", "[ _]?")
