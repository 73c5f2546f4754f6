"""Error logs of applications and servers: entries in one of several forms, each with its traceback.

Python's `logging` and loguru, Django, gunicorn, Celery, Airflow, log4j, Spring, Tomcat, Serilog, NLog, Go,
Rust, Ruby, PHP, Laravel, AWS Lambda, nginx, Apache, MySQL, PostgreSQL (in UTC), Elasticsearch, syslog
(RFC 5424, RFC 3164, rsyslog, journald) and JSON.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from pipelines.declarations.contract import Contract
from pipelines.sources.logs import JsonEntries, LogParser, packed
from pipelines.sources.staging import timestamp_literal
from warehouse.store.connection import quoted

_TIME = (
    r"(?P<time>\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
    r"|\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d{1,6})?)(?: UTC)?"
)
_DAY_TIME = r"[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d"
# Words, also Serilog's of three letters and MongoDB's of one; severities of syslog (RFC 5424, 6.2.1); numbers
# of pino. The last of `INFO` are PostgreSQL's, of what belongs to an error or is none.
_LEVELS = {
    "DEBUG": ("debug", "dbg", "trace", "verbose", "vrb", "7", "10", "20"),
    "INFO": (
        *("info", "information", "inf", "i", "notice", "5", "6", "30"),
        *("log", "detail", "hint", "context", "statement"),
    ),
    "WARNING": ("warning", "warn", "wrn", "w", "deprecated", "4", "40"),
    "ERROR": ("error", "err", "e", "3", "50"),
    "CRITICAL": (
        *("critical", "crit", "fatal", "ftl", "f", "dpanic", "panic", "severe", "alert", "emerg"),
        *("emergency", "0", "1", "2", "60"),
    ),
}
# Python's and Google Cloud's names for no level.
_NO_LEVEL, _NO_LEVEL_OF_GOOGLE = "NOTSET", "default"
# The first that matches is taken: `information` before `info`.
_WORDS = "|".join(
    sorted((w for words in _LEVELS.values() for w in words if w.isalpha() and len(w) > 1), reverse=True)
)
_FIRST_WORD = rf"^\W{{0,2}}((?i:{_WORDS}))\b"
_LEVEL = rf"(?P<level>(?i:{_WORDS}))"
_CAPITALS = r"[\[(<]?(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)[\])>]?"
_BETWEEN = r"[ \t:;,|-]"
_LOGGER = r"(?P<logger>[A-Za-z_][\w.]*)"
# Between two signs that only a form writes, it may have more in it.
_ANY_LOGGER = r"(?P<logger>[A-Za-z_][\w.$-]*)"
# Packages are in small letters, a class is not: no name of a person before a blank.
_CLASS = r"(?P<logger>(?:[a-z_]\w*\.){2,}[A-Z]\w*)"
_IN_BRACKETS = r"\[[^\]\n]*\]"
_MESSAGE = r"(?P<message>[^\n]*)"
_PROGRAM = r"(?P<logger>[A-Za-z][\w.]*|-)"
_PRIORITY = r"<(?P<priority>\d{1,3})>"
# A field that a form has not is empty.
_FORMS = (
    rf"{_TIME} +\[?{_LEVEL}\]? +{_LOGGER}(?:::\w+)*: ?{_MESSAGE}",
    rf"{_TIME} +- +{_ANY_LOGGER} +- +{_LEVEL} +- ?{_MESSAGE}",
    rf"{_TIME} +{_IN_BRACKETS} +{_LEVEL} +{_ANY_LOGGER}(?: {_IN_BRACKETS})? +- ?{_MESSAGE}",
    rf"{_TIME} +{_LEVEL} +\d+ --- (?:{_IN_BRACKETS} +)+{_ANY_LOGGER}\S* +: ?{_MESSAGE}",
    rf"{_TIME} +{_LEVEL} +{_IN_BRACKETS} +{_CLASS}(?:[.$]\w+)* +(?:- )?{_MESSAGE}",
    rf"{_TIME} ?\| *{_LEVEL} *\| *{_ANY_LOGGER}[^\s|]* *[-|] ?{_MESSAGE}",
    rf"\[{_TIME}\]\[{_LEVEL} *\]\[{_CLASS} *\] ?{_MESSAGE}",
    rf"\[{_TIME} {_LEVEL} +(?:{_LOGGER}::)?\S+\] {_MESSAGE}",
    rf"\[{_LEVEL}\][ \t]+{_TIME}[ \t]+[\da-f-]{{36}}[ \t]+{_MESSAGE}",
    # Module, process, thread (Django): without both numbers, a first word may be anybody's name.
    rf"{_LEVEL} +{_TIME} +{_LOGGER} \d+ \d+ {_MESSAGE}",
    rf"\[{_TIME}\] {_LOGGER}\.{_LEVEL}: ?{_MESSAGE}",
    rf"\[{_TIME}: {_LEVEL}/[^\]\n]+\] {_MESSAGE}",
    rf"[A-Z], \[{_TIME} #\d+\] +{_LEVEL} -- (?:{_ANY_LOGGER})?: ?{_MESSAGE}",
    rf"\[{_TIME}\](?: (?:\[\d+\]|\{{[^}}\n]+\}}|PHP(?: [A-Z][a-z]+)?))? \[?{_LEVEL} *\]?(?::| -)? {_MESSAGE}",
    # structlog fills the level up with blanks, zap and Lambda write tabs; PostgreSQL may name user and base.
    (
        rf"{_TIME}(?:[ \t]+(?:\[?\d+\]?|[\da-f-]{{36}}))?(?: \S+@\S+| -)?[ \t]+\[?{_LEVEL} *\]?:?[ \t]+"
        rf"(?:\d+#\d+: |- )?{_MESSAGE}"
    ),
    rf'time="?{_TIME}"? level={_LEVEL} msg={_MESSAGE}',
    (
        rf"\[[A-Z][a-z][a-z] (?P<day>{_DAY_TIME})(?:\.\d+)? (?P<year>\d{{4}})\] "
        rf"\[(?:{_LOGGER}?:)?{_LEVEL}\d?\] {_MESSAGE}"
    ),
    # Structured data in brackets, with quoted values in it.
    (
        rf"{_PRIORITY}1 {_TIME} \S+ {_PROGRAM}\S* \S+ \S+ "
        rf'(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\])+) ?{_MESSAGE}'
    ),
    (
        rf"(?:{_PRIORITY})?(?:(?P<day>{_DAY_TIME})(?:\.\d{{1,6}})?|{_TIME.replace(' T', 'T')}) \S+ "
        rf"{_PROGRAM}[^\s:\[]*(?:\[\d+\])?: ?{_MESSAGE}"
    ),
    # What Go, pm2 and the runtimes of containers write names no level.
    rf"(?P<time>\d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{{6}})?) (?:[\w./-]+\.go:\d+: )?{_MESSAGE}",
    rf"{_TIME} std(?:out|err) [FP] {_MESSAGE}",
    rf"{_TIME}: {_MESSAGE}",
    # What else people put together for `logging`: a level in capitals behind two words at most, which may be
    # anybody's name, or before the time.
    rf"\[?{_TIME}\]?{_BETWEEN}+(?:[^\s:;|]+{_BETWEEN}+){{0,2}}?{_CAPITALS}{_BETWEEN}+{_MESSAGE}",
    rf"{_CAPITALS}{_BETWEEN}+\[?{_TIME}\]?{_BETWEEN}+{_MESSAGE}",
)
# The line after the last stack frame, in Java, .NET and JavaScript the one before the first. Any other
# `Name: text` may be part of somebody's message.
_EXCEPTION = r"(?m)^[ \t]+[^\n]*\n((?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?::|$)"
_THROWN = r"(?m)^((?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception))(?::[^\n]*)?\n[ \t]+at [^\n]*(?:\(|:\d)"
# journald writes a text with control characters in it as a list of bytes.
_BYTES = r"\[[0-9]{1,3}(,[0-9]{1,3})*\]"
_OTHER_LOGGER = "root"
_LOGGERS = (
    *("logger", "logger_name", "loggerName", "log.logger", "SourceContext", "Properties.SourceContext"),
    "SYSLOG_IDENTIFIER",
)


def error_log_parser(contracts: Sequence[Contract], *, received_at: datetime) -> LogParser:
    """A parser of log entries with their tracebacks."""
    below = "substr(text, length(split_part(text, chr(10), 1)) + 2)"
    rest = f"nullif(case when f.traceback = '' then {below} else f.traceback end, '')"
    fields = {
        "time": "replace(replace(f.time, ',', '.'), '/', '-')",
        "level": _level(),
        "logger": f"case when f.logger in ('', '-') then {quoted(_OTHER_LOGGER)} else f.logger end",
        "message": "f.message",
        "traceback": rest,
        "exception": f"coalesce(nullif(regexp_extract({rest}, {quoted(_THROWN)}, 1), ''), "
        f"regexp_extract_all({rest}, {quoted(_EXCEPTION)}, 1)[-1])",
    }
    return LogParser(contracts, received_at=received_at, fields=fields, found=_found(received_at))


def _found(received_at: datetime) -> str:
    """SQL of the struct of an entry, by the first form that it has."""
    forms = (
        f"when regexp_matches(text, {quoted(f'^{form}')}) then {_struct(form, received_at)}"
        for form in _FORMS
    )
    json = JsonEntries()
    fields = {
        "time": json.value(
            *("timestamp", "@timestamp", "time", "asctime", "ts", "datetime", "@t", "Timestamp", "t.$date"),
            *("instant.epochSecond", "timeMillis", "__REALTIME_TIMESTAMP"),
        ),
        "priority": "''",
        "level": json.value(
            *("level", "levelname", "log.level", "severity", "lvl", "@l", "PRIORITY"),
            *("SeverityText", "LogLevel", "Level", "s"),
        ),
        # Elsewhere than beside Python's `levelname`, a name may be anybody's.
        "logger": f"coalesce(nullif({json.value(*_LOGGERS)}, ''), "
        f"case when {json.value('levelname')} <> '' then {json.value('name')} else '' end)",
        "message": _unpacked(
            json.value(
                *("message", "msg", "event", "log", "@m", "@mt", "MESSAGE", "Message", "MessageTemplate"),
                *("short_message", "textPayload", "jsonPayload.message", "Body"),
            )
        ),
        "traceback": json.value(
            *("exc_info", "traceback", "stack_trace", "error.stack_trace", "stack", "exception", "@x"),
            *("err.stack", "error.stack", "stacktrace", "Exception", "Attributes.exception.stacktrace"),
        ),
    }
    return json.struct(fields, otherwise=f"case {' '.join(forms)} end")


def _unpacked(text: str) -> str:
    """Return SQL of a text that may be written as the list of its bytes."""
    hexadecimal = f"list_transform(try_cast({text} as integer[]), lambda byte: printf('%02x', byte))"
    return (
        f"case when regexp_full_match({text}, {quoted(_BYTES)}) "
        f"then coalesce(try(decode(unhex(array_to_string({hexadecimal}, '')))), '') else {text} end"
    )


def _struct(form: str, received_at: datetime) -> str:
    values = {
        name: f"regexp_extract(text, {quoted(f'^{form}')}, {place})"
        for name, place in re.compile(form).groupindex.items()
    }
    time = values.get("time", "''")
    if "day" in values:
        dated = _with_year(values["day"], values.get("year"), received_at)
        time = f"case when {time} = '' then {dated} else {time} end"
    fields = {name: values.get(name, "''") for name in ("priority", "level", "logger", "message")}
    return packed({"time": time, **fields, "traceback": "''"})


def _with_year(day: str, year: str | None, received_at: datetime) -> str:
    """Return SQL of a time whose day has no year: the given year, else that of the last such day."""

    def dated(year: str) -> str:
        return f"try_strptime({year} || ' ' || regexp_replace({day}, ' +', ' '), '%Y %b %d %H:%M:%S')"

    if year is not None:
        return f"strftime({dated(year)}, '%Y-%m-%d %H:%M:%S')"
    this, last = dated(quoted(str(received_at.year))), dated(quoted(str(received_at.year - 1)))
    is_past = f"{this} < {timestamp_literal(received_at + timedelta(days=1))}"
    return f"strftime(case when {is_past} then {this} else {last} end, '%Y-%m-%d %H:%M:%S')"


def _level() -> str:
    first_word = f"regexp_extract(f.message, {quoted(_FIRST_WORD)}, 1)"
    severity = "((try_cast(f.priority as integer) % 8)::varchar)"
    return (
        f"case when f.level <> '' then {_named('f.level', 'upper(f.level)')} "
        f"when f.priority <> '' then {_named(severity, 'null')} "
        f"else {_named(first_word, quoted(_NO_LEVEL))} end"
    )


def _named(word: str, otherwise: str) -> str:
    cases = (
        f"when lower({word}) in ({', '.join(map(quoted, words))}) then {quoted(level)}"
        for level, words in {**_LEVELS, _NO_LEVEL: (_NO_LEVEL_OF_GOOGLE,)}.items()
    )
    return f"case {' '.join(cases)} else {otherwise} end"
