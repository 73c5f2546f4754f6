from datetime import datetime
from decimal import Decimal

import pytest

from anonymizers.treatments import ValueType
from pipelines.declarations.contract import Contract
from pipelines.sources.conform import conform
from pipelines.sources.engine import open_engine
from warehouse.store.connection import quoted


def contract(**column: object) -> Contract:
    given = {"treatment": "drop", "category": "system.operations", "description": "A value.", **column}
    return Contract.model_validate(
        {
            "source": "shop__things",
            "description": "Things.",
            "owner": "shop",
            "reader": "table",
            "landing": "shop/things/*",
            "kind": "event",
            "primary_key": ["x"],
            "event_time": "received_at",
            "policy": "usage",
            "subject": "visitor",
            "workspace": {"from": "platform"},
            "columns": {"x": given},
        }
    )


def outcome(text: str | None, **column: object) -> object:
    """The value of one text, or the reason it was rejected for."""
    value = "null" if text is None else quoted(text)
    raw = (
        "select 1::bigint as _record, timestamp '2026-03-02' as _received_at, null::varchar as _channel, "
        f"{value}::varchar as x"
    )
    with open_engine() as engine:
        result = conform(engine, raw, contract(**column))
    if result.rejected.num_rows:
        return result.rejected["reason"][0].as_py()
    return ("masked", None) if result.masked else result.rows["x"][0].as_py()


INVALID = "invalid_value:x"


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize(
    ("identity", "text", "expected"),
    [
        ("phone", "+4915550001", "+4915550001"),
        ("phone", "US.700", "US.700"),
        ("phone", "٤٩١٥١٠", "٤٩١٥١٠"),
        ("phone", "4.91511E+12", ("masked", None)),
        ("phone", "n/a", ("masked", None)),
        ("email", "ada\uff20example.org", "ada\uff20example.org"),
        ("email", "unknown", ("masked", None)),
        ("contact", "n/a", "n/a"),
        ("contact", "17.0", "17"),
        ("message", "0x1F.0", "0x1F.0"),
    ],
)
def test_what_identifies_nobody_is_null_and_counted_and_costs_no_row(identity, text, expected, required):
    column = {"type": "varchar", "treatment": "pseudonymize", "identity": identity, "required": required}

    assert outcome(text, **column) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("1.23457E+17", "unexpected_value:x"), ("1E17", "1E17"), ("33E95179", "33E95179")]
)
@pytest.mark.parametrize("identity", ["contact", "message", "outbox"])
def test_an_id_that_a_spreadsheet_shortened_is_of_no_row(identity, text, expected):
    column = {"type": "varchar", "treatment": "pseudonymize", "identity": identity, "as": "y_token"}

    assert outcome(text, required=True, **column) == expected
    assert outcome(text, **column) == (("masked", None) if expected.endswith(":x") else expected)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (ValueType.VARCHAR, " kept as it is ", " kept as it is "),
        (ValueType.VARCHAR, "", None),
        (ValueType.BIGINT, " 42 ", 42),
        (ValueType.BIGINT, "42.0", 42),
        (ValueType.BIGINT, "42.7", INVALID),
        (ValueType.BIGINT, "4_2", INVALID),
        (ValueType.BIGINT, "99999999999999999999", INVALID),
        (ValueType.DOUBLE, "1.5e3", 1500.0),
        (ValueType.DOUBLE, "nan", INVALID),
        (ValueType.DOUBLE, "-inf", INVALID),
        (ValueType.DOUBLE, "1e999", INVALID),
        (ValueType.DECIMAL, "12.345678", Decimal("12.345678")),
        (ValueType.DECIMAL, "1,50", INVALID),
        (ValueType.DECIMAL, "1e30", INVALID),
        (ValueType.BOOLEAN, "True", True),
        (ValueType.BOOLEAN, "perhaps", INVALID),
        (ValueType.BOOLEAN, "Wahr", True),
        (ValueType.BOOLEAN, "VRAI", True),
        (ValueType.BOOLEAN, "Nein", False),
        (ValueType.BOOLEAN, "0.0", False),
        (ValueType.BOOLEAN, "FALSO", False),
        (ValueType.JSON, '{"a": 1}', '{"a": 1}'),
        (ValueType.JSON, "{a", INVALID),
    ],
)
def test_a_text_becomes_its_type_or_is_invalid(kind, text, expected):
    assert outcome(text, type=kind) == expected


@pytest.mark.parametrize(
    ("written", "text", "expected"),
    [
        ("iso8601", "2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10)),
        ("iso8601", "2026-03-01T10:00:00.123456+05:30", datetime(2026, 3, 1, 4, 30, 0, 123_456)),
        ("iso8601", "2026-03-01 10:00:00", datetime(2026, 3, 1, 10)),
        ("iso8601", "2026-03-01", datetime(2026, 3, 1)),
        ("iso8601", "2026-03-01 11:00:00.5 +01:00", datetime(2026, 3, 1, 10, 0, 0, 500_000)),
        ("iso8601", "2026-03-01 10:00:00 UTC", datetime(2026, 3, 1, 10)),
        ("iso8601", "01.03.2026", INVALID),
        ("iso8601", "2026-02-30", INVALID),
        ("iso8601", "infinity", INVALID),
        ("iso8601", "2200-01-01T00:00:00Z", INVALID),
        ("iso8601", "1772359200", datetime(2026, 3, 1, 10)),
        ("iso8601", "1772359200123", datetime(2026, 3, 1, 10, 0, 0, 123_000)),
        ("iso8601", "20260301", INVALID),
        ("iso8601", "202603011000", INVALID),
        ("iso8601", "46082.5", INVALID),
        ("iso8601", "1969-12-31T23:59:59Z", INVALID),
        ("unix_seconds", "1772359200", datetime(2026, 3, 1, 10)),
        ("unix_seconds", "1772359200.5", datetime(2026, 3, 1, 10, 0, 0, 500_000)),
        ("unix_seconds", "1772359200123", datetime(2026, 3, 1, 10, 0, 0, 123_000)),
        ("unix_seconds", "7258118401", INVALID),
        ("unix_seconds", "-1", INVALID),
        ("unix_seconds", "nan", INVALID),
        ("rfc2822", "Thu, 24 Aug 2023 07:01:45 +0200", datetime(2023, 8, 24, 5, 1, 45)),
        ("rfc2822", "24 Aug 2023 05:01:45 GMT", datetime(2023, 8, 24, 5, 1, 45)),
        ("rfc2822", "yesterday", INVALID),
        ("smpp", "2603010905", datetime(2026, 3, 1, 9, 5)),
        ("smpp", "260301090530", datetime(2026, 3, 1, 9, 5, 30)),
        ("smpp", "26030109", INVALID),
        ("smpp", None, None),
        ("smpp", "20260301090530", datetime(2026, 3, 1, 9, 5, 30)),
        ("smpp", "202603010905", datetime(2026, 3, 1, 9, 5)),
        ("smpp", "2026-03-01 09:05:30", datetime(2026, 3, 1, 9, 5, 30)),
        ("smpp", "26-03-01 09:05", datetime(2026, 3, 1, 9, 5)),
        ("smpp", "01/03/26 09:05", datetime(2026, 3, 1, 9, 5)),
        ("smpp", "27.02.26 09:05:30", datetime(2026, 2, 27, 9, 5, 30)),
        ("smpp", "31-12-25 09:05", datetime(2025, 12, 31, 9, 5)),
        ("smpp", "26/02/27 09:05", datetime(2026, 2, 27, 9, 5)),
        ("smpp", "26/13/41 09:05", INVALID),
        ("smpp", "2026/03/01T09:05", datetime(2026, 3, 1, 9, 5)),
        ("smpp", "2026-03-01T09:05:30+02:00", datetime(2026, 3, 1, 7, 5, 30)),
        ("smpp", "2026-03-01 09:05:30.250", datetime(2026, 3, 1, 9, 5, 30)),
        ("smpp", "01.03.2026 09:05", datetime(2026, 3, 1, 9, 5)),
        ("smpp", "20260301 090530", datetime(2026, 3, 1, 9, 5, 30)),
        ("smpp", "20260301090530125", datetime(2026, 3, 1, 9, 5, 30)),
        ("smpp", "260301090530004+", datetime(2026, 3, 1, 8, 5, 30)),
        ("smpp", "260301090530006-", datetime(2026, 3, 1, 10, 35, 30)),
        ("smpp", "260301090530000R", INVALID),
        ("smpp", "1772355930", datetime(2026, 3, 1, 9, 5, 30)),
        ("smpp", "1772355930000", datetime(2026, 3, 1, 9, 5, 30)),
        ("smpp", "2613010905", INVALID),
        ("rfc2822", "2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10)),
        ("log", "17/May/2015:10:05:03 +0200", datetime(2015, 5, 17, 8, 5, 3)),
        ("iso8601", "2026-03-01T11:00:00+01:00[Europe/Berlin]", datetime(2026, 3, 1, 10)),
        ("log", "17/Mai/2015:10:05:03 +0200", INVALID),
        ("log", "01/Mar/2026 10:00:00", datetime(2026, 3, 1, 10)),
        ("log", "01-Mar-2026 10:00:00.25", datetime(2026, 3, 1, 10, 0, 0, 250_000)),
        ("log", "2026-03-01T11:00:00+01:00", datetime(2026, 3, 1, 10)),
        ("log", "1772359200.25", datetime(2026, 3, 1, 10, 0, 0, 250_000)),
        ("log", "1772359200250", datetime(2026, 3, 1, 10, 0, 0, 250_000)),
        ("log", "1772359200250000", datetime(2026, 3, 1, 10, 0, 0, 250_000)),
        ("log", "17723592002", INVALID),
    ],
)
def test_a_time_becomes_utc_or_is_invalid(written, text, expected):
    assert outcome(text, type="timestamp", format=written) == expected


@pytest.mark.parametrize(
    ("written", "text", "expected"),
    [
        ("iso8601", "2026-03-01 10:00:00.5", datetime(2026, 3, 1, 9, 0, 0, 500_000)),
        ("iso8601", "2026-07-01T10:00:00", datetime(2026, 7, 1, 8)),
        ("iso8601", "2026-03-01 10:00:00 +0000", datetime(2026, 3, 1, 10)),
        ("iso8601", "2026-03-01T10:00:00-05:00", datetime(2026, 3, 1, 15)),
        ("iso8601", "2026-03-01 10:00:00 UTC", datetime(2026, 3, 1, 10)),
        ("iso8601", "2026-03-18", datetime(2026, 3, 17, 23)),
        ("smpp", "2607011000", datetime(2026, 7, 1, 8)),
        ("smpp", "2026-07-01T10:00:00Z", datetime(2026, 7, 1, 10)),
    ],
)
def test_a_time_without_an_offset_is_read_by_the_declared_zone(written, text, expected):
    assert outcome(text, type="timestamp", format=written, zone="Europe/Berlin") == expected


@pytest.mark.parametrize("zone", ["Berlin", "../etc/passwd", "CEST", ""])
def test_a_zone_that_nobody_knows_is_refused(zone):
    with pytest.raises(ValueError, match="time zone database"):
        contract(type="timestamp", zone=zone)

    assert outcome(zone or "x", type="varchar", format="time_zone") == INVALID
    assert outcome("America/Sao_Paulo", type="varchar", format="time_zone") == "America/Sao_Paulo"


@pytest.mark.parametrize(
    ("text", "number", "channel"),
    [
        ("whatsapp:+14155550100", "+14155550100", "whatsapp"),
        ("+14155550100", "+14155550100", "sms"),
        ("ACME", "ACME", "sms"),
        (None, None, None),
    ],
)
def test_an_address_names_its_channel_before_the_number(text, number, channel):
    assert outcome(text, type="varchar", format="address") == number
    assert outcome(text, type="varchar", format="address_channel", values=["sms", "whatsapp"]) == channel


def test_a_negative_amount_is_what_was_paid():
    assert outcome("-0.0750", type="decimal", format="negative_amount") == Decimal("0.075")


@pytest.mark.parametrize(
    ("required", "text", "expected"),
    [
        (True, "red", "red"),
        (False, " red\t", "red"),
        (True, "mauve", "unexpected_value:x"),
        (True, "redder", "unexpected_value:x"),
        (True, None, "missing_value:x"),
        (True, "", "missing_value:x"),
        (False, "mauve", ("masked", None)),
        (False, None, None),
    ],
)
def test_a_value_outside_the_declared_ones_is_rejected_if_required_and_else_masked(required, text, expected):
    assert outcome(text, type="varchar", required=required, values=["red", "blue"]) == expected
    assert outcome(text, type="varchar", required=required, pattern="red|blue") == expected
