"""The words of one batch: which stay because of earlier months, and what the batch adds to its own month."""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import cast

import polars as pl
import pyarrow as pa

from anonymizers.engine import WORKSPACE_COLUMN
from anonymizers.plan import Plan
from anonymizers.text.arrays import Bools
from anonymizers.text.counted_words import USES
from anonymizers.text.counting_scrubber import CountingScrubber
from anonymizers.treatments import Treatment
from pipelines.declarations.declarations import Declarations, view_schema
from warehouse.store import word_counts
from warehouse.store.reading import read_cached
from warehouse.store.store import Store

INVOICES = "app__invoices"
_PAID = "paid"


class WordCounting:
    """Counts the words of one batch; nothing is written before the batch is."""

    def __init__(self, declarations: Declarations, store: Store, *, as_of: datetime) -> None:
        self._declarations = declarations
        self._store = store
        self._as_of = as_of
        self._uses = USES.to_frame()
        self.scrubber = CountingScrubber(declarations.text, _Released(declarations, store, as_of))

    def note(self, rows: pa.Table, plan: Plan) -> None:
        """Remember which workspace used which word in the free text of raw rows just scrubbed."""
        workspaces = pl.Series(rows.column(WORKSPACE_COLUMN))
        for column in plan.columns:
            if column.treatment is Treatment.SCRUB_TEXT:
                texts = pl.Series(rows.column(column.raw)).cast(pl.String)
                self._uses = pl.concat([self._uses, self.scrubber.uses(texts, workspaces=workspaces)])
        self._uses = self._uses.unique()
        self.scrubber.forget()

    def addition(self) -> Callable[[sqlite3.Connection, int], None] | None:
        """What to write in the transaction of the batch; a workspace that nobody pays for counts nothing."""
        if self._uses.is_empty():
            return None
        uses = (
            self._uses.join(payers(self._declarations, self._store), on="workspace")
            .select("payer", "word")
            .unique()
        )
        return word_counts.addition(
            uses, self._store.keyring, enough=self._declarations.enough, as_of=self._as_of.date()
        )


class _Released:
    """The words that the months before a batch release; read when the first is asked for."""

    def __init__(self, declarations: Declarations, store: Store, as_of: datetime) -> None:
        self._declarations = declarations
        self._store = store
        self._as_of = as_of

    @cached_property
    def _months(self) -> word_counts.Counting:
        return word_counts.counting_months(
            self._store.ledger,
            self._store.keyring,
            enough=self._declarations.enough,
            as_of=self._as_of.date(),
        )

    def released(self, words: pl.Series) -> Bools:
        """Which of some words stay."""
        return word_counts.released(words, self._months, enough=self._declarations.enough).to_numpy()


def payers(declarations: Declarations, store: Store) -> pl.DataFrame:
    """Workspaces and who pays for them: `workspace`, `payer`, one row each.

    Of several names on invoices that were paid the first: whoever renames a payer does not become another.
    """
    contract = declarations.contracts.get(INVOICES)
    if contract is None:
        return pl.DataFrame(schema={"workspace": pl.String, "payer": pl.String})
    columns = ["workspace_id", "entity_id", "billing_token", "status", "amount", "issued_at"]
    table = read_cached(store, INVOICES, schema=view_schema(contract), columns=columns)
    invoices = cast("pl.DataFrame", pl.from_arrow(table))
    paid = (pl.col("status") == _PAID) & (pl.col("amount") > 0) & pl.col("billing_token").is_not_null()
    return (
        invoices.filter(paid)
        .sort("issued_at", "entity_id")
        .unique("workspace_id", keep="first", maintain_order=True)
        .select(pl.col("workspace_id").alias("workspace"), pl.col("billing_token").alias("payer"))
    )
