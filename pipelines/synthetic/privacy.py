"""Exports of the privacy desk: consents, requests of data subjects, legal holds.

Columns are those of `pipelines/contracts/privacy__*.yml`.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from pipelines.synthetic.files import Inbox, day_name
from pipelines.synthetic.population import Population, emails, user_ids
from pipelines.synthetic.randomness import NEVER, stream
from pipelines.synthetic.stamps import DAY_S, seconds_of
from pipelines.synthetic.tables import stamps

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
        """Consents as they stood at the start."""
        day = self.population.spec.start
        self._parquet("consents", day, self._consents(0, seconds_of(day)), full=True)

    def write_changes(self, day: date) -> None:
        """Consents given or withdrawn, holds declared, requests that came in or were answered on a day."""
        low, high = seconds_of(day), seconds_of(day) + DAY_S
        changed = self._consents(low, high)
        if len(changed):
            self._parquet("consents", day, changed)
        rows = [r for r in self.requests if low <= r.received_at < high or low <= r.done_at < high]
        if rows:
            self.inbox.records["privacy__requests"] += len(rows)
            self.inbox.write_csv("privacy/requests", day_name(day, "csv"), self._requests(rows, high))
        holds = self._holds(low, high)
        if len(holds):
            self.inbox.records["privacy__legal_holds"] += len(holds)
            self.inbox.write_csv("privacy/legal_holds", day_name(day, "csv"), holds)

    def _consents(self, low: int, high: int) -> pl.DataFrame:
        rows: list[tuple[str, str, str, bool, int]] = []
        for member in self.population.members:
            workspace = self.population.workspaces[member.workspace].id
            given = [
                ("analytics", member.has_consented, member.created_at),
                ("marketing", member.phone % 2 == 0, member.created_at),
                ("analytics", not member.has_consented, member.consent_changes_at),
            ]
            rows += [(workspace, member.id, *g) for g in given if low <= g[2] < high]
        times = stamps([r[4] for r in rows])
        columns = ["workspace_id", "member_id", "purpose", "is_granted"]
        types = [pl.String, pl.String, pl.String, pl.Boolean]
        frame = pl.DataFrame(
            [r[:4] for r in rows], schema=dict(zip(columns, types, strict=True)), orient="row"
        )
        return frame.with_columns(times.alias("valid_from"), times.alias("updated_at"))

    def _requests(self, rows: list[Request], until: int) -> pl.DataFrame:
        contacts, pool = self.population.contacts, self.population.pool
        place = np.array([r.contact for r in rows], dtype=np.int64)
        done = [r.done_at < until for r in rows]
        workspaces = self.population.workspaces
        return pl.DataFrame(
            {
                "workspace_id": [workspaces[int(w)].id for w in contacts.workspace[place]],
                "request_id": [f"req_{r.number:05}" for r in rows],
                "request_type": [r.kind for r in rows],
                "phone": [f"+{r.phone}" for r in rows],
                "email": emails(contacts, pool, place),
                "whatsapp_user_id": user_ids(contacts, place),
                "status": ["done" if d else "received" for d in done],
                "received_on": stamps([r.received_at for r in rows]),
                "due_on": stamps([r.received_at + ANSWER_DAYS * DAY_S for r in rows]),
                "updated_at": stamps(
                    [r.done_at if d else r.received_at for r, d in zip(rows, done, strict=True)]
                ),
            }
        )

    def _holds(self, low: int, high: int) -> pl.DataFrame:
        """Holds declared within a time: one on a contact's messages; later one on a whole workspace."""
        spec, contacts = self.population.spec, self.population.contacts
        start = seconds_of(spec.start)
        first, last = self.population.workspaces[0], self.population.workspaces[-1]
        owner = f"{first.owner_first} {first.owner_last}"
        phone = f"+{contacts.phone[first.first]}"
        reason = f"Dispute of {owner} with a customer"
        rows: list[tuple[str | None, ...]] = []
        declared: list[int] = []
        if low <= start < high:
            rows.append((first.id, "hold_1", "app__messages", phone, reason))
            declared.append(start)
        later = start + spec.days // 3 * DAY_S
        if last.index != first.index and low <= later < high:
            rows.append((last.id, "hold_2", None, None, "Audit of invoices"))
            declared.append(later)
        columns = ["workspace_id", "hold_id", "held_source", "phone", "reason"]
        frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
        held_days = max(60, spec.days * 2 // 3)
        period = [
            stamps([start - 30 * DAY_S] * len(rows)).alias("held_from"),
            stamps([start + held_days * DAY_S] * len(rows)).alias("held_to"),
            stamps([start + spec.hold_days * DAY_S] * len(rows)).alias("expires_at"),
            stamps(declared).alias("updated_at"),
        ]
        frame = frame.with_columns(period)
        return frame.select(*columns[:4], "held_from", "held_to", "reason", "expires_at", "updated_at")

    def _parquet(self, entity: str, day: date, frame: pl.DataFrame, *, full: bool = False) -> None:
        self.inbox.records[f"privacy__{entity}"] += len(frame)
        self.inbox.write_parquet(
            f"privacy/{entity}", day_name(day, "full.parquet" if full else "parquet"), [frame]
        )


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
