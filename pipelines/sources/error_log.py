"""Error logs of the application: `2026-03-01 10:00:00,123 ERROR logger: message`, then a traceback."""

from collections.abc import Sequence
from datetime import datetime

from pipelines.declarations.contract import Contract
from pipelines.sources.engine import quoted_list
from pipelines.sources.logs import LogParser
from warehouse.store.connection import quoted

_FIRST_LINE = (
    r"^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?) +"
    r"\[?([A-Za-z]+)\]? +([^\s:]+): ?([^\n]*)"
)
_NAMES = ["time", "level", "logger", "message"]
# The line after the last stack frame. Any other `Name: text` may be part of somebody's message.
_EXCEPTION = r"(?m)^[ \t]+[^\n]*\n((?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?::|$)"


def error_log_parser(contracts: Sequence[Contract], *, received_at: datetime) -> LogParser:
    """A parser of log entries with their tracebacks."""
    rest = "nullif(substr(text, length(split_part(text, chr(10), 1)) + 2), '')"
    fields = {name: f"f.{name}" for name in _NAMES}
    fields["time"] = "replace(f.time, ',', '.')"
    fields["level"] = "upper(f.level)"
    fields["traceback"] = rest
    fields["exception"] = f"regexp_extract_all({rest}, {quoted(_EXCEPTION)}, 1)[-1]"
    return LogParser(
        contracts,
        received_at=received_at,
        fields=fields,
        found=f"regexp_extract(text, {quoted(_FIRST_LINE)}, {quoted_list(_NAMES)})",
    )
