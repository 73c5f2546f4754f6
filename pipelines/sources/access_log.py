"""Access logs in combined format (Apache, nginx)."""

from collections.abc import Sequence
from datetime import datetime

from pipelines.declarations.contract import Contract
from pipelines.sources.engine import quoted_list
from pipelines.sources.logs import LogParser
from warehouse.store.connection import quoted

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = (
    r"^(\S+) (\S+) (.+?) \[([^\]]+)\] " + _QUOTED + r" (\d{3}|-) (\d+|-)"
    r"(?: " + _QUOTED + " " + _QUOTED + r")?\s*$"
)
_NAMES = ["host", "ident", "remote_user", "time", "request", "status", "bytes", "referrer", "user_agent"]
# `GET /path HTTP/1.1`; HTTP/0.9 has no version. Whatever else scanners send has no method.
_REQUEST = r"^([A-Z]{3,16}) (\S.*?)(?: (HTTP/[0-9.]+))?$"
_REQUEST_PARTS = ["method", "target", "protocol"]


def access_log_parser(contracts: Sequence[Contract], *, received_at: datetime) -> LogParser:
    """A parser of the combined format; `-` is null, and a request that is not HTTP has no method."""
    fields = {name: f"nullif({_unescaped(f'f.{name}')}, '-')" for name in _NAMES}
    for i, name in enumerate(_REQUEST_PARTS, start=1):
        fields[name] = f"nullif(regexp_extract({fields['request']}, {quoted(_REQUEST)}, {i}), '')"
    return LogParser(
        contracts,
        received_at=received_at,
        fields=fields,
        found=f"regexp_extract(text, {quoted(_LINE)}, {quoted_list(_NAMES)})",
    )


def _unescaped(field: str) -> str:
    # A byte written `\xHH` becomes `%HH`, so that what reads URLs later sees what is in it.
    percent = rf"regexp_replace({field}, '\\x([0-9A-Fa-f]{{2}})', '%\1', 'g')"
    plain = f"""replace(replace({percent}, '\\"', '"'), '\\\\', '\\')"""
    return f"case when contains({field}, '\\') then {plain} else {field} end"
