import json
from datetime import datetime

import pytest

from pipelines.sources import streams

LINE = '{host} - - [17/May/2015:10:05:03 +0200] "{request}" 200 {bytes} "{referrer}" "{agent}"'


def line(**parts: str) -> bytes:
    base = {
        "host": "192.0.2.7",
        "request": "GET /a HTTP/1.1",
        "bytes": "12",
        "referrer": "-",
        "agent": "Nav/1",
    }
    return LINE.format(**{**base, **parts}).encode()


def test_a_request_is_taken_apart_in_utc_and_a_dash_is_null(parse):
    result = parse("access_log", line(host="2001:db8::5", agent=r"a \"quoted\" one", bytes="-"))

    (row,) = result.rows("web__access_logs")
    assert (row["host"], row["occurred_at"]) == ("2001:db8::5", datetime(2015, 5, 17, 8, 5, 3))
    assert (row["method"], row["target"], row["protocol"], row["status"]) == ("GET", "/a", "HTTP/1.1", 200)
    assert (row["bytes"], row["referrer"], row["user_agent"]) == (None, None, 'a "quoted" one')


def test_an_escaped_byte_in_a_target_is_left_for_the_url_scrubber_to_decode(parse):
    result = parse("access_log", line(request=r"GET /u/ada\x40canary.example HTTP/1.1"))

    assert result.column("web__access_logs", "target") == ["/u/ada%40canary.example"]


def test_a_request_that_is_not_http_is_a_row_without_method_and_target(parse):
    result = parse("access_log", line(request=r"\x16\x03\x01"), line(request=""), line(request="-"))

    rows = result.rows("web__access_logs")
    assert [(r["method"], r["target"], r["status"]) for r in rows] == [(None, None, 200)] * 3


def test_equal_requests_are_told_apart_by_their_ordinal_also_across_batches(parse_file, monkeypatch):
    monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", 250)
    log = b"\n".join([line(), line(host="192.0.2.8"), line(), line(), b""])

    result = parse_file("access_log", "access.log", log)

    rows = result.rows("web__access_logs")
    assert [(r["_record"], r["host"], r["ordinal"]) for r in rows] == [
        (1, "192.0.2.7", 0),
        (2, "192.0.2.8", 0),
        (3, "192.0.2.7", 1),
        (4, "192.0.2.7", 2),
    ]
    assert len(result.batches) > 1


def test_two_entries_that_differ_only_in_what_is_not_stored_are_two(parse, parse_file):
    requests = [f'{line().decode()} "{client}" rt=0.{i}' for i, client in enumerate(("10.0.0.1", "10.0.0.2"))]
    errors = [f"[2026-03-01 10:00:00 +0000] [{pid}] [CRITICAL] WORKER TIMEOUT" for pid in (7, 8)]

    for feed, entries in (("access_log", requests), ("error_log", errors)):
        source = f"web__{feed}s"
        assert parse(feed, *(entry.encode() for entry in entries)).column(source, "ordinal") == [0, 1]


def test_a_line_that_is_no_request_is_rejected(parse):
    result = parse("access_log", line(), b"segfault at 0", line()[:-1], line().replace(b" 200 ", b" - "))

    assert result.rejected == [(2, "malformed_line"), (3, "malformed_line"), (4, "missing_value:status")]


def test_every_line_of_the_real_access_log_is_accounted_for(parse_file, real_data):
    log = (real_data / "text" / "access_combined.log").read_bytes()

    result = parse_file("access_log", "access.log", log)

    assert result.rows_read == len(log.splitlines())
    assert [reason for _, reason in result.rejected] == [
        "malformed_line"
    ]  # one line breaks off within quotes


ENTRY = b"""2026-03-01 10:00:00,123 ERROR shop.views: order failed
Traceback (most recent call last):
  File "views.py", line 7, in order

    charge(card)
shop.errors.CardError: canary text
Name: not a class

"""


def test_an_error_entry_keeps_its_traceback_and_the_name_of_its_exception(parse_file, monkeypatch):
    log = b"stray line\n" + ENTRY + b"2026-03-01T10:00:01Z INFO shop: fine\n" + ENTRY

    for size in (40, 64, 1 << 20):
        monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", size)
        result = parse_file("error_log", "error.log", log)

        rows = result.rows("web__error_logs")
        assert result.rejected == [(1, "malformed_line")]
        assert [(r["_record"], r["level"], r["logger"], r["exception"]) for r in rows] == [
            (2, "ERROR", "shop.views", "shop.errors.CardError"),
            (10, "INFO", "shop", None),
            (11, "ERROR", "shop.views", "shop.errors.CardError"),
        ]
        assert rows[0]["message"] == "order failed"
        assert rows[0]["occurred_at"] == datetime(2026, 3, 1, 10, 0, 0, 123_000)
        assert rows[0]["traceback"].startswith("Traceback")
        assert [r["ordinal"] for r in rows] == [0, 0, 1]


REQUEST = '- - [18/Nov/2026:10:00:00 +0100] "GET /a HTTP/1.1" 200 612'
AGENTS = f'{REQUEST} "https://example.net/" "Nav/1"'


@pytest.mark.parametrize(
    ("entry", "host", "agent"),
    [
        (f"192.0.2.7 {REQUEST}", "192.0.2.7", None),
        (f"192.0.2.7 {AGENTS}", "192.0.2.7", "Nav/1"),
        (f'192.0.2.7 {AGENTS} "-"', "192.0.2.7", "Nav/1"),
        (f'192.0.2.7 {AGENTS} "198.51.100.7, 203.0.113.9"', "192.0.2.7", "Nav/1"),
        (f'192.0.2.7 {AGENTS} "-" 0.004 "up:1" .', "192.0.2.7", "Nav/1"),
        (f"shop.example:443 192.0.2.7 {AGENTS}", "192.0.2.7", "Nav/1"),
        (f"shop.example:80 2001:db8::5 {AGENTS}", "2001:db8::5", "Nav/1"),
        (f"::1 {AGENTS}", "::1", "Nav/1"),
        (f"192.0.2.7 {AGENTS}".replace(":00 +", ":00.000 +"), "192.0.2.7", "Nav/1"),
        (f"198.51.100.7, 203.0.113.9,10.0.0.1 {AGENTS}", "198.51.100.7", "Nav/1"),
        (f'"198.51.100.7, 203.0.113.9" {AGENTS}', "198.51.100.7", "Nav/1"),
        (f"www.shop.example 192.0.2.7 - {AGENTS}", "192.0.2.7", "Nav/1"),
        (f"192.0.2.7 198.51.100.7 - {AGENTS[4:]}", "192.0.2.7", "Nav/1"),
        (
            (
                "Nov 18 10:00:00 lb haproxy[7]: 192.0.2.7:4711 [18/Nov/2026:09:00:00.000] web~ shop/s1 "
                '0/0/1/2/3 200 612 - - ---- 1/1/0/0/0 0/0 {shop|} {} "GET /a HTTP/1.1"'
            ),
            "192.0.2.7",
            None,
        ),
        (
            (
                '{"StartUTC":"2026-11-18T09:00:00Z","ClientAddr":"192.0.2.7:4711","RequestMethod":"GET",'
                '"RequestPath":"/a","RequestProtocol":"HTTP/1.1","DownstreamStatus":200,'
                '"DownstreamContentSize":612,"request_User-Agent":"Nav/1"}'
            ),
            "192.0.2.7",
            "Nav/1",
        ),
        (
            (
                '{"start_time":"2026-11-18T09:00:00Z","downstream_remote_address":"[2001:db8::5]:4711",'
                '"method":"GET","path":"/a","response_code":200,"bytes_sent":612,"user_agent":"Nav/1"}'
            ),
            "2001:db8::5",
            "Nav/1",
        ),
        (
            (
                '{"level":30,"time":1794992400000,"req":{"method":"GET","url":"/a","headers":'
                '{"user-agent":"Nav/1"},"remoteAddress":"192.0.2.7"},'
                '"res":{"statusCode":200,"headers":{"content-length":"612"}}}'
            ),
            "192.0.2.7",
            "Nav/1",
        ),
        (
            (
                '{"EdgeStartTimestamp":"2026-11-18T09:00:00Z","ClientIP":"192.0.2.7","ClientRequestMethod":'
                '"GET","ClientRequestURI":"/a","EdgeResponseStatus":200,"EdgeResponseBytes":612,'
                '"ClientRequestUserAgent":"Nav/1"}'
            ),
            "192.0.2.7",
            "Nav/1",
        ),
        (
            (
                '{"time":"18/Nov/2026:10:00:00 +0100","remoteIP":"192.0.2.7","request":"/a","method":"GET",'
                '"status":"200","bytes":"612","userAgent":"Nav/1"}'
            ),
            "192.0.2.7",
            "Nav/1",
        ),
        (f"<190>Nov 18 10:00:00 web-1 nginx: 192.0.2.7 {AGENTS}", "192.0.2.7", "Nav/1"),
        (f"Nov 18 10:00:00 web-1 nginx[7]: 192.0.2.7 {AGENTS}", "192.0.2.7", "Nav/1"),
        (
            '192.0.2.7 - Ada Lovelace [18/Nov/2026:10:00:00 +0100] "GET /a HTTP/1.1" 200 612',
            "192.0.2.7",
            None,
        ),
        (
            (
                '{"time_local":"18/Nov/2026:10:00:00 +0100","remote_addr":"192.0.2.7",'
                '"request":"GET /a HTTP/1.1","status":"200","body_bytes_sent":"612",'
                '"http_user_agent":"Nav/1","http_x_forwarded_for":"-"}'
            ),
            "192.0.2.7",
            "Nav/1",
        ),
        (
            (
                '{"ts":1794992400.0,"request":{"remote_ip":"192.0.2.7","method":"GET","uri":"/a",'
                '"proto":"HTTP/1.1","headers":{"User-Agent":["Nav/1"]}},"status":200,"size":612}'
            ),
            "192.0.2.7",
            "Nav/1",
        ),
        (
            (
                '{"@timestamp":"2026-11-18T09:00:00Z","client.ip":"192.0.2.7, 10.0.0.1","method":"GET",'
                '"url":"/a","protocol":"HTTP/1.1","status":200,"bytes":612,"user_agent":{"original":"Nav/1"}}'
            ),
            "192.0.2.7",
            "Nav/1",
        ),
        (
            (
                '{"@timestamp":"2026-11-18T09:00:00Z","source":{"ip":"192.0.2.7"},"url":{"original":"/a"},'
                '"http":{"request":{"method":"GET"},"response":{"status_code":200,"body":{"bytes":612}}}}'
            ),
            "192.0.2.7",
            None,
        ),
        (
            (
                '{"timestamp":"2026-11-18T09:00:00Z","httpRequest":{"requestMethod":"GET","requestUrl":"/a",'
                '"status":200,"responseSize":"612","remoteIp":"192.0.2.7","userAgent":"Nav/1"}}'
            ),
            "192.0.2.7",
            "Nav/1",
        ),
    ],
)
def test_a_request_is_read_in_whatever_form_the_server_writes_it(parse, entry, host, agent):
    (row,) = parse("access_log", entry.encode()).rows("web__access_logs")

    assert (row["host"], row["user_agent"], row["occurred_at"]) == (host, agent, datetime(2026, 11, 18, 9))
    assert (row["method"], row["target"], row["status"], row["bytes"]) == ("GET", "/a", 200, 612)


TIME = datetime(2026, 2, 18, 10, 0, 9)


@pytest.mark.parametrize(
    ("entry", "level", "logger", "message"),
    [
        ("2026-02-18 10:00:09,000 ERROR shop.views: sold out", "ERROR", "shop.views", "sold out"),
        ("2026-02-18 10:00:09,000 - shop.views - WARN - sold out", "WARNING", "shop.views", "sold out"),
        ("2026-02-18 10:00:09.000 [main] FATAL shop.Views - sold out", "CRITICAL", "shop.Views", "sold out"),
        ("2026-02-18T10:00:09Z [error] sold out", "ERROR", "root", "sold out"),
        ("[2026-02-18 11:00:09 +0100] [123] [CRITICAL] sold out", "CRITICAL", "root", "sold out"),
        ("2026-02-18 10:00:09.1 | ERROR    | shop.views:buy:7 - sold out", "ERROR", "shop.views", "sold out"),
        ("ERROR 2026-02-18 10:00:09,123 views 77 1408 sold out", "ERROR", "views", "sold out"),
        ("[2026-02-18 10:00:09] production.ERROR: sold out", "ERROR", "production", "sold out"),
        ("2026-02-18 10:00:09,000 - shop-views - ERROR - sold out", "ERROR", "shop-views", "sold out"),
        ("2026-02-18 10:00:09 | ERROR | shop.views | sold out", "ERROR", "shop.views", "sold out"),
        ("2026-02-18 11:00:09.000 +01:00 [WRN] sold out", "WARNING", "root", "sold out"),
        ("2026-02-18 10:00:09.000 UTC [77] FATAL:  sold out", "CRITICAL", "root", "sold out"),
        ("2026-02-18 10:00:09.000 UTC [77] STATEMENT:  sold out", "INFO", "root", "sold out"),
        ("2026-02-18 10:00:09 [warning  ] sold out", "WARNING", "root", "sold out"),
        ("2026-02-18T10:00:09.000Z\tERROR\tsold out", "ERROR", "root", "sold out"),
        ("2026-02-18T10:00:09.000000Z 8 [ERROR] sold out", "ERROR", "root", "sold out"),
        ("[2026-02-18 10:00:09,000: ERROR/ForkPoolWorker-1] sold out", "ERROR", "root", "sold out"),
        ("[2026-02-18T10:00:09.000+0000] {task.py:7} ERROR - sold out", "ERROR", "root", "sold out"),
        ("W, [2026-02-18T10:00:09.000000 #77]  WARN -- shop: sold out", "WARNING", "shop", "sold out"),
        ("E, [2026-02-18T10:00:09.000000 #77] ERROR -- : sold out", "ERROR", "root", "sold out"),
        ("time=2026-02-18T10:00:09Z level=error msg=sold", "ERROR", "root", "sold"),
        ("Feb 18 10:00:09.123456 web-1 shop[77]: sold out", "NOTSET", "shop", "sold out"),
        ("2026/02/18 10:00:09 [warn] 12#34: sold out", "WARNING", "root", "sold out"),
        ("[Wed Feb 18 10:00:09.123 2026] [core:error] sold out", "ERROR", "core", "sold out"),
        ("<11>Feb 18 10:00:09 web-1 shop[77]: sold out", "ERROR", "shop", "sold out"),
        ("Feb 18 10:00:09 web-1 kernel: error: sold out", "ERROR", "kernel", "error: sold out"),
        ("Feb 18 10:00:09 web-1 cron: sold out", "NOTSET", "cron", "sold out"),
        ("2026-02-18T10:00:09.0+00:00 web-1 shop[77]: sold out", "NOTSET", "shop", "sold out"),
        ('<132>1 2026-02-18T10:00:09Z web-1 shop 77 - [a b="]"][c] sold out', "WARNING", "shop", "sold out"),
        ('{"ts": "2026-02-18T10:00:09Z", "level": "info", "name": "Ada", "msg": "-"}', "INFO", "root", "-"),
        ("<190>1 2026-02-18T10:00:09Z - - - - - sold out", "INFO", "root", "sold out"),
        ('{"ts": "2026-02-18T10:00:09Z", "level": "warn", "msg": "sold out"}', "WARNING", "root", "sold out"),
        (
            (
                '{"asctime": "2026-02-18 10:00:09,000", "levelname": "FATAL", "name": "shop", '
                '"message": "sold out"}'
            ),
            "CRITICAL",
            "shop",
            "sold out",
        ),
        (
            '{"time": 1771408809, "level": 50, "log.logger": "shop", "msg": "sold out"}',
            "ERROR",
            "shop",
            "sold out",
        ),
        ('{"time": 1771408809123, "level": 40, "msg": "sold out"}', "WARNING", "root", "sold out"),
        (
            '{"instant": {"epochSecond": 1771408809}, "level": "FATAL", "loggerName": "s.V", "message": "-"}',
            "CRITICAL",
            "s.V",
            "-",
        ),
        ('{"@t": "2026-02-18T10:00:09.1Z", "@mt": "sold out", "@l": "Error"}', "ERROR", "root", "sold out"),
        (
            '{"__REALTIME_TIMESTAMP": "1771408809123456", "PRIORITY": "3", "MESSAGE": "sold out"}',
            "ERROR",
            "root",
            "sold out",
        ),
        (
            "2026-02-18 10:00:09,000 ERROR [pool-1] com.shop.Views - sold out",
            "ERROR",
            "com.shop.Views",
            "sold out",
        ),
        (
            "2026-02-18T11:00:09.0+01:00 ERROR 7 --- [shop] [ main] o.s.Views : sold out",
            "ERROR",
            "o.s.Views",
            "sold out",
        ),
        (
            "18-Feb-2026 10:00:09.123 SEVERE [main] org.shop.Views.buy sold out",
            "CRITICAL",
            "org.shop.Views",
            "sold out",
        ),
        (
            "2026-02-18 10:00:09,000 [7] ERROR Shop.Views [(null)] - sold out",
            "ERROR",
            "Shop.Views",
            "sold out",
        ),
        ("2026-02-18 10:00:09.1234|ERROR|Shop.Views|sold out", "ERROR", "Shop.Views", "sold out"),
        (
            "[2026-02-18T10:00:09,000][WARN ][o.s.Views      ] [n1] sold out",
            "WARNING",
            "o.s.Views",
            "[n1] sold out",
        ),
        ("[2026-02-18T10:00:09Z ERROR shop::views] sold out", "ERROR", "shop", "sold out"),
        ("[2026-02-18T10:00:09Z ERROR ada] sold out", "ERROR", "root", "sold out"),
        ("2026-02-18T10:00:09.1Z ERROR shop::views: sold out", "ERROR", "shop", "sold out"),
        ("[18-Feb-2026 10:00:09 UTC] PHP Parse error: sold out", "ERROR", "root", "sold out"),
        (f"[ERROR]\t2026-02-18T10:00:09.1Z\t{'0' * 36}\tsold out", "ERROR", "root", "sold out"),
        (f"2026-02-18T10:00:09.1Z\t{'0' * 36}\tERROR\tsold out", "ERROR", "root", "sold out"),
        ("2026-02-18 10:00:09.000 UTC [77] app@shop ERROR:  sold out", "ERROR", "root", "sold out"),
        ("2026-02-18 10:00:09,000 - ERROR - sold out", "ERROR", "root", "sold out"),
        ("2026-02-18 10:00:09,000:ERROR:sold out", "ERROR", "root", "sold out"),
        ("2026-02-18 10:00:09,000 | ERROR | sold out", "ERROR", "root", "sold out"),
        ("2026-02-18 10:00:09,000 ada.lovelace MainThread ERROR sold out", "ERROR", "root", "sold out"),
        ("[2026-02-18 10:00:09,000] [main] (ERROR) sold out", "ERROR", "root", "sold out"),
        ("2026-02-18T10:00:09.1Z - error: sold out", "ERROR", "root", "sold out"),
        ("ERROR:2026-02-18 10:00:09,000:sold out", "ERROR", "root", "sold out"),
        ("[ERROR] 2026-02-18 10:00:09 sold out", "ERROR", "root", "sold out"),
        ("ERROR - 2026-02-18 10:00:09,000 - sold out", "ERROR", "root", "sold out"),
        ("ERROR 2026-02-18 10:00:09,123 Ada could not pay", "ERROR", "root", "Ada could not pay"),
        ("2026-02-18T10:00:09: Error: sold out", "ERROR", "root", "Error: sold out"),
        ("2026/02/18 10:00:09 views.go:7: sold out", "NOTSET", "root", "sold out"),
        ("2026-02-18T10:00:09.1Z stderr F sold out", "NOTSET", "root", "sold out"),
        (
            '{"timestamp": "2026-02-18T10:00:09Z", "severity": "DEFAULT", "textPayload": "-"}',
            "NOTSET",
            "root",
            "-",
        ),
        ('{"timestamp": "2026-02-18T10:00:09Z", "jsonPayload": {"message": "-"}}', "NOTSET", "root", "-"),
        ('{"t": {"$date": "2026-02-18T10:00:09.1+00:00"}, "s": "E", "msg": "-"}', "ERROR", "root", "-"),
        ('{"Timestamp": "1771408809123456789", "SeverityText": "WARN", "Body": "-"}', "WARNING", "root", "-"),
        (
            '{"__REALTIME_TIMESTAMP": "1771408809000000", "SYSLOG_IDENTIFIER": "s", "MESSAGE": [9,195,164]}',
            "NOTSET",
            "s",
            "\tä",
        ),
        (
            '{"log": "error: -", "stream": "stderr", "time": "2026-02-18T10:00:09Z"}',
            "ERROR",
            "root",
            "error: -",
        ),
    ],
)
def test_an_error_is_read_in_whatever_form_it_was_logged(parse, entry, level, logger, message):
    (row,) = parse("error_log", entry.encode()).rows("web__error_logs")

    assert (row["level"], row["logger"], row["message"]) == (level, logger, message)
    assert row["occurred_at"].replace(microsecond=0) == TIME


WRAPPINGS = {
    "Kubernetes": lambda line: f"2026-11-18T10:00:00.1Z stderr F {line}",
    "Docker": lambda line: json.dumps(
        {"log": f"{line}\n", "stream": "stderr", "time": "2026-11-18T10:00:00Z"}
    ),
    "Docker Compose": lambda line: f"web-1  | {line}",
    "pm2": lambda line: f"0|web  | {line}",
    "kubectl --timestamps": lambda line: f"2026-11-18T10:00:00.1Z {line}",
    "kubectl --prefix": lambda line: f"[pod/web-1/app] {line}",
    "colours": lambda line: f"\x1b[31m{line[:19]}\x1b[0m{line[19:]}",
}


@pytest.mark.parametrize("size", [64, 1 << 20])
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_what_a_runtime_puts_around_lines_does_not_take_entries_apart(
    parse_file, monkeypatch, wrapping, size
):
    monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", size)
    wrap = WRAPPINGS[wrapping]
    entry = ENTRY.decode().rstrip().splitlines()
    request = f"192.0.2.7 {AGENTS.replace('18/Nov', '19/Nov')}"

    errors = parse_file("error_log", "error.log", "\n".join(map(wrap, [*entry, *entry])).encode())
    requests = parse_file("access_log", "access.log", "\n".join(map(wrap, [request, request])).encode())

    assert (errors.rejected, requests.rejected) == ([], [])
    assert errors.column("web__error_logs", "exception") == ["shop.errors.CardError"] * 2
    assert errors.column("web__error_logs", "message") == ["order failed"] * 2
    assert requests.column("web__access_logs", "host") == ["192.0.2.7"] * 2


@pytest.mark.parametrize("size", [16, 1 << 20])
@pytest.mark.parametrize(
    ("separator", "agent"), [(" ", "Nav/1+(x)"), ("\t", "Nav/1%20(x)")], ids=["IIS", "CloudFront"]
)
def test_columns_of_w3c_are_what_the_line_above_them_names(parse_file, monkeypatch, size, separator, agent):
    monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", size)
    names = [
        "date",
        "time",
        "cs-method",
        "cs-uri-stem",
        "cs-uri-query",
        "c-ip",
        "cs(User-Agent)",
        "sc-status",
    ]
    row = ["2026-11-18", "09:00:00", "GET", "/a", "b=c", "192.0.2.7", agent, "200"]
    later = ["192.0.2.8", "2026-11-18", "09:00:01", "-", "/b", "404"]
    log = [
        "#Version: 1.0",
        f"#Fields: {' '.join(names)}",
        separator.join(row),
        separator.join(row[1:]),
        "#Fields: c-ip date time cs-uri-query cs-uri-stem sc-status",
        separator.join(later),
    ]

    result = parse_file("access_log", "w3c.log", "\r\n".join(log).encode())

    first, second = result.rows("web__access_logs")
    assert (first["host"], first["target"], first["user_agent"]) == ("192.0.2.7", "/a?b=c", "Nav/1 (x)")
    assert (first["_record"], first["occurred_at"]) == (3, datetime(2026, 11, 18, 9))
    assert (second["host"], second["status"], second["_record"]) == ("192.0.2.8", 404, 6)
    assert result.rejected == [(4, "malformed_line")]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [200, 1 << 20])
def test_lines_end_as_on_any_system(parse_file, monkeypatch, size, end):
    monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", size)
    entries = [b"2026-03-01 09:00:00 ERROR a: x", b"2026-03-01 09:00:01 ERROR b: y", b"no entry"]

    errors = parse_file("error_log", "error.log", end.join(entries[:2]) + end)
    access = parse_file("access_log", "access.log", end.join([line(), line(), entries[2]]))

    assert errors.column("web__error_logs", "logger") == ["a", "b"]
    assert access.column("web__access_logs", "_record") == [1, 2]
    assert access.rejected == [(3, "malformed_line")]


def test_a_line_that_never_ends_is_rejected_and_held_no_longer_than_it_may_be(parse_file, monkeypatch):
    monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", 1 << 20)
    long = b"x" * (5 << 20)

    result = parse_file("access_log", "access.log", long + b"\n" + line())

    assert result.rejected == [(1, "record_too_large")]
    assert result.column("web__access_logs", "_record") == [2]


@pytest.mark.parametrize(
    ("entry", "exception"),
    [
        (
            "{} boom\njava.lang.IllegalStateException: sold\n\tat a.B.c(B.java:1)\nCaused by: a.X: y",
            "java.lang.IllegalStateException",
        ),
        ("{} boom\nTypeError: sold\n    at buy (a.js:1:2)", "TypeError"),
        ("{} boom\nShop.SoldException: sold\n   at Shop.Buy()", "Shop.SoldException"),
        ("{} boom\nAda: see you\n at 10", None),
    ],
)
def test_the_exception_stands_above_the_frames_where_the_language_writes_it_there(parse, entry, exception):
    result = parse("error_log", entry.format("2026-03-01 10:00:00 ERROR shop:").encode())

    assert result.column("web__error_logs", "exception") == [exception]


def test_a_day_without_a_year_is_the_last_one_before_the_receipt(parse):
    times = parse(
        "error_log", b"Dec 31 23:59:59 a b: c", b"Mar  2 01:00:00 a b: c", b"Mar  4 00:00:00 a b: c"
    )

    assert times.column("web__error_logs", "occurred_at") == [
        datetime(2025, 12, 31, 23, 59, 59),
        datetime(2026, 3, 2, 1),
        datetime(2025, 3, 4),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "18.11.2026 10:00:00 canary",
        "18/Nov/2026:10:00:00 canary",
        "<11>canary",
        "Nov 18 10:00:00 canary",
        "[Wed Nov 18 10:00:00 2026] canary",
        "1794992400 canary",
        "E1118 10:00:00.123 1 a.go:7] canary",
        "ERROR:root:canary",
        '192.0.2.7 - - [18/Nov/2026:10:00:00 +0100] "GET /canary HTTP/1.1" 200 1',
        '{"canary": true}',
        '{ "canary" : true }',
        "[2026-11-18 10:00] canary",
        "A, [2026-11-18T10:00:00.1 #7] canary",
        "10:00:00.123 [main] canary",
        "Nov 18, 2026 10:00:00 AM canary",
        "1:M 18 Nov 2026 10:00:00.123 # canary",
        "level=error msg=canary",
        "20261118T100000 canary",
        "SEVERE: canary",
        "2026.11.18 10:00:00 canary",
        "2026-11-18_10:00:00.1 canary",
        "ERROR - 2026-11-18 canary",
        "[error] 2026/11/18 canary",
        "ERROR | 2026-11-18 | canary",
        "ERROR 10:00:00 canary",
        "ERROR  shop.views - canary",
        "10:00:00 ERROR canary",
        "[10:00:00 ERR] canary",
        "261118 10:00:00 [ERROR] canary",
        "Wed, 18 Nov 2026 10:00:00 GMT canary",
        "t=2026-11-18T10:00:00Z lvl=eror msg=canary",
        'msg="canary" level=error',
        "fail: Shop.Views[0]",
        "panic: canary",
    ],
)
def test_an_entry_of_a_form_that_cannot_be_read_is_no_traceback_of_the_one_above(parse_file, line):
    log = f"2026-03-01 10:00:00 ERROR shop: first\nmore of it\n{line}\n2026-03-01 10:00:01 INFO shop: last\n"

    result = parse_file("error_log", "error.log", log.encode())

    assert result.rejected == [(3, "malformed_line")]
    assert result.column("web__error_logs", "traceback") == ["more of it", None]


@pytest.mark.parametrize(
    "line",
    [
        "ValueError: time data '2026-11-18 10:00:00' is wrong",
        "Error: 10:00 is no time",
        "DETAIL:  Key (id)=(7) is there.",
        "[SQL: select '2026-11-18 10:00:00']",
        "Caused by: shop.Error: 2026-11-18",
        "During handling of the above exception, another exception occurred:",
        "ERROR is what it said",
        "7 of 10:00",
    ],
)
def test_a_line_of_a_traceback_is_no_entry_whatever_it_speaks_of(parse_file, line):
    log = f"2026-03-01 10:00:00 ERROR shop: first\n{line}\n"

    result = parse_file("error_log", "error.log", log.encode())

    assert (result.rows_read, result.rejected) == (1, [])
    assert result.column("web__error_logs", "traceback") == [line]
