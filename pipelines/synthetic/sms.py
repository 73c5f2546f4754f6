"""SMS carriers: Twilio's callbacks and REST export, SMPP delivery receipts.

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

from pipelines.synthetic.envelopes import lookup, opening, slices
from pipelines.synthetic.journeys import DELIVERED, EXPORTED_AFTER_S, FAILED
from pipelines.synthetic.names import is_gsm
from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import Flags, Ints
from pipelines.synthetic.stamps import rfc2822, seconds_of, smpp
from pipelines.synthetic.tables import bodies
from pipelines.synthetic.whatsapp import said

TWILIO_STATUSES = ["sent", "delivered", "read", "undelivered"]
SMPP_STATES = ["ENROUTE", "DELIVRD", "UNKNOWN", "UNDELIV"]
# The first characters of the message stand in the receipt.
RECEIPT_TEXT = 20
# One record of an export is one page of the Messages resource.
PAGE_ROWS = 1_000
_MICRO_PRICE = 1_000_000


@dataclass(frozen=True)
class Carriers:
    """Renders events of a population in the formats of its SMS carriers."""

    population: Population

    def callbacks(self, events: pl.DataFrame) -> Iterator[pl.Series]:
        """Twilio's status callbacks, form-encoded, in the order of arrival."""
        events = events.sort("received_ms", maintain_order=True)
        for part in slices(len(events)):
            yield self._callback_texts(events[part])

    def receipts(self, events: pl.DataFrame) -> Iterator[pl.Series]:
        """SMPP delivery receipts in the order of arrival."""
        events = events.sort("received_ms", maintain_order=True)
        for part in slices(len(events)):
            yield self._receipt_texts(events[part])

    def export(self, day: date, bills: pl.DataFrame, replies: pl.DataFrame) -> Iterator[pl.Series]:
        """The export of a night: pages of the day before, account by account, outgoing ones first."""
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
                yield frame.select(pl.concat_str("start", "text", "end").alias("text")).to_series()

    @cached_property
    def _is_gsm(self) -> Flags:
        return np.array([is_gsm(t.text) for t in self.population.templates])

    def _column(self, name: str, workspace: Ints) -> pl.Series:
        return lookup([str(getattr(w, name)) for w in self.population.workspaces], workspace)

    def _callback_texts(self, rows: pl.DataFrame) -> pl.Series:
        workspace = rows["workspace"].to_numpy()
        frame = rows.with_columns(
            opening(rows["received_ms"].to_numpy()).alias("opening"),
            self._column("sms_sender", workspace).alias("sender"),
            self._column("twilio_account", workspace).alias("account"),
            lookup(TWILIO_STATUSES, rows["status"].to_numpy()).alias("state"),
            smpp(rows["at"].to_numpy()).alias("done"),
        )
        # Carriers report when a message arrived or failed; that it was sent, Twilio itself says.
        done = (
            pl.when(pl.col("status").is_in([DELIVERED, FAILED]))
            .then(pl.concat_str(pl.lit("&RawDlrDoneDate="), "done"))
            .otherwise(pl.lit(""))
        )
        error = (
            pl.when(pl.col("error") > 0)
            .then(pl.concat_str(pl.lit("&ErrorCode="), "error"))
            .otherwise(pl.lit(""))
        )
        return frame.select(
            pl.concat_str(
                "opening",
                pl.lit("twilio/"),
                "sender",
                pl.lit('","body":"SmsSid='),
                "message_id",
                pl.lit("&SmsStatus="),
                "state",
                pl.lit("&MessageStatus="),
                "state",
                pl.lit("&To=%2B"),
                "phone",
                pl.lit("&MessageSid="),
                "message_id",
                pl.lit("&AccountSid="),
                "account",
                pl.lit("&From=%2B"),
                pl.col("sender").str.strip_prefix("+"),
                error,
                done,
                pl.lit('&ApiVersion=2010-04-01"}\n'),
            ).alias("text")
        ).to_series()

    def _receipt_texts(self, rows: pl.DataFrame) -> pl.Series:
        workspace = rows["workspace"].to_numpy()
        at = rows["at"].to_numpy()
        body = bodies(
            self.population, rows["template"].to_numpy(), rows["contact"].to_numpy(), rows["conversation"]
        )
        frame = rows.with_columns(
            opening(rows["received_ms"].to_numpy()).alias("opening"),
            self._column("sms_sender", workspace).alias("folder"),
            lookup(SMPP_STATES, rows["status"].to_numpy()).alias("state"),
            smpp(at - 4).alias("submitted"),
            smpp(at).alias("done"),
            body.str.head(RECEIPT_TEXT).str.replace_all('"', "'", literal=True).alias("start"),
            pl.Series(np.where(rows["status"].to_numpy() == DELIVERED, "001", "000")).alias("arrived"),
        )
        return frame.select(
            pl.concat_str(
                "opening",
                pl.lit("smpp/"),
                "folder",
                pl.lit('","body":"id:'),
                "message_id",
                pl.lit(" sub:001 dlvrd:"),
                "arrived",
                pl.lit(" submit date:"),
                "submitted",
                pl.lit(" done date:"),
                "done",
                pl.lit(" stat:"),
                "state",
                pl.lit(" err:"),
                pl.col("error").cast(pl.String).str.zfill(3),
                pl.lit(" text:"),
                "start",
                pl.lit('"}\n'),
            ).alias("text")
        ).to_series()

    def _bill_texts(self, rows: pl.DataFrame) -> pl.Series:
        workspace, template = rows["workspace"].to_numpy(), rows["template"].to_numpy()
        body = bodies(self.population, template, rows["contact"].to_numpy(), rows["tail"])
        plain = self._is_gsm[template]
        plain &= self.population.pool.first_is_gsm[
            self.population.contacts.first_name[rows["contact"].to_numpy()]
        ]
        parts = segments(body.str.len_chars().to_numpy().astype(np.int64), plain)
        cost = np.array([round(w.country.sms_price * _MICRO_PRICE) for w in self.population.workspaces])[
            workspace
        ]
        frame = rows.with_columns(
            self._column("sms_sender", workspace).alias("sender"),
            self._column("twilio_account", workspace).alias("account"),
            lookup([w.country.currency for w in self.population.workspaces], workspace).alias("unit"),
            lookup(TWILIO_STATUSES, rows["status"].to_numpy()).alias("state"),
            rfc2822(rows["at"].to_numpy()).alias("sent"),
            body.alias("body"),
            pl.Series(parts).alias("segments"),
            pl.Series(parts * cost).cast(pl.String).str.zfill(7).alias("micros"),
        )
        price = pl.concat_str(
            pl.lit('"-'),
            pl.col("micros").str.slice(0, pl.col("micros").str.len_bytes() - 6),
            pl.lit("."),
            pl.col("micros").str.tail(6).str.head(5),
            pl.lit('"'),
        )
        return frame.select(
            pl.concat_str(
                pl.lit('{"sid":"'),
                "message_id",
                pl.lit('","account_sid":"'),
                "account",
                pl.lit('","direction":"outbound-api","from":"'),
                "sender",
                pl.lit('","to":"+'),
                "phone",
                pl.lit('","date_sent":"'),
                "sent",
                pl.lit('","status":"'),
                "state",
                pl.lit('","num_segments":"'),
                "segments",
                pl.lit('","num_media":"0","price":'),
                price,
                pl.lit(',"price_unit":"'),
                "unit",
                pl.lit('","error_code":'),
                pl.when(pl.col("error") > 0).then(pl.col("error").cast(pl.String)).otherwise(pl.lit("null")),
                pl.lit(',"api_version":"2010-04-01","body":"'),
                "body",
                pl.lit('"}'),
            ).alias("text")
        ).to_series()

    def _reply_texts(self, rows: pl.DataFrame) -> pl.Series:
        workspace = rows["workspace"].to_numpy()
        language = self.population.contacts.language[rows["contact"].to_numpy()]
        frame = rows.with_columns(
            self._column("sms_sender", workspace).alias("sender"),
            self._column("twilio_account", workspace).alias("account"),
            rfc2822(rows["at"].to_numpy()).alias("sent"),
            said(
                self.population.languages, language, rows["choice"].to_numpy(), rows["stops"].to_numpy()
            ).alias("body"),
        )
        # A wamid has no place here: Twilio gives an incoming SMS a sid of its own.
        sid = pl.concat_str(pl.lit("SM"), pl.col("replied_to").str.slice(2).str.reverse())
        return frame.select(
            pl.concat_str(
                pl.lit('{"sid":"'),
                sid,
                pl.lit('","account_sid":"'),
                "account",
                pl.lit('","direction":"inbound","from":"+'),
                "phone",
                pl.lit('","to":"'),
                "sender",
                pl.lit('","date_sent":"'),
                "sent",
                pl.lit('","status":"received","num_segments":"1","num_media":"0","price":"-0.00750"'),
                pl.lit(',"price_unit":"USD","error_code":null,"api_version":"2010-04-01","body":"'),
                "body",
                pl.lit('"}'),
            ).alias("text")
        ).to_series()


def _page_start(opened: str, account: str) -> str:
    uri = f"/2010-04-01/Accounts/{account}/Messages.json?PageSize={PAGE_ROWS}"
    return f'{opened}twilio/{account}","body":{{"page_size":{PAGE_ROWS},"uri":"{uri}","messages":['


def _places(workspace: Ints) -> Ints:
    """Place of each row within its workspace, from 0; rows of a workspace stand together."""
    starts = np.flatnonzero(np.append([True], workspace[1:] != workspace[:-1]))[: len(workspace)]
    lengths = np.diff(np.append(starts, len(workspace)))
    places: Ints = np.arange(len(workspace)) - np.repeat(starts, lengths)
    return places


def segments(length: Ints, plain: Flags) -> Ints:
    """SMS segments: 160 characters of the 7-bit alphabet or 70 others, fewer where several are joined."""
    single = np.where(plain, 160, 70)
    joined = np.where(plain, 153, 67)
    return np.where(length <= single, 1, -(-length // joined))
