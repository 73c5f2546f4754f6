"""What ingestion looks up: whose channel it is, which window a workspace chose, who consented."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

import polars as pl

from anonymizers.identity import normalise
from anonymizers.tokens import PLATFORM, Keyed, identity_messages
from anonymizers.treatments import IdentityKind, KeyScope
from pipelines.contract import Contract, PolicyCategory, WorkspaceFrom
from pipelines.facts import facts_of
from pipelines.runtime import Runtime, view_schema
from warehouse.keyring import Purpose
from warehouse.retention.rules import Facts, window_at


class Reference:
    """Snapshot of the lookups at the start of one file; loads each when first needed."""

    def __init__(self, runtime: Runtime, *, as_of: datetime) -> None:
        self._runtime = runtime
        self._as_of = as_of
        self._channels: pl.DataFrame | None = None
        self._facts: Facts | None = None
        self._consents: pl.DataFrame | None = None

    def workspaces(self, rows: pl.DataFrame, contract: Contract, *, override: str | None) -> pl.Series:
        """Workspace of each row, in order; null where no channel of that time resolves it."""
        rule = contract.workspace
        match rule.from_:
            case WorkspaceFrom.PLATFORM:
                return pl.Series([PLATFORM], dtype=pl.String).new_from_index(0, rows.height)
            case WorkspaceFrom.COLUMN:
                return rows[rule.columns[0]]
            case WorkspaceFrom.CHANNEL:
                if override is not None:
                    return pl.Series([override], dtype=pl.String).new_from_index(0, rows.height)
                return self._by_channel(rows, rule.columns, provider=str(rule.provider))

    @property
    def facts(self) -> Facts:
        """Settings, ended accounts and holds."""
        if self._facts is None:
            self._facts = facts_of(self._runtime, as_of=self._as_of)
        return self._facts

    def retention_days(self, workspaces: pl.Series, category: PolicyCategory) -> pl.Series:
        """Retention class of each row, in order: days as Int32."""
        distinct = workspaces.unique().drop_nulls()
        classes = [window_at(self.facts, category.value, w, self._as_of).days for w in distinct]
        return workspaces.replace_strict(distinct, pl.Series(classes, dtype=pl.Int32), default=None)

    def withdrawn(self, rows: pl.DataFrame, *, member: str, at: str) -> pl.Series:
        """Whether the member's last recorded analytics consent before each row was a withdrawal."""
        if self._consents is None:
            frame = self._read(
                "privacy__consents", ["workspace_id", "member_token", "purpose", "is_granted", "valid_from"]
            )
            self._consents = (
                frame.filter(pl.col("purpose") == "analytics")
                .select("workspace_id", "member_token", "is_granted", "valid_from")
                .sort("valid_from")
            )
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

    def _by_channel(self, rows: pl.DataFrame, columns: Sequence[str], *, provider: str) -> pl.Series:
        channels = self._channels_frame().filter(pl.col("provider") == provider)
        from_envelope = rows["_channel"].str.split_exact("/", 1).struct.field("field_1")
        resolved = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
        for values in (*(rows[column] for column in columns), from_envelope):
            if resolved.null_count() == 0:
                break
            asked = pl.DataFrame(
                {"token": self._channel_tokens(values), "at": rows["_received_at"]}
            ).with_row_index()
            found = (
                asked.filter(resolved.is_null())
                .join(channels, on="token", how="inner")
                .filter(
                    (pl.col("valid_from") <= pl.col("at"))
                    & (pl.col("valid_to").is_null() | (pl.col("at") < pl.col("valid_to")))
                )
                # A sender belongs to one workspace at a time; were two declared, the later wins.
                .sort("index", "valid_from", descending=[False, True])
                .unique("index", keep="first", maintain_order=True)
            )
            asked = asked.join(
                found.select("index", "workspace_id"), on="index", how="left", maintain_order="left"
            )
            resolved = resolved.fill_null(asked["workspace_id"]) if resolved.null_count() else resolved
        return resolved

    def _channels_frame(self) -> pl.DataFrame:
        if self._channels is None:
            frame = self._read(
                "app__channels",
                ["provider", "workspace_id", "sender_token", "account_token", "valid_from", "valid_to"],
            )
            kept = ["provider", "workspace_id", "valid_from", "valid_to"]
            by_sender = frame.select(*kept, pl.col("sender_token").alias("token"))
            # An account names a workspace only where all its channels do.
            accounts = frame.group_by("provider", "account_token").agg(
                pl.col("workspace_id").n_unique().alias("n")
            )
            by_account = frame.join(
                accounts.filter(pl.col("n") == 1), on=["provider", "account_token"]
            ).select(*kept, pl.col("account_token").alias("token"))
            self._channels = pl.concat([by_sender, by_account]).filter(pl.col("token").is_not_null())
        return self._channels

    def _channel_tokens(self, values: pl.Series) -> pl.Series:
        platform = pl.Series([PLATFORM], dtype=pl.String).new_from_index(0, len(values))
        return self._tokens(platform, values, kind=IdentityKind.CHANNEL, scope=KeyScope.PLATFORM)

    def _workspace_tokens(self, workspaces: pl.Series, values: pl.Series, *, kind: IdentityKind) -> pl.Series:
        return self._tokens(workspaces, values, kind=kind, scope=KeyScope.WORKSPACE)

    def _tokens(
        self, workspaces: pl.Series, values: pl.Series, *, kind: IdentityKind, scope: KeyScope
    ) -> pl.Series:
        keys = self._runtime.keyring.get_all(Purpose.PSEUDONYM, {PLATFORM, *workspaces.unique()})
        messages = identity_messages(normalise(values.cast(pl.String), kind=kind), kind=kind)
        return Keyed.of(workspaces, keys=keys).tokens(messages, scope=scope)

    def _read(self, source: str, columns: Sequence[str]) -> pl.DataFrame:
        schema = view_schema(self._runtime.contracts[source])
        table = self._runtime.reader.read(source, schema=schema, columns=columns)
        return cast("pl.DataFrame", pl.from_arrow(table))
