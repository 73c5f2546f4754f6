"""Handle columns of texts as NumPy arrays: neighbours of each entry, distinct parts, joined parts."""

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anonymizers.columns import encoded_array

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]


def same_as_previous(values: Ints) -> Bools:
    """Return whether each value equals the one before it; False for the first."""
    return np.concatenate([[False], values[1:] == values[:-1]])


def previous(values: NDArray[Any]) -> NDArray[Any]:
    """Return the value before each value; zero or False for the first."""
    return np.concatenate([np.zeros_like(values[:1]), values[:-1]])


def following(values: NDArray[Any]) -> NDArray[Any]:
    """Return the value after each value; zero or False for the last."""
    return np.concatenate([values[1:], np.zeros_like(values[:1])])


def evaluated(frame: pl.DataFrame, expressions: dict[str, pl.Expr]) -> dict[str, NDArray[Any]]:
    """Return the values of named expressions over a frame of n rows, each as an array of n."""
    return {column.name: column.to_numpy() for column in frame.select_seq(**expressions)}


def encoded_parts(lists: pl.Series) -> tuple[pl.Series, Ints]:
    """Return the distinct texts in lists without nulls, and the index of each text, list by list."""
    distinct, codes = encoded_array(lists.to_arrow().flatten())
    return distinct, codes.to_numpy().astype(np.int64)


def encoded_rows(values: Ints, offsets: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the distinct rows of numbers; row i of n is ``values[offsets[i] : offsets[i + 1]]``.

    Returns:
        Values and offsets of the distinct rows, and for each of the n rows its index among them.
    """
    buffers = [None, pa.py_buffer(offsets * values.itemsize), pa.py_buffer(values)]
    rows = pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers).dictionary_encode()
    _, ends, content = rows.dictionary.buffers()
    bounds = np.frombuffer(ends, np.int64, len(rows.dictionary) + 1) // values.itemsize
    distinct = np.frombuffer(content, values.dtype, bounds[-1])
    return distinct, bounds, pl.Series(rows.indices).to_numpy().astype(np.int64)


def joined(distinct: pl.Series, codes: Ints, offsets: Ints, *, by: str) -> pl.Series:
    """Join parts to n texts: text i is ``distinct[codes[offsets[i] : offsets[i + 1]]]`` joined by ``by``."""
    parts = distinct.to_arrow().cast(pa.large_string()).take(pl.Series(codes).to_arrow())
    lists = pa.LargeListArray.from_arrays(pl.Series(offsets, dtype=pl.Int64).to_arrow(), parts)
    (separator,) = pl.Series([by]).to_arrow().cast(pa.large_string())
    return pl.Series(pc.binary_join(lists, separator), dtype=pl.String)
