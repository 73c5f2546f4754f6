"""Find the keys that nothing needs after a plan."""

from collections.abc import Iterator, Sequence

from warehouse.ledger.parts import Part
from warehouse.retention.plan import CLASS, STAY, KeyItem, Reason
from warehouse.retention.planning.context import Context
from warehouse.retention.planning.parts import DuePart
from warehouse.retention.rules import Precedence


def due_keys(context: Context, due: Sequence[DuePart]) -> Iterator[KeyItem]:
    """Yield the keys to destroy: of files of which nothing stays, and of ended accounts."""
    leaving = [each.part for each in due]
    # Rows that stay, or move to a class, are written again under one of these.
    staying = {
        event_key(each.part, outcome.to)
        for each in due
        if each.part.event_date is not None
        for outcome in each.outcomes
        if outcome.to == STAY or outcome.to.startswith(CLASS)
    }
    for name in context.ledger.unused_keys({part.key_name for part in leaving}, besides=leaving):
        if name not in staying:
            category = name.partition(".")[0]
            yield KeyItem("parquet", name, Reason("last partition", category, None, context.version, None))
    held = {hold.workspace_id for hold in context.holds}
    for workspace, day in sorted(context.ended.items()):
        reason = Reason(Precedence.TERMINATION.value, "account", None, context.version, day)
        yield KeyItem("surrogate", context.subject(workspace), reason)
        if workspace not in held:
            yield KeyItem("pseudonym", context.subject(workspace), reason)


def event_key(part: Part, to: str) -> str:
    """Return the name of the key for rows of an event file that stay or move to a class."""
    if to == STAY:
        return part.key_name
    return f"{part.key_name.rpartition('.')[0]}.{to.removeprefix(f'{CLASS} ')}"
