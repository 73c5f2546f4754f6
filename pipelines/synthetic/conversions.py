"""Draw what contacts do after clicks: purchases, bookings, sign-ups, and what they are worth."""

from datetime import date

import numpy as np
import polars as pl

from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import chance, pick, stream, waits
from pipelines.synthetic.stamps import DAY_S

CONVERTING_SHARE = 0.35
KINDS = ("purchase", "booking", "signup", "lead")
_KIND_WEIGHTS = (70, 10, 14, 6)
# Sign-ups and leads have no price.
PRICED_KINDS = 2
TYPICAL_AMOUNT = 38.0
# Some buy in a currency that is not the workspace's.
FOREIGN_CURRENCY_SHARE = 0.02
# A few take longer than anybody waits for.
LONGEST_WAIT_DAYS = 9


def conversions_of(population: Population, day: date, clicks: pl.DataFrame) -> pl.DataFrame:
    """Draw the conversions that follow a day's clicks; each waits for its own day.

    Returns:
        One row per conversion: contact, workspace, phone, kind, amount in hundredths, is_foreign,
        by_id (named by contact id, not by number), at.
    """
    rng = stream(population.spec.seed, "conversions", day.toordinal())
    count = len(clicks)
    converts = np.flatnonzero(chance(rng, CONVERTING_SHARE, count))
    source, count = clicks[converts], len(converts)
    wait = waits(rng, count, median_s=2_400, sigma=2.2, limit_s=LONGEST_WAIT_DAYS * DAY_S)
    amount = np.round(rng.lognormal(np.log(TYPICAL_AMOUNT), 0.6, count) * 100).astype(np.int64)
    return source.select("contact", "workspace", "phone").with_columns(
        pl.Series("kind", pick(rng, _KIND_WEIGHTS, count)),
        pl.Series("amount", amount),
        pl.Series("is_foreign", chance(rng, FOREIGN_CURRENCY_SHARE, count)),
        pl.Series("by_id", chance(rng, 0.3, count)),
        pl.Series("at", source["at"].to_numpy() + 30 + wait.astype(np.int64)),
    )
