"""What was known when: a journal of the facts that decide about retention, for questions about the past.

Workspaces appear as subjects only. A hold on a person is noted as such, without the person's token: the
journal outlives what it speaks of.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from warehouse.ledger.ledger import Ledger
from warehouse.retention.errors import NothingKnownError
from warehouse.retention.records import DEFAULT_SUBJECT, subject
from warehouse.retention.rules import Clock, Facts, Hold, Rule, Setting, Version

# Stands for the person whom a hold names.
SOMEBODY = "somebody"

_CLASSES = "classes"
_END = "end"

# Subject, kind, name → value.
Entries = dict[tuple[str, str, str], str]


class Kind(StrEnum):
    """What a fact is about."""

    POLICY = "policy"
    SETTING = "setting"
    ENDED = "ended"
    HOLD = "hold"


def remember(connection: sqlite3.Connection, facts: Facts, *, key: bytes, as_of: datetime) -> None:
    """Note what is known at ``as_of`` where it differs from what was; inside the caller's transaction.

    Args:
        key: The key of subjects.
    """
    now = _entries(facts, key)
    before = {
        (row["subject"], row["kind"], row["name"]): (row["value"], row["known_from"])
        for row in connection.execute("select * from known_facts where known_to is null")
    }
    at = as_of.isoformat()
    for fact, (value, known_from) in before.items():
        if now.get(fact) == value:
            continue
        if known_from >= at:
            # Known for no time at all: nothing was decided by it.
            sql = "delete from known_facts where subject = ? and kind = ? and name = ? and known_from = ?"
            connection.execute(sql, (*fact, known_from))
        else:
            sql = "update known_facts set known_to = ? where subject = ? and kind = ? and name = ? "
            connection.execute(sql + "and known_to is null", (at, *fact))
    connection.executemany(
        "insert into known_facts values (?, ?, ?, ?, ?, null)",
        [(*fact, value, at) for fact, value in now.items() if before.get(fact, ("",))[0] != value],
    )


def facts_known_on(ledger: Ledger, on: datetime) -> Facts:
    """The facts as they were known at a time, by subject instead of workspace.

    Raises:
        NothingKnownError: Retention was not applied before.
    """
    at = on.isoformat()
    found: dict[Kind, list[tuple[str, str, Any]]] = defaultdict(list)
    for row in ledger.read(
        "select * from known_facts where known_from <= ? and (known_to is null or known_to > ?) "
        "order by subject, kind, name",
        *(at, at),
    ):
        found[Kind(row["kind"])].append((row["subject"], row["name"], json.loads(row["value"])))
    if not found[Kind.POLICY]:
        raise NothingKnownError(on, _first_known(ledger))
    policy = {name: value for _, name, value in found[Kind.POLICY]}
    settings: dict[str, list[Setting]] = defaultdict(list)
    for who, name, days in found[Kind.SETTING]:
        settings[who].append(Setting(datetime.fromisoformat(name), days))
    return Facts(
        classes=tuple(policy.pop(_CLASSES)),
        versions=tuple(_version(name, rules) for name, rules in sorted(policy.items())),
        settings={who: tuple(history) for who, history in settings.items()},
        ended={who: datetime.fromisoformat(ended_at) for who, _, ended_at in found[Kind.ENDED]},
        holds=tuple(_hold(who, name, scope) for who, name, scope in found[Kind.HOLD]),
    )


def _entries(facts: Facts, key: bytes) -> Entries:
    return {
        (who, kind.value, name): json.dumps(value, sort_keys=True)
        for who, kind, name, value in _facts(facts, key)
    }


def _facts(facts: Facts, key: bytes) -> Iterator[tuple[str, Kind, str, Any]]:
    yield DEFAULT_SUBJECT, Kind.POLICY, _CLASSES, list(facts.classes)
    for version in facts.versions:
        rules = {
            category: [rule.clock.value, rule.window_days, rule.per_workspace, rule.outlives_account]
            for category, rule in version.rules.items()
        }
        yield DEFAULT_SUBJECT, Kind.POLICY, version.effective_from.isoformat(), rules
    for workspace, history in facts.settings.items():
        who = subject(key, workspace)
        for setting in history:
            yield who, Kind.SETTING, setting.valid_from.isoformat(), setting.days
    for workspace, at in facts.ended.items():
        yield subject(key, workspace), Kind.ENDED, _END, at.isoformat()
    for hold in facts.holds:
        scope = {
            "expires_at": hold.expires_at.isoformat(),
            "source": hold.source,
            "names_somebody": hold.contact_token is not None,
            "held_from": hold.held_from and hold.held_from.isoformat(),
            "held_to": hold.held_to and hold.held_to.isoformat(),
        }
        yield subject(key, hold.workspace_id), Kind.HOLD, hold.name, scope


def _version(effective_from: str, rules: dict[str, list[Any]]) -> Version:
    return Version(
        date.fromisoformat(effective_from),
        {
            category: Rule(Clock(clock), days, per_workspace, outlives_account)
            for category, (clock, days, per_workspace, outlives_account) in rules.items()
        },
    )


def _hold(who: str, name: str, scope: dict[str, Any]) -> Hold:
    held_from, held_to = scope["held_from"], scope["held_to"]
    return Hold(
        name,
        who,
        datetime.fromisoformat(scope["expires_at"]),
        source=scope["source"],
        contact_token=SOMEBODY if scope["names_somebody"] else None,
        held_from=datetime.fromisoformat(held_from) if held_from else None,
        held_to=datetime.fromisoformat(held_to) if held_to else None,
    )


def _first_known(ledger: Ledger) -> datetime | None:
    (row,) = ledger.read("select min(known_from) as first from known_facts")
    return datetime.fromisoformat(row["first"]) if row["first"] else None
