"""Set a warehouse's clock back after a wrong clock has moved it, and take back what followed from it.

What was deleted stays deleted: its tombstones, gaps and evidence stay. What was released stays as it is.
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime

from warehouse.keys.keyring import KeyStore, Purpose
from warehouse.ledger.batches import UNDONE
from warehouse.ledger.ledger import Ledger
from warehouse.retention import evidence, journal, records
from warehouse.retention.errors import NotAheadError
from warehouse.retention.records import DEFAULT_SUBJECT, subject, subject_key
from warehouse.retention.rules import RetentionInputs, expired_through

# Kind of the entry that says that the clock was set back.
CLOCK_SET_BACK = "clock set back"

# Parameters: a time, and whether earlier files count too.
_TO_LOAD_AGAIN = f"(as_of > ? or ?) and content_hash not like '{UNDONE}%'"


@dataclass(frozen=True, slots=True)
class SetBack:
    """Say what setting the clock back does.

    Attributes:
        reached, to: The clock before and after (naive UTC).
        horizons: Records of "expired up to this day" that move back.
        batches: Files that may be loaded again: those loaded after ``to``, or all if rows were deleted after
            it. Rows that are there count as duplicates then.
        account_ends: Ended accounts whose rows are refused since a day after ``to``: they are taken in again.
        built_until: Newest day that counts as built afterwards; None before the first build.
        rows_deleted: Rows that were deleted after ``to``. They are gone.
    """

    reached: datetime
    to: datetime
    horizons: int
    batches: int
    account_ends: int
    built_until: date | None
    rows_deleted: int


def plan_set_back(
    ledger: Ledger, keyring: KeyStore, inputs: RetentionInputs, *, to: datetime, closed_until: date
) -> tuple[SetBack, dict[tuple[str, str], date]]:
    """Return what `set_clock_back` would do with the same arguments, and which horizons move back where to.

    Raises:
        NotAheadError: The warehouse's clock has not reached a later time than ``to``.
    """
    reached = ledger.clock()
    if reached is None or reached <= to:
        raise NotAheadError(reached, to)
    lowered = _horizons_at(ledger, keyring, inputs, to)
    later, built = to.isoformat(timespec="microseconds"), ledger.built_until()
    deleted = sum(
        rows
        for entry in evidence.entries(ledger)
        if entry.as_of > to and isinstance(rows := entry.body.get("rows_gone"), int)
    )
    again = ledger.read(f"select 1 from batches where {_TO_LOAD_AGAIN}", later, deleted > 0)
    planned = SetBack(
        reached=reached,
        to=to,
        horizons=len(lowered),
        batches=len(again),
        account_ends=sum(since > to.date() for since in records.refused(ledger).values()),
        built_until=min(built, closed_until) if built else None,
        rows_deleted=deleted,
    )
    return planned, lowered


def set_clock_back(
    ledger: Ledger, keyring: KeyStore, inputs: RetentionInputs, *, to: datetime, closed_until: date
) -> SetBack:
    """Set the clock back to ``to`` and forget what only a later clock could know; add an entry of evidence.

    The caller has finished pending deletions, and writes the anchor of the evidence afterwards.

    Args:
        inputs: The retention inputs; by them, the days that had expired at ``to`` are computed again. The
            record of a workspace that they do not know stays: its rows stay refused.
        closed_until: Newest day whose slice is closed at ``to``.

    Raises:
        NotAheadError: The warehouse's clock has not reached a later time than ``to``.
    """
    done, lowered = plan_set_back(ledger, keyring, inputs, to=to, closed_until=closed_until)
    later, key = to.isoformat(timespec="microseconds"), keyring.get(Purpose.LEDGER, evidence.KEY)
    with ledger.transaction() as connection:
        evidence.append(connection, key=key, kind=CLOCK_SET_BACK, as_of=to, body=asdict(done))
        records.lower_horizons(connection, lowered)
        records.forget_terminated(connection, after=to.date())
        journal.forget(connection, after=to)
        connection.execute(
            f"update batches set content_hash = '{UNDONE}' || content_hash where {_TO_LOAD_AGAIN}",
            (later, done.rows_deleted > 0),
        )
        values = {"as_of": later, "retention_as_of": later, "retention_inputs": ""}
        if done.built_until:
            values["built_until"] = done.built_until.isoformat()
        for name, value in values.items():
            connection.execute("update meta set value = ? where name = ?", (value, name))
        records.advance_epoch(connection)
    return done


def _horizons_at(
    ledger: Ledger, keyring: KeyStore, inputs: RetentionInputs, at: datetime
) -> dict[tuple[str, str], date]:
    """Return the records that are later than what had expired at a time, with what had."""
    key = subject_key(keyring)
    names = {DEFAULT_SUBJECT: None} | {subject(key, workspace): workspace for workspace in inputs.settings}
    found = {}
    for (category, who), through in records.horizons(ledger).items():
        if who in names:
            expired = expired_through(inputs, category, names[who], at)
            if expired is not None and expired < through:
                found[category, who] = expired
    return found
