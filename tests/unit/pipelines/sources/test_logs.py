from datetime import datetime

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
