"""Write raw records as rows of quarantine, and read them back."""

from datetime import date, datetime
from typing import cast

import polars as pl
import pyarrow as pa


def quarantine_rows(
    places: pl.DataFrame,
    payloads: pa.Table,
    *,
    feed: str,
    batch_id: str,
    received_at: datetime,
    since: date,
    days: int,
) -> pa.Table:
    """Return the raw records of some places, once for each reason.

    Args:
        places: record, source, reason.
        payloads: record, payload.
        since: First day in quarantine.
        days: How long they may stay.
    """
    raw = cast("pl.DataFrame", pl.from_arrow(payloads))
    rows = places.unique(maintain_order=True).join(raw, on="record", how="left", maintain_order="left_right")
    return rows.select(
        pl.lit(feed).alias("feed"),
        "source",
        "reason",
        pl.lit(batch_id).alias("batch_id"),
        "record",
        "payload",
        pl.lit(received_at).alias("received_at"),
        pl.lit(since).alias("event_date"),
        pl.lit(days, dtype=pl.Int32).alias("retention_days"),
    ).to_arrow()


def raw_records(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the raw records of a quarantine file in their order, each once, whatever was wrong with it.

    Returns:
        n rows: batch_id, record, payload.
    """
    first = rows.group_by("record", maintain_order=True).agg(pl.first("source"), pl.first("reason"))
    once = rows.join(first, on=["record", "source", "reason"], maintain_order="left")
    # A record too large for one cell stands in several rows.
    whole = once.group_by("batch_id", "record", maintain_order=True).agg("payload")
    return whole.with_columns(
        pl.Series("payload", [b"".join(p) for p in whole["payload"].to_list()], pl.Binary)
    )
