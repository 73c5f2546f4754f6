"""Draw rare events: numbers and user ids that change, messages from a phone, errors, reviews of templates."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TypeAlias

import numpy as np
import polars as pl

from pipelines.synthetic import whatsapp
from pipelines.synthetic.calendar import is_active
from pipelines.synthetic.contacts import user_ids
from pipelines.synthetic.countries import countries
from pipelines.synthetic.outbox import WHATSAPP, wamids
from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import Ints, chance, stream, waits
from pipelines.synthetic.stamps import DAY_S, iso_milliseconds, seconds_of
from pipelines.synthetic.workspaces import Workspace

# One contact in about fourteen changes its number within a year.
NUMBER_CHANGES_PER_DAY = 0.0002
ECHOES_PER_DAY = 0.0005
# Of what contacts write by WhatsApp, so much is answered from the app on a phone.
ANSWERED_SHARE = 0.6
ACCOUNT_ERRORS_PER_DAY = 0.02
TEMPLATE_UPDATES_PER_DAY = 0.04
# Time of receipt (ms), whose account it is about, and the body.
Notice: TypeAlias = tuple[int, Workspace, str]
_REJECTIONS = ("INVALID_FORMAT", "PROMOTIONAL", "TAG_CONTENT_MISMATCH", "ABUSIVE_CONTENT")


def lines_of(drawn: Iterable[Notice]) -> tuple[Ints, pl.Series]:
    """Return times of receipt (ms) and lines."""
    notices = list(drawn)
    received = np.array([at for at, _, _ in notices], dtype=np.int64)
    times = iso_milliseconds(received)
    lines = [whatsapp.envelope(at, w, body) for at, (_, w, body) in zip(times, notices, strict=True)]
    return received, pl.Series(lines, dtype=pl.String)


def change_numbers(population: Population, day: date) -> pl.DataFrame:
    """Give a few contacts a new number in the evening and say who they are.

    Returns:
        One row per change: message_id, contact, workspace, phone, new_phone, at, received_ms.
    """
    contacts = population.contacts
    rng = stream(population.spec.seed, "numbers", day.toordinal())
    count = int(rng.poisson(len(contacts) * NUMBER_CHANGES_PER_DAY)) if population.spec.covers(day) else 0
    rows = rng.choice(len(contacts), min(len(contacts), count), replace=False)
    at = seconds_of(day) + rng.integers(20 * 3_600, DAY_S, len(rows))
    fit = contacts.created_at[rows] < seconds_of(day)
    fit &= contacts.deleted_at[rows] > seconds_of(day) + 2 * DAY_S
    rows, at = rows[fit], at[fit]
    old = contacts.phone[rows]
    new = np.empty(len(rows), dtype=np.int64)
    for index, country in enumerate(countries()):
        of = contacts.country[rows] == index
        # From the far end of the plan, where nobody was given a number.
        new[of] = country.phones(
            country.numbers - 1 - (rows[of] + day.toordinal() * 31) % (country.numbers // 8)
        )
    contacts.phone[rows] = new
    contacts.changed_at[rows] = at
    return pl.DataFrame(
        {
            "message_id": wamids(rng, old, inbound=True),
            "contact": rows,
            "workspace": contacts.workspace[rows],
            "phone": old,
            "new_phone": new,
            "at": at,
            "received_ms": at * 1000 + rng.integers(1_000, 4_000, len(rows)),
        }
    )


def user_id_changes(population: Population, changes: pl.DataFrame) -> Iterator[Notice]:
    """Draw changes of user ids that come with new numbers."""
    ids = user_ids(population.contacts, changes["contact"].to_numpy())
    for change, current in zip(changes.iter_rows(named=True), ids, strict=True):
        workspace = population.workspaces[change["workspace"]]
        if workspace.has_user_ids:
            update: dict[str, object] = {
                "wa_id": str(change["new_phone"]),
                "detail": "The user id changed with the number.",
                "user_id": {"previous": f"{current}0", "current": current},
                "timestamp": str(change["at"]),
            }
            body = whatsapp.change(workspace, field="user_id_update", items="user_id_update", item=update)
            yield change["received_ms"], workspace, body


def answers_of(population: Population, day: date, inbound: pl.DataFrame) -> pl.DataFrame:
    """Draw when workspaces answer what contacts wrote by WhatsApp: contact and at, one row per answer."""
    rng = stream(population.spec.seed, "answers", day.toordinal())
    written = inbound.filter((pl.col("provider") == WHATSAPP) & ~pl.col("stops"))
    answered = written.filter(pl.Series(chance(rng, ANSWERED_SHARE, len(written)), dtype=pl.Boolean))
    wait = waits(rng, len(answered), median_s=1_500, sigma=1.6, limit_s=2 * DAY_S)
    return answered.select("contact", "at").with_columns(pl.col("at") + pl.Series(wait.astype(np.int64)))


def echoes(population: Population, day: date, answers: pl.DataFrame) -> Iterator[Notice]:
    """Draw messages that workspaces send from the app on a phone.

    Args:
        answers: Those that answer a contact (see `answers_of`); others are drawn.
    """
    contacts = population.contacts
    rng = stream(population.spec.seed, "echoes", day.toordinal())
    count = int(rng.poisson(len(contacts) * ECHOES_PER_DAY)) if population.spec.covers(day) else 0
    rows = rng.choice(len(contacts), min(len(contacts), count), replace=False)
    at = seconds_of(day) + rng.integers(8 * 3_600, 18 * 3_600, len(rows))
    rows = np.concatenate([rows, answers["contact"].to_numpy()])
    at = np.concatenate([at, answers["at"].to_numpy()])
    for row, moment, message_id in zip(rows, at, wamids(rng, contacts.phone[rows]), strict=True):
        workspace = population.workspaces[contacts.workspace[row]]
        if not is_active(workspace, day) or not contacts.created_at[row] < moment < contacts.deleted_at[row]:
            continue
        message: dict[str, object] = {
            "from": str(workspace.display_number),
            "to": str(contacts.phone[row]),
            "id": message_id,
            "timestamp": str(moment),
            "type": "text",
            "text": {"body": "We have found your parcel."},
        }
        body = whatsapp.change(workspace, field="smb_message_echoes", items="message_echoes", item=message)
        yield int(moment) * 1000 + 1_200, workspace, body


def account_errors(population: Population, day: date) -> Iterator[Notice]:
    """Draw errors about accounts on a day."""
    rng = stream(population.spec.seed, "account errors", day.toordinal())
    active = [w for w in population.workspaces if is_active(w, day) and population.spec.covers(day)]
    for workspace in active:
        for _ in range(int(rng.poisson(ACCOUNT_ERRORS_PER_DAY))):
            at = seconds_of(day) * 1000 + int(rng.integers(DAY_S * 1000))
            yield at, workspace, whatsapp.account_error(rng, workspace)


def template_updates(population: Population, day: date) -> Iterator[Notice]:
    """Draw reviews and quality changes of templates on a day."""
    rng = stream(population.spec.seed, "template updates", day.toordinal())
    for template in population.templates if population.spec.covers(day) else ():
        workspace = population.workspaces[template.workspace]
        if rng.random() >= TEMPLATE_UPDATES_PER_DAY or not is_active(workspace, day):
            continue
        at = seconds_of(day) + int(rng.integers(DAY_S - 5))
        value: dict[str, object] = {
            "message_template_id": template.meta_id,
            "message_template_name": template.name,
            "message_template_language": template.language,
        }
        field = "message_template_status_update"
        draw = rng.random()
        if draw < 0.35:
            field = "message_template_quality_update"
            levels = ("GREEN", "YELLOW", "RED")
            old = int(rng.integers(3))
            value |= {"previous_quality_score": levels[old], "new_quality_score": levels[(old + 1) % 3]}
        elif draw < 0.85:
            value |= {"event": "APPROVED", "reason": "NONE"}
        else:
            reason = _REJECTIONS[int(rng.integers(len(_REJECTIONS)))]
            info = {
                "reason": "The text does not fit its category.",
                "recommendation": "Choose another category.",
            }
            value |= {"event": "REJECTED", "reason": reason, "rejection_info": info}
        if "event" in value:
            value["message_template_category"] = template.archetype.category.upper()
        body = whatsapp.template_update(workspace, at=at, field=field, value=value)
        yield at * 1000 + 1_500, workspace, body
