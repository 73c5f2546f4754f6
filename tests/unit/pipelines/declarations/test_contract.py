"""A contract either says everything or does not load, and its errors never repeat what it says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from anonymizers.plan import SharedBy
from anonymizers.text.settings import load_settings
from pipelines.declarations.contract import (
    Contract,
    contract_named,
    contract_problems,
    contracts_of,
    load_contracts,
    parse_contract,
)
from pipelines.declarations.errors import ContractError, UnknownNameError

CANARY = "Quillon Featherby"


def shop_orders(**changes: Any) -> dict[str, Any]:
    return {
        "source": "shop__orders",
        "description": "One row per order.",
        "owner": "shop",
        "reader": "table",
        "landing": "shop/orders/*",
        "kind": "event",
        "primary_key": ["order_id"],
        "event_time": "ordered_at",
        "policy": "message_log",
        "subject": "contact",
        "workspace": {"from": "column", "columns": ["workspace_id"]},
        "columns": {
            "workspace_id": column(pattern="[a-z]{1,8}", treatment="keep", category="user.account"),
            "order_id": column(treatment="drop", category="user.unique_id"),
            "ordered_at": column(type="timestamp", treatment="keep"),
        },
    } | changes


def column(**changes: Any) -> dict[str, Any]:
    return {"type": "varchar", "category": "user.behavior", "description": "What it is."} | changes


def with_column(name: str = "extra", **options: Any) -> dict[str, Any]:
    contract = shop_orders()
    contract["columns"] = contract["columns"] | {name: column(**options)}
    return contract


def parse(contract: object) -> Contract:
    return parse_contract(yaml.safe_dump(contract, sort_keys=False), name="shop__orders")


def test_a_complete_contract_loads_and_gives_its_plan():
    contract = parse(
        with_column(name="buyer", treatment="pseudonymize", identity="phone", **{"as": "buyer_token"})
    )

    assert (contract.provider, contract.entity, contract.feed) == ("shop", "orders", "shop/orders")
    assert contract.plan.stored_columns() == (
        ("event_id", "varchar"),
        ("received_at", "timestamp"),
        ("workspace_id", "varchar"),
        ("ordered_at", "timestamp"),
        ("buyer_token", "varchar"),
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "columns.extra.treatment: Field required"),
        ({"treatment": "TODO"}, "columns.extra.treatment: Input should be"),
        ({"treatment": "drop", "categry": "x"}, "columns.extra.categry: Extra inputs"),
        ({"treatment": "drop", "category": "user.shoe_size"}, "not a fideslang data category"),
        (
            {"treatment": "drop", "description": ""},
            "columns.extra.description: String should have at least 1",
        ),
        ({"treatment": "drop", "type": "money"}, "columns.extra.type: Input should be"),
        ({"treatment": "keep"}, "keep on text needs `values` or a `pattern`"),
        ({"treatment": "keep", "type": "json"}, "keep on text needs `values` or a `pattern`"),
        ({"treatment": "keep", "pattern": ".*"}, "lets free text"),
        ({"treatment": "keep", "pattern": r"\S+"}, "lets free text"),
        ({"treatment": "keep", "pattern": r"\+?[0-9]+"}, "lets free text"),
        ({"treatment": "keep", "pattern": "(["}, "not a regular expression"),
        ({"treatment": "keep", "type": "bigint", "pattern": "[0-9]"}, "are for text"),
        ({"treatment": "keep", "type": "bigint", "category": "user.contact.phone_number"}, "never kept"),
        ({"treatment": "keep", "values": ["Ada"], "category": "user.name.first"}, "never kept"),
        ({"treatment": "pseudonymize"}, "`identity` goes with pseudonymize"),
        ({"treatment": "drop", "identity": "phone"}, "`identity` goes with pseudonymize"),
        ({"treatment": "drop", "scope": "platform"}, "`scope` goes with pseudonymize"),
        ({"treatment": "derive_text_features"}, "`features` goes with derive_text_features"),
        ({"treatment": "drop", "features": ["length"]}, "`features` goes with derive_text_features"),
        ({"treatment": "json_allowlist", "type": "json"}, "`allow` goes with json_allowlist"),
        ({"treatment": "drop", "allow": ["tier"]}, "`allow` goes with json_allowlist"),
        ({"treatment": "drop", "mode": "scrub"}, "`mode` goes with scrub_text only"),
        ({"treatment": "drop", "otherwise": "other"}, "`otherwise` goes with `values`"),
        ({"treatment": "keep", "values": ["a"], "otherwise": "Some Thing"}, "otherwise: String should match"),
        ({"treatment": "scrub_url", "mode": "template", "unit": "buyer"}, "`mode` goes with scrub_text only"),
        ({"treatment": "scrub_text", "mode": "strip"}, "columns.extra.mode: Input should be"),
        ({"treatment": "scrub_text", "mode": "template"}, "`unit` goes with `mode: template`"),
        ({"treatment": "scrub_text", "mode": "scrub", "unit": "buyer"}, "`unit` goes with `mode: template`"),
        ({"treatment": "scrub_text", "unit": "buyer"}, "`unit` goes with `mode: template`"),
        ({"treatment": "drop", "unit": "buyer"}, "`unit` goes with `mode: template`"),
        (
            {"treatment": "scrub_text", "mode": "template", "unit": "buyer"},
            "`unit` names undeclared column(s): buyer",
        ),
        (
            {"treatment": "scrub_text", "mode": "template", "unit": "received_at"},
            "`unit` names undeclared column(s): received_at",
        ),
        ({"treatment": "scrub_text", "mode": "template", "unit": "extra"}, "is not a pseudonymized person"),
        (
            {"treatment": "scrub_text", "mode": "template", "unit": "order_id"},
            "is not a pseudonymized person",
        ),
        (
            {"treatment": "keep", "values": ["a"], "as": "Robert'); drop"},
            "columns.extra.as: String should match",
        ),
        ({"treatment": "keep", "values": ["a"], "as": "ordered_at"}, "two columns are stored under one name"),
        ({"treatment": "keep", "values": ["a"], "as": "event_id"}, "gives these columns itself: event_id"),
        ({"treatment": "keep", "values": ["a"], "as": "retention_days"}, "itself: retention_days"),
    ],
)
def test_a_column_is_refused(options: dict[str, Any], reason: str):
    with pytest.raises(ContractError) as caught:
        parse(with_column(**options))

    assert reason in str(caught.value)


def with_a_template(identity: str) -> dict[str, Any]:
    contract = with_column(name="body", treatment="scrub_text", mode="template", unit="buyer")
    contract["columns"]["buyer"] = column(treatment="pseudonymize", identity=identity)
    return contract


def test_a_template_is_shared_by_as_many_contacts_as_the_settings_say():
    contract = parse(with_a_template("phone"))

    (body,) = (column for column in contract.plan.columns if column.raw == "body")
    assert body.template == SharedBy("buyer", load_settings().template.fewest) == SharedBy("buyer", 11)
    assert contract.columns["body"].handling == "scrub_text (template by buyer)"


def test_a_message_is_no_contact_that_could_share_a_template():
    with pytest.raises(ContractError, match="not a pseudonymized person"):
        parse(with_a_template("message"))


def test_the_mode_of_a_scrubbed_text_is_to_scrub_it():
    plans = [parse(with_column(treatment="scrub_text", **mode)).plan for mode in ({}, {"mode": "scrub"})]

    assert plans[0] == plans[1]
    assert [column.template for column in plans[0].columns if column.raw == "extra"] == [None]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ownr": "shop"}, "ownr: Extra inputs"),
        ({"source": "shop_orders"}, "source: String should match"),
        ({"source": "shop__order"}, "source: differs from the file name"),
        ({"landing": "../secrets/*"}, "landing: String should match"),
        ({"landing": "/orders/*"}, "landing: String should match"),
        ({"primary_key": []}, "primary_key: Tuple should have at least 1"),
        ({"outlives_deletion": ["order_id"]}, "times and booleans only"),
        ({"outlives_deletion": ["order_number"]}, "undeclared column(s) named: order_number"),
        ({"primary_key": ["order_number"]}, "undeclared column(s) named: order_number"),
        ({"consent": "agreed"}, "undeclared column(s) named: agreed"),
        ({"consent": "order_id"}, "`consent` names a column that is not a boolean"),
        ({"event_time": None}, "an event needs `event_time`"),
        ({"event_time": "order_id"}, "`event_time` names a column that is not a timestamp"),
        ({"kind": "entity"}, "an entity needs `version`"),
        ({"kind": "entity", "version": "order_id"}, "`version` names a column that is not a timestamp"),
        ({"lateness_days": 31}, "lateness_days: Input should be less than or equal to 30"),
        ({"unknown": "ignore"}, "unknown: Input should be 'stop' or 'drop_and_warn'"),
        ({"policy": "marketing"}, "policy: Input should be"),
        ({"kinds": {"path": "^.field", "read": []}}, "kinds.read: Tuple should have at least 1"),
        ({"kinds": {"path": "field", "read": ["a"]}}, "kinds.path: String should match"),
        ({"workspace": {"from": "column"}}, "needs `columns`"),
        ({"workspace": {"from": "channel"}}, "`workspace.provider` goes with `from: channel`"),
        ({"workspace": {"from": "platform", "provider": "smpp"}}, "`workspace.provider` goes with"),
        ({"columns": {}}, "columns: Dictionary should have at least 1"),
        ({"columns": {"Order Id": column(treatment="drop")}}, "1 column name(s) are not lower-case words"),
    ],
)
def test_a_contract_is_refused(changes: dict[str, Any], reason: str):
    with pytest.raises(ContractError) as caught:
        parse(shop_orders(**changes))

    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "file: Input should be a valid dictionary"),
        ("- a\n- b\n", "file: Input should be a valid dictionary"),
        ("source: [a\n", "not valid YAML (line 2)"),
        ("columns:\n  a: 1\n  a: 2\n", "a key is given twice (line 3)"),
        ("source: 2026-13-01\n", "not plain YAML"),
        ("source: !!python/name:os.system\n", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_plain_mapping_is_refused(text: str, reason: str):
    with pytest.raises(ContractError) as caught:
        parse_contract(text, name="shop__orders")

    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "contract",
    [
        with_column(treatment=CANARY),
        with_column(treatment="drop", category=CANARY),
        with_column(treatment="keep", values=["a"], **{"as": CANARY}),
        with_column(treatment="keep", pattern=f"({CANARY}"),
        with_column(name=CANARY, treatment="drop"),
        shop_orders(source=CANARY),
        shop_orders(landing=CANARY),
        f"{CANARY}: [",
    ],
    ids=["treatment", "category", "as", "pattern", "column name", "source", "landing", "syntax"],
)
def test_a_refused_value_is_not_in_the_message(contract: object):
    text = contract if isinstance(contract, str) else yaml.safe_dump(contract)

    with pytest.raises(ContractError) as caught:
        parse_contract(text, name="shop__orders")

    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_twin_a_plain_error_of_the_model_would_repeat_the_value():
    with pytest.raises(yaml.YAMLError, match=CANARY):
        yaml.safe_load(f"{CANARY}: [")


def test_every_contract_of_the_package_loads_under_the_name_of_its_file():
    assert {name: problem for name, problem in contract_problems().items() if problem} == {}
    assert all(name == contract.source for name, contract in load_contracts().items())


def test_one_broken_contract_does_not_hide_the_problems_of_another(tmp_path: Path):
    (tmp_path / "shop__orders.yml").write_text(yaml.safe_dump(shop_orders()))
    (tmp_path / "shop__carts.yml").write_text("source: shop__carts\n")
    (tmp_path / "shop__users.yml").write_bytes(b"source: \xff\n")

    problems = contract_problems(tmp_path)

    assert [(name, problem is None) for name, problem in problems.items()] == [
        ("shop__carts", False),
        ("shop__orders", True),
        ("shop__users", False),
    ]
    assert "not UTF-8" in str(problems["shop__users"])


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("whatsapp__statuses", ["whatsapp__statuses"]),
        ("app/contacts", ["app__contacts"]),
        ("twilio", ["twilio__inbound", "twilio__statuses"]),
        ("twilio_export", ["twilio__messages"]),
        ("privacy", ["privacy__consents", "privacy__legal_holds", "privacy__requests"]),
        ("contacts", ["app__contacts"]),
    ],
)
def test_a_command_may_name_a_contract_a_feed_a_provider_or_an_entity(source: str, names: list[str]):
    assert [contract.source for contract in contracts_of(source, load_contracts())] == names


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"No contract named 'shop_order'. Known: app__campaigns, "):
        contract_named("shop_order", load_contracts())
