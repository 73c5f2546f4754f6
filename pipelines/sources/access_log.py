"""Access logs: common and combined format with what stands before and behind it, and JSON lines."""

from collections.abc import Sequence
from datetime import datetime

from pipelines.declarations.contract import Contract
from pipelines.sources.engine import quoted_list
from pipelines.sources.logs import JsonEntries, LogParser
from warehouse.store.connection import quoted

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
# In front of a line may stand what Kubernetes, Docker Compose or syslog write. `vhost_combined` of Debian's
# Apache begins with a server and its port; behind proxies several clients may stand where one does. Behind
# the combined format, nginx writes X-Forwarded-For (`main`) and what else somebody asked for: none is read.
_BEFORE = (
    r"(?:\d{4}-\S+ std(?:out|err) [FP] |[\w.-]+ +\| |(?:<\d{1,3}>)?"
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\S+) \S+ [\w.-]+(?:\[\d+\])?: )?"
)
_LINE = (
    rf"^{_BEFORE}"
    r"(?:[^\s:]+:\d{1,5} )?\"?([^\s,\"]+(?:, ?[^\s,\"]+)*)\"? (\S+) (.+?) \[([^\]]+)\] "
    + _QUOTED
    + r" (\d{3}|-) (\d+|-)(?: "
    + _QUOTED
    + " "
    + _QUOTED
    + r'(?: (?:"(?:[^"\\]|\\.)*"|[^\s"]\S*))*)?\s*$'
)
# Of a server without its port, what follows is the client; RFC 1413 knows no such identity.
_SERVER, _CLIENT = r"^[^\s:]*[A-Za-z][^\s:]*$", r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-fA-F]*:[\da-fA-F:.]+)$"
_NAMES = ["host", "ident", "remote_user", "time", "request", "status", "bytes", "referrer", "user_agent"]
# `GET /path HTTP/1.1`; HTTP/0.9 has no version. Whatever else scanners send has no method.
_REQUEST = r"^([A-Z]{3,16}) (\S.*?)(?: (HTTP/[0-9.]+))?$"
_REQUEST_PARTS = ["method", "target", "protocol"]


def access_log_parser(contracts: Sequence[Contract], *, received_at: datetime) -> LogParser:
    """A parser of access logs; `-` is null, and a request that is not HTTP has no method."""
    fields = {name: f"nullif({_unescaped(f'f.{name}')}, '-')" for name in _NAMES}
    is_behind = f"regexp_matches(f.ident, {quoted(_CLIENT)}) and regexp_matches(f.host, {quoted(_SERVER)})"
    host = f"case when f.ident <> '-' and {is_behind} then f.ident else f.host end"
    fields["host"] = f"nullif(trim(split_part({host}, ',', 1)), '-')"
    for i, name in enumerate(_REQUEST_PARTS, start=1):
        fields[name] = f"nullif(regexp_extract({fields['request']}, {quoted(_REQUEST)}, {i}), '')"
    line = f"regexp_extract(text, {quoted(_LINE)}, {quoted_list(_NAMES)})"
    return LogParser(contracts, received_at=received_at, fields=fields, found=_json(otherwise=line))


def _json(*, otherwise: str) -> str:
    """Entries in JSON, by the names of nginx, Caddy, Traefik, Google Cloud and the Elastic Common Schema."""
    json = JsonEntries()
    line = json.value("request_line", "request")
    parts = (
        json.value(
            *("request_method", "method", "request.method", "RequestMethod", "http.request.method"),
            "httpRequest.requestMethod",
        ),
        json.value(
            *("request_uri", "uri", "request.uri", "RequestPath", "url.original", "url", "path"),
            "httpRequest.requestUrl",
        ),
        json.value("server_protocol", "protocol", "request.proto", "RequestProtocol", "httpRequest.protocol"),
    )
    of_parts = f"trim(concat_ws(' ', {', '.join(parts)}))"
    fields = {
        "host": json.value(
            *(
                "remote_addr",
                "client_ip",
                "clientip",
                "remote_ip",
                "remoteIP",
                "request.client_ip",
                "request.remote_ip",
                "ClientHost",
                "client.ip",
                "source.ip",
                "source.address",
                "httpRequest.remoteIp",
            )
        ),
        "ident": "''",
        "remote_user": json.value("remote_user", "user", "ClientUsername"),
        "time": json.value(
            *("time_iso8601", "time_local", "@timestamp", "timestamp", "time", "msec", "ts", "StartUTC")
        ),
        # Caddy's `request` is an object.
        "request": f"case when {line} = '' or starts_with({line}, '{{') then {of_parts} else {line} end",
        "status": json.value(
            *("status", "status_code", "DownstreamStatus", "http.response.status_code"), "httpRequest.status"
        ),
        "bytes": json.value(
            *("body_bytes_sent", "bytes_sent", "bytes", "size", "DownstreamContentSize"),
            *("http.response.body.bytes", "httpRequest.responseSize"),
        ),
        "referrer": json.value(
            *("http_referer", "http_referrer", "referer", "referrer", "request.headers.Referer[0]")
        ),
        "user_agent": json.value(
            *(
                "http_user_agent",
                "user_agent.original",
                "user_agent",
                "userAgent",
                "agent",
                "request.headers.User-Agent[0]",
                "httpRequest.userAgent",
            )
        ),
    }
    return json.struct(fields, otherwise=otherwise)


def _unescaped(field: str) -> str:
    # A byte written `\xHH` becomes `%HH`, so that what reads URLs later sees what is in it.
    percent = rf"regexp_replace({field}, '\\x([0-9A-Fa-f]{{2}})', '%\1', 'g')"
    plain = f"""replace(replace({percent}, '\\"', '"'), '\\\\', '\\')"""
    return f"case when contains({field}, '\\') then {plain} else {field} end"
