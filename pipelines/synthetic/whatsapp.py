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
from pipelines.synthetic.journeys import BUTTON, IMAGE, REACTION, TEXT
from pipelines.synthetic.names import escaped
from pipelines.synthetic.population import Population, Workspace, user_ids
from pipelines.synthetic.randomness import Flags, Ints, chance
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
    131050: ("Unable to deliver the message.", "This recipient has chosen to stop receiving marketing messages."),
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
        events = events.sort("workspace", "received_ms", "message_id", "status")
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
            text = self._status_texts(events[part], received[part], follows[part], own_change[part], ends[part])
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
            yield rows["received_ms"].to_numpy(), self._framed(rows, _preference_texts(rows), "user_preferences")

    def number_changes(self, events: pl.DataFrame) -> Iterator[tuple[Ints, pl.Series]]:
        """Bodies of `system` messages: a contact has a new number."""
        for part in slices(len(events)):
            rows = events[part]
            yield rows["received_ms"].to_numpy(), self._framed(rows, _system_texts(rows), "messages")

    @cached_property
    def _heads(self) -> list[str]:
        """From the channel of the envelope to the metadata of the value, per workspace."""
        return [f'whatsapp/{w.phone_number_id}","body":{_body_start(w)}{_value_start(w)}' for w in self._workspaces]

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
        workspace = rows["workspace"].to_numpy()
        starts = pl.Series(~follows)
        frame = rows.hstack(self._contact_parts(rows)).with_columns(
            opening(received).alias("opening"),
            lookup(self._heads, workspace).alias("head"),
            lookup([_value_start(w) for w in self._workspaces], workspace).alias("change"),
            lookup(STATUS_TEXTS, rows["status"].to_numpy()).alias("state"),
            self._pricing(rows).alias("pricing"),
            _errors(rows).alias("errors"),
            starts.alias("starts"),
            pl.Series(own_change).alias("own"),
            pl.Series(ends).alias("ends"),
        )
        # Contacts are listed where a body has one status only; newer accounts send them, older ones do not.
        alone = pl.col("starts") & pl.col("ends") & pl.col("has_user_id")
        before = (
            pl.when(alone)
            .then(pl.concat_str("opening", "head", _contacts_list(), pl.lit(',"statuses":[')))
            .when("starts")
            .then(pl.concat_str("opening", "head", pl.lit(',"statuses":[')))
            .when("own")
            .then(pl.concat_str(pl.lit(']},"field":"messages"},'), "change", pl.lit(',"statuses":[')))
            .otherwise(pl.lit(","))
        )
        recipient = pl.when("shows").then(pl.concat_str(pl.lit('","recipient_id":"'), "phone")).otherwise(pl.lit(""))
        user = (
            pl.when("has_user_id")
            .then(pl.concat_str(pl.lit('","recipient_user_id":"'), "user_id"))
            .otherwise(pl.lit(""))
        )
        after = pl.when("ends").then(pl.lit(']},"field":"messages"}]}]}}\n')).otherwise(pl.lit(""))
        return frame.select(
            pl.concat_str(
                before,
                pl.lit('{"id":"'),
                "message_id",
                pl.lit('","status":"'),
                "state",
                pl.lit('","timestamp":"'),
                "at",
                recipient,
                user,
                pl.lit('"'),
                "pricing",
                "errors",
                pl.lit("}"),
                after,
            ).alias("text")
        ).to_series()

    def _pricing(self, rows: pl.DataFrame) -> pl.Series:
        """The conversation of accounts that are priced by it, and the price: said twice, on sent and delivered."""
        workspace = rows["workspace"].to_numpy()
        kinds = [a.category for a in ARCHETYPES]
        frame = rows.select("status", "at", "conversation").with_columns(
            lookup(kinds, rows["template"].to_numpy() % len(kinds)).alias("kind"),
            lookup([w.account_id[:8] + w.twilio_account[2:18] for w in self._workspaces], workspace).alias("salt"),
            pl.Series(self._flags("is_priced_by_conversation", workspace)).alias("by_conversation"),
        )
        sent = pl.col("status") == 0
        expiry = pl.when(sent).then(
            pl.concat_str(pl.lit('"expiration_timestamp":"'), pl.col("at") + 86_400, pl.lit('",'))
        ).otherwise(pl.lit(""))
        conversation = pl.concat_str(
            pl.lit(',"conversation":{"id":"'),
            "conversation",
            "salt",
            pl.lit('",'),
            expiry,
            pl.lit('"origin":{"type":"'),
            "kind",
            pl.lit('"}}'),
        )
        by_conversation = pl.concat_str(
            conversation, pl.lit(',"pricing":{"billable":true,"pricing_model":"CBP","category":"'), "kind", pl.lit('"}')
        )
        by_message = pl.concat_str(
            pl.lit(',"pricing":{"billable":true,"pricing_model":"PMP","type":"regular","category":"'),
            "kind",
            pl.lit('"}'),
        )
        text = (
            pl.when(pl.col("status") > 1)
            .then(pl.lit(""))
            .when("by_conversation")
            .then(by_conversation)
            .otherwise(by_message)
        )
        return frame.select(text.alias("pricing")).to_series()

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
            lookup([str(w.display_number) for w in self._workspaces], rows["workspace"].to_numpy()).alias("number"),
        )
        # One reply in three quotes nothing; a button always belongs to its message.
        quotes = (pl.col("kind") == BUTTON) | ((pl.col("kind") != REACTION) & (pl.col("choice") % 3 != 0))
        context = (
            pl.when(quotes)
            .then(
                pl.concat_str(pl.lit('"context":{"from":"'), "number", pl.lit('","id":"'), "replied_to", pl.lit('"},'))
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
                    pl.lit('"button":{"payload":"'), "pressed", pl.lit('","text":"'), "pressed", pl.lit('"},"type":"button"')
                )
            )
            .otherwise(
                pl.concat_str(
                    pl.lit('"reaction":{"message_id":"'), "replied_to", pl.lit('","emoji":"'), "emoji", pl.lit('"},"type":"reaction"')
                )
            )
        )
        sender = pl.when("shows").then(pl.concat_str(pl.lit('"from":"'), "phone", pl.lit('",'))).otherwise(pl.lit(""))
        user = (
            pl.when("has_user_id")
            .then(pl.concat_str(pl.lit('"from_user_id":"'), "user_id", pl.lit('",')))
            .otherwise(pl.lit(""))
        )
        return frame.select(
            pl.concat_str(
                _contacts_list(),
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
    error = {"code": code, "title": title, "message": title, "error_data": {"details": details}, "href": _MANUAL}
    return f'{_body_start(workspace)}{_value_start(workspace)},"errors":[{_json(error)}]}},"field":"messages"}}]}}]}}'


ACCOUNT_ERROR_CODES = tuple(_ACCOUNT_ERRORS)


def template_update(workspace: Workspace, *, at: int, field: str, value: dict[str, object]) -> str:
    """Body of a notice about a template's review or quality."""
    entry = {"id": workspace.account_id, "time": at, "changes": [{"value": value, "field": field}]}
    return _json({"entry": [entry], "object": "whatsapp_business_account"})


def envelope(received_at: str, workspace: Workspace, body: str) -> str:
    """One line around a body, for the rare events that are written one by one."""
    return f'{{"received_at":"{received_at}","channel":"whatsapp/{workspace.phone_number_id}","body":{body}}}\n'


def _body_start(workspace: Workspace) -> str:
    return f'{{"object":"whatsapp_business_account","entry":[{{"id":"{workspace.account_id}","changes":['


def _value_start(workspace: Workspace) -> str:
    return (
        '{"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"'
        f'{workspace.display_number}","phone_number_id":"{workspace.phone_number_id}"}}'
    )


def _contacts_list() -> pl.Expr:
    """`,"contacts":[…]` from the columns of `_contact_parts`."""
    number = pl.when("shows").then(pl.concat_str(pl.lit(',"wa_id":"'), "phone", pl.lit('"'))).otherwise(pl.lit(""))
    user = (
        pl.when("has_user_id")
        .then(pl.concat_str(pl.lit(',"user_id":"'), "user_id", pl.lit('"')))
        .otherwise(pl.lit(""))
    )
    return pl.concat_str(
        pl.lit(',"contacts":[{"profile":{"name":"'), "profile", pl.lit('"}'), number, user, pl.lit("}]")
    )


def _errors(rows: pl.DataFrame) -> pl.Series:
    texts = {
        code: ',"errors":['
        + _json({"code": code, "title": title, "message": title, "error_data": {"details": details}, "href": _MANUAL})
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

