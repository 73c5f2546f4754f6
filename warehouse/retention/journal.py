"""Keep a journal of retention inputs: what was known when, for questions about the past.

Workspaces appear as subjects only. A hold on a person is noted without the person's token, because the
journal stays longer than the person's data.
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
from warehouse.retention.rules import Clock, Hold, RetentionInputs, Rule, Setting, Version

# Stands for the person whom a hold names.
SOMEBODY = "somebody"

_CLASSES = "classes"
_END = "end"


class Kind(StrEnum):
    """Name what an entry is about."""

    POLICY = "policy"
    SETTING = "setting"
    ENDED = "ended"
    HOLD = "hold"


def remember(connection: sqlite3.Connection, inputs: RetentionInputs, *, key: bytes, as_of: datetime) -> None:
    """Note what is known at ``as_of`` where it differs from the last entry; inside the caller's transaction.

    Args:
        key: The key of subjects.
    """
    now = {
        (who, kind.value, name): json.dumps(value, sort_keys=True)
        for who, kind, name, value in _entries(inputs, key)
    }
    before = {
        (row["subject"], row["kind"], row["name"]): (row["value"], row["known_from"])
        for row in connection.execute("select * from known_inputs where known_to is null")
    }
    at = as_of.isoformat()
    for entry, (value, known_from) in before.items():
        if now.get(entry) == value:
            continue
        if known_from >= at:
            # Known for no time at all: nothing was decided by it.
            sql = "delete from known_inputs where subject = ? and kind = ? and name = ? and known_from = ?"
            connection.execute(sql, (*entry, known_from))
        else:
            sql = "update known_inputs set known_to = ? where subject = ? and kind = ? and name = ? "
            connection.execute(sql + "and known_to is null", (at, *entry))
    connection.executemany(
        "insert into known_inputs values (?, ?, ?, ?, ?, null)",
        [(*entry, value, at) for entry, value in now.items() if before.get(entry, ("",))[0] != value],
    )


def forget(connection: sqlite3.Connection, *, after: datetime) -> None:
    """Forget what was noted after a time: what was known then is known again."""
    at = after.isoformat()
    connection.execute("delete from known_inputs where known_from > ?", (at,))
    connection.execute("update known_inputs set known_to = null where known_to > ?", (at,))


def inputs_known_on(ledger: Ledger, on: datetime) -> RetentionInputs:
    """Return the retention inputs as they were known at a time, by subject instead of workspace.

    Raises:
        NothingKnownError: Retention was not applied before that time.
    """
    at = on.isoformat()
    found: dict[Kind, list[tuple[str, str, Any]]] = defaultdict(list)
    for row in ledger.read(
        "select * from known_inputs where known_from <= ? and (known_to is null or known_to > ?) "
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
    return RetentionInputs(
        classes=tuple(policy.pop(_CLASSES)),
        versions=tuple(_version(name, rules) for name, rules in sorted(policy.items())),
        settings={who: tuple(history) for who, history in settings.items()},
        ended={who: datetime.fromisoformat(ended_at) for who, _, ended_at in found[Kind.ENDED]},
        holds=tuple(_hold(who, name, scope) for who, name, scope in found[Kind.HOLD]),
    )


def _entries(inputs: RetentionInputs, key: bytes) -> Iterator[tuple[str, Kind, str, Any]]:
    """Yield subject, kind, name and value of everything to note."""
    yield DEFAULT_SUBJECT, Kind.POLICY, _CLASSES, list(inputs.classes)
    for version in inputs.versions:
        rules = {
            category: [rule.clock.value, rule.window_days, rule.per_workspace, rule.outlives_account]
            for category, rule in version.rules.items()
        }
        yield DEFAULT_SUBJECT, Kind.POLICY, version.effective_from.isoformat(), rules
    for workspace, history in inputs.settings.items():
        who = subject(key, workspace)
        for setting in history:
            yield who, Kind.SETTING, setting.valid_from.isoformat(), setting.days
    for workspace, at in inputs.ended.items():
        yield subject(key, workspace), Kind.ENDED, _END, at.isoformat()
    for hold in inputs.holds:
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
    (row,) = ledger.read("select min(known_from) as first from known_inputs")
    return datetime.fromisoformat(row["first"]) if row["first"] else None
