"""WhatsApp Cloud API webhooks, in the format of Meta's reference (webhooks, `messages` field and others).

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from pipelines.synthetic.envelopes import lookup, opening, slices
from pipelines.synthetic.journeys import BUTTON, IMAGE, REACTION, READ, SENT, TEXT
from pipelines.synthetic.names import escaped
from pipelines.synthetic.population import Population, Workspace, user_ids
from pipelines.synthetic.randomness import Flags, Ints, chance
from pipelines.synthetic.stamps import DAY_S
from pipelines.synthetic.wording import ARCHETYPES, BUTTONS, OPT_OUTS, REACTIONS, REPLIES

STATUS_TEXTS = ["sent", "delivered", "read", "failed"]
# How often a status travels in the body of the one before, and how often as a change of its own there.
SAME_BODY_SHARE = 0.12
OWN_CHANGE_SHARE = 0.25
BODY_SPAN_MS = 30_000
_MANUAL = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"
_FAILURES = {
    131026: ("Message undeliverable", "Message Undeliverable."),
    131049: (
        "This message was not delivered to maintain healthy ecosystem engagement.",
        "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
    ),
    130472: (
        "User's number is part of an experiment",
        "Failed to send message because this user's phone number is part of an experiment",
    ),
    131050: (
        "Unable to deliver the message.",
        "This recipient has chosen to stop receiving marketing messages.",
    ),
    131000: ("Something went wrong", "Message failed to send due to an unknown error."),
    131053: ("Media upload error", "Unable to upload the media used in the message."),
}
_ACCOUNT_ERRORS = {
    130429: ("Rate limit hit", "Cloud API message throughput has been reached."),
    131042: ("Business eligibility payment issue", "There was an error related to your payment method."),
    131057: ("Account in maintenance mode", "Business Account is in maintenance mode."),
    368: ("Temporarily blocked for policies violations", "The account has been restricted or disabled."),
    131016: ("Service unavailable", "A service is temporarily unavailable."),
}


@dataclass(frozen=True)
class Webhooks:
    """Renders events of a population as webhook bodies."""

    population: Population

    def statuses(self, rng: np.random.Generator, events: pl.DataFrame) -> Iterator[tuple[Ints, pl.Series]]:
        """Bodies of one arrival day's statuses.

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
        """Bodies of messages that contacts wrote: one each."""
        for part in slices(len(events)):
            rows = events[part]
            yield rows["received_ms"].to_numpy(), self._framed(rows, self._inbound_texts(rows), "messages")

    def preferences(self, events: pl.DataFrame) -> Iterator[tuple[Ints, pl.Series]]:
        """Bodies of marketing preferences that contacts set."""
        for part in slices(len(events)):
            rows = events[part]
            yield (
                rows["received_ms"].to_numpy(),
                self._framed(rows, _preference_texts(rows), "user_preferences"),
            )

    def number_changes(self, events: pl.DataFrame) -> Iterator[tuple[Ints, pl.Series]]:
        """Bodies of `system` messages: a contact has a new number."""
        for part in slices(len(events)):
            rows = events[part]
            yield rows["received_ms"].to_numpy(), self._framed(rows, _system_texts(rows), "messages")

    @cached_property
    def _heads(self) -> list[str]:
        """From the channel of the envelope to the metadata of the value, per workspace."""
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
        """Which rows travel in the body of the row before, of the same workspace."""
        follows = chance(rng, SAME_BODY_SHARE, len(workspace))
        follows[1:] &= (workspace[1:] == workspace[:-1]) & (np.diff(received_ms) < BODY_SPAN_MS)
        follows[:1] = False
        return follows

    def _contact_parts(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Per row: whether the number is shown, whether a user id is sent, user id, profile name."""
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
        """Pieces of bodies: what opens or joins, one status, what closes.

        All pieces stand in one concatenation: nested ones would copy each text several times.
        """
        workspace = rows["workspace"].to_numpy()
        joints = [f']}},"field":"messages"}},{_value_start(w)}' for w in self._workspaces]
        # Contacts are listed where a body has one status only; newer accounts send them, older ones do not.
        frame = rows.hstack(self._contact_parts(rows)).with_columns(
            opening(received).alias("opening"),
            lookup(self._heads, workspace).alias("head"),
            lookup(joints, workspace).alias("joint"),
            lookup(STATUS_TEXTS, rows["status"].to_numpy()).alias("state"),
            self._price(rows).alias("price"),
            self._salts(rows).alias("salt"),
            _errors(rows).alias("errors"),
            pl.Series(~follows).alias("starts"),
            pl.Series(follows & ~own_change).alias("joins"),
            pl.Series(ends).alias("ends"),
            pl.Series(~follows & ends).alias("alone"),
        )
        listed = pl.col("alone") & pl.col("has_user_id")
        return frame.select(
            pl.concat_str(
                _only("starts", "opening"),
                pl.when("joins").then(pl.lit(",")).when("starts").then("head").otherwise("joint"),
                *_contacts_list(listed),
                _only(~pl.col("joins"), pl.lit(',"statuses":[')),
                pl.lit('{"id":"'),
                "message_id",
                pl.lit('","status":"'),
                "state",
                pl.lit('","timestamp":"'),
                "at",
                *_if("shows", '","recipient_id":"', "phone"),
                *_if("has_user_id", '","recipient_user_id":"', "user_id"),
                pl.lit('"'),
                *_conversation(pl.col("salt") != ""),
                "price",
                "errors",
                pl.lit("}"),
                _only("ends", pl.lit(']},"field":"messages"}]}]}}\n')),
            ).alias("text")
        ).to_series()

    def _price(self, rows: pl.DataFrame) -> pl.Series:
        """What a message costs: said twice, on sent and on delivered; by conversation it closes its block."""
        kinds = [a.category for a in ARCHETYPES]
        texts = ["", *(_price_text(kind, model) for kind in kinds for model in ("PMP", "CBP"))]
        kind = rows["template"].to_numpy() % len(kinds)
        by_conversation = self._flags("is_priced_by_conversation", rows["workspace"].to_numpy())
        is_priced = rows["status"].to_numpy() < READ
        return lookup(texts, np.where(is_priced, 1 + 2 * kind + by_conversation, 0))

    def _salts(self, rows: pl.DataFrame) -> pl.Series:
        """The second part of a conversation's id; empty where there is none."""
        workspaces = self._workspaces
        salts = [w.twilio_account[2:26] if w.is_priced_by_conversation else "" for w in workspaces]
        is_priced = rows["status"].to_numpy() < READ
        return lookup(["", *salts], np.where(is_priced, rows["workspace"].to_numpy() + 1, 0))

    def _inbound_texts(self, rows: pl.DataFrame) -> pl.Series:
        """Pieces `"messages":[…]` of replies, by kind."""
        population = self.population
        language = population.contacts.language[rows["contact"].to_numpy()]
        choice = rows["choice"].to_numpy()
        stops = rows["stops"].to_numpy()
        frame = rows.hstack(self._contact_parts(rows)).with_columns(
            said(population.languages, language, choice, stops).alias("said"),
            _pressed(population.languages, language, choice, stops).alias("pressed"),
            lookup([escaped(r) for r in REACTIONS], choice % len(REACTIONS)).alias("emoji"),
            lookup([str(w.display_number) for w in self._workspaces], rows["workspace"].to_numpy()).alias(
                "number"
            ),
        )
        # One reply in three quotes nothing; a button always belongs to its message.
        quotes = (pl.col("kind") == BUTTON) | ((pl.col("kind") != REACTION) & (pl.col("choice") % 3 != 0))
        context = (
            pl.when(quotes)
            .then(
                pl.concat_str(
                    pl.lit('"context":{"from":"'), "number", pl.lit('","id":"'), "replied_to", pl.lit('"},')
                )
            )
            .otherwise(pl.lit(""))
        )
        content = (
            pl.when(pl.col("kind") == TEXT)
            .then(pl.concat_str(pl.lit('"text":{"body":"'), "said", pl.lit('"},"type":"text"')))
            .when(pl.col("kind") == IMAGE)
            .then(
                pl.concat_str(
                    pl.lit('"image":{"mime_type":"image/jpeg","sha256":"4654+8g=","id":"'),
                    pl.col("choice") + 10**15,
                    pl.lit('"},"type":"image"'),
                )
            )
            .when(pl.col("kind") == BUTTON)
            .then(
                pl.concat_str(
                    pl.lit('"button":{"payload":"'),
                    "pressed",
                    pl.lit('","text":"'),
                    "pressed",
                    pl.lit('"},"type":"button"'),
                )
            )
            .otherwise(
                pl.concat_str(
                    pl.lit('"reaction":{"message_id":"'),
                    "replied_to",
                    pl.lit('","emoji":"'),
                    "emoji",
                    pl.lit('"},"type":"reaction"'),
                )
            )
        )
        sender = (
            pl.when("shows")
            .then(pl.concat_str(pl.lit('"from":"'), "phone", pl.lit('",')))
            .otherwise(pl.lit(""))
        )
        user = (
            pl.when("has_user_id")
            .then(pl.concat_str(pl.lit('"from_user_id":"'), "user_id", pl.lit('",')))
            .otherwise(pl.lit(""))
        )
        return frame.select(
            pl.concat_str(
                *_contacts_list(pl.lit(True)),
                pl.lit(',"messages":[{'),
                context,
                sender,
                user,
                pl.lit('"id":"'),
                "message_id",
                pl.lit('","timestamp":"'),
                "at",
                pl.lit('",'),
                content,
                pl.lit("}]"),
            ).alias("inner")
        ).to_series()

    def _framed(self, rows: pl.DataFrame, inner: pl.Series, field: str) -> pl.Series:
        """Envelope, entry and change around the inner part of a value."""
        frame = pl.DataFrame(
            {
                "opening": opening(rows["received_ms"].to_numpy()),
                "head": lookup(self._heads, rows["workspace"].to_numpy()),
                "inner": inner,
            }
        )
        tail = pl.lit(f'}},"field":"{field}"}}]}}]}}}}\n')
        return frame.select(pl.concat_str("opening", "head", "inner", tail).alias("text")).to_series()


def account_error(workspace: Workspace, code: int) -> str:
    """Body of an error about the account, apart from any message."""
    title, details = _ACCOUNT_ERRORS[code]
    error: dict[str, object] = {
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": details},
        "href": _MANUAL,
    }
    return change(workspace, field="messages", items="errors", item=error)


def change(workspace: Workspace, *, field: str, items: str, item: dict[str, object]) -> str:
    """Body of one change that lists one item."""
    inner = f',"{items}":[{_json(item)}]}},"field":"{field}"}}]}}]}}'
    return f"{_body_start(workspace)}{_value_start(workspace)}{inner}"


ACCOUNT_ERROR_CODES = tuple(_ACCOUNT_ERRORS)


def template_update(workspace: Workspace, *, at: int, field: str, value: dict[str, object]) -> str:
    """Body of a notice about a template's review or quality."""
    entry = {"id": workspace.account_id, "time": at, "changes": [{"value": value, "field": field}]}
    return _json({"entry": [entry], "object": "whatsapp_business_account"})


def envelope(received_at: str, workspace: Workspace, body: str) -> str:
    """One line around a body, for the rare events that are written one by one."""
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


def _only(condition: str | pl.Expr, value: str | pl.Expr) -> pl.Expr:
    """The value where the condition holds, else nothing."""
    return pl.when(condition).then(value).otherwise(pl.lit(""))


def _if(condition: str | pl.Expr, label: str, value: str) -> list[pl.Expr]:
    """A label and a value where the condition holds, else nothing."""
    return [_only(condition, pl.lit(label)), _only(condition, pl.col(value).cast(pl.String))]


def _contacts_list(listed: pl.Expr) -> list[pl.Expr]:
    """Pieces of `,"contacts":[…]` from the columns of `_contact_parts`."""
    return [
        *_if(listed, ',"contacts":[{"profile":{"name":"', "profile"),
        _only(listed, pl.lit('"}')),
        *_if(listed & pl.col("shows"), ',"wa_id":"', "phone"),
        _only(listed & pl.col("shows"), pl.lit('"')),
        *_if(listed & pl.col("has_user_id"), ',"user_id":"', "user_id"),
        _only(listed & pl.col("has_user_id"), pl.lit('"')),
        _only(listed, pl.lit("}]")),
    ]


def _conversation(there: pl.Expr) -> list[pl.Expr]:
    """Pieces of the conversation of accounts that are priced by it, up to its origin."""
    sent = there & (pl.col("status") == SENT)
    return [
        *_if(there, ',"conversation":{"id":"', "conversation"),
        _only(there, pl.col("salt")),
        _only(there, pl.lit('"')),
        _only(sent, pl.lit(',"expiration_timestamp":"')),
        _only(sent, (pl.col("at") + DAY_S).cast(pl.String)),
        _only(sent, pl.lit('"')),
    ]


def _price_text(kind: str, model: str) -> str:
    if model == "CBP":
        origin = f',"origin":{{"type":"{kind}"}}}}'
        return f'{origin},"pricing":{{"billable":true,"pricing_model":"CBP","category":"{kind}"}}'
    return f',"pricing":{{"billable":true,"pricing_model":"PMP","type":"regular","category":"{kind}"}}'


def _errors(rows: pl.DataFrame) -> pl.Series:
    texts = {
        code: ',"errors":['
        + _json(
            {
                "code": code,
                "title": title,
                "message": title,
                "error_data": {"details": details},
                "href": _MANUAL,
            }
        )
        + "]"
        for code, (title, details) in _FAILURES.items()
    }
    code = rows["error"].to_numpy()
    known = [0, *texts]
    index = np.zeros(len(code), dtype=np.int64)
    for place, number in enumerate(known):
        index[code == number] = place
    return lookup(["", *texts.values()], index)


def _preference_texts(rows: pl.DataFrame) -> pl.Series:
    return rows.select(
        pl.concat_str(
            pl.lit(',"contacts":[{"wa_id":"'),
            "phone",
            pl.lit('"}],"user_preferences":[{"wa_id":"'),
            "phone",
            pl.lit('","detail":"'),
            pl.when("resumes")
            .then(pl.lit("User requested to resume marketing messages"))
            .otherwise(pl.lit("User requested to stop marketing messages")),
            pl.lit('","category":"marketing_messages","value":"'),
            pl.when("resumes").then(pl.lit("resume")).otherwise(pl.lit("stop")),
            pl.lit('","timestamp":'),
            "at",
            pl.lit("}]"),
        ).alias("inner")
    ).to_series()


def _system_texts(rows: pl.DataFrame) -> pl.Series:
    return rows.select(
        pl.concat_str(
            pl.lit(',"messages":[{"from":"'),
            "phone",
            pl.lit('","id":"'),
            "message_id",
            pl.lit('","timestamp":"'),
            "at",
            pl.lit('","system":{"body":"User changed from '),
            "phone",
            pl.lit(" to "),
            "new_phone",
            pl.lit('","wa_id":"'),
            "new_phone",
            pl.lit('","type":"user_changed_number"},"type":"system"}]'),
        ).alias("inner")
    ).to_series()


def said(languages: tuple[str, ...], language: Ints, choice: Ints, stops: Flags) -> pl.Series:
    """What a contact writes, in its language."""
    tables = [[*REPLIES[code], *OPT_OUTS[code]] for code in languages]
    starts = np.cumsum([0, *map(len, tables)])[:-1]
    replies = np.array([len(REPLIES[code]) for code in languages])[language]
    stop_words = np.array([len(OPT_OUTS[code]) for code in languages])[language]
    index = starts[language] + np.where(stops, replies + choice % stop_words, choice % replies)
    return lookup([escaped(text) for table in tables for text in table], index)


def _pressed(languages: tuple[str, ...], language: Ints, choice: Ints, stops: Flags) -> pl.Series:
    """Which quick-reply button a contact presses."""
    texts = [escaped(text) for code in languages for text in BUTTONS[code]]
    return lookup(texts, language * 3 + np.where(stops, 2, choice % 2))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
