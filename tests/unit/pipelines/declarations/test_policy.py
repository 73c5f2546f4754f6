"""The policy is complete and consistent, and its windows are never overshot."""

from datetime import date, datetime
from typing import Any

import pytest
import yaml

from anonymizers.treatments import KeyScope
from pipelines.declarations.contract import PolicyCategory, load_contracts
from pipelines.declarations.errors import PolicyError
from pipelines.declarations.policy import (
    QUARANTINE_CATEGORY,
    Policy,
    load_policy,
    parse_policy,
    policy_problems,
)
from warehouse.retention.rules import Clock, RetentionInputs, Rule, version_at

OPERATIONAL = {
    "tmp": 1,
    "dbt": 14,
    "compute_logs": 30,
    "dagster_runs": 30,
    "manifests": 90,
    "word_counts": 180,
}


DISCLOSURE = {"minimum_contacts": 11, "rounding_base": 7, "bounding_rank": 3, "minimum_workspaces": 5}


def rule(**changes: Any) -> dict[str, Any]:
    return {
        "role": "controller",
        "purpose": "To know.",
        "clock": "event",
        "window_days": 90,
        "legal_basis": "unconfirmed",
        "at_end": "delete",
    } | changes


def version(effective_from: date, **categories: dict[str, Any]) -> dict[str, Any]:
    rules = {category.value: rule() for category in PolicyCategory} | categories
    return {"effective_from": effective_from, "reason": "Because.", "categories": rules}


def policy(*versions: dict[str, Any], **changes: Any) -> Policy:
    document = {
        "retention_classes_days": [15, 30, 90],
        "inbox_ttl_days": 14,
        "operational_days": OPERATIONAL,
        "disclosure": DISCLOSURE,
        "versions": list(versions) or [version(date(2026, 4, 1))],
    } | changes
    return parse_policy(yaml.safe_dump(document))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"clock": "none"}, "go together or not at all"),
        ({"window_days": None}, "go together or not at all"),
        ({"at_end": "keep"}, "go together or not at all"),
        ({"at_end": "archive"}, "at_end: Input should be 'delete' or 'keep'"),
        ({"window_days": 0}, "window_days: Input should be greater than 0"),
        ({"clock": "subscription_end", "per_workspace": True}, "starts at an event"),
        ({"outlives_account": True, "per_workspace": True}, "the same for every workspace"),
        ({"outlives_account": True, "clock": "subscription_end"}, "starts at an event"),
        ({"legal_basis": ""}, "legal_basis: String should have at least 1 character"),
        ({"purpse": "x"}, "purpse: Extra inputs"),
    ],
)
def test_a_rule_is_refused(changes: dict[str, Any], reason: str):
    with pytest.raises(PolicyError) as caught:
        policy(version(date(2026, 4, 1), usage=rule(**changes)))

    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"retention_classes_days": [30, 15]}, "not positive and ascending"),
        ({"retention_classes_days": [0, 15]}, "not positive and ascending"),
        ({"retention_classes_days": []}, "at least 1"),
        ({"inbox_ttl_days": 15}, "less than or equal to 14"),
        ({"operational_days": OPERATIONAL | {"tmp": 0}}, "operational_days.tmp: Input should be greater"),
        (
            {"operational_days": {"tmp": 1}},
            "no window for compute_logs, dagster_runs, dbt, manifests, word_counts",
        ),
        ({"operational_days": OPERATIONAL | {"attic": 1}}, "Input should be"),
        ({"disclosure": {**DISCLOSURE, "minimum_contacts": 1}}, "greater than 1"),
        ({"disclosure": {"minimum_contacts": 11}}, "disclosure.bounding_rank: Field required"),
        (
            {"disclosure": DISCLOSURE | {"rounding_base": 4}},
            "disclosure.rounding_base: Input should be greater than or equal to 5",
        ),
        ({"versions": [version(date(2026, 5, 1)), version(date(2026, 4, 1))]}, "not in ascending order"),
    ],
)
def test_a_policy_is_refused(changes: dict[str, Any], reason: str):
    with pytest.raises(PolicyError) as caught:
        policy(**changes)

    assert reason in str(caught.value)


def test_a_category_without_a_rule_is_refused():
    incomplete = version(date(2026, 4, 1))
    del incomplete["categories"]["device"]

    with pytest.raises(PolicyError, match="categories without a rule: device"):
        policy(incomplete)


def test_a_later_version_names_what_changes_and_the_rest_goes_on():
    later = {
        "effective_from": date(2026, 6, 1),
        "reason": "Less.",
        "categories": {"usage": rule(window_days=30)},
    }

    first, second = policy(version(date(2026, 4, 1)), later).versions

    assert second.categories[PolicyCategory.USAGE].window_days == 30
    assert first.categories[PolicyCategory.USAGE].window_days == 90
    assert {c: r for c, r in second.categories.items() if c is not PolicyCategory.USAGE} == {
        c: r for c, r in first.categories.items() if c is not PolicyCategory.USAGE
    }


def test_what_ends_with_the_account_ends_at_once():
    account = rule(clock="subscription_end", window_days=30)
    contact = rule(clock="deletion_or_termination", window_days=60)

    with pytest.raises(PolicyError, match="one window for all that ends with the account"):
        policy(version(date(2026, 4, 1), account=account, contact=contact))


def test_nothing_waits_in_the_inbox_for_longer_than_an_ended_account_stays():
    account = rule(clock="subscription_end", window_days=13)

    with pytest.raises(PolicyError, match="inbox_ttl_days: longer than the window of the account"):
        policy(version(date(2026, 4, 1), account=account))


@pytest.mark.parametrize(
    ("as_of", "days"),
    [("2020-01-01", 90), ("2026-04-30", 90), ("2026-05-01", 30), ("2030-01-01", 30)],
)
def test_the_newest_rule_whose_date_has_come_applies_and_nothing_is_unruled(as_of: str, days: int):
    two = policy(version(date(2026, 4, 1)), version(date(2026, 5, 1), usage=rule(window_days=30)))

    in_force = version_at(
        RetentionInputs(two.history(), two.retention_classes_days), datetime.fromisoformat(as_of)
    )

    assert in_force.rules["usage"].window_days == days


def test_only_message_logs_follow_the_workspace_and_only_financial_rows_outlive_it():
    (shipped,) = load_policy().history()

    assert {name for name, rule in shipped.rules.items() if rule.per_workspace} == {"message_log"}
    assert {name for name, rule in shipped.rules.items() if rule.outlives_account} == {"financial"}


def test_quarantine_has_the_window_of_the_inbox_in_every_version():
    two = policy(version(date(2026, 4, 1)), version(date(2026, 5, 1)), inbox_ttl_days=7)

    assert [v.rules[QUARANTINE_CATEGORY] for v in two.history()] == [Rule(Clock.EVENT, 7)] * 2


def test_no_day_expires_before_it_is_published():
    contracts = load_contracts()

    assert list(policy_problems(contracts, load_policy())) == []


def test_a_horizon_longer_than_the_shortest_window_is_a_problem():
    clicks = load_contracts()["app__link_clicks"].model_copy(update={"lateness_days": 14})
    rules = version(date(2026, 4, 1), message_log=rule(per_workspace=True))

    (problem,) = policy_problems({"app__link_clicks": clicks}, policy(rules))

    assert problem.startswith("app__link_clicks: a day is published 14 + 2 days after it ends")
    assert "message_log may expire after 15" in problem


@pytest.mark.parametrize(
    ("source", "category", "problem"),
    [
        ("app__members", "usage", "rows without `event_time`, but the window of usage starts at: event"),
        (
            "app__messages",
            "account",
            "with `event_time`, but the window of account starts at: subscription_end",
        ),
    ],
)
def test_rows_that_would_never_expire_are_a_problem(source: str, category: str, problem: str):
    contract = load_contracts()[source].model_copy(update={"policy": PolicyCategory(category)})

    (found,) = policy_problems({source: contract}, load_policy())

    assert problem in found


def test_rows_that_outlive_the_account_need_no_key_that_dies_with_it():
    invoices = load_contracts()["app__invoices"].model_copy(update={"id_scope": KeyScope.WORKSPACE})

    (problem,) = policy_problems({"app__invoices": invoices}, load_policy())

    assert "outlive the account, the workspace's key does not" in problem
