"""Read what retention rules need from the store: settings, ended accounts and legal holds."""

import hmac
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import polars as pl

from anonymizers.treatments import IdentityKind
from pipelines.declarations.contract import OF_CONTACTS, Contract, Kind
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.policy import QUARANTINE_CATEGORY
from warehouse.keys.keyring import Purpose
from warehouse.retention.rules import DataSet, Hold, Layout, RetentionInputs, Setting
from warehouse.store.reading import read_cached
from warehouse.store.store import Store

QUARANTINE = "_quarantine"
HOLDS = "privacy__legal_holds"
SETTINGS = "app__workspace_settings"
SUBSCRIPTIONS = "app__subscriptions"
WORKSPACES = "app__workspaces"
# A row's own message; it may be all that tells whom the row is about.
OWN_MESSAGE = "message_token"
_SCOPE = ("workspace_id", "hold_id", "held_source", "contact_token", "held_from", "held_to")
HOLD_COLUMNS = (*_SCOPE, "expires_at")
_HOLD_NAME_CHARACTERS = 32


def retention_inputs(declarations: Declarations, store: Store, *, as_of: datetime) -> RetentionInputs:
    """Return the inputs of the retention rules at ``as_of``, as the store knows them now.

    Settings that begin later are included; an account that ends later has not ended. Files are read only
    where they have changed since the last call.
    """
    return replace(
        window_inputs(declarations, store),
        ended=_ended(declarations, store, as_of),
        holds=_holds(declarations, store),
    )


def window_inputs(declarations: Declarations, store: Store) -> RetentionInputs:
    """Return the inputs that windows depend on: the versions of the policy and the workspaces' settings."""
    return RetentionInputs(
        versions=declarations.policy.history(),
        classes=declarations.policy.retention_classes_days,
        settings=_settings(declarations, store),
    )


def data_sets(contracts: Mapping[str, Contract]) -> dict[str, DataSet]:
    """Return what the retention rules need to know of every data set, quarantine included."""
    quarantine = DataSet(QUARANTINE, QUARANTINE_CATEGORY, Layout.DAYS, tokens=("record",), raw=True)
    return {name: _data_set(contract) for name, contract in contracts.items()} | {QUARANTINE: quarantine}


def hold_name(
    key: bytes,
    *,
    workspace_id: str,
    hold_id: str,
    source: str | None,
    contact_token: str | None,
    held_from: datetime | None,
    held_to: datetime | None,
) -> str:
    """Return the name of a legal hold: a keyed hash of its number and scope.

    The end of the hold is not part of it: a hold that is extended keeps its name, its rows and their key.
    """
    period = (moment.isoformat() if moment else None for moment in (held_from, held_to))
    parts = (workspace_id, hold_id, source, contact_token, *period)
    # No part contains the separator, and an open end differs from any value.
    message = "\x1f".join("-" if part is None else f"={part}" for part in parts)
    return hmac.digest(key, message.encode(), "sha256").hex()[:_HOLD_NAME_CHARACTERS]


def _data_set(contract: Contract) -> DataSet:
    layout = Layout.BUCKETS
    if contract.event_time is not None:
        layout = Layout.DAYS if contract.kind is Kind.EVENT else Layout.MONTHS
    return DataSet(
        source=contract.source,
        category=contract.policy.value,
        layout=layout,
        event_time=contract.stored_name(contract.event_time) if contract.event_time else None,
        columns=frozenset(name for name, _ in contract.plan.stored_columns()),
        holds=contract.source == HOLDS,
        subject=contract.subject.value,
        tokens=tokens_of_people(contract),
    )


def tokens_of_people(contract: Contract) -> tuple[str, ...]:
    """Return the stored columns that name a person or the row's message; none where it is about neither."""
    if contract.subject.value not in ("contact", "member"):
        return ()
    kinds = {*OF_CONTACTS, IdentityKind.MEMBER}
    names = [contract.stored_name(name) for name, c in contract.columns.items() if c.identity in kinds]
    stored = {name for name, _ in contract.plan.stored_columns()}
    return tuple(name for name in (*names, OWN_MESSAGE) if name in stored)


def _settings(declarations: Declarations, store: Store) -> dict[str, tuple[Setting, ...]]:
    rows = _rows(declarations, store, SETTINGS, ("workspace_id", "valid_from", "message_log_retention_days"))
    settings: dict[str, list[Setting]] = defaultdict(list)
    for workspace, valid_from, days in sorted(rows, key=lambda row: row[:2]):
        settings[workspace].append(Setting(valid_from, days))
    return {workspace: tuple(history) for workspace, history in settings.items()}


def _ended(declarations: Declarations, store: Store, as_of: datetime) -> dict[str, datetime]:
    """Return workspace → when its account ended: with its last subscription, or deleted before that."""
    ends: dict[str, list[datetime | None]] = defaultdict(list)
    columns = ("workspace_id", "ended_at", "deleted_at")
    for workspace, *moments in _rows(declarations, store, SUBSCRIPTIONS, columns):
        ends[workspace].append(min((at for at in moments if at is not None and at <= as_of), default=None))
    ended = {w: max(at for at in moments if at) for w, moments in ends.items() if None not in moments}
    for workspace, deleted_at in _rows(declarations, store, WORKSPACES, ("workspace_id", "deleted_at")):
        if deleted_at is not None and deleted_at <= as_of:
            ended[workspace] = min(deleted_at, ended.get(workspace, deleted_at))
    return ended


def named_holds(declarations: Declarations, store: Store, column: str) -> dict[str, tuple[Any, ...]]:
    """Read legal holds: name (see `hold_name`) → its scope as in `HOLD_COLUMNS`, and one more column."""
    rows = _rows(declarations, store, HOLDS, (*_SCOPE, column))
    key = store.keyring.get(Purpose.LEDGER, "hold") if rows else b""
    scope = ("workspace_id", "hold_id", "source", "contact_token", "held_from", "held_to")
    return {hold_name(key, **dict(zip(scope, row, strict=False))): row for row in rows}


def _holds(declarations: Declarations, store: Store) -> tuple[Hold, ...]:
    return tuple(
        Hold(
            name,
            workspace,
            expires_at,
            source=source,
            contact_token=token,
            held_from=held_from,
            held_to=held_to,
        )
        for name, (workspace, _, source, token, held_from, held_to, expires_at) in sorted(
            named_holds(declarations, store, "expires_at").items()
        )
    )


def _rows(
    declarations: Declarations, store: Store, source: str, columns: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Read the rows of a small data set, deletion markers included; none where there is no such contract."""
    if source not in declarations.contracts:
        return []
    schema = declarations.contracts[source].plan.stored_columns()
    table = read_cached(store, source, schema=schema, columns=columns, deleted=True)
    return cast("pl.DataFrame", pl.from_arrow(table)).rows()
