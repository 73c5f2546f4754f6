"""Delete counters of words at the end of their window, and the keys that read them."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from warehouse.keys.keyring import LONGEST_UNNEEDED, KeyRing, Purpose
from warehouse.ledger.ledger import Ledger
from warehouse.retention.files import RULE
from warehouse.retention.plan import FileItem, Reason
from warehouse.store.word_counts import (
    ROW_BYTES,
    Enough,
    end_of,
    is_counting,
    is_past,
    month_of,
    months_in,
    rows_of,
)

CATEGORY = "word_counts"
_RARE = "/rare"
_STRAY = f"keys/{Purpose.WORDS}"


def due_words(ledger: Ledger, keyring: KeyRing, *, enough: Enough, as_of: datetime) -> list[FileItem]:
    """List months past their window, rare words of months that count, keys that serve nothing; by path."""
    items = []
    for month in months_in(ledger):
        if (rows := rows_of(ledger, month, rare=None)) and is_past(month, enough, as_of.date()):
            items.append(_item(month, rows, days=enough.kept_days))
        elif is_counting(month, enough, as_of.date()) and (
            rows := rows_of(ledger, month, rare=enough.payers)
        ):
            items.append(_item(month, rows, days=enough.days, what=_RARE))
    if keyring.besides(Purpose.WORDS, _kept(ledger, enough, as_of), older_than=LONGEST_UNNEEDED):
        items.append(FileItem(_STRAY, 0, Reason(RULE, CATEGORY, enough.kept_days, None, None)))
    return sorted(items, key=lambda item: item.path)


def forget_words(ledger: Ledger, keyring: KeyRing, *, enough: Enough, as_of: datetime) -> int:
    """Delete counters that are due and destroy the keys of their months; return how many items.

    Safe to run again.
    """
    due = due_words(ledger, keyring, enough=enough, as_of=as_of)
    if not due:
        return 0
    gone = [month for month in months_in(ledger) if is_past(month, enough, as_of.date())]
    counting = [month for month in months_in(ledger) if is_counting(month, enough, as_of.date())]
    with ledger.transaction() as connection:
        connection.executemany("delete from word_counts where month = ?", [(month,) for month in gone])
        connection.executemany(
            "delete from word_counts where month = ? and word in "
            "(select word from word_counts where month = ? group by word having count(*) < ?)",
            [(month, month, enough.payers) for month in counting],
        )
    ledger.checkpoint()
    keyring.destroy(Purpose.WORDS, *gone)
    kept = _kept(ledger, enough, as_of)
    stray = keyring.destroy_besides(Purpose.WORDS, kept, older_than=LONGEST_UNNEEDED)
    destroyed = [*(f"{Purpose.WORDS} {month}" for month in gone), *(f"orphan {digest}" for digest in stray)]
    ledger.mark_unlinked((), destroyed=destroyed)
    return len(due)


def _kept(ledger: Ledger, enough: Enough, as_of: datetime) -> Iterator[str]:
    """Yield the months within their window up to now, whether words of them are counted or not."""
    day = ledger.no_earlier(as_of).date()
    while not is_past(month := month_of(day), enough, as_of.date()):
        yield month
        day = day.replace(day=1) - timedelta(days=1)


def _item(month: str, rows: int, *, days: int, what: str = "") -> FileItem:
    due = end_of(month) + timedelta(days=days)
    return FileItem(
        f"ledger/{CATEGORY}/{month}{what}", rows * ROW_BYTES, Reason(RULE, CATEGORY, days, None, due)
    )
