"""Write and read the evidence entry of a plan: what went, moved or is held under which rule, in counts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

from warehouse.retention.evidence import Entry
from warehouse.retention.plan import STAY, Outcome, PartItem, Plan

# Kind of the evidence entry that a commit writes.
APPLIED = "retention applied"


def rows_of(entry: Entry) -> list[Mapping[str, Any]]:
    """Return what happened to rows, by data set and rule; empty for entries that are no deletion."""
    return cast("list[Mapping[str, Any]]", _listed(entry, "rows"))


def accounts_ended(entry: Entry) -> list[str]:
    """Return the accounts that a deletion ended, as keyed hashes; empty for other entries."""
    return cast("list[str]", _listed(entry, "account_ends"))


def _listed(entry: Entry, name: str) -> list[object]:
    found = entry.body.get(name) if entry.kind == APPLIED else None
    return found if isinstance(found, list) else []


def entry_of(plan: Plan) -> dict[str, object]:
    """Return the body of a plan's evidence entry."""
    return {
        "plan": plan.hash,
        "policy_version": plan.policy_version,
        "rows_gone": plan.rows_gone,
        "bytes": plan.bytes_gone,
        "files_rewritten": sum(not part.is_whole for part in plan.parts),
        "files_outside_the_store": len(plan.files),
        "keys_to_be_destroyed": len(plan.keys),
        "account_ends": [end.subject for end in plan.account_ends],
        "gaps": list(plan.gaps),
        "held": [{"hold": name, "rows": rows} for name, rows in plan.held],
        "rows": _by_rule(plan),
    }


def _by_rule(plan: Plan) -> list[dict[str, object]]:
    """Count rows by data set, destination and rule, with the partitions they span."""
    groups: dict[tuple[object, ...], list[tuple[PartItem, Outcome]]] = defaultdict(list)
    for part, outcome in plan.outcomes():
        if outcome.to != STAY:
            why = outcome.reason
            rule = (part.source, outcome.to, why.rule, why.category, why.window_days, why.version)
            groups[rule].append((part, outcome))
    return [_counted(rule, groups[rule]) for rule in sorted(groups, key=str)]


def _counted(rule: tuple[object, ...], members: Sequence[tuple[PartItem, Outcome]]) -> dict[str, object]:
    named = ("data_set", "to", "rule", "category", "window_days", "policy_version")
    partitions = {part.partition for part, _ in members}
    return {
        **dict(zip(named, rule, strict=True)),
        "rows": sum(outcome.rows for _, outcome in members),
        "partitions": len(partitions),
        "first_partition": min(partitions),
        "last_partition": max(partitions),
    }
