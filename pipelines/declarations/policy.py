"""Read the policy: retention rules, and what published tables must meet."""

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from anonymizers.treatments import KeyScope
from pipelines.declarations import strict_yaml
from pipelines.declarations.calendar import CLOSING_MARGIN_DAYS
from pipelines.declarations.contract import Contract, Kind, PolicyCategory
from pipelines.declarations.disclosure import Disclosure
from pipelines.declarations.errors import PolicyError
from pipelines.declarations.strict_yaml import Strict
from warehouse.retention.rules import Clock, Rule, Version

# Raw records that could not be loaded are no category of the privacy policy: the inbox's limit is theirs.
QUARANTINE_CATEGORY = "quarantine"


class Role(StrEnum):
    """On whose behalf data is processed (GDPR article 4, points 7 and 8)."""

    CONTROLLER = "controller"
    PROCESSOR = "processor"


class AtEnd(StrEnum):
    """What is done with data when its window ends."""

    DELETE = "delete"
    KEEP = "keep"


class Operational(StrEnum):
    """Files, and counters of words, that are no data set but may say something about people all the same."""

    TMP = "tmp"
    DBT = "dbt"
    COMPUTE_LOGS = "compute_logs"
    DAGSTER_RUNS = "dagster_runs"
    MANIFESTS = "manifests"
    WORD_COUNTS = "word_counts"


class CategoryRule(Strict):
    """Window of one data category. ``window_days`` is None where data may stay for ever.

    ``outlives_account`` marks a statutory window: the end of the account does not shorten it. ``recipients``
    get such data from the service (GDPR article 30(1)(d)); the warehouse itself gives no row to anybody.
    """

    role: Role
    purpose: str = Field(min_length=1)
    clock: Clock
    window_days: int | None = Field(gt=0)
    per_workspace: bool = False
    outlives_account: bool = False
    legal_basis: str = Field(min_length=1)
    at_end: AtEnd
    recipients: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ends_or_does_not(self) -> Self:
        for_ever = (self.clock is Clock.NONE, self.window_days is None, self.at_end is AtEnd.KEEP)
        if len(set(for_ever)) > 1:
            raise ValueError("`clock: none`, no `window_days` and `at_end: keep` go together or not at all")
        if self.per_workspace and self.clock is not Clock.EVENT:
            raise ValueError("a workspace can only shorten or lengthen a window that starts at an event")
        if self.outlives_account and (self.clock is not Clock.EVENT or self.per_workspace):
            raise ValueError(
                "what outlives the account starts at an event and is the same for every workspace"
            )
        return self

    @property
    def rule(self) -> Rule:
        """Return the rule as retention evaluates it."""
        return Rule(self.clock, self.window_days, self.per_workspace, self.outlives_account)


class PolicyVersion(Strict):
    """All rules as of one date. The file names those that change; the others are as in the version before."""

    effective_from: date
    reason: str
    categories: dict[PolicyCategory, CategoryRule]

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if missing := sorted(set(PolicyCategory) - set(self.categories)):
            raise ValueError(f"categories without a rule: {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _ends_an_account_at_once(self) -> Self:
        if len(self.account_windows) > 1:
            raise ValueError("one window for all that ends with the account, because it is deleted together")
        return self

    @property
    def account_windows(self) -> set[int]:
        """Return the windows, in days, that begin with the end of an account."""
        clocks = (Clock.SUBSCRIPTION_END, Clock.DELETION_OR_TERMINATION)
        rules = self.categories.values()
        return {rule.window_days for rule in rules if rule.clock in clocks and rule.window_days is not None}


class Policy(Strict):
    """The history of rules, the classes that windows are rounded down to, and disclosure control."""

    retention_classes_days: tuple[int, ...] = Field(min_length=1)
    inbox_ttl_days: int = Field(ge=1, le=14)
    operational_days: dict[Operational, Annotated[int, Field(gt=0)]]
    disclosure: Disclosure
    versions: tuple[PolicyVersion, ...] = Field(min_length=1)

    @field_validator("versions", mode="before")
    @classmethod
    def _go_on_from_the_version_before(cls, versions: object) -> object:
        if not isinstance(versions, list):
            return versions
        whole: list[object] = []
        rules: dict[object, object] = {}
        for version in versions:
            named = version.get("categories") if isinstance(version, dict) else None
            if not isinstance(named, dict):
                return versions
            rules = {**rules, **named}
            whole.append({**version, "categories": rules})
        return whole

    @model_validator(mode="after")
    def _classes_ascend(self) -> Self:
        classes = self.retention_classes_days
        if min(classes) <= 0 or list(classes) != sorted(set(classes)):
            raise ValueError("retention_classes_days: not positive and ascending")
        return self

    @model_validator(mode="after")
    def _inbox_is_empty_before_an_account_ends(self) -> Self:
        shortest = min((days for v in self.versions for days in v.account_windows), default=None)
        if shortest is not None and self.inbox_ttl_days > shortest:
            raise ValueError(
                "inbox_ttl_days: longer than the window of the account, whose rows may wait there"
            )
        return self

    @model_validator(mode="after")
    def _nothing_operational_is_for_ever(self) -> Self:
        if missing := sorted(set(Operational) - set(self.operational_days)):
            raise ValueError(f"operational_days: no window for {', '.join(missing)}")
        return self

    def version_at(self, day: date) -> PolicyVersion:
        """Return the version in force; before the first, the first."""
        return next((v for v in reversed(self.versions) if v.effective_from <= day), self.versions[0])

    @property
    def windows_days(self) -> frozenset[int]:
        """Return every window that rows by day may have, whatever their category, workspace and version."""
        rules = (rule for version in self.versions for rule in version.categories.values())
        defaults = (rule.window_days for rule in rules if rule.window_days is not None)
        return frozenset((*self.retention_classes_days, *defaults))

    def history(self) -> tuple[Version, ...]:
        """Return all versions, oldest first, for retention; quarantine has the inbox's window."""
        quarantine = Rule(Clock.EVENT, self.inbox_ttl_days)
        return tuple(
            Version(
                version.effective_from,
                {category.value: rule.rule for category, rule in version.categories.items()}
                | {QUARANTINE_CATEGORY: quarantine},
            )
            for version in self.versions
        )


def parse_policy(text: str | bytes) -> Policy:
    """Read a policy.

    Raises:
        PolicyError: It is not complete and strict, or its versions are not in order of date.
    """
    policy = strict_yaml.parse(text, Policy, failure=PolicyError)
    dates = [v.effective_from for v in policy.versions]
    if dates != sorted(set(dates)):
        raise PolicyError(["versions: not in ascending order of effective_from"])
    return policy


def load_policy() -> Policy:
    """Load the policy that ships with the package."""
    return parse_policy((files("pipelines") / "policy.yml").read_bytes())


def policy_problems(contracts: Mapping[str, Contract], policy: Policy) -> Iterator[str]:
    """Yield contracts whose days could expire before they are published, or whose rows never would.

    Judged by the newest rules.
    """
    for contract in contracts.values():
        rule = policy.versions[-1].categories[contract.policy]
        if (rule.clock is Clock.EVENT) != (contract.event_time is not None):
            has = "without" if contract.event_time is None else "with"
            yield (
                f"{contract.source}: rows {has} `event_time`, but the window of {contract.policy} starts at: "
                f"{rule.clock}. Choose another category."
            )
        elif rule.outlives_account and (contract.id_scope is KeyScope.WORKSPACE or contract.plan.identities):
            yield (
                f"{contract.source}: rows of {contract.policy} outlive the account, the workspace's key does "
                "not. Set `id_scope: platform`; drop persons, or pseudonymize them with `scope: platform`."
            )
        elif contract.kind is Kind.EVENT and rule.window_days is not None:
            yield from _too_short(contract, rule, policy)


def _too_short(contract: Contract, rule: CategoryRule, policy: Policy) -> Iterator[str]:
    shortest = min(policy.retention_classes_days) if rule.per_workspace else rule.window_days
    if shortest is not None and contract.lateness_days + CLOSING_MARGIN_DAYS > shortest:
        yield (
            f"{contract.source}: a day is published {contract.lateness_days} + {CLOSING_MARGIN_DAYS} days "
            f"after it ends, but {contract.policy} may expire after {shortest}. Lower `lateness_days`."
        )
