"""Draw random numbers and random text, columnar and reproducible."""

import zlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

NEVER = np.iinfo(np.int64).max


def stream(seed: int, name: str, *keys: int) -> np.random.Generator:
    """Return a generator of its own for one purpose, so that a change in one part leaves the others alone."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *keys])


def hex_texts(rng: np.random.Generator, count: int, digits: int, *, upper: bool = False) -> pl.Series:
    """Draw ``count`` strings of an even number of hexadecimal digits."""
    text = rng.bytes(count * digits // 2).hex()
    return _cut(text.upper() if upper else text, count, digits)


def digit_texts(rng: np.random.Generator, count: int, digits: int) -> pl.Series:
    """Draw ``count`` strings of decimal digits."""
    values = rng.integers(ord("0"), ord("9") + 1, count * digits, dtype=np.uint8)
    return _cut(values.tobytes().decode("ascii"), count, digits)


def _cut(text: str, count: int, width: int) -> pl.Series:
    offsets = np.arange(0, count * width + 1, width, dtype=np.int64)
    array = pa.Array.from_buffers(
        pa.large_string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(text.encode("ascii"))]
    )
    return pl.Series(values=pl.from_arrow(array))


def pick(rng: np.random.Generator, weights: npt.ArrayLike, count: int) -> Ints:
    """Draw indices by weight; ``weights`` need not add up to one."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn: Ints = np.searchsorted(edges, rng.random(count) * edges[-1], side="right").astype(np.int64)
    return drawn


def chance(rng: np.random.Generator, probability: float | Floats, count: int) -> Flags:
    """Draw one coin per row, of one probability or of one each."""
    heads: Flags = rng.random(count) < probability
    return heads


def waits(rng: np.random.Generator, count: int, *, median_s: float, sigma: float, limit_s: float) -> Floats:
    """Draw log-normal waiting times in seconds: most are short, some are very long."""
    return np.minimum(rng.lognormal(np.log(median_s), sigma, count), limit_s)
