"""Write WhatsApp Cloud API webhooks in the format of Meta's reference (`messages` field and others).

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import polars as pl

from pipelines.synthetic.contacts import user_ids
from pipelines.synthetic.data import read
from pipelines.synthetic.envelopes import filled, lookup, only, opening, pieces, slices
from pipelines.synthetic.journeys import BUTTON, IMAGE, REACTION, READ, SENT, TEXT
from pipelines.synthetic.names import escaped
from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import Flags, Ints, chance
from pipelines.synthetic.stamps import DAY_S
from pipelines.synthetic.texts import pressed, said
from pipelines.synthetic.wording import wording
from pipelines.synthetic.workspaces import Workspace

STATUS_TEXTS = ["sent", "delivered", "read", "failed"]
# How often a status travels in the body of the one before, and how often as a change of its own there.
SAME_BODY_SHARE = 0.12
OWN_CHANGE_SHARE = 0.25
BODY_SPAN_MS = 30_000
_MANUAL = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"
# What a reply holds, by its kind.
_CONTENTS = {
    TEXT: '"text":{"body":"<said>"},"type":"text"',
    IMAGE: '"image":{"mime_type":"image/jpeg","sha256":"4654+8g=","id":"<media>"},"type":"image"',
    BUTTON: '"button":{"payload":"<pressed>","text":"<pressed>"},"type":"button"',
    REACTION: '"reaction":{"message_id":"<replied_to>","emoji":"<emoji>"},"type":"reaction"',
}
_PREFERENCE = (
    ',"contacts":[{"wa_id":"<phone>"}],"user_preferences":[{"wa_id":"<phone>",'
    '"detail":"User requested to <verb> marketing messages","category":"marketing_messages",'
    '"value":"<verb>","timestamp":<at>}]'
)
_NEW_NUMBER = (
    ',"messages":[{"from":"<phone>","id":"<message_id>","timestamp":"<at>",'
    '"system":{"body":"User changed from <phone> to <new_phone>","wa_id":"<new_phone>",'
    '"type":"user_changed_number"},"type":"system"}]'
)


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of `whatsapp.yml`: code → title and details."""

    failures: dict[int, tuple[str, str]]
    account_errors: dict[int, tuple[str, str]]


@cache
def errors() -> Errors:
    """Read the file once."""
    return read("whatsapp", Errors)


@dataclass(frozen=True)
class Webhooks:
    """Renders events of a population as webhook bodies."""

    population: Population

    def statuses(self, rng: np.random.Generator, events: pl.DataFrame) -> Iterator[tuple[Ints, pl.Series]]:
        """Yield the bodies of one arrival day's statuses.

        Args:
            rng: Decides which statuses share a body.
            events: Rows of `Events.statuses`, any order.

        Yields:
            Times of receipt (ms) and pieces of text, in the order to be written. A body of several
            statuses is several pieces; a piece that ends a body ends its line.
        """
        events = events.sort("workspace", "received_ms", maintain_order=True)
        follows = self._follows(rng, events["workspace"].to_numpy(), events["received_ms"].to_numpy())
        body = np.cumsum(~follows) - 1
        # A body is received with the last status in it, so that no status comes before it happened.
        last = np.append(np.flatnonzero(~follows)[1:], len(events)) - 1
        received = events["received_ms"].to_numpy()[last[body]] if len(events) else body
        order = np.lexsort((np.arange(len(events)), body, received))
        events, follows, received = events[order], follows[order], received[order]
        ends = ~np.append(follows[1:], [False])
        own_change = chance(rng, OWN_CHANGE_SHARE, len(events))
        for part in slices(len(events)):
            text = self._status_texts(
                events[part], received[part], follows[part], own_change[part], ends[part]
            )
            yield received[part], text

    def inbound(self, events: pl.DataFrame) -> Iterator[tuple[Ints, pl.Series]]:
        """Yield bodies of messages that contacts wrote: one each."""
        yield from self._framed(events, self._inbound_texts, "messages")

    def preferences(self, events: pl.DataFrame) -> Iterator[tuple[Ints, pl.Series]]:
        """Yield bodies of marketing preferences that contacts set."""
        yield from self._framed(events, _preference_texts, "user_preferences")

    def number_changes(self, events: pl.DataFrame) -> Iterator[tuple[Ints, pl.Series]]:
        """Yield bodies of `system` messages: a contact has a new number."""
        yield from self._framed(events, lambda rows: filled(rows, _NEW_NUMBER), "messages")

    @cached_property
    def _heads(self) -> list[str]:
        """Return, per workspace, the text from the envelope's channel to the metadata of the value."""
        return [
            f'whatsapp/{w.phone_number_id}","body":{_body_start(w)}{_value_start(w)}'
            for w in self._workspaces
        ]

    @property
    def _workspaces(self) -> tuple[Workspace, ...]:
        return self.population.workspaces

    def _flags(self, name: str, workspace: Ints) -> Flags:
        flags: Flags = np.array([bool(getattr(w, name)) for w in self._workspaces])[workspace]
        return flags

    @staticmethod
    def _follows(rng: np.random.Generator, workspace: Ints, received_ms: Ints) -> Flags:
        """Return which rows travel in the body of the row before, of the same workspace."""
        follows = chance(rng, SAME_BODY_SHARE, len(workspace))
        follows[1:] &= (workspace[1:] == workspace[:-1]) & (np.diff(received_ms) < BODY_SPAN_MS)
        follows[:1] = False
        return follows

    def _contact_parts(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return per row whether the number is shown, whether there is a user id, the id, the name."""
        contact = rows["contact"].to_numpy()
        has_user_id = self._flags("has_user_ids", rows["workspace"].to_numpy())
        return pl.DataFrame(
            {
                "shows": ~(has_user_id & self.population.contacts.hides_number[contact]),
                "has_user_id": has_user_id,
                "user_id": user_ids(self.population.contacts, contact),
                "profile": self.population.contacts.profile.gather(contact),
            }
        )

    def _status_texts(
        self, rows: pl.DataFrame, received: Ints, follows: Flags, own_change: Flags, ends: Flags
    ) -> pl.Series:
        """Return pieces of bodies: what opens or joins, one status, what closes.

        All pieces stand in one concatenation: nested ones would copy each text several times.
        """
        workspace = rows["workspace"].to_numpy()
        joints = [f']}},"field":"messages"}},{_value_start(w)}' for w in self._workspaces]
        # Contacts are listed where a body has one status only; newer accounts send them, older ones do not.
        frame = rows.hstack(self._contact_parts(rows)).with_columns(
            opening=opening(received),
            head=lookup(self._heads, workspace),
            joint=lookup(joints, workspace),
            state=lookup(STATUS_TEXTS, rows["status"].to_numpy()),
            price=self._price(rows),
            salt=self._salts(rows),
            errors=_errors(rows),
            expires=pl.col("at") + DAY_S,
            starts=pl.Series(~follows),
            joins=pl.Series(follows & ~own_change),
            ends=pl.Series(ends),
            alone=pl.Series(~follows & ends),
        )
        start = pl.when("joins").then(pl.lit(",")).when("starts").then("head").otherwise("joint")
        return frame.select(
            pl.concat_str(
                *only("starts", "<opening>"),
                start,
                *_contacts_list(pl.col("alone") & pl.col("has_user_id")),
                *only(~pl.col("joins"), ',"statuses":['),
                *pieces('{"id":"<message_id>","status":"<state>","timestamp":"<at>'),
                *only("shows", '","recipient_id":"<phone>'),
                *only("has_user_id", '","recipient_user_id":"<user_id>'),
                pl.lit('"'),
                *_conversation(pl.col("salt") != ""),
                *pieces("<price><errors>}"),
                *only("ends", ']},"field":"messages"}]}]}}\n'),
            ).alias("text")
        ).to_series()

    def _price(self, rows: pl.DataFrame) -> pl.Series:
        """Return the price, given on sent and again on delivered; by conversation it closes its block."""
        kinds = [a.category for a in wording().archetypes]
        texts = ["", *(_price_text(kind, model) for kind in kinds for model in ("PMP", "CBP"))]
        kind = rows["template"].to_numpy() % len(kinds)
        by_conversation = self._flags("is_priced_by_conversation", rows["workspace"].to_numpy())
        is_priced = rows["status"].to_numpy() < READ
        return lookup(texts, np.where(is_priced, 1 + 2 * kind + by_conversation, 0))

    def _salts(self, rows: pl.DataFrame) -> pl.Series:
        """Return the second part of a conversation's id; empty where there is none."""
        workspaces = self._workspaces
        salts = [w.twilio_account[2:26] if w.is_priced_by_conversation else "" for w in workspaces]
        is_priced = rows["status"].to_numpy() < READ
        return lookup(["", *salts], np.where(is_priced, rows["workspace"].to_numpy() + 1, 0))

    def _inbound_texts(self, rows: pl.DataFrame) -> pl.Series:
        """Return pieces `"messages":[…]` of replies, by kind."""
        population = self.population
        language = population.contacts.language[rows["contact"].to_numpy()]
        choice = rows["choice"].to_numpy()
        stops = rows["stops"].to_numpy()
        numbers = [str(w.display_number) for w in self._workspaces]
        frame = rows.hstack(self._contact_parts(rows)).with_columns(
            said=said(population.languages, language, choice, stops),
            pressed=pressed(population.languages, language, choice, stops),
            emoji=lookup([escaped(r) for r in wording().reactions], choice % len(wording().reactions)),
            media=pl.col("choice") + 10**15,
            number=lookup(numbers, rows["workspace"].to_numpy()),
        )
        kind = pl.col("kind")
        # One reply in three quotes nothing; a button always belongs to its message.
        quotes = (kind == BUTTON) | ((kind != REACTION) & (pl.col("choice") % 3 != 0))
        return frame.select(
            pl.concat_str(
                *_contacts_list(pl.lit(True)),
                pl.lit(',"messages":[{'),
                *only(quotes, '"context":{"from":"<number>","id":"<replied_to>"},'),
                *only("shows", '"from":"<phone>",'),
                *only("has_user_id", '"from_user_id":"<user_id>",'),
                *pieces('"id":"<message_id>","timestamp":"<at>",'),
                *(piece for code, content in _CONTENTS.items() for piece in only(kind == code, content)),
                pl.lit("}]"),
            ).alias("inner")
        ).to_series()

    def _framed(
        self, events: pl.DataFrame, render: Callable[[pl.DataFrame], pl.Series], field: str
    ) -> Iterator[tuple[Ints, pl.Series]]:
        """Put envelope, entry and change around the inner part of each value."""
        for part in slices(len(events)):
            rows = events[part]
            received = rows["received_ms"].to_numpy()
            frame = pl.DataFrame(
                {
                    "opening": opening(received),
                    "head": lookup(self._heads, rows["workspace"].to_numpy()),
                    "inner": render(rows),
                }
            )
            yield received, filled(frame, f'<opening><head><inner>}},"field":"{field}"}}]}}]}}}}\n')


def change(workspace: Workspace, *, field: str, items: str, item: dict[str, object]) -> str:
    """Return the body of one change that lists one item."""
    inner = f',"{items}":[{_json(item)}]}},"field":"{field}"}}]}}]}}'
    return f"{_body_start(workspace)}{_value_start(workspace)}{inner}"


def account_error(rng: np.random.Generator, workspace: Workspace) -> str:
    """Draw the body of an error about the account, apart from any message."""
    known = errors().account_errors
    code = [*known][int(rng.integers(len(known)))]
    return change(workspace, field="messages", items="errors", item=_error(code, *known[code]))


def template_update(workspace: Workspace, *, at: int, field: str, value: dict[str, object]) -> str:
    """Return the body of a notice about a template's review or quality."""
    entry = {"id": workspace.account_id, "time": at, "changes": [{"value": value, "field": field}]}
    return _json({"entry": [entry], "object": "whatsapp_business_account"})


def envelope(received_at: str, workspace: Workspace, body: str) -> str:
    """Return one line around a body, for the rare events that are written one by one."""
    return (
        f'{{"received_at":"{received_at}","channel":"whatsapp/{workspace.phone_number_id}","body":{body}}}\n'
    )


def _body_start(workspace: Workspace) -> str:
    return f'{{"object":"whatsapp_business_account","entry":[{{"id":"{workspace.account_id}","changes":['


def _value_start(workspace: Workspace) -> str:
    return (
        '{"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"'
        f'{workspace.display_number}","phone_number_id":"{workspace.phone_number_id}"}}'
    )


def _contacts_list(listed: pl.Expr) -> list[pl.Expr]:
    """Return pieces of `,"contacts":[…]` from the columns of `_contact_parts`."""
    return [
        *only(listed, ',"contacts":[{"profile":{"name":"<profile>"}'),
        *only(listed & pl.col("shows"), ',"wa_id":"<phone>"'),
        *only(listed & pl.col("has_user_id"), ',"user_id":"<user_id>"'),
        *only(listed, "}]"),
    ]


def _conversation(there: pl.Expr) -> list[pl.Expr]:
    """Return pieces of the conversation of accounts that are priced by it, up to its origin."""
    return [
        *only(there, ',"conversation":{"id":"<tail><salt>"'),
        *only(there & (pl.col("status") == SENT), ',"expiration_timestamp":"<expires>"'),
    ]


def _price_text(kind: str, model: str) -> str:
    if model == "CBP":
        origin = f',"origin":{{"type":"{kind}"}}}}'
        return f'{origin},"pricing":{{"billable":true,"pricing_model":"CBP","category":"{kind}"}}'
    return f',"pricing":{{"billable":true,"pricing_model":"PMP","type":"regular","category":"{kind}"}}'


def _errors(rows: pl.DataFrame) -> pl.Series:
    texts = {code: f',"errors":[{_json(_error(code, *words))}]' for code, words in errors().failures.items()}
    code = rows["error"].to_numpy()
    known = [0, *texts]
    index = np.zeros(len(code), dtype=np.int64)
    for place, number in enumerate(known):
        index[code == number] = place
    return lookup(["", *texts.values()], index)


def _preference_texts(rows: pl.DataFrame) -> pl.Series:
    verb = pl.when("resumes").then(pl.lit("resume")).otherwise(pl.lit("stop"))
    return filled(rows, _PREFERENCE, verb=verb)


def _error(code: int, title: str, details: str) -> dict[str, object]:
    error = {"code": code, "title": title, "message": title}
    return {**error, "error_data": {"details": details}, "href": _MANUAL}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
