"""Write exports of the privacy desk: consents, requests of data subjects, legal holds.

Columns are those of `pipelines/contracts/privacy__*.yml`.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from pipelines.synthetic.contacts import emails, user_ids
from pipelines.synthetic.files import Inbox
from pipelines.synthetic.frames import frame_of
from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import NEVER, stream
from pipelines.synthetic.stamps import DAY_S, seconds_of

PRIVACY_ENTITIES = ("consents", "legal_holds", "requests")
# One contact in two hundred asks within a year.
REQUESTS_PER_CONTACT_DAY = 0.005 / 365
# A world without a single request would leave the privacy officer nothing to see.
FEWEST_REQUESTS = 3
ANSWER_DAYS = 30
_TYPES = ("erasure", "access", "objection", "rectification", "portability", "restriction")
_TYPE_WEIGHTS = np.array([0.5, 0.25, 0.1, 0.07, 0.05, 0.03])


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and when it was answered (`NEVER` where it was not in time)."""

    number: int
    contact: int
    phone: int
    kind: str
    received_at: int
    done_at: int


class PrivacyTables:
    """Writes the privacy desk's tables of one world, day by day."""

    def __init__(self, population: Population, inbox: Inbox) -> None:
        self.population = population
        self.inbox = inbox
        self.requests = _plan_requests(population)

    def write_first_day(self) -> None:
        """Write consents as they stood at the start."""
        day = self.population.spec.start
        self.inbox.write_table("privacy/consents", day, [self._consents(0, seconds_of(day))], full=True)

    def write_changes(self, day: date) -> None:
        """Write consents, holds and requests that were made or changed on a day."""
        low, high = seconds_of(day), seconds_of(day) + DAY_S
        self.inbox.write_table("privacy/consents", day, [self._consents(low, high)])
        self.inbox.write_table("privacy/requests", day, [self._requests(low, high)], csv=True)
        self.inbox.write_table("privacy/legal_holds", day, [self._holds(low, high)], csv=True)

    def _consents(self, low: int, high: int) -> pl.DataFrame:
        rows: list[tuple[object, ...]] = []
        for member in self.population.members:
            workspace = self.population.workspaces[member.workspace].id
            given = [
                ("analytics", member.has_consented, member.created_at),
                ("marketing", member.phone % 2 == 0, member.created_at),
                ("analytics", not member.has_consented, member.consent_changes_at),
            ]
            rows += [(workspace, member.id, *g, g[2]) for g in given if low <= g[2] < high]
        columns = "workspace_id member_id purpose is_granted"
        return frame_of(rows, columns, times="valid_from updated_at")

    def _requests(self, low: int, high: int) -> pl.DataFrame:
        """Return requests that came in or were answered within a time."""
        asked = [r for r in self.requests if low <= r.received_at < high or low <= r.done_at < high]
        contacts, workspaces = self.population.contacts, self.population.workspaces
        place = np.array([r.contact for r in asked], dtype=np.int64)
        known = zip(emails(contacts, self.population.pool, place), user_ids(contacts, place), strict=True)
        rows: list[tuple[object, ...]] = []
        for r, ids in zip(asked, known, strict=True):
            who = (workspaces[contacts.workspace[r.contact]].id, f"req_{r.number:05}", r.kind, f"+{r.phone}")
            status, updated = ("done", r.done_at) if r.done_at < high else ("received", r.received_at)
            rows.append((*who, *ids, status, r.received_at, r.received_at + ANSWER_DAYS * DAY_S, updated))
        return frame_of(
            rows,
            "workspace_id request_id request_type phone email whatsapp_user_id status",
            times="received_on due_on updated_at",
        )

    def _holds(self, low: int, high: int) -> pl.DataFrame:
        """Return holds declared within a time: one on a contact, later one on a whole workspace."""
        spec = self.population.spec
        start = seconds_of(spec.start)
        first, last = self.population.workspaces[0], self.population.workspaces[-1]
        phone = f"+{self.population.contacts.phone[first.first]}"
        reason = f"Dispute of {first.owner_first} {first.owner_last} with a customer"
        later = start + spec.days // 3 * DAY_S
        declared: list[tuple[int, tuple[str | None, ...]]] = [
            (start, (first.id, "hold_1", "app__messages", phone, reason))
        ]
        if last.index != first.index:
            declared.append((later, (last.id, "hold_2", None, None, "Audit of invoices")))
        held_to = start + max(60, spec.days * 2 // 3) * DAY_S
        period = (start - 30 * DAY_S, held_to, start + spec.hold_days * DAY_S)
        frame = frame_of(
            ((*row, *period, at) for at, row in declared if low <= at < high),
            "workspace_id hold_id held_source phone reason",
            times="held_from held_to expires_at updated_at",
        )
        order = "workspace_id hold_id held_source phone held_from held_to reason expires_at updated_at"
        return frame.select(order.split())


def _plan_requests(population: Population) -> list[Request]:
    """Draw all requests; the application deletes a contact when its erasure is done."""
    spec, contacts = population.spec, population.contacts
    rng = stream(spec.seed, "requests")
    count = max(FEWEST_REQUESTS, int(rng.poisson(len(contacts) * spec.days * REQUESTS_PER_CONTACT_DAY)))
    start, end = seconds_of(spec.start), seconds_of(spec.start + timedelta(days=spec.days))
    old = np.flatnonzero((contacts.created_at < start) & (contacts.deleted_at == NEVER))
    made: list[Request] = []
    chosen = rng.choice(old, min(count, len(old)), replace=False)
    for number, contact in enumerate(chosen.tolist()):
        received = int(rng.integers(start, end))
        done = received + int(rng.integers(DAY_S, 12 * DAY_S))
        kind = _TYPES[int(rng.choice(len(_TYPES), p=_TYPE_WEIGHTS))] if number else "erasure"
        made.append(Request(number + 1, contact, int(contacts.phone[contact]), kind, received, done))
        if kind == "erasure":
            contacts.deleted_at[contact] = done
    return made
