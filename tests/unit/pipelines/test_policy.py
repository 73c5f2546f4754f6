"""The policy is complete and consistent, and its windows are never overshot."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contract import PolicyCategory, load_contracts
from pipelines.errors import PolicyError
from pipelines.policy import Policy, load_policy, parse_policy, policy_problems

NOW = datetime(2026, 6, 1, tzinfo=UTC)


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


@pytest.mark.parametrize(
    ("as_of", "days"),
    [("2020-01-01", 90), ("2026-04-30", 90), ("2026-05-01", 30), ("2030-01-01", 30)],
)
def test_the_newest_rule_whose_date_has_come_applies_and_nothing_is_unruled(as_of: str, days: int):
    two = policy(version(date(2026, 4, 1)), version(date(2026, 5, 1), usage=rule(window_days=30)))

    in_force = two.rule(PolicyCategory.USAGE, as_of=datetime.fromisoformat(as_of).replace(tzinfo=UTC))

    assert in_force.window_days == days


@given(setting=st.integers(min_value=15, max_value=4_000))
def test_a_setting_is_rounded_down_to_a_class_and_never_overshot(setting: int):
    shipped = load_policy()

    days = shipped.retention_class(PolicyCategory.MESSAGE_LOG, setting_days=setting, as_of=NOW)

    assert days in shipped.retention_classes_days
    assert days is not None
    assert days <= setting


@pytest.mark.parametrize(
    ("category", "setting", "days"),
    [
        (PolicyCategory.MESSAGE_LOG, None, 90),
        (PolicyCategory.MESSAGE_LOG, 89, 60),
        (PolicyCategory.USAGE, 365, 90),
        (PolicyCategory.ACCOUNT, None, None),
        (PolicyCategory.CONTACT, 30, None),
        (PolicyCategory.ANONYMOUS, None, None),
    ],
)
def test_only_message_logs_follow_the_setting_of_the_workspace(
    category: PolicyCategory, setting: int | None, days: int | None
):
    assert load_policy().retention_class(category, setting_days=setting, as_of=NOW) == days


def test_no_day_expires_before_it_is_published():
    contracts = load_contracts()

    assert list(policy_problems(contracts, load_policy())) == []


def test_a_horizon_longer_than_the_shortest_window_is_a_problem():
    clicks = load_contracts()["app__link_clicks"].model_copy(update={"lateness_days": 14})
    rules = version(date(2026, 4, 1), message_log=rule(per_workspace=True))

    (problem,) = policy_problems({"app__link_clicks": clicks}, policy(rules))

    assert problem.startswith("app__link_clicks: a day is published 14 + 2 days after it ends")
    assert "message_log may expire after 15" in problem
