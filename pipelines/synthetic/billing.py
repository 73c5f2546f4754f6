"""Draw the invoices and payments of the generated world."""

from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from pipelines.synthetic.countries import countries
from pipelines.synthetic.frames import frame_of
from pipelines.synthetic.names import addresses
from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import stream
from pipelines.synthetic.stamps import DAY_S, day_of, seconds_of

_PLAN_PRICES = {"free": 0, "starter": 49, "growth": 199, "enterprise": 990}


def billing(population: Population) -> dict[str, pl.DataFrame]:
    """Draw invoices of the first of each month since a workspace began, and what was paid on them."""
    spec = population.spec
    rng = stream(spec.seed, "billing")
    end = spec.start + timedelta(days=spec.days)
    places = {
        c.code: addresses(c.name_locales[0], seed=f"{c.code}/{spec.seed}", count=20) for c in countries()
    }
    invoices: list[tuple[object, ...]] = []
    payments: list[tuple[object, ...]] = []
    for w in population.workspaces:
        place = places[w.country.code][w.index // len(countries()) % 20]
        billing_name = w.name if not w.is_person else f"{w.owner_first} {w.owner_last}, sole trader"
        for number, month in enumerate(_firsts(w.created_at, min(end, w.ended_on or end)), 1):
            issued = seconds_of(month) + 6 * 3_600
            fee = _PLAN_PRICES[w.plan] + float(rng.gamma(2.0, 0.04)) * w.size
            amount = Decimal(round(fee * (1 + w.country.vat) * 100)) / 100
            ids = f"{w.index + 1:04}_{number:03}"
            is_void = rng.random() < 0.01
            paid = issued + int(rng.integers(1, 21 * DAY_S))
            row = (w.id, f"inv_{ids}", billing_name, place, amount, w.country.currency)
            invoices.append((*row, "void" if is_void else "open", issued, issued))
            method = w.country.payment_methods[int(rng.integers(len(w.country.payment_methods)))]
            card = f"{rng.integers(10_000):04}" if method == "card" else None
            if not is_void and rng.random() < 0.97:
                invoices.append((*row, "paid", issued, paid))
                money = (amount, w.country.currency, method, card)
                payments.append((w.id, f"pay_{ids}", f"inv_{ids}", *money, paid, paid))
    bill = "workspace_id invoice_id billing_name billing_address amount currency status"
    payment = "workspace_id payment_id invoice_id amount currency method card_last4"
    return {
        "invoices": frame_of(invoices, bill, times="issued_at updated_at"),
        "payments": frame_of(payments, payment, times="paid_at updated_at"),
    }


def _firsts(created_at: int, end: date) -> list[date]:
    """Return the firsts of the months after a workspace began, before ``end``."""
    month = (day_of(created_at).replace(day=1) + timedelta(days=32)).replace(day=1)
    months: list[date] = []
    while month < end:
        months.append(month)
        month = (month + timedelta(days=32)).replace(day=1)
    return months
