import traceback
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizers.engine import anonymize, keyed_workspaces, redactions
from anonymizers.errors import (
    AnonymizerError,
    ColumnTypeError,
    MissingColumnsError,
    MissingKeyError,
    TreatmentError,
    UndeclaredColumnsError,
)
from anonymizers.plan import SharedBy
from anonymizers.text.scrubber import Mask
from anonymizers.tokens import token
from anonymizers.treatments import IdentityKind, KeyScope, TextFeature, Treatment, ValueType
from tests.support.plans import KEYS, RECEIVED_AT, Untouched, batch, column, plan

PHONE = column("phone", Treatment.PSEUDONYMIZE, output="contact_token", identity=IdentityKind.PHONE)
COUNTRY = column("country", Treatment.COUNTRY_FROM_PHONE)
NOTE = column("note", Treatment.SCRUB_TEXT)
EVERY_TREATMENT = (
    PHONE,
    COUNTRY,
    NOTE,
    column("status", Treatment.KEEP),
    column("name", Treatment.DROP),
    column("host", Treatment.GENERALIZE_IP, output="ip_network"),
    column("agent", Treatment.REDUCE_USER_AGENT),
    column("page", Treatment.SCRUB_URL),
    column("body", Treatment.DERIVE_TEXT_FEATURES, features=tuple(TextFeature)),
    column("fields", Treatment.JSON_ALLOWLIST, type_=ValueType.JSON, allow=("tier",)),
)


def test_every_treatment_has_its_columns_in_the_declared_order():
    every = plan(*EVERY_TREATMENT)
    assert {c.treatment for c in every.columns} == set(Treatment)
    row = {
        "phone": ["+49 151 00000001"],
        "country": ["4915100000001"],
        "note": ["fine"],
        "status": ["sent"],
        "name": ["Ada"],
        "host": ["203.0.113.77"],
        "agent": ["curl/8.5.0"],
        "page": ["/blog"],
        "body": ["STOP"],
        "fields": ['{"tier": "gold", "x": 1}'],
    }

    stored = anonymize(batch(row), plan=every, keys=KEYS, text=Untouched())

    assert stored.column_names == [name for name, _ in every.stored_columns()]
    found = stored.to_pylist()[0]
    assert found.pop("event_id")
    assert found == {
        "workspace_id": "ws_one",
        "received_at": RECEIVED_AT,
        "contact_token": token("+4915100000001", kind=IdentityKind.PHONE, key=KEYS["ws_one"]),
        "country": "DE",
        "note": "fine",
        "status": "sent",
        "ip_network": "203.0.113.0/24",
        "agent_browser": "curl",
        "agent_os": "Other",
        "agent_device": "bot",
        "page": "/blog",
        "body_length": 4,
        "body_segments": 1,
        "body_language": None,
        "body_has_link": False,
        "body_is_opt_out": True,
        "fields": '{"tier":"gold"}',
    }


@pytest.mark.parametrize(
    ("type_", "array"),
    [
        (ValueType.VARCHAR, pa.array(["a", None])),
        (ValueType.BIGINT, pa.array([1, None], pa.int64())),
        (ValueType.DOUBLE, pa.array([1.5, None], pa.float64())),
        (ValueType.DECIMAL, pa.array([Decimal("1.250000"), None], pa.decimal128(18, 6))),
        (ValueType.BOOLEAN, pa.array([True, None])),
        (ValueType.TIMESTAMP, pa.array([datetime(2026, 3, 1), None], pa.timestamp("us"))),
    ],
)
def test_a_kept_column_keeps_its_type_and_can_be_the_key(type_, array):
    kept = plan(column("value", Treatment.KEEP, type_=type_))

    stored = anonymize(batch({"value": array}), plan=kept, keys=KEYS, text=Untouched())

    assert stored.column("value").to_pylist() == array.to_pylist()
    assert stored.schema.field("value").type == array.type
    assert len(set(stored.column("event_id").to_pylist())) == 2


@pytest.mark.parametrize("layout", [pa.large_string(), pa.string_view()])
def test_text_may_come_in_any_layout_and_is_stored_in_one(layout):
    columns = plan(column("status", Treatment.KEEP), PHONE)
    plainly = batch({"status": ["sent", None], "phone": ["1", "+49 151 00000001"]})
    rows = plainly.set_column(2, "status", plainly.column("status").cast(layout))
    rows = rows.set_column(3, "phone", plainly.column("phone").cast(layout))

    stored = [anonymize(each, plan=columns, keys=KEYS, text=Untouched()) for each in (plainly, rows)]

    assert stored[0] == stored[1]


def test_a_batch_without_rows_has_the_schema_of_a_full_one():
    every = plan(*EVERY_TREATMENT)
    empty = batch({c.raw: pa.array([], pa.string()) for c in EVERY_TREATMENT})
    full = batch({c.raw: ["x"] for c in EVERY_TREATMENT})

    treated = [anonymize(rows, plan=every, keys=KEYS, text=Untouched()) for rows in (empty, full)]

    assert treated[0].num_rows == 0
    assert treated[0].schema == treated[1].schema


_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ws_one", "ws_two"]),
        st.none() | st.sampled_from(["+4915100000001", "x", "", "0151"]),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=25)
@given(_ROWS)
def test_rows_keep_their_number_and_order_and_nulls_stay_null(rows):
    numbered = plan(
        column("number", Treatment.KEEP, type_=ValueType.BIGINT),
        *(c for c in EVERY_TREATMENT if c.treatment is not Treatment.KEEP),
    )
    values = pa.array([value for _, value in rows], pa.string())
    raw = {c.raw: values for c in numbered.columns} | {"number": pa.array(range(len(rows)), pa.int64())}

    stored = anonymize(
        batch(raw, workspaces=[w for w, _ in rows]), plan=numbered, keys=KEYS, text=Untouched()
    )

    assert stored.column("number").to_pylist() == list(range(len(rows)))
    assert stored.column("workspace_id").to_pylist() == [workspace for workspace, _ in rows]
    treated = [
        n for n in stored.column_names if n not in {"workspace_id", "event_id", "received_at", "number"}
    ]
    for name in treated:
        for (_, value), kept in zip(rows, stored.column(name).to_pylist(), strict=True):
            assert value is not None or kept is None


@settings(deadline=None, max_examples=25)
@given(_ROWS)
def test_a_row_is_treated_the_same_whatever_stands_beside_it(rows):
    each = plan(*EVERY_TREATMENT)

    def treated(chosen):
        values = pa.array([value for _, value in chosen], pa.string())
        raw = batch({c.raw: values for c in each.columns}, workspaces=[w for w, _ in chosen])
        return anonymize(raw, plan=each, keys=KEYS, text=Untouched()).to_pylist()

    assert treated(rows) == [row for alone in rows for row in treated([alone])]


def test_one_contact_has_one_token_in_every_data_set_of_a_workspace_and_no_other():
    contacts = plan(PHONE, source="shop__contacts")
    clicks = plan(
        column("from", Treatment.PSEUDONYMIZE, output="clicker_token", identity=IdentityKind.PHONE),
        column("id", Treatment.PSEUDONYMIZE, output="id_token", identity=IdentityKind.CONTACT),
        source="shop__clicks",
    )

    stored = anonymize(
        batch({"phone": ["+49 151 00000001"] * 2}, workspaces=["ws_one", "ws_two"]),
        plan=contacts,
        keys=KEYS,
        text=Untouched(),
    )
    clicked = anonymize(
        batch({"from": ["4915100000001"], "id": ["+4915100000001"]}), plan=clicks, keys=KEYS, text=Untouched()
    ).to_pylist()[0]

    one, two = stored.column("contact_token").to_pylist()
    assert clicked["clicker_token"] == one
    assert len({one, two, clicked["id_token"]}) == 3


def test_two_spellings_of_one_key_are_one_event():
    stored = anonymize(
        batch({"phone": ["+49 151 00000001", "4915100000001"]}), plan=plan(PHONE), keys=KEYS, text=Untouched()
    )

    assert len(set(stored.column("event_id").to_pylist())) == 1


def test_the_time_of_receipt_can_be_part_of_the_key():
    timed = plan(column("code", Treatment.KEEP), key=("code", "received_at"))

    stored = anonymize(batch({"code": ["7", "7"]}), plan=timed, keys=KEYS, text=Untouched())

    assert len(set(stored.column("event_id").to_pylist())) == 1


def test_a_platform_column_needs_the_platforms_key_and_no_other_plan_does():
    channel = column("sender", Treatment.PSEUDONYMIZE, identity=IdentityKind.CHANNEL, scope=KeyScope.PLATFORM)
    only_one = {"ws_one": KEYS["ws_one"]}

    anonymize(batch({"phone": ["1"]}), plan=plan(PHONE), keys=only_one, text=Untouched())
    with pytest.raises(MissingKeyError):
        anonymize(batch({"sender": ["1"]}), plan=plan(channel), keys=only_one, text=Untouched())


def test_rows_whose_ids_are_the_platforms_need_a_workspaces_key_only_where_they_name_somebody():
    holds = replace(plan(column("hold_id", Treatment.KEEP), PHONE), id_scope=KeyScope.PLATFORM)
    rows = batch({"hold_id": ["h1", "h2"], "phone": ["1", None]}, workspaces=["ws_one", "ws_gone"])

    stored = anonymize(rows, plan=holds, keys=KEYS, text=Untouched())

    named, unnamed = stored.to_pylist()
    assert keyed_workspaces(rows, plan=holds) == {"ws_one"}
    assert unnamed["contact_token"] is None
    assert {len(row["event_id"]) for row in (named, unnamed)} == {32}
    assert named["contact_token"] == token("1", kind=IdentityKind.PHONE, key=KEYS["ws_one"])
    keyless = batch({"hold_id": ["h2"], "phone": ["2"]}, workspaces=["ws_gone"])
    with pytest.raises(MissingKeyError, match="1 workspace"):
        anonymize(keyless, plan=holds, keys=KEYS, text=Untouched())


def test_an_undeclared_column_stops_the_batch_and_keeps_its_value_out_of_the_message():
    with pytest.raises(UndeclaredColumnsError, match="iban") as caught:
        anonymize(
            batch({"phone": ["1"], "iban": ["DE00 canary"]}), plan=plan(PHONE), keys=KEYS, text=Untouched()
        )

    assert "canary" not in str(caught.value)


def test_a_column_given_twice_is_undeclared():
    rows = batch({"phone": ["1"]})

    with pytest.raises(UndeclaredColumnsError, match="phone"):
        anonymize(
            rows.append_column("phone", rows.column("phone")), plan=plan(PHONE), keys=KEYS, text=Untouched()
        )


@pytest.mark.parametrize("missing", ["phone", "_workspace_id", "_received_at"])
def test_a_missing_column_stops_the_batch(missing):
    with pytest.raises(MissingColumnsError, match=missing):
        anonymize(
            batch({"phone": ["1"]}).drop_columns([missing]), plan=plan(PHONE), keys=KEYS, text=Untouched()
        )


def test_a_column_of_another_type_stops_the_batch():
    with pytest.raises(ColumnTypeError, match="phone"):
        anonymize(
            batch({"phone": pa.array([4915100000001], pa.int64())}),
            plan=plan(PHONE),
            keys=KEYS,
            text=Untouched(),
        )


def test_bytes_that_are_no_text_stop_the_batch():
    invalid = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\x09\0\0\0"), pa.py_buffer(b"canary \xff\xfe")]
    )

    with pytest.raises(ColumnTypeError, match="phone") as caught:
        anonymize(batch({"phone": invalid}), plan=plan(PHONE), keys=KEYS, text=Untouched())

    assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("keys", [{}, {"ws_one": b""}, {"ws_one": b"k" * 31}, {"ws_two": b"k" * 32}])
def test_a_missing_or_short_key_stops_the_batch_without_naming_the_workspace(keys):
    with pytest.raises(MissingKeyError, match="1 workspace") as caught:
        anonymize(batch({"phone": ["1"]}), plan=plan(PHONE), keys=keys, text=Untouched())

    assert "ws_one" not in str(caught.value)


def test_a_row_without_a_workspace_stops_the_batch():
    rows = batch({"phone": ["1"]}, workspaces=[None])

    with pytest.raises(MissingKeyError):
        anonymize(rows, plan=plan(PHONE), keys=KEYS, text=Untouched())


def test_a_treatment_that_breaks_stops_the_batch():
    broken = plan(column("phone", Treatment.PSEUDONYMIZE, identity=None), key=("phone",))

    with pytest.raises(
        TreatmentError, match=r"shop__orders\.phone: `pseudonymize` failed \(ValueError\)"
    ) as caught:
        anonymize(batch({"phone": ["canary"]}), plan=broken, keys=KEYS, text=Untouched())

    assert isinstance(caught.value, AnonymizerError)
    assert caught.value.__suppress_context__


class MasksTheLastWord:
    def masks(self, texts):
        return [[Mask(text.rindex(" ") + 1, len(text), "<NAME>")] for text in texts]

    def scrub(self, texts):
        return [
            text[: mask.start] + mask.name for text, (mask,) in zip(texts, self.masks(texts), strict=True)
        ]


def test_a_text_is_reduced_to_the_template_that_enough_contacts_got():
    columns = plan(PHONE, column("note", Treatment.SCRUB_TEXT, template=SharedBy("phone", fewest=2)))
    rows = {"phone": ["+49 151 00000001", "4915100000002", "1"], "note": ["from Zorblig"] * 2 + ["by Ada"]}

    stored = anonymize(batch(rows), plan=columns, keys=KEYS, text=MasksTheLastWord())

    assert stored.column("note").to_pylist() == ["from Zorblig", "from Zorblig", "by <NAME>"]


def test_two_spellings_of_one_contact_are_one_contact_and_an_empty_one_is_nobody():
    columns = plan(PHONE, column("note", Treatment.SCRUB_TEXT, template=SharedBy("phone", fewest=2)))
    rows = {"phone": ["+49 151 00000001", "4915100000001", "", None], "note": ["from Zorblig"] * 4}

    stored = anonymize(batch(rows), plan=columns, keys=KEYS, text=MasksTheLastWord())

    assert stored.column("note").to_pylist() == ["from <NAME>"] * 4


def test_a_template_shared_by_a_column_that_is_not_there_stops_the_batch():
    columns = plan(column("note", Treatment.SCRUB_TEXT, template=SharedBy("phone", fewest=2)))

    with pytest.raises(TreatmentError, match=r"shop__orders\.note"):
        anonymize(batch({"note": ["from Ada"]}), plan=columns, keys=KEYS, text=MasksTheLastWord())


def test_texts_that_no_detector_could_clear_are_redacted_and_counted():
    class Broken:
        def scrub(self, texts):
            raise RuntimeError("canary")

    texts = plan(NOTE, column("page", Treatment.SCRUB_URL), column("other", Treatment.SCRUB_TEXT))
    rows = batch({"note": ["a", None, "b"], "page": ["/ada", "/4711", "/"], "other": [None, None, None]})

    stored = anonymize(rows, plan=texts, keys=KEYS, text=Broken())

    assert stored.column("note").to_pylist() == ["<REDACTED>", None, "<REDACTED>"]
    assert redactions(stored, plan=texts) == {"note": 2, "page": 1}
