"""Keep the evidence: what was deleted when under which rule, in a chain that only grows.

Each entry carries a keyed hash over its content and the hash before it, so nobody without the key can
change, drop or insert an entry unseen. The anchor shows that none was cut off at the end: it holds number
and hash of the last entry, and lies in the key directory, where no backup of the data restores it.
Entries are kept for ever, so they hold counts, dates and names only: never a value, never a workspace.
"""

import hmac
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from warehouse.files import replacing
from warehouse.ledger.file import LedgerFile, now
from warehouse.retention.errors import EvidenceContentError

# Name of the LEDGER key that seals the chain; name of the anchor in the key directory.
KEY = "evidence"
ANCHOR = "evidence.head"
# Kind of the entry that says what a search of everything has found.
VERIFIED = "verified"
# Kind of the entry that says how many entries a restored ledger has lost.
RESTORED = "ledger restored"

# Elsewhere than in fields of rows or bytes, ten digits may be a phone number.
_LARGEST_COUNT = 10**9 - 1
_WORD = r"""
    \d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z?)?)?   # a day or moment, or its month
    | (?<![0-9a-f])[0-9a-f]{32}([0-9a-f]{32})?(?![0-9a-f])           # a keyed hash or digest
    | (?<=hold[ =.])[0-9a-f]{16}\b                                   # the name of a hold
    | (?<=bucket=)[0-9a-f]{2}\b
    | [a-z][a-z0-9]*__[a-z][a-z0-9_]*                               # a data set
    | _?[a-z]+(_[a-z]+)*                                            # a word or name
    | (?<=[a-z][ =.])\d{1,4}\b                                      # days of a window or class
    | (?<=-\d\d\.)\d{1,4}\b                                         # the same, in the name of a key
"""
_HARMLESS = re.compile(rf"(({_WORD})($|[ ,;:]\ ?|[=/.]))*", re.VERBOSE)
_LONGEST = 200
_CHAIN = "select seq, at, as_of, kind, body, previous, hash from evidence order by seq"


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold one entry of the chain.

    Attributes:
        at: When it was written, by the machine's clock; ``as_of``: the clock that decided. Naive UTC.
        hash: Keyed hash of this entry and ``previous``, the hash of the entry before.
    """

    seq: int
    at: datetime
    as_of: datetime
    kind: str
    body: Mapping[str, object]
    previous: str
    hash: str


def append(
    connection: sqlite3.Connection, *, key: bytes, kind: str, as_of: datetime, body: Mapping[str, object]
) -> int:
    """Add an entry within the caller's transaction, which must be `immediate`; return its number.

    Write the anchor after the commit (`write_anchor`).

    Args:
        key: LEDGER key `evidence`.
        kind: What happened, in lower-case words.
        body: JSON with dates; only what may be kept for ever.

    Raises:
        EvidenceContentError: Something in it looks as if it may be a value.
    """
    for place, value in _leaves({"entry": kind, "body": body}):
        if reason := _objection(value, place=place):
            raise EvidenceContentError(place, reason)
    last = connection.execute("select seq, hash from evidence order by seq desc limit 1").fetchone()
    seq, previous = (last[0] + 1, last[1]) if last else (1, "")
    cells = (seq, now(), as_of.isoformat(), kind, _canonical(body), previous)
    connection.execute("insert into evidence values (?, ?, ?, ?, ?, ?, ?)", (*cells, _seal(key, cells)))
    return seq


def entries(ledger: LedgerFile) -> list[Entry]:
    """Return the whole chain, oldest first."""
    return [
        Entry(seq, datetime.fromisoformat(at), datetime.fromisoformat(as_of), kind, json.loads(body), *hashes)
        for seq, at, as_of, kind, body, *hashes in ledger.read(_CHAIN)
    ]


def last_number(ledger: LedgerFile) -> int:
    """Return the number of the last entry; 0 before the first."""
    return int(ledger.read("select coalesce(max(seq), 0) from evidence")[0][0])


def check_chain(ledger: LedgerFile, *, key: bytes, anchor: Path) -> list[str]:
    """Return what is wrong with the chain, in plain words; empty if it is sound."""
    rows = ledger.read(_CHAIN)
    problems = list(_broken_links(rows, key))
    known = {row["seq"]: row["hash"] for row in rows}
    head = read_anchor(anchor)
    if head is None:
        if rows:
            problems.append(
                f"the anchor is missing from the key directory, so nothing shows that entries after number "
                f"{rows[-1]['seq']} were not cut off; the next deletion writes it anew"
            )
    elif head[0] not in known:
        problems.append(
            f"the chain ends at entry {max(known, default=0)}, but entry {head[0]} was written: the ledger "
            "was cut short or restored from a backup"
        )
    elif known[head[0]] != head[1]:
        problems.append(
            f"entry {head[0]} is not the one that was written: the ledger was restored from a backup, and "
            "has gone on since"
        )
    return problems


def read_anchor(path: Path) -> tuple[int, str] | None:
    """Return number and hash of the entry that the anchor notes as the last; None without an anchor."""
    try:
        seq, digest = path.read_text("ascii").split()
        return int(seq), digest
    except (FileNotFoundError, ValueError):
        return None


def write_anchor(ledger: LedgerFile, path: Path) -> bool:
    """Note the last entry in the key directory, after each commit that added one.

    Returns:
        False, and nothing is written, if the chain does not hold the entry noted before: writing would
        hide that the ledger was cut short. `accept_restored` is the next step then.
    """
    head = read_anchor(path)
    if head is not None and not ledger.read("select 1 from evidence where seq = ? and hash = ?", *head):
        return False
    move_anchor(ledger, path)
    return True


def accept_restored(
    connection: sqlite3.Connection, *, key: bytes, as_of: datetime, anchor: Path
) -> int | None:
    """Add an entry that says that entries were lost; return its number, None if none was lost.

    Only for the person who answers for it. Call `move_anchor` after the commit.
    """
    head = read_anchor(anchor)
    sql = "select 1 from evidence where seq = ? and hash = ?"
    if head is None or connection.execute(sql, head).fetchone():
        return None
    (last,) = connection.execute("select coalesce(max(seq), 0) from evidence").fetchone()
    body = {"last_entry_written": head[0], "its_hash": head[1], "last_entry_left": last}
    return append(connection, key=key, kind=RESTORED, as_of=as_of, body=body)


def move_anchor(ledger: LedgerFile, path: Path) -> None:
    """Note the last entry even if the chain lost the one noted before; only after `accept_restored`."""
    rows = ledger.read("select seq, hash from evidence order by seq desc limit 1")
    if rows:
        with replacing(path) as temporary:
            temporary.write_text(f"{rows[0]['seq']} {rows[0]['hash']}\n", "ascii")
            temporary.chmod(0o600)


def _broken_links(rows: Sequence[sqlite3.Row], key: bytes) -> Iterator[str]:
    previous = ""
    for expected, row in enumerate(rows, start=1):
        cells = tuple(row)[:-1]
        if row["seq"] != expected:
            yield f"entries {expected} to {row['seq'] - 1} are missing from the chain"
            return
        if not hmac.compare_digest(row["hash"], _seal(key, cells)):
            yield f"entry {row['seq']} was changed after it was written, or not written with this key"
        elif row["previous"] != previous:
            yield f"entry {row['seq']} does not follow entry {row['seq'] - 1}"
        previous = row["hash"]


def _seal(key: bytes, cells: tuple[object, ...]) -> str:
    """Return HMAC-SHA-256 over number, times, kind, body and previous hash; none has a line break."""
    return hmac.digest(key, "\n".join(str(cell) for cell in cells).encode(), "sha256").hex()


def _canonical(body: Mapping[str, object]) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), default=_text)


def _text(value: object) -> str | list[object]:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"no evidence can be made of a {type(value).__name__}")


def _leaves(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    """Yield everything that a body says, names of fields included, each with the field it stands in."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield place or "name", name
            yield from _leaves(item, str(name))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _leaves(item, place)
    else:
        yield place, value


def _objection(value: object, *, place: str = "") -> str | None:
    match value:
        case None | bool() | date():
            return None
        case int():
            fits = value <= _LARGEST_COUNT or place.startswith(("rows", "bytes"))
            return None if fits else "a number too large for a count"
        case str():
            text = f"hold={value}" if place.startswith("hold") else value
            fits = len(text) <= _LONGEST and _HARMLESS.fullmatch(text) is not None
            return None if fits else "a text that may be a value"
        case _:
            return f"a {type(value).__name__}"
