"""Set the clock of a warehouse back, with the declarations by which windows and closed days are known."""

from datetime import datetime

from pipelines.declarations.calendar import last_closed_day
from pipelines.declarations.contract import lateness_days
from pipelines.declarations.declarations import Declarations
from pipelines.retention.apply import finish_pending
from pipelines.windows.inputs import retention_inputs
from warehouse.retention import evidence
from warehouse.retention.clock import SetBack, plan_set_back, set_clock_back
from warehouse.store.store import Store


def set_back(declarations: Declarations, store: Store, *, to: datetime, dry_run: bool = False) -> SetBack:
    """Set the clock back to ``to`` (naive UTC), with an entry of evidence; return what that does.

    Raises:
        NotAheadError: The clock has not reached a later time than ``to``. Nothing was changed.
    """
    inputs = retention_inputs(declarations, store, as_of=to)
    closed = last_closed_day(to, lateness_days=lateness_days(declarations.contracts))
    if dry_run:
        return plan_set_back(store.ledger, store.keyring, inputs, to=to, closed_until=closed)[0]
    finish_pending(declarations, store)
    done = set_clock_back(store.ledger, store.keyring, inputs, to=to, closed_until=closed)
    evidence.write_anchor(store.ledger, store.home.keys / evidence.ANCHOR)
    return done
