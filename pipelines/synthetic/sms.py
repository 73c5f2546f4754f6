"""Write what SMS carriers send: Twilio's callbacks and REST export, SMPP delivery receipts.

Twilio: https://www.twilio.com/docs/messaging/api/message-resource and
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks.
SMPP: protocol specification 3.4, appendix B, "Delivery receipt format".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl

from pipelines.synthetic.envelopes import filled, lookup, only, opening, slices
from pipelines.synthetic.journeys import DELIVERED, EXPORTED_AFTER_S, FAILED
from pipelines.synthetic.names import is_gsm
from pipelines.synthetic.outbox import TWILIO
from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import Flags, Ints
from pipelines.synthetic.stamps import rfc2822, seconds_of, smpp
from pipelines.synthetic.texts import bodies, said

TWILIO_STATUSES = ["sent", "delivered", "read", "undelivered"]
SMPP_STATES = ["ENROUTE", "DELIVRD", "UNKNOWN", "UNDELIV"]
# The first characters of the message stand in the receipt.
RECEIPT_TEXT = 20
# One record of an export is one page of the Messages resource.
PAGE_ROWS = 1_000
_MICRO_PRICE = 1_000_000

_CALLBACK = (
    '<opening>twilio/<sender>","body":"SmsSid=<message_id>&SmsStatus=<state>&MessageStatus=<state>'
    "&To=%2B<phone>&MessageSid=<message_id>&AccountSid=<account>&From=%2B<digits><failure><arrival>"
    '&ApiVersion=2010-04-01"}\n'
)
_RECEIPT = (
    '<opening>smpp/<sender>","body":"id:<message_id> sub:001 dlvrd:<arrived> submit date:<submitted> '
    'done date:<done> stat:<state> err:<code> text:<start>"}\n'
)
_SENT = (
    '{"sid":"<message_id>","account_sid":"<account>","direction":"outbound-api","from":"<sender>",'
    '"to":"+<phone>","date_sent":"<sent>","status":"<state>","num_segments":"<segments>","num_media":"0",'
    '"price":"-<units>.<fraction>","price_unit":"<currency>","error_code":<code>,'
    '"api_version":"2010-04-01","body":"<body>"}'
)
_RECEIVED = (
    '{"sid":"SM<number>","account_sid":"<account>","direction":"inbound","from":"+<phone>","to":"<sender>",'
    '"date_sent":"<sent>","status":"received","num_segments":"1","num_media":"0","price":"-0.00750",'
    '"price_unit":"USD","error_code":null,"api_version":"2010-04-01","body":"<body>"}'
)


@dataclass(frozen=True)
class Carriers:
    """Renders events of a population in the formats of its SMS carriers."""

    population: Population

    def statuses(self, provider: int, events: pl.DataFrame) -> Iterator[pl.Series]:
        """Yield Twilio's status callbacks, form-encoded, or SMPP receipts, in the order of arrival."""
        render = self._callback_texts if provider == TWILIO else self._receipt_texts
        events = events.sort("received_ms", maintain_order=True)
        yield from (render(events[part]) for part in slices(len(events)))

    def export(self, day: date, bills: pl.DataFrame, replies: pl.DataFrame) -> Iterator[pl.Series]:
        """Yield the export of a night: pages of the day before, by account, outgoing messages first."""
        received = opening(np.array([(seconds_of(day) + EXPORTED_AFTER_S) * 1000], dtype=np.int64))[0]
        pages = [_page_start(received, w.twilio_account) for w in self.population.workspaces]
        for rows, render in ((bills, self._bill_texts), (replies, self._reply_texts)):
            ordered = rows.sort("workspace", "at", maintain_order=True)
            place = _places(ordered["workspace"].to_numpy())
            for part in slices(len(ordered)):
                page = ordered[part]
                starts = place[part] % PAGE_ROWS == 0
                ends = np.append(place[1:], 0)[part] % PAGE_ROWS == 0
                frame = pl.DataFrame(
                    {
                        "text": render(page),
                        "start": lookup(["", *pages], np.where(starts, page["workspace"].to_numpy() + 1, 0)),
                        "end": lookup([",", "]}}\n"], ends.astype(np.int64)),
                    }
                )
                yield filled(frame, "<start><text><end>")

    @cached_property
    def _is_gsm(self) -> Flags:
        return np.array([is_gsm(t.text) for t in self.population.templates])

    def _with_senders(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the sender and the Twilio account of each row's workspace."""
        workspaces, of = self.population.workspaces, rows["workspace"].to_numpy()
        return rows.with_columns(
            sender=lookup([w.sms_sender for w in workspaces], of),
            account=lookup([w.twilio_account for w in workspaces], of),
        )

    def _callback_texts(self, rows: pl.DataFrame) -> pl.Series:
        frame = self._with_senders(rows).with_columns(
            opening=opening(rows["received_ms"].to_numpy()),
            state=lookup(TWILIO_STATUSES, rows["status"].to_numpy()),
            done=smpp(rows["at"].to_numpy()),
        )
        # Carriers report when a message arrived or failed; that it was sent, Twilio itself says.
        is_final = pl.col("status").is_in([DELIVERED, FAILED])
        return filled(
            frame,
            _CALLBACK,
            digits=pl.col("sender").str.strip_prefix("+"),
            failure=pl.concat_str(only(pl.col("error") > 0, "&ErrorCode=<error>")),
            arrival=pl.concat_str(only(is_final, "&RawDlrDoneDate=<done>")),
        )

    def _receipt_texts(self, rows: pl.DataFrame) -> pl.Series:
        at, status = rows["at"].to_numpy(), rows["status"].to_numpy()
        body = bodies(self.population, rows["template"].to_numpy(), rows["contact"].to_numpy(), rows["tail"])
        frame = self._with_senders(rows).with_columns(
            opening=opening(rows["received_ms"].to_numpy()),
            state=lookup(SMPP_STATES, status),
            submitted=smpp(at - 4),
            done=smpp(at),
            start=body.str.head(RECEIPT_TEXT).str.replace_all('"', "'", literal=True),
            arrived=pl.Series(np.where(status == DELIVERED, "001", "000")),
        )
        return filled(frame, _RECEIPT, code=pl.col("error").cast(pl.String).str.zfill(3))

    def _bill_texts(self, rows: pl.DataFrame) -> pl.Series:
        population, workspace = self.population, rows["workspace"].to_numpy()
        template, contact = rows["template"].to_numpy(), rows["contact"].to_numpy()
        body = bodies(population, template, contact, rows["tail"])
        plain = self._is_gsm[template]
        plain &= population.pool.first.are_gsm[population.contacts.first_name[contact]]
        parts = segments(body.str.len_chars().to_numpy().astype(np.int64), plain)
        prices = [round(w.country.sms_price * _MICRO_PRICE) for w in population.workspaces]
        frame = self._with_senders(rows).with_columns(
            currency=lookup([w.country.currency for w in population.workspaces], workspace),
            state=lookup(TWILIO_STATUSES, rows["status"].to_numpy()),
            sent=rfc2822(rows["at"].to_numpy()),
            body=body,
            segments=pl.Series(parts),
            micros=pl.Series(parts * np.array(prices)[workspace]).cast(pl.String).str.zfill(7),
        )
        micros, error = pl.col("micros"), pl.col("error")
        return filled(
            frame,
            _SENT,
            units=micros.str.slice(0, micros.str.len_bytes() - 6),
            fraction=micros.str.tail(6).str.head(5),
            code=pl.when(error > 0).then(error.cast(pl.String)).otherwise(pl.lit("null")),
        )

    def _reply_texts(self, rows: pl.DataFrame) -> pl.Series:
        language = self.population.contacts.language[rows["contact"].to_numpy()]
        choice, stops = rows["choice"].to_numpy(), rows["stops"].to_numpy()
        frame = self._with_senders(rows).with_columns(
            sent=rfc2822(rows["at"].to_numpy()),
            body=said(self.population.languages, language, choice, stops),
        )
        # A wamid has no place here: Twilio gives an incoming SMS a sid of its own.
        return filled(frame, _RECEIVED, number=pl.col("replied_to").str.slice(2).str.reverse())


def _page_start(opened: str, account: str) -> str:
    uri = f"/2010-04-01/Accounts/{account}/Messages.json?PageSize={PAGE_ROWS}"
    return f'{opened}twilio/{account}","body":{{"page_size":{PAGE_ROWS},"uri":"{uri}","messages":['


def _places(workspace: Ints) -> Ints:
    """Return the place of each row within its workspace, from 0; rows of a workspace stand together."""
    starts = np.flatnonzero(np.append([True], workspace[1:] != workspace[:-1]))[: len(workspace)]
    lengths = np.diff(np.append(starts, len(workspace)))
    places: Ints = np.arange(len(workspace)) - np.repeat(starts, lengths)
    return places


def segments(length: Ints, plain: Flags) -> Ints:
    """Count SMS segments: 160 characters of the 7-bit alphabet or 70 others, fewer in each of several."""
    single = np.where(plain, 160, 70)
    joined = np.where(plain, 153, 67)
    return np.where(length <= single, 1, -(-length // joined))
