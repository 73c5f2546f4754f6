"""Workspaces that are paid for and name their campaigns: what the counting of words begins with."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import cast

import polars as pl

from pipelines.declarations.declarations import view_schema
from pipelines.runtime import Runtime
from tests.support.feeding import Row, give
from warehouse.store.reading import read_columns

BEGIN = datetime(2026, 6, 1, 6)
JUNE = datetime(2026, 6, 10, 6)
JULY = datetime(2026, 7, 10, 6)
# July has ended for more than 30 days.
SEPTEMBER = datetime(2026, 9, 15, 6)

CAMPAIGNS = "app__campaigns"


def workspaces(count: int) -> list[str]:
    return [f"ws_{number}" for number in range(count)]


def pay(
    runtime: Runtime, payers: Mapping[str, str | None], *, status: str = "paid", **changes: object
) -> None:
    """One invoice each: workspace → name on it."""
    rows: list[Row] = [
        {
            "workspace_id": workspace,
            "invoice_id": f"i_{workspace}",
            "billing_name": name,
            "amount": "10.00",
            "currency": "EUR",
            "status": status,
            "issued_at": BEGIN,
            "updated_at": BEGIN,
        }
        | changes
        for workspace, name in payers.items()
    ]
    give(runtime, "app__invoices", *rows, as_of=BEGIN)


def pay_each(runtime: Runtime, names: Iterable[str]) -> None:
    """A payer of its own for every workspace."""
    pay(runtime, {name: f"Payer of {name}" for name in names})


def campaigns(texts: Mapping[str, Sequence[str]], *, at: datetime) -> list[Row]:
    """Campaigns by workspace, as an export of a day has them."""
    return [
        {
            "workspace_id": workspace,
            "campaign_id": f"c{number}",
            "name": text,
            "channel": "sms",
            "created_at": at,
            "updated_at": at,
        }
        for workspace, names in texts.items()
        for number, text in enumerate(names)
    ]


def use(runtime: Runtime, names: Iterable[str], *texts: str, at: datetime) -> None:
    """Let workspaces name their campaigns alike."""
    give(runtime, CAMPAIGNS, *campaigns(dict.fromkeys(names, texts), at=at), as_of=at)


def stored(runtime: Runtime, *texts: str, at: datetime = SEPTEMBER) -> list[str]:
    """What is stored of texts that arrive then, in order."""
    use(runtime, ["ws_probe"], *texts, at=at)
    schema = view_schema(runtime.declarations.contracts[CAMPAIGNS])
    table = read_columns(
        runtime.store,
        CAMPAIGNS,
        schema=schema,
        columns=["workspace_id", "campaign_id", "campaign_name"],
    )
    frame = cast("pl.DataFrame", pl.from_arrow(table)).filter(pl.col("workspace_id") == "ws_probe")
    named = dict(frame.select("campaign_id", "campaign_name").iter_rows())
    return [named[f"c{number}"] for number in range(len(texts))]
