"""Apply Python functions to columns, once for each distinct text."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from polars._typing import PolarsDataType


def encoded(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the distinct texts, and for each of the n texts its index among them; null stays null."""
    return encoded_array(texts.to_arrow())


def encoded_array(texts: pa.Array) -> tuple[pl.Series, pl.Series]:
    """Return for an Arrow array of texts what `encoded` does for a series."""
    known = texts.cast(pa.large_string()).dictionary_encode()
    return pl.Series("text", known.dictionary, dtype=pl.String), pl.Series("code", known.indices)


def mapped(
    texts: pl.Series, function: Callable[[list[str]], Iterable[Any]], *, dtype: "PolarsDataType" = pl.String
) -> pl.Series:
    """Return what a function makes of each of the n texts, in order; null stays null.

    Args:
        texts: The n texts.
        function: Takes the list of distinct texts, returns a value for each, in order.
        dtype: Type of these values.
    """
    distinct, codes = encoded(texts)
    return pl.Series(texts.name, list(function(distinct.to_list())), dtype=dtype).gather(codes)


def filled(known: pl.Series, texts: pl.Series, function: Callable[[str], Any]) -> pl.Series:
    """Return the n known values, in order, with what a function makes of the text where one is null."""
    at = (known.is_null() & texts.is_not_null()).arg_true()
    if not len(at):
        return known
    return known.clone().scatter(
        at, mapped(texts.gather(at), lambda some: map(function, some), dtype=known.dtype)
    )
