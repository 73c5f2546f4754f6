"""Access logs: common and combined format with what stands before and behind it, HAProxy's, JSON lines."""

from collections.abc import Sequence
from datetime import datetime

from pipelines.declarations.contract import Contract
from pipelines.sources.engine import quoted_list
from pipelines.sources.logs import JsonEntries, LogParser, packed
from warehouse.store.connection import quoted

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
# In front of a line may stand what syslog writes. `vhost_combined` of Debian's
# Apache begins with a server and its port; behind proxies several clients may stand where one does. Behind
# the combined format, nginx writes X-Forwarded-For (`main`) and what else somebody asked for: none is read.
_BEFORE = (
    r"(?:(?:<\d{1,3}>)?"
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
_CLF_SIGN = '] "'
# What `option httplog` writes; behind the queues may stand headers that somebody asked for.
_HAPROXY = (
    rf"^{_BEFORE}"
    r"([\da-fA-F.:]+):\d{1,5} \[([^\]]+)\] \S+ \S+/\S+ [-+\d/]+ (\d{3}|-1) \+?(\d+) \S+ \S+ \S+ [+\d/]+ "
    r"[\d/]+ (?:\{[^}]*\} )*" + _QUOTED + r"\s*$"
)
_HAPROXY_NAMES = ["host", "time", "status", "bytes", "request"]
# Of a server without its port, what follows is the client; RFC 1413 knows no such identity.
_SERVER, _CLIENT = r"^[^\s:]*[A-Za-z][^\s:]*$", r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-fA-F]*:[\da-fA-F:.]+)$"
_PORT = r"^(?:(\d+(?:\.\d+){3})|\[([\da-fA-F:.]+)\]):\d+$"
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
    places = {
        name: f"regexp_extract(text, {quoted(_HAPROXY)}, {i})" for i, name in enumerate(_HAPROXY_NAMES, 1)
    }
    other = packed({name: places.get(name, "''") for name in _NAMES})
    lines = f"case when contains(text, {quoted(_CLF_SIGN)}) then {line} else {other} end"
    return LogParser(contracts, received_at=received_at, fields=fields, found=_json(otherwise=lines))


def _json(*, otherwise: str) -> str:
    """Entries in JSON: names of nginx, Caddy, Traefik, Envoy, Cloudflare, pino, Google Cloud and Elastic."""
    json = JsonEntries()
    line = json.value("request_line", "request")
    parts = (
        json.value(
            *("request_method", "method", "request.method", "RequestMethod", "http.request.method"),
            *("httpRequest.requestMethod", "ClientRequestMethod", "req.method", "verb"),
        ),
        json.value(
            *("request_uri", "uri", "request.uri", "RequestPath", "url.original", "url", "path"),
            *("httpRequest.requestUrl", "ClientRequestURI", "req.url", "request"),
        ),
        json.value(
            *("server_protocol", "protocol", "request.proto", "RequestProtocol", "httpRequest.protocol"),
            "ClientRequestProtocol",
        ),
    )
    of_parts = f"trim(concat_ws(' ', {', '.join(parts)}))"
    fields = {
        "host": _without_port(
            json.value(
                *("remote_addr", "client_ip", "clientip", "remote_ip", "remoteIP", "request.client_ip"),
                *("request.remote_ip", "ClientHost", "ClientAddr", "ClientIP", "client.ip", "source.ip"),
                *("client.address", "source.address", "httpRequest.remoteIp", "req.remoteAddress"),
                *("x_forwarded_for", "downstream_remote_address", "remote_host"),
            )
        ),
        "ident": "''",
        "remote_user": json.value("remote_user", "user", "ClientUsername"),
        "time": json.value(
            *("time_iso8601", "time_local", "@timestamp", "timestamp", "time", "msec", "ts", "StartUTC"),
            *("StartLocal", "start_time", "EdgeStartTimestamp"),
        ),
        # Caddy's `request` is an object, others write nothing but the path in it.
        "request": f"case when {line} = '' or starts_with({line}, '{{') or starts_with({line}, '/') "
        f"then {of_parts} else {line} end",
        "status": json.value(
            *("status", "status_code", "DownstreamStatus", "http.response.status_code", "httpRequest.status"),
            *("response_code", "EdgeResponseStatus", "res.statusCode", "response"),
        ),
        "bytes": json.value(
            *("body_bytes_sent", "bytes_sent", "bytes", "size", "DownstreamContentSize", "EdgeResponseBytes"),
            *("http.response.body.bytes", "httpRequest.responseSize", "res.headers.content-length"),
        ),
        "referrer": json.value(
            *("http_referer", "http_referrer", "referer", "referrer", "request.headers.Referer[0]"),
            *("request_Referer", "http.request.referrer", "httpRequest.referer", "ClientRequestReferer"),
            "req.headers.referer",
        ),
        "user_agent": json.value(
            *("http_user_agent", "user_agent.original", "user_agent", "userAgent", "agent"),
            *("request.headers.User-Agent[0]", "httpRequest.userAgent", "request_User-Agent"),
            *("ClientRequestUserAgent", "req.headers.user-agent"),
        ),
    }
    return json.struct(fields, otherwise=otherwise)


def _without_port(address: str) -> str:
    """Return SQL of an address without the port behind it; an address of IPv6 with one is in brackets."""
    return f"regexp_replace({address}, {quoted(_PORT)}, '\\1\\2')"


def _unescaped(field: str) -> str:
    # A byte written `\xHH` becomes `%HH`, so that what reads URLs later sees what is in it.
    percent = rf"regexp_replace({field}, '\\x([0-9A-Fa-f]{{2}})', '%\1', 'g')"
    plain = f"""replace(replace({percent}, '\\"', '"'), '\\\\', '\\')"""
    return f"case when contains({field}, '\\') then {plain} else {field} end"
