"""One row per message, whatever order, number and day its events come in."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

DAY = date(2026, 5, 10)
NOON = datetime(2026, 5, 10, 12)
STATUSES = ["accepted", "sent", "delivered", "read", "played", "failed", "deleted", "warning"]


def queued(token, *, at=NOON, **columns):
    return {
        "workspace_id": "w1",
        "event_id": f"outbox-{token}-{at:%d%H%M}",
        "message_token": token,
        "campaign_id": "spring",
        "contact_token": f"contact-{token}",
        "channel": "whatsapp",
        "provider": "whatsapp",
        "outcome": "accepted",
        "queued_at": at,
        "event_date": at.date(),
        **columns,
    }


def status(token, name, *, minutes=1, **columns):
    at = NOON + timedelta(minutes=minutes)
    return {
        "workspace_id": "w1",
        "message_token": token,
        "status": name,
        "occurred_at": at,
        "event_date": at.date(),
        **columns,
    }


def callback(token, name, **more):
    """A status that comes without a time of its own and names the contact."""
    row = status(token, name, contact_token=f"contact-{token}", **more)
    row["received_at"] = row.pop("occurred_at")
    return row


def receipt(token, state, *, operator="op-1", **more):
    row = status(token, state, operator_token=operator, **more)
    return {"received_at": row["occurred_at"], **row}


def facts(sql, *, columns=("final_status",), query="{{ messages(stored_sources()) }}"):
    rows = sql.rows(query, order_by="workspace_id, message_token")
    if len(columns) == 1:
        return {row["message_token"]: row[columns[0]] for row in rows}
    return {row["message_token"]: tuple(row[column] for column in columns) for row in rows}


@pytest.mark.parametrize(
    ("statuses", "final"),
    [
        ([], "accepted"),
        (["sent"], "sent"),
        (["sent", "delivered"], "delivered"),
        (["sent", "delivered", "read"], "read"),
        (["read"], "read"),
        (["sent", "read"], "read"),
        (["played"], "read"),
        (["failed"], "failed"),
        (["sent", "failed"], "failed"),
        (["failed", "delivered"], "delivered"),
        (["delivered", "failed"], "delivered"),
        (["read", "sent"], "read"),
        (["sent", "deleted"], "sent"),
        (["warning"], "accepted"),
    ],
)
def test_a_message_never_goes_back(sql, statuses, final):
    sql.load("stg_app__messages", [queued("m1")])
    sql.load("stg_whatsapp__statuses", [status("m1", name, minutes=i) for i, name in enumerate(statuses)])

    assert facts(sql) == {"m1": final}


def test_the_first_time_of_each_status_counts_in_every_order(sql):
    events = [("sent", 1), ("delivered", 2), ("delivered", 5), ("read", 9)]
    orders = list(permutations(events))
    sql.load("stg_app__messages", [queued(f"m{i:02}") for i in range(len(orders))])
    sql.load(
        "stg_whatsapp__statuses",
        [status(f"m{i:02}", name, minutes=m) for i, order in enumerate(orders) for name, m in order],
    )

    times = facts(sql, columns=("sent_at", "delivered_at", "read_at"))

    assert set(times.values()) == {tuple(NOON + timedelta(minutes=m) for m in (1, 2, 9))}


def test_read_implies_delivered_and_sent_but_invents_no_times(sql):
    sql.load("stg_app__messages", [queued("m1")])
    sql.load("stg_whatsapp__statuses", [status("m1", "read")])

    assert facts(sql, columns=("is_sent", "is_delivered", "is_read", "sent_at", "delivered_at")) == {
        "m1": (True, True, True, None, None)
    }


def test_cost_is_counted_once(sql):
    price = {"price": "0.070000", "price_currency": "EUR"}
    by_sms = {"price": "0.009000", "price_currency": "USD", "channel": "sms", "provider": "twilio"}
    sql.load(
        "stg_app__messages",
        [
            queued("listed", **price),
            queued("free", **price),
            queued("lost", **price),
            queued("found", **price),
            queued("rejected", **price, outcome="rejected", message_token=None),
            queued("billed", **by_sms),
        ],
    )
    sql.load(
        "stg_whatsapp__statuses",
        [status("listed", name, is_billable=True) for name in ("sent", "delivered", "read")]
        + [status("free", name, is_billable=False) for name in ("sent", "delivered")]
        + [status("lost", name) for name in ("sent", "failed")]
        + [status("found", name) for name in ("failed", "read")],
    )
    sql.load(
        "stg_twilio__messages",
        [
            status(
                "billed", name, direction="outbound-api", price=amount, price_currency="usd", segments=parts
            )
            for name, amount, parts in [("sent", None, None)] + 2 * [("delivered", "0.007500", 2)]
        ],
    )

    costs = facts(sql, columns=("cost_amount", "cost_currency", "segments"))

    assert {token: (str(amount), *rest) for token, (amount, *rest) in costs.items()} == {
        "listed": ("0.070000", "EUR", None),
        "free": ("0.000000", "EUR", None),
        "lost": ("0.000000", "EUR", None),
        "found": ("0.070000", "EUR", None),
        "outbox-rejected-101200": ("None", None, None),
        "billed": ("0.007500", "USD", 2),
    }


def test_failures_carry_the_code_and_its_class(sql):
    sql.load("stg_app__messages", [queued(t) for t in ("listed", "new", "silent", "recovered")])
    sql.load(
        "stg_whatsapp__statuses",
        [
            status("listed", "failed", error_code=131026),
            status("new", "failed", error_code=999999),
            status("silent", "failed"),
            status("recovered", "failed", error_code=131026),
            status("recovered", "delivered"),
        ],
    )

    assert facts(sql, columns=("provider_error_code", "provider_error_class")) == {
        "listed": ("131026", "undeliverable"),
        "new": ("999999", "unknown"),
        "silent": (None, "unspecified"),
        "recovered": (None, None),
    }


@pytest.mark.parametrize(
    ("provider", "code", "error_class"),
    [
        ("smpp", 11, "invalid_recipient"),
        ("smpp", 88, "rate_limit"),
        ("smpp", 1025, "unknown"),
        ("twilio", 21610, "opted_out"),
        ("twilio", 39999, "unknown"),
        ("whatsapp", 131042, "account"),
        # Another provider's code says nothing of this one.
        ("whatsapp", 21610, "unknown"),
        ("whatsapp", None, "unspecified"),
    ],
)
def test_a_rejection_is_classified_by_its_own_provider_and_shows_if_it_is_unknown(
    sql, provider, code, error_class
):
    row = queued("m1", provider=provider, outcome="rejected", error_code=code, message_token=None)
    sql.load("stg_app__messages", [row])

    assert facts(sql, columns=("final_status", "provider_error_code", "provider_error_class")) == {
        "outbox-m1-101200": ("failed", None if code is None else str(code), error_class)
    }


def test_providers_share_one_vocabulary(sql):
    sql.load(
        "stg_twilio__statuses",
        [callback(f"t-{name}", name) for name in ("queued", "sent", "undelivered", "read", "received")]
        + [callback("t-partly", "partially_delivered"), callback("t-chat", "read", channel="whatsapp")],
    )
    states = ("ENROUTE", "DELIVRD", "UNDELIV", "UNKNOWN")
    sql.load("stg_app__messages", [queued(f"s-{name}", channel="sms", provider="smpp") for name in states])
    sql.load("stg_smpp__receipts", [receipt(f"s-{name}", name) for name in states])

    assert facts(sql, columns=("final_status", "provider", "channel")) == {
        "t-queued": ("accepted", "twilio", "sms"),
        "t-sent": ("sent", "twilio", "sms"),
        "t-undelivered": ("failed", "twilio", "sms"),
        "t-read": ("read", "twilio", "sms"),
        "t-partly": ("sent", "twilio", "sms"),
        "t-chat": ("read", "twilio", "whatsapp"),
        "s-ENROUTE": ("sent", "smpp", "sms"),
        "s-DELIVRD": ("delivered", "smpp", "sms"),
        "s-UNDELIV": ("failed", "smpp", "sms"),
        "s-UNKNOWN": ("accepted", "smpp", "sms"),
    }


def test_skipped_messages_are_kept_with_their_reason_and_do_not_count_as_attempted(sql):
    sql.load("stg_app__messages", [queued("m1", outcome="skipped", skip_reason="cap", message_token=None)])

    assert facts(sql, columns=("final_status", "skip_reason", "is_attempted")) == {
        "outbox-m1-101200": ("skipped", "cap", False)
    }


@pytest.mark.parametrize(
    ("hours", "message_type", "in_24h", "in_72h"),
    [
        (0, "text", True, True),
        (23.9, "text", True, True),
        (24, "text", False, True),
        (71.9, "text", False, True),
        (72, "text", False, False),
        (-1, "text", False, False),
        (1, "reaction", False, False),
        (1, "system", False, False),
    ],
)
def test_a_reply_counts_within_its_window(sql, hours, message_type, in_24h, in_72h):
    sql.load("stg_app__messages", [queued("m1")])
    reply = status("reply", None, minutes=hours * 60, contact_token="contact-m1", message_type=message_type)
    sql.load("stg_whatsapp__messages", [{k: v for k, v in reply.items() if k != "status"}])

    assert facts(sql, columns=("is_replied_24h", "is_replied_72h")) == {"m1": (in_24h, in_72h)}


@pytest.mark.parametrize(
    ("quoted", "replied"),
    [(None, {"m1", "m2"}), ("m1", {"m1"}), ("m2", {"m2"}), ("one of another week", set())],
)
def test_a_reply_that_quotes_a_message_counts_for_that_one_alone(sql, quoted, replied):
    sql.load("stg_app__messages", [queued(name, contact_token="c") for name in ("m1", "m2")])
    reply = status("reply", None, contact_token="c", message_type="text", replied_to_message_token=quoted)
    sql.load("stg_whatsapp__messages", [{k: v for k, v in reply.items() if k != "status"}])

    found = facts(sql, columns=("is_replied_72h",))

    assert {name for name, is_replied in found.items() if is_replied} == replied


@pytest.mark.parametrize(
    ("time_zone", "at", "day"),
    [
        ("America/Sao_Paulo", datetime(2026, 5, 11, 2, 30), DAY),  # 23:30 there
        ("America/Sao_Paulo", datetime(2026, 5, 11, 3), DAY + timedelta(days=1)),
        ("Pacific/Kiritimati", datetime(2026, 5, 9, 10), DAY),  # UTC+14
        ("Asia/Kathmandu", datetime(2026, 5, 10, 18, 14), DAY),  # UTC+5:45
        ("Asia/Kathmandu", datetime(2026, 5, 10, 18, 15), DAY + timedelta(days=1)),
        ("Mars/Olympus", datetime(2026, 5, 10, 23, 59), DAY),
        (None, datetime(2026, 5, 10, 23, 59), DAY),
    ],
)
@pytest.mark.parametrize("source", ["stg_app__messages", "stg_whatsapp__statuses"])
def test_a_message_is_of_the_day_of_its_workspaces_clock(sql, source, time_zone, at, day):
    sql.load("stg_app__workspaces", [{"workspace_id": "w1", "time_zone": time_zone}])
    begun = status("m1", "sent", contact_token="c") | {"occurred_at": at, "event_date": at.date()}
    sql.load(source, [queued("m1", at=at) if source == "stg_app__messages" else begun])

    slices = [
        (found, row["message_token"])
        for found in (DAY + timedelta(days=n) for n in range(-3, 4))
        for row in sql.rows(f"{{{{ messages(stored_sources(), '{found}', '{found}') }}}}")
    ]

    assert slices == [(day, "m1")]
    assert [row["send_date"] for row in sql.rows("{{ messages(stored_sources()) }}")] == [day]


def test_opt_outs_and_clicks_belong_to_the_message_before_them(sql):
    sql.load("stg_app__messages", [queued("m1"), queued("m2")])
    at = NOON + timedelta(hours=2)
    where = {"workspace_id": "w1", "event_date": DAY}
    sql.load(
        "stg_whatsapp__preferences",
        [{**where, "contact_token": "contact-m1", "preference": "stop", "occurred_at": at}],
    )
    sql.load("stg_app__link_clicks", [{**where, "message_token": "m2", "clicked_at": at} for _ in range(2)])

    assert facts(sql, columns=("is_opted_out", "is_clicked")) == {"m1": (True, False), "m2": (False, True)}


@pytest.mark.parametrize(
    ("case", "seconds", "device", "is_clicked"),
    [
        ("a person, hours later", 7_200, "mobile", True),
        ("a preview that says so", 7_200, "bot", False),
        ("a scanner within seconds of sending", 3, "desktop", False),
        ("a scanner within seconds of delivery", 603, "desktop", False),
        ("somebody who reads fast", 620, "mobile", True),
    ],
)
def test_clicks_of_previews_and_scanners_are_nobodys(sql, case, seconds, device, is_clicked):
    sql.load("stg_app__messages", [queued("m1")])
    sql.load("stg_whatsapp__statuses", [status("m1", "delivered", minutes=10)])
    click = {"workspace_id": "w1", "event_date": DAY, "message_token": "m1", "user_agent_device": device}
    sql.load("stg_app__link_clicks", [{**click, "clicked_at": NOON + timedelta(seconds=seconds)}])

    assert facts(sql, columns=("is_clicked",)) == {"m1": is_clicked}, case


def test_statuses_without_an_outbox_row_give_a_message_on_the_day_of_the_earliest(sql):
    sql.load(
        "stg_whatsapp__statuses",
        [status("m1", "read", minutes=24 * 60, contact_token="c1"), status("m1", "sent", contact_token="c1")],
    )

    assert facts(sql, columns=("send_date", "contact_token", "campaign_id", "final_status")) == {
        "m1": (DAY, "c1", None, "read")
    }


def of_day(day):
    return f"{{{{ messages(stored_sources(), '{day}', '{day}') }}}}"


@pytest.mark.parametrize("days_later", [0, 1, 5, 7])
def test_a_message_queued_twice_is_its_earliest_row_and_counts_on_that_day_only(sql, days_later):
    first = queued("m1", campaign_id="spring", template_id=None, price="0.07", price_currency="EUR")
    again = queued(
        "m1",
        at=NOON + timedelta(days=days_later, hours=1),
        campaign_id="again",
        template_id="a-1",
        price="0.09",
        price_currency="AAA",
        outcome="skipped",
    )
    sql.load("stg_app__messages", [again, first])
    sql.load("stg_whatsapp__statuses", [status("m1", "sent", minutes=(days_later * 24 + 2) * 60)])
    columns = ("send_date", "campaign_id", "template_id", "cost_amount", "cost_currency", "final_status")
    expected = {"m1": (DAY, "spring", None, Decimal("0.070000"), "EUR", "sent")}

    assert facts(sql, columns=columns) == expected
    assert facts(sql, columns=columns, query=of_day(DAY)) == expected
    if days_later:
        assert facts(sql, query=of_day(DAY + timedelta(days=days_later))) == {}


def test_a_message_begins_with_its_earliest_event_even_if_that_is_stamped_before_it_was_sent(sql):
    # The carrier's clock is two hours behind: delivered the day before it was sent.
    sql.load(
        "stg_twilio__statuses",
        [callback("m1", "delivered", minutes=11 * 60), callback("m1", "sent", minutes=13 * 60)],
    )
    whole = facts(sql, columns=("send_date", "final_status"))

    assert whole == {"m1": (DAY, "delivered")}
    assert facts(sql, columns=("send_date", "final_status"), query=of_day(DAY)) == whole
    assert facts(sql, query=of_day(DAY + timedelta(days=1))) == {}


def test_a_contact_is_known_by_the_number_wherever_one_event_names_it(sql):
    sql.load(
        "stg_whatsapp__statuses",
        [
            status("m1", "sent", contact_user_token="a-user"),
            status("m1", "read", minutes=24 * 60, contact_token="z-number", contact_user_token="a-user"),
            status("m2", "sent", contact_user_token="a-user"),
        ],
    )

    expected = {"m1": "z-number", "m2": "a-user"}
    assert facts(sql, columns=("contact_token",)) == expected
    assert facts(sql, columns=("contact_token",), query=of_day(DAY)) == expected


@pytest.mark.parametrize("received_days_later", [7, 8])
def test_the_horizon_ends_by_the_events_time_whenever_it_was_received(sql, received_days_later):
    sql.load("stg_app__messages", [queued("m1")])
    partition = DAY + timedelta(days=received_days_later)
    sql.load("stg_whatsapp__statuses", [status("m1", "read", minutes=8 * 24 * 60, event_date=partition)])

    assert facts(sql, query=of_day(DAY)) == {"m1": "accepted"}


def test_an_inbound_message_exported_again_with_its_price_is_one_message(sql):
    exported = {
        **status("m1", "received"),
        "direction": "inbound",
        "writer_token": "c1",
        "body_length": 4,
    }
    sql.load(
        "stg_twilio__messages",
        [{**exported, "event_id": "b"}, {**exported, "event_id": "a", "price": "0.0075"}],
    )

    (row,) = sql.rows("select * from int_inbound_messages_unioned")
    assert (row["event_id"], row["contact_token"]) == ("a", "c1")


def of_operator(name, *, contact, minutes=0, operator=None, **more):
    """An outbox row of a message with the id `1234`."""
    at = NOON + timedelta(minutes=minutes)
    row = {"campaign_id": name, "contact_token": contact, "channel": "sms", "provider": "smpp", **more}
    return {**queued("1234", at=at, **row), "event_id": f"outbox-{name}", "sender_token": operator}


def by_campaign(sql, query="{{ messages(stored_sources()) }}"):
    rows = sql.rows(query)
    assert len({(row["workspace_id"], row["message_token"], row["send_date"]) for row in rows}) == len(rows)
    return {row["campaign_id"]: (row["contact_token"], row["final_status"]) for row in rows}


def unmatched(sql):
    return [row["status"] for row in sql.rows(sql.models.model("fct_unmatched_statuses"))]


@pytest.mark.parametrize("operators", [(None, None), ("op-1", "op-2"), ("op-1", None)])
@pytest.mark.parametrize("days_apart", [0, 3])
def test_messages_of_two_operators_with_one_id_have_each_its_own_receipts(sql, operators, days_apart):
    later = 5 + days_apart * 24 * 60
    first, second = operators
    sql.load(
        "stg_app__messages",
        [
            of_operator("one", contact="a", operator=first),
            of_operator("two", contact="b", minutes=later, operator=second),
        ],
    )
    sql.load(
        "stg_smpp__receipts",
        [
            receipt("1234", "DELIVRD", minutes=1),
            receipt("1234", "UNDELIV", minutes=later + 1, operator="op-2", submitted_at=None),
        ],
    )
    expected = {"one": ("a", "delivered"), "two": ("b", "failed")}

    assert by_campaign(sql) == expected
    days = {DAY, DAY + timedelta(days=days_apart)}
    assert {name: row for day in days for name, row in by_campaign(sql, of_day(day)).items()} == expected
    assert unmatched(sql) == []


def test_a_declared_operator_decides_whatever_the_clocks_say(sql):
    sql.load(
        "stg_app__messages",
        [
            of_operator("one", contact="a", operator="op-2"),
            of_operator("two", contact="b", minutes=5, operator="op-1"),
        ],
    )
    sql.load(
        "stg_smpp__receipts",
        [receipt("1234", "DELIVRD", minutes=1), receipt("1234", "UNDELIV", minutes=6, operator="op-2")],
    )

    assert by_campaign(sql) == {"one": ("a", "failed"), "two": ("b", "delivered")}


def test_an_operator_that_begins_anew_reports_on_the_message_before_the_report(sql):
    sql.load(
        "stg_app__messages",
        [of_operator("one", contact="a"), of_operator("two", contact="b", minutes=24 * 60)],
    )
    late = {"minutes": 25 * 60, "submitted_at": NOON}
    sql.load(
        "stg_smpp__receipts",
        [
            receipt("1234", "ENROUTE"),
            receipt("1234", "UNDELIV", minutes=24 * 60 + 2),
            receipt("1234", "DELIVRD", **late),
        ],
    )

    assert by_campaign(sql) == {"one": ("a", "delivered"), "two": ("b", "failed")}


def test_an_id_of_another_provider_or_operator_is_another_message(sql):
    sql.load(
        "stg_app__messages",
        [
            of_operator("sms", contact="a"),
            of_operator("other", contact="b", provider="twilio", message_token="5678"),
        ],
    )
    sql.load("stg_twilio__statuses", [callback("1234", "delivered")])
    sql.load(
        "stg_smpp__receipts",
        [
            receipt("1234", "UNDELIV", minutes=2),
            receipt("1234", "DELIVRD", minutes=3, operator="op-2"),
            receipt("5678", "DELIVRD"),
        ],
    )

    assert by_campaign(sql) == {
        "sms": ("a", "failed"),
        "other": ("b", "accepted"),
        # Twilio's status names a contact: it is a message without an outbox row.
        None: ("contact-1234", "delivered"),
    }
    assert unmatched(sql) == ["delivered", "delivered"]


def test_a_click_on_a_message_with_a_shared_id_is_its_contacts(sql):
    sql.load(
        "stg_app__messages", [of_operator("one", contact="a"), of_operator("two", contact="b", minutes=5)]
    )
    click = {"workspace_id": "w1", "message_token": "1234", "event_date": DAY, "clicked_at": NOON}
    sql.load("stg_app__link_clicks", [{**click, "contact_token": "b"}])

    clicked = sql.rows("{{ messages(stored_sources()) }}", order_by="campaign_id")
    assert [row["is_clicked"] for row in clicked] == [False, True]


def test_receipts_of_no_known_message_are_no_messages(sql):
    sql.load("stg_app__messages", [queued("m1", channel="sms", provider="smpp")])
    # One id for each part of a text; the application keeps the first.
    sql.load("stg_smpp__receipts", [receipt(f"m{part}", "DELIVRD", parts_submitted=1) for part in (1, 2, 3)])

    assert facts(sql) == {"m1": "delivered"}
    assert facts(sql, query=of_day(DAY)) == {"m1": "delivered"}
    assert unmatched(sql) == ["delivered", "delivered"]


@pytest.mark.parametrize(("said", "measured", "segments"), [(3, 1, 3), (1, 3, 3), (None, 2, 2), (2, None, 2)])
def test_a_long_text_is_one_message_and_its_segments_are_counted(sql, said, measured, segments):
    sql.load("stg_app__messages", [queued("m1", channel="sms", provider="smpp", body_segments=measured)])
    sql.load("stg_smpp__receipts", [receipt("m1", "DELIVRD", parts_submitted=said)])

    assert facts(sql, columns=("segments",)) == {"m1": segments}


@pytest.mark.parametrize("later_first", [True, False])
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"message_token": None}, {}, ("m1", "delivered", None)),
        ({"message_token": None, "outcome": "skipped"}, {}, ("m1", "delivered", None)),
        (
            {"message_token": None},
            {"message_token": None, "outcome": "rejected"},
            ("outbox-row", "failed", None),
        ),
        (
            {"price": "0.01", "price_currency": "EUR"},
            {"price": "0.02", "price_currency": "EUR"},
            ("m1", "delivered", Decimal("0.02")),
        ),
    ],
)
def test_an_outbox_row_that_is_completed_later_is_one_message(sql, before, after, expected, later_first):
    rows = [
        {**queued("m1", outbox_token="outbox-row", **columns), "event_id": event, "received_at": received}
        for columns, event, received in ((before, "e2", NOON), (after, "e1", NOON + timedelta(hours=1)))
    ]
    sql.load("stg_app__messages", rows[::-1] if later_first else rows)
    sql.load("stg_whatsapp__statuses", [status("m1", "delivered")] if expected[0] == "m1" else [])

    columns = ("message_token", "final_status", "cost_amount")
    for query in ("{{ messages(stored_sources()) }}", of_day(DAY)):
        assert list(facts(sql, columns=columns, query=query).values()) == [expected]


# Cases go through the database many at a time, so that thousands are tried; there is nothing to shrink.
MANY = settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def sequences(random, *, count):
    """Random progress of messages: statuses and minutes after queueing, clocks an hour off at most."""
    return [
        [(random.choice(STATUSES), random.randint(-60, 6 * 24 * 60)) for _ in range(random.randint(0, 6))]
        for _ in range(count)
    ]


@MANY
@given(st.randoms(use_true_random=False))
def test_order_and_repetition_of_events_change_nothing(new_sql, random):
    outbox = [queued(f"m{i:03}", at=NOON + timedelta(days=i % 3)) for i in range(1, 200, 2)]
    events = [
        status(f"m{i:03}", name, minutes=minutes, error_code=minutes if name == "failed" else None)
        for i, sequence in enumerate(sequences(random, count=200))
        for name, minutes in sequence
    ]
    shuffled = events + events[::3]
    random.shuffle(shuffled)

    results = []
    for queue, arranged in ((outbox, events), (outbox + outbox[::2], shuffled)):
        sql = new_sql()
        sql.load("stg_app__messages", queue)
        sql.load("stg_whatsapp__statuses", arranged)
        results.append(sql.rows("{{ messages(stored_sources()) }}", order_by="workspace_id, message_token"))
        sql.connection.close()

    assert results[0] == results[1]


@MANY
@given(st.randoms(use_true_random=False))
def test_slices_put_together_are_the_whole(new_sql, random):
    sql = new_sql()
    zone = random.choice((None, "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/Sao_Paulo"))
    sql.load("stg_app__workspaces", [{"workspace_id": "w1", "time_zone": zone}])
    days = [DAY + timedelta(days=n) for n in range(-1, 12)]
    sql.load(
        "stg_app__messages",
        [queued(f"m{i:03}", at=NOON + timedelta(days=i % 4)) for i in range(0, 200, 2)]
        # Some are queued again days later: another row of the same message.
        + [
            queued(f"m{i:03}", at=NOON + timedelta(days=i % 4 + random.randint(0, 6), hours=1))
            for i in range(0, 200, 6)
        ],
    )
    sql.load(
        "stg_whatsapp__statuses",
        [
            status(
                f"m{i:03}",
                name,
                minutes=minutes + i % 4 * 24 * 60,
                contact_token=random.choice((None, f"contact-m{i:03}")),
                contact_user_token=f"user-m{i:03}",
            )
            for i, sequence in enumerate(sequences(random, count=200))
            # Without its beginning a slice does not take up a message: see the next test.
            for name, minutes in [*sequence, *([("sent", -60)] if i % 2 else [])]
        ],
    )

    # Of one day or of several, as it happens.
    ends = sorted({*random.sample(days, 4), days[-1]})
    begins = [days[0], *(end + timedelta(days=1) for end in ends)]
    slices = [
        row
        for begin, end in zip(begins, ends, strict=False)
        for row in sql.rows(f"{{{{ messages(stored_sources(), '{begin}', '{end}') }}}}")
    ]

    whole = sql.rows("{{ messages(stored_sources()) }}", order_by="workspace_id, message_token")
    sql.connection.close()
    assert sorted(slices, key=lambda row: row["message_token"]) == whole


def test_a_read_that_comes_after_the_horizon_is_no_new_message_of_its_day(sql):
    sql.load("stg_app__messages", [queued("m1")])
    sql.load("stg_whatsapp__statuses", [status("m1", "sent"), status("m1", "read", minutes=20 * 24 * 60)])
    late = DAY + timedelta(days=20)

    assert facts(sql, query=f"{{{{ messages(stored_sources(), '{late}', '{late}') }}}}") == {}
    assert facts(sql, query=f"{{{{ messages(stored_sources(), '{DAY}', '{DAY}') }}}}") == {"m1": "sent"}


def test_an_event_stamped_a_day_before_its_partition_or_after_is_found(sql):
    sql.load("stg_app__messages", [queued("m1", event_date=DAY - timedelta(days=1))])
    sql.load(
        "stg_whatsapp__statuses", [status("m1", "sent", minutes=-60, event_date=DAY - timedelta(days=1))]
    )

    assert facts(sql, query=f"{{{{ messages(stored_sources(), '{DAY}', '{DAY}') }}}}") == {"m1": "sent"}


def test_a_slice_opens_no_partition_of_a_day_beyond_the_horizon(sql, tmp_path):
    far = [DAY - timedelta(days=30), DAY + timedelta(days=30)]
    files = [tmp_path / f"event_date={day}" / "part.parquet" for day in (DAY, *far)]
    for path in files:
        path.parent.mkdir()
        path.write_bytes(b"not a Parquet file")
    sql.load("stg_app__messages", [queued("m1")])
    sql.connection.execute(
        f"copy (select * exclude event_date from stg_app__messages) to '{files[0]}' (format parquet)"
    )
    sql.connection.execute("alter table stg_app__messages rename to old_outbox")
    sql.connection.execute(
        f"create view stg_app__messages as select * from read_parquet({[str(path) for path in files]}, "
        "hive_partitioning = true, hive_types = {'event_date': date})"
    )

    sql.models.bounds = dict.fromkeys(("day", "month", "all"), (DAY, DAY))
    assert [row["message_token"] for row in sql.rows("{{ slice_rows('int_outbox_messages') }}")] == ["m1"]
    sql.models.bounds = {}
    with pytest.raises(duckdb.InvalidInputException):
        sql.rows("{{ slice_rows('int_outbox_messages') }}")


def test_a_slice_is_planned_without_joining_every_row_with_every_other(sql):
    (plan,) = sql.connection.execute(
        "explain (format json) " + sql.render(f"{{{{ messages(stored_sources(), '{DAY}', '{DAY}') }}}}")
    ).fetchall()

    assert "HASH_JOIN" in plan[1]
    assert not [join for join in ("NL_JOIN", "NESTED_LOOP", "CROSS_PRODUCT") if join in plan[1]]


def test_only_the_columns_asked_for_are_read_of_the_events(sql):
    (plan,) = sql.connection.execute(
        "explain (format json) select message_token, status from int_message_events_unioned"
    ).fetchall()

    assert "message_token" in plan[1]
    assert "contact_country" not in plan[1]
