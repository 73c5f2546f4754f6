"""What ingestion looks up: whose channel it is, which window applies, whose account ended, who consented."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cached_property
from typing import cast

import polars as pl
import pyarrow as pa

from anonymizers.identity import normalise
from anonymizers.tokens import PLATFORM, Keyed, identity_messages
from anonymizers.treatments import IdentityKind, KeyScope
from pipelines.declarations.contract import Contract, PolicyCategory, WorkspaceFrom
from pipelines.declarations.declarations import Declarations, view_schema
from pipelines.windows.inputs import HOLD_COLUMNS, HOLDS, SUBSCRIPTIONS, WORKSPACES, retention_inputs
from warehouse.keys.keyring import Purpose
from warehouse.retention import records
from warehouse.retention.rules import (
    RetentionInputs,
    expired_through,
    outlives_account,
    refused_from,
    window_at,
)
from warehouse.retention.suppression import Suppressed, suppressed
from warehouse.store.reading import read_cached
from warehouse.store.store import Store

# What a channel says of its provider's ways, and when it says so.
_DECLARED = ("time_zone", "receipt_ids")
_VALID = ("valid_from", "valid_to")
_ADDRESS_PREFIX = "^(whatsapp|rcs|messenger):"


class Reference:
    """Snapshot of the lookups at the start of one file; loads each when first needed.

    Attributes:
        as_of: The clock, naive UTC.
        epoch: Retention's, noted before any look: what was decided in it may not be committed in another.
    """

    def __init__(self, declarations: Declarations, store: Store, *, as_of: datetime) -> None:
        self.as_of = as_of
        self.epoch = records.epoch(store.ledger)
        self._declarations = declarations
        self._store = store
        self._windows: dict[tuple[str, str], tuple[int | None, date | None]] = {}
        self._suppressed: dict[str, Suppressed | None] = {}

    @cached_property
    def facts(self) -> RetentionInputs:
        """Settings, ended accounts and holds."""
        return retention_inputs(self._declarations, self._store, as_of=self.as_of)

    @cached_property
    def _countries(self) -> dict[str, str]:
        return dict(self._read(WORKSPACES, ["workspace_id", "country"]).drop_nulls().iter_rows())

    @cached_property
    def _consents(self) -> pl.DataFrame:
        columns = ["workspace_id", "member_token", "is_granted", "valid_from"]
        frame = self._read("privacy__consents", ["purpose", *columns])
        return frame.filter(pl.col("purpose") == "analytics").select(columns).sort("valid_from")

    @cached_property
    def _subject_key(self) -> bytes:
        return records.subject_key(self._store.keyring)

    @cached_property
    def _horizons(self) -> dict[tuple[str, str], date]:
        return records.horizons(self._store.ledger)

    @cached_property
    def _refused(self) -> dict[str, date]:
        return records.refused(self._store.ledger)

    def suppressed(self, workspaces: pa.ChunkedArray) -> dict[str, Suppressed]:
        """Return what is refused of erased persons of these workspaces."""
        names = {name for name in workspaces.unique().to_pylist() if name is not None}
        if new := names - self._suppressed.keys():
            found = suppressed(self._store.ledger, self._store.keyring, new)
            self._suppressed |= {name: found.get(name) for name in new}
        return {name: known for name in names if (known := self._suppressed[name]) is not None}

    def channels(
        self, rows: pl.DataFrame, contract: Contract, *, at: pl.Series, override: str | None
    ) -> pl.DataFrame:
        """Find the workspace of each row, and what its channel declares of the provider's ways.

        A channel may move to another workspace: a row is of the one that had it when the row's event
        happened. A channel that only one workspace ever had may go by the time of receipt.

        Args:
            at: When each row's event happened.

        Returns:
            `_workspace_id`, `time_zone` and `receipt_ids`, in order; null where no channel of that time is
            known, or does not say.
        """
        rule = contract.workspace
        match rule.from_:
            case WorkspaceFrom.PLATFORM:
                return _of_workspace(PLATFORM, rows.height)
            case WorkspaceFrom.COLUMN:
                return _of_workspace(None, rows.height).with_columns(
                    rows[rule.columns[0]].alias("_workspace_id")
                )
            case WorkspaceFrom.CHANNEL:
                if override is not None and not contract.asks_the_channel:
                    return _of_workspace(override, rows.height)
                found = self._by_channel(rows, rule.columns, provider=str(rule.provider), at=at)
                return found.with_columns(pl.lit(override).alias("_workspace_id")) if override else found

    def countries(self, workspaces: pl.Series) -> pl.Series:
        """Return the country (ISO 3166-1 alpha-2) of each row's workspace, in order; null if unknown."""
        return workspaces.replace_strict(self._countries, default=None, return_dtype=pl.String)

    def windows(self, workspaces: pl.Series, category: PolicyCategory) -> pl.DataFrame:
        """Retention class and newest expired event day of each row, in order.

        Returns:
            `_retention_days` (Int32) and `_expired_through` (Date); null where rows do not expire by day.
        """
        distinct = workspaces.unique().drop_nulls().to_list()
        found = [self._window(category.value, workspace) for workspace in distinct]
        table = pl.DataFrame(
            {
                "workspace": distinct,
                "_retention_days": [days for days, _ in found],
                "_expired_through": [through for _, through in found],
            },
            schema={"workspace": pl.String, "_retention_days": pl.Int32, "_expired_through": pl.Date},
        )
        rows = workspaces.to_frame("workspace")
        return rows.join(table, on="workspace", how="left", maintain_order="left").drop("workspace")

    def ended(self, workspaces: pl.Series, *, source: str | None = None) -> list[str]:
        """Those whose rows are not taken in: their account has ended, or its end is near.

        Args:
            source: Data set of the rows. Subscriptions are taken in until the end: one may begin again.
        """
        is_refused = self._is_gone if source == SUBSCRIPTIONS else self._is_refused
        return [workspace for workspace in workspaces.unique().drop_nulls() if is_refused(workspace)]

    def outlives_account(self, category: PolicyCategory) -> bool:
        """Whether rows of a category are taken in from ended workspaces too."""
        return outlives_account(self.facts, category.value, self.as_of)

    def known_holds(self) -> set[tuple[str, str]]:
        """`workspace_id` and `hold_id` of the legal holds that are there."""
        return set(
            self._read(HOLDS, HOLD_COLUMNS, deleted=True).select("workspace_id", "hold_id").iter_rows()
        )

    def keyed(self, workspaces: pl.Series) -> list[str]:
        """Those that have a key."""
        keyring = self._store.keyring
        return [w for w in workspaces.unique().drop_nulls() if keyring.has(Purpose.PSEUDONYM, w)]

    def _window(self, category: str, workspace: str) -> tuple[int | None, date | None]:
        if (category, workspace) not in self._windows:
            days = window_at(self.facts, category, workspace, self.as_of).days
            # What was past its window once stays gone, whatever the facts say by now.
            horizon = self._horizons.get(
                (category, self._subject(workspace)),
                self._horizons.get((category, records.DEFAULT_SUBJECT)),
            )
            reached = expired_through(self.facts, category, workspace, self.as_of)
            through = max((day for day in (horizon, reached) if day is not None), default=None)
            self._windows[category, workspace] = (days, through)
        return self._windows[category, workspace]

    def _is_refused(self, workspace: str) -> bool:
        if self._is_gone(workspace):
            return True
        ttl = self._declarations.policy.inbox_ttl_days
        day = refused_from(self.facts, workspace, self.as_of, inbox_ttl_days=ttl)
        return day is not None and day <= self.as_of.date()

    def _is_gone(self, workspace: str) -> bool:
        return self._subject(workspace) in self._refused

    def _subject(self, workspace: str) -> str:
        return records.subject(self._subject_key, workspace)

    def withdrawn(self, rows: pl.DataFrame, *, member: str, at: str) -> pl.Series:
        """Whether the member's last recorded analytics consent before each row was a withdrawal."""
        if self._consents.is_empty():
            return pl.Series([False]).new_from_index(0, rows.height)
        tokens = self._workspace_tokens(rows["_workspace_id"], rows[member], kind=IdentityKind.MEMBER)
        asked = pl.DataFrame(
            {"workspace_id": rows["_workspace_id"], "member_token": tokens, "at": rows[at]}
        ).with_row_index()
        found = asked.sort("at").join_asof(
            self._consents,
            left_on="at",
            right_on="valid_from",
            by=["workspace_id", "member_token"],
            strategy="backward",
            check_sortedness=False,
        )
        return found.sort("index")["is_granted"].not_().fill_null(value=False)

    def _by_channel(
        self, rows: pl.DataFrame, columns: Sequence[str], *, provider: str, at: pl.Series
    ) -> pl.DataFrame:
        channels = self._channels.filter(pl.col("provider") == provider)
        # `smpp/op-1` or `op-1`.
        named = rows["_channel"].str.replace("^[^/]*/([^/]+).*", "$1")
        from_envelope = named.str.replace(_ADDRESS_PREFIX, "")
        resolved = _of_workspace(None, rows.height)
        for values in (*(rows[column] for column in columns), from_envelope):
            is_open = resolved["_workspace_id"].is_null()
            if not is_open.any():
                break
            asked = pl.DataFrame(
                {"token": self._channel_tokens(values), "at": at, "told_at": rows["_received_at"]}
            ).with_row_index()
            found = (
                asked.filter(is_open)
                .join(channels, on="token", how="inner")
                .filter(_is_valid("at") | (_is_valid("told_at") & pl.col("has_one_owner")))
                # A sender belongs to one workspace at a time; were two declared, the later wins.
                .sort("index", _is_valid("at"), "valid_from", descending=[False, True, True])
                .unique("index", keep="first", maintain_order=True)
                .select("index", *resolved.columns)
            )
            resolved = resolved.with_row_index().update(found, on="index").drop("index")
        return resolved

    @cached_property
    def _channels(self) -> pl.DataFrame:
        columns = ["provider", "workspace_id", "sender_token", "account_token", *_DECLARED, *_VALID]
        frame = self._read("app__channels", columns).rename({"workspace_id": "_workspace_id"})
        kept = ["provider", "_workspace_id", *_DECLARED, *_VALID]
        by_sender = frame.select(*kept, pl.col("sender_token").alias("token"))
        # An account names a workspace only where all its channels do.
        is_alone = pl.col("_workspace_id").n_unique().over("provider", "account_token") == 1
        by_account = frame.filter(is_alone).select(*kept, pl.col("account_token").alias("token"))
        channels = pl.concat([by_sender, by_account]).filter(pl.col("token").is_not_null())
        owners = pl.col("_workspace_id").n_unique().over("provider", "token")
        return channels.with_columns(has_one_owner=owners == 1)

    def _channel_tokens(self, values: pl.Series) -> pl.Series:
        platform = pl.Series([PLATFORM], dtype=pl.String).new_from_index(0, len(values))
        return self._tokens(platform, values, kind=IdentityKind.CHANNEL, scope=KeyScope.PLATFORM, known=())

    def _workspace_tokens(self, workspaces: pl.Series, values: pl.Series, *, kind: IdentityKind) -> pl.Series:
        """Tokens to look up; null where the workspace has no key: nothing of it can be there to be found."""
        known = self.keyed(workspaces)
        asked = pl.select(pl.when(workspaces.is_in(known)).then(values)).to_series()
        return self._tokens(workspaces, asked, kind=kind, scope=KeyScope.WORKSPACE, known=known)

    def _tokens(
        self,
        workspaces: pl.Series,
        values: pl.Series,
        *,
        kind: IdentityKind,
        scope: KeyScope,
        known: Sequence[str],
    ) -> pl.Series:
        keys = self._store.keyring.get_all(Purpose.PSEUDONYM, {PLATFORM, *known})
        messages = identity_messages(normalise(values.cast(pl.String), kind=kind), kind=kind)
        return Keyed.of(workspaces, keys=keys).tokens(messages, scope=scope)

    def _read(self, source: str, columns: Sequence[str], *, deleted: bool = False) -> pl.DataFrame:
        schema = view_schema(self._declarations.contracts[source])
        table = read_cached(self._store, source, schema=schema, columns=columns, deleted=deleted)
        return cast("pl.DataFrame", pl.from_arrow(table))


def _is_valid(moment: str) -> pl.Expr:
    at = pl.col(moment)
    return (pl.col("valid_from") <= at) & (pl.col("valid_to").is_null() | (at < pl.col("valid_to")))


def _of_workspace(workspace: str | None, rows: int) -> pl.DataFrame:
    """Rows of one workspace whose channels declare nothing."""
    values = {"_workspace_id": workspace, **dict.fromkeys(_DECLARED)}
    columns = [pl.repeat(value, rows, dtype=pl.String).alias(name) for name, value in values.items()]
    return pl.select(columns)
