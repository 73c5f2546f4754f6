"""Describe entries of the evidence in words, as the privacy officer's page shows them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.retention.apply import FINISHED
from warehouse.retention import evidence
from warehouse.retention.clock import CLOCK_SET_BACK
from warehouse.retention.evidence import Entry
from warehouse.retention.plan import CLASS, GONE, HOLD
from warehouse.retention.plan_entry import APPLIED, rows_of


@dataclass(frozen=True, slots=True)
class Described:
    """An entry of the evidence with a title and a sentence for people."""

    entry: Entry
    title: str
    text: str


def count(body: Mapping[str, object], name: str) -> int:
    """Return a number of an entry; 0 where it has none of that name."""
    value = body.get(name)
    return value if isinstance(value, int) else 0


def describe(entry: Entry) -> Described:
    """Return an entry with a title and a sentence."""
    body = entry.body
    match entry.kind:
        case kind if kind == APPLIED:
            return Described(entry, "Deleted", _deletion(entry))
        case kind if kind == FINISHED:
            others = f", {n:,} other file(s)" if (n := count(body, "files_removed")) else ""
            text = (
                f"Gone from disk: {count(body, 'files_unlinked'):,} file(s) of the store{others}. "
                f"Destroyed: {count(body, 'keys_destroyed'):,} key(s)."
            )
            return Described(entry, "Finished", text)
        case evidence.VERIFIED:
            found = count(body, "findings")
            result = f"{found:,} finding(s)" if found else "nothing past its window"
            searched = f"{count(body, 'rows'):,} row(s) in {count(body, 'files'):,} file(s)"
            return Described(entry, "Proved" if not found else "Found", f"Searched {searched}: {result}.")
        case evidence.RESTORED:
            left, written = count(body, "last_entry_left"), count(body, "last_entry_written")
            text = f"The ledger was restored from a backup; entries {left + 1} to {written} were lost."
            return Described(entry, "Restored", text)
        case kind if kind == CLOCK_SET_BACK:
            text = f"A wrong clock was set back from {body.get('reached')} to {body.get('to')}."
            return Described(entry, "Clock set back", text)
        case _:
            counts = [f"{name.replace('_', ' ')} {n:,}" for name, n in body.items() if isinstance(n, int)]
            return Described(entry, entry.kind.capitalize(), ", ".join(counts))


def _deletion(entry: Entry) -> str:
    """Describe a deletion, e.g. `12 row(s) of 2 data set(s): 9 by workspace setting, 3 by default.`."""
    gone: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    sources = set()
    for row in rows_of(entry):
        to, rows = str(row.get("to")), count(row, "rows")
        kind, _, _ = to.partition(" ")
        if kind == GONE:
            gone[str(row.get("rule"))] += rows
            sources.add(row.get("data_set"))
        else:
            moved[kind] += rows
    parts = []
    if gone:
        rules = ", ".join(f"{rows:,} by {rule}" for rule, rows in gone.most_common())
        parts.append(f"{gone.total():,} row(s) of {len(sources)} data set(s): {rules}.")
    if moved[CLASS]:
        parts.append(f"{moved[CLASS]:,} row(s) moved to the window their workspace chose.")
    if moved[HOLD]:
        parts.append(f"{moved[HOLD]:,} row(s) retained under a legal hold.")
    if files := count(entry.body, "files_outside_the_store"):
        parts.append(f"{files:,} file(s) beside the store.")
    parts += [
        f"{len(found)} {what}."
        for name, what in (("account_ends", "account(s) ended"), ("gaps", "day(s) became a gap"))
        if isinstance(found := entry.body.get(name), list) and found
    ]
    return " ".join(parts) or "Nothing was due."
