"""The retention policy as code; the only reader of `policy.yml`."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from importlib.resources import files
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipelines import strict_yaml
from pipelines.contract import Contract, Kind, PolicyCategory
from pipelines.errors import PolicyError

# A day is published this long after its lateness horizon; it must not have expired by then.
PUBLISHING_DAYS = 2


class Clock(StrEnum):
    """What starts a window."""

    EVENT = "event"
    SUBSCRIPTION_END = "subscription_end"
    DELETION_OR_TERMINATION = "deletion_or_termination"
    NONE = "none"


class Role(StrEnum):
    """On whose behalf data is processed (GDPR article 4, points 7 and 8)."""

    CONTROLLER = "controller"
    PROCESSOR = "processor"


class AtEnd(StrEnum):
    """What happens when a window ends."""

    DELETE = "delete"
    KEEP = "keep"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class CategoryRule(_Strict):
    """Window of one data category. ``window_days`` is None where data may stay for ever."""

    role: Role
    purpose: str = Field(min_length=1)
    clock: Clock
    window_days: int | None = Field(gt=0)
    per_workspace: bool = False
    legal_basis: str = Field(min_length=1)
    at_end: AtEnd

    @model_validator(mode="after")
    def _ends_or_does_not(self) -> Self:
        for_ever = (self.clock is Clock.NONE, self.window_days is None, self.at_end is AtEnd.KEEP)
        if len(set(for_ever)) > 1:
            raise ValueError("`clock: none`, no `window_days` and `at_end: keep` go together or not at all")
        if self.per_workspace and self.clock is not Clock.EVENT:
            raise ValueError("a workspace can only shorten or lengthen a window that starts at an event")
        return self


class PolicyVersion(_Strict):
    """All rules as of one date."""

    effective_from: date
    reason: str
    categories: dict[PolicyCategory, CategoryRule]

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if missing := sorted(set(PolicyCategory) - set(self.categories)):
            raise ValueError(f"categories without a rule: {', '.join(missing)}")
        return self


class Policy(_Strict):
    """The history of rules and the classes that windows are rounded down to."""

    retention_classes_days: tuple[int, ...] = Field(min_length=1)
    inbox_ttl_days: int = Field(ge=1, le=14)
    versions: tuple[PolicyVersion, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _classes_ascend(self) -> Self:
        classes = self.retention_classes_days
        if min(classes) <= 0 or list(classes) != sorted(set(classes)):
            raise ValueError("retention_classes_days: not positive and ascending")
        return self

    def rule(self, category: PolicyCategory, *, as_of: datetime) -> CategoryRule:
        """The rule in force; before the first version, the first version (nothing is unruled)."""
        in_force = [v for v in self.versions if v.effective_from <= as_of.date()]
        return (in_force or self.versions[:1])[-1].categories[category]

    def retention_class(
        self, category: PolicyCategory, *, setting_days: int | None, as_of: datetime
    ) -> int | None:
        """Days a row of ``category`` is kept by partition, or None where no partition expires by day.

        A workspace's own setting counts where the category lets it, rounded down to a class so that
        a window is never overshot; a setting below the smallest class gets the smallest class.
        """
        rule = self.rule(category, as_of=as_of)
        if rule.clock is not Clock.EVENT or rule.window_days is None:
            return None
        if not (rule.per_workspace and setting_days is not None):
            return rule.window_days
        return max(
            (c for c in self.retention_classes_days if c <= setting_days),
            default=min(self.retention_classes_days),
        )


def parse_policy(text: str) -> Policy:
    """Read a policy.

    Raises:
        PolicyError: It is not complete and strict, or its versions are not in order of date.
    """
    try:
        policy = Policy.model_validate(strict_yaml.load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise PolicyError(strict_yaml.problems(error)) from None
    dates = [v.effective_from for v in policy.versions]
    if dates != sorted(set(dates)):
        raise PolicyError(["versions: not in ascending order of effective_from"])
    return policy


def load_policy() -> Policy:
    """The policy that ships with the package."""
    return parse_policy((files("pipelines") / "policy.yml").read_text("utf-8"))


def policy_problems(contracts: Mapping[str, Contract], policy: Policy) -> Iterator[str]:
    """Contracts whose days could expire before they are published, under the newest rules."""
    for contract in contracts.values():
        rule = policy.versions[-1].categories[contract.policy]
        if contract.kind is not Kind.EVENT or rule.window_days is None:
            continue
        shortest = min(policy.retention_classes_days) if rule.per_workspace else rule.window_days
        if contract.lateness_days + PUBLISHING_DAYS > shortest:
            yield (
                f"{contract.source}: a day is published {contract.lateness_days} + {PUBLISHING_DAYS} days "
                f"after it ends, but {contract.policy} may expire after {shortest}. Lower `lateness_days`."
            )
