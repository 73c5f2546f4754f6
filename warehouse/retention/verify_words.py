"""Search counters of words for what is past its window, independently of the code that deletes it."""

from collections.abc import Iterator
from datetime import date, timedelta

from warehouse.keys.keyring import LONGEST_UNNEEDED, KeyRing, Purpose
from warehouse.ledger.ledger import Ledger
from warehouse.retention.finding import APPLY, Finding

_KEYS = f"Was an old copy of the key directory put back? {APPLY}"


def word_findings(ledger: Ledger, keyring: KeyRing, *, days: int, as_of: date) -> Iterator[Finding]:
    """Report counters whose month ended ``days`` days ago or earlier, and keys of such months."""
    last = as_of - timedelta(days=days)
    rows = ledger.read(
        "select count(*) as n from word_counts where date(month || '-01', '+1 month') <= ?", last.isoformat()
    )
    if old := int(rows[0]["n"]):
        yield Finding("ledger", f"counter(s) of words whose month ended {days} days ago or earlier", old)
    within = {f"{last + timedelta(days=n):%Y-%m}" for n in range(days + 1)}
    if stray := keyring.besides(Purpose.WORDS, within, older_than=LONGEST_UNNEEDED):
        yield Finding("keys", f"{Purpose.WORDS} key(s) of months that are past their window", stray, _KEYS)
