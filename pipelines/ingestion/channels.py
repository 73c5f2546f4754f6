"""Values that only the row's channel says how to read: times on the operator's clock, ids in another base."""

import polars as pl

from anonymizers.treatments import IdentityKind
from pipelines.declarations.column import CHANNEL_ZONE
from pipelines.declarations.contract import Contract
from pipelines.sources.batch import says_zone

# The base in which receipts write what the operator's response wrote in the other one.
_BASES = {"decimal": (r"^[0-9]+$", 10, "X"), "hexadecimal": (r"^(0[xX])?[0-9A-Fa-f]+$", 16, "d")}


def as_declared(rows: pl.DataFrame, contract: Contract, channels: pl.DataFrame) -> pl.DataFrame:
    """Read times and message ids of a contract's rows as their channels write them.

    Args:
        channels: `time_zone` and `receipt_ids` of each row's channel, null where it does not say.

    Returns:
        The same rows in the same order, times in UTC and ids as the operator's response wrote them.
    """
    if not contract.asks_the_channel:
        return rows
    for name, column in contract.columns.items():
        if column.zone == CHANNEL_ZONE:
            says = says_zone(name)
            zones = pl.select(pl.when(~rows[says]).then(channels["time_zone"])).to_series()
            rows = rows.drop(says).with_columns(_in_utc(rows[name], zones))
        elif column.identity is IdentityKind.MESSAGE:
            rows = rows.with_columns(_in_other_base(rows[name], channels["receipt_ids"]))
    return rows


def _in_utc(local: pl.Series, zones: pl.Series) -> pl.Series:
    """Times in UTC; null for an hour that the clock skipped. Of an hour that it repeated, the first."""
    times = pl.lit(local)
    for zone in zones.unique().drop_nulls():
        read = pl.lit(local).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        utc = read.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        times = pl.when(pl.lit(zones) == zone).then(utc).otherwise(times)
    return pl.select(times).to_series().rename(local.name)


def _in_other_base(ids: pl.Series, bases: pl.Series) -> pl.Series:
    for name, (written, base, other) in _BASES.items():
        at = ((bases == name) & ids.str.contains(written)).fill_null(value=False).arg_true()
        if len(at):
            ids = ids.scatter(at, [format(int(value, base), other) for value in ids.gather(at)])
    return ids
