"""The lines of JSONL inboxes: `{"received_at": …, "channel": …, "body": …}`."""

import numpy as np
import polars as pl

from pipelines.synthetic.randomness import Ints
from pipelines.synthetic.stamps import iso_milliseconds

# Rows per piece of text: about 20 MB, whatever the size of the day.
SLICE_ROWS = 32_768


def opening(received_ms: Ints) -> pl.Series:
    """`{"received_at":"…","channel":"`, one per row."""
    frame = pl.DataFrame({"at": iso_milliseconds(received_ms)})
    return frame.select(
        pl.concat_str(pl.lit('{"received_at":"'), "at", pl.lit('","channel":"')).alias("opening")
    ).to_series()


def slices(count: int, rows: int = SLICE_ROWS) -> list[slice]:
    """Cut ``count`` rows into slices."""
    return [slice(start, min(start + rows, count)) for start in range(0, count, rows)]


def lookup(texts: list[str], index: Ints) -> pl.Series:
    """Texts by index; cheap, because equal texts are shared."""
    return pl.Series(values=texts, dtype=pl.String).gather(np.asarray(index, dtype=np.int64))
