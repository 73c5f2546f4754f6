"""Measure the anonymizers beside references in the same run: ratios are comparable between machines.

Usage: python bench/anonymize.py [--rows 1000000]
"""

import argparse
import hmac
import time
from collections.abc import Callable
from datetime import datetime

import polars as pl
import pyarrow as pa

from anonymizers import tokens
from anonymizers.engine import anonymize
from anonymizers.identity import normalise
from anonymizers.ip_addresses import generalize_ip
from anonymizers.phone import countries, normalise_phone, normalise_phones
from anonymizers.plan import ColumnPlan, Plan
from anonymizers.text.features import derive
from anonymizers.text.releasing_scrubber import ReleasingScrubber
from anonymizers.text.settings import load_settings
from anonymizers.treatments import IdentityKind, TextFeature, Treatment, ValueType

WORKSPACES = 200
KEYS = {f"w{n}": n.to_bytes(32) for n in range(WORKSPACES)} | {"_platform": b"p" * 32}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    print(f"{'work':44} {'rows/s':>12} {'rows/CPU s':>12} {'reference':>10}")
    _pseudonyms(rows)
    _distinct(rows)
    _phones(rows)
    _texts(rows // 10)
    _batch(rows // 10)


def _pseudonyms(rows: int) -> None:
    numbers = _numbers(rows, distinct=rows)
    messages = tokens.identity_messages(numbers, kind=IdentityKind.PHONE)
    one = tokens.Keyed.of(pl.repeat("w1", rows, eager=True), keys=KEYS)
    names = pl.select("w" + (pl.int_range(rows) * 7919 % WORKSPACES).cast(pl.String)).to_series()
    sample = messages.head(rows // 10).to_list()
    key = KEYS["w1"].hex().encode()

    loop = _measure(
        "HMAC in a Python loop",
        len(sample),
        lambda: [hmac.digest(key, m.encode(), "sha256").hex() for m in sample],
    )
    _measure("HMAC column, one workspace", rows, lambda: one.tokens(messages), reference=loop)
    many = tokens.Keyed.of(names, keys=KEYS)
    _measure(f"HMAC column, {WORKSPACES} workspaces", rows, lambda: many.tokens(messages), reference=loop)
    _measure(
        "row id of three columns",
        rows,
        lambda: many.tokens(tokens.id_messages([numbers, names, numbers], source="a__b")),
        reference=loop,
    )


def _distinct(rows: int) -> None:
    """Where hashing the distinct values pays: the basis of `_ROWS_PER_VALUE_THAT_PAY`."""
    hashed = tokens.plh.col("message").chash.hmac_sha256(key="00" * 32).alias("token")
    for repeated in (1, 3, 5, 10, 100):
        frame = _numbers(rows, distinct=rows // repeated).to_frame("message")
        plain = _measure(f"hash all, {repeated} rows per value", rows, lambda f=frame: f.select(hashed))
        _measure(
            f"hash distinct, {repeated} rows per value",
            rows,
            lambda f=frame: f.join(
                f.unique().with_columns(hashed), on="message", how="left", maintain_order="left"
            ),
            reference=plain,
        )


def _phones(rows: int) -> None:
    numbers = _numbers(rows, distinct=rows // 3)
    sample = numbers.head(rows // 100).to_list()
    one_by_one = _measure(
        "phone normalised one by one", len(sample), lambda: list(map(normalise_phone, sample))
    )
    _measure("phone normalised as a column", rows, lambda: normalise_phones(numbers), reference=one_by_one)
    spelt = normalise(numbers, kind=IdentityKind.PHONE)
    _measure("country of a number", rows, lambda: countries(spelt))
    addresses = pl.select(
        "198.51."
        + (pl.int_range(rows) % 250).cast(pl.String)
        + "."
        + (pl.int_range(rows) % 199).cast(pl.String)
    ).to_series()
    _measure("network of an address", rows, lambda: generalize_ip(addresses))


def _texts(rows: int) -> None:
    words = (
        "Your order is ready",
        "Hallo, dein Paket kommt",
        "STOP",
        "see shop.example.com",
        "Tu pedido está listo",
    )
    texts = pl.Series([f"{words[n % 5]} {words[n % 3]} {n % 997}" for n in range(rows)])
    for feature in TextFeature:
        _measure(f"text feature: {feature.value}", rows, lambda f=feature: derive(texts, features=[f]))
    scrubber = ReleasingScrubber(load_settings())
    scrubber.scrub(["warm up John Smith"])
    sample = [f"Hello {chr(65 + n % 26)}nna, {text}" for n, text in enumerate(texts.head(1_000))]
    _measure("free text, distinct", len(sample), lambda: scrubber.scrub(sample))


def _batch(rows: int) -> None:
    """A batch as it comes from a message provider."""
    columns = (
        ColumnPlan("id", "message_token", ValueType.VARCHAR, Treatment.PSEUDONYMIZE, IdentityKind.MESSAGE),
        ColumnPlan("to", "contact_token", ValueType.VARCHAR, Treatment.PSEUDONYMIZE, IdentityKind.PHONE),
        ColumnPlan("country", "country", ValueType.VARCHAR, Treatment.COUNTRY_FROM_PHONE),
        ColumnPlan("status", "status", ValueType.VARCHAR, Treatment.KEEP),
    )
    plan = Plan("bench__statuses", columns, ("id", "status"), "event_id")
    numbers = _numbers(rows, distinct=rows // 3)
    workspaces = pl.select("w" + (pl.int_range(rows) * 7919 % WORKSPACES).cast(pl.String)).to_series()
    raw = {
        "_workspace_id": workspaces,
        "id": "wamid." + numbers,
        "to": numbers,
        "country": numbers,
        "status": pl.repeat("delivered", rows, eager=True),
    }
    table = pa.table(
        {name: values.to_arrow().cast(pa.string()) for name, values in raw.items()}
        | {"_received_at": pa.array([datetime(2026, 3, 1)] * rows, pa.timestamp("us"))}  # noqa: DTZ001
    )
    _measure(
        "whole batch of statuses",
        rows,
        lambda: anonymize(table, plan=plan, keys=KEYS, text=ReleasingScrubber(load_settings())),
    )


def _numbers(rows: int, *, distinct: int) -> pl.Series:
    return pl.select(
        "4915" + (pl.int_range(rows) * 7919 % distinct + 100_000_000).cast(pl.String)
    ).to_series()


def _measure(what: str, rows: int, work: Callable[[], object], *, reference: float | None = None) -> float:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    ratio = "" if reference is None else f"{rows / cpu / reference:.1f} x"
    print(f"{what:44} {rows / wall:12,.0f} {rows / cpu:12,.0f} {ratio:>10}")
    return rows / cpu


if __name__ == "__main__":
    main()
