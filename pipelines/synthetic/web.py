"""Write what the web brings: usage events, access logs, error logs, and the details of clicks.

Access logs are in the combined format (https://httpd.apache.org/docs/current/logs.html#combined), error
logs as Python's `logging` writes them with `%(asctime)s %(levelname)s %(name)s: %(message)s`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from pipelines.synthetic.calendar import hours_ahead, is_active
from pipelines.synthetic.envelopes import filled, lookup, only, opening, slices
from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import Ints, chance, hex_texts, pick, stream
from pipelines.synthetic.stamps import DAY_S, common_log, iso_milliseconds, python_log, seconds_of
from pipelines.synthetic.web_pools import Texts, WebPools, make_web_pools, web_texts

REQUESTS_PER_DAY = 150
REQUESTS_PER_MESSAGE = 0.12
ERRORS_PER_DAY = 12
ERRORS_PER_MESSAGE = 0.002
USAGE_PER_MEMBER_DAY = 14.0
# Share of texts that carry somebody's name, address or number.
PERSONAL_SHARE = 0.05
IPV6_SHARE = 0.12
REPEATED_SHARE = 0.005
OFFLINE_SHARE = 0.01
_STATUSES = np.array([200, 304, 302, 404, 403, 500, 502])
_STATUS_WEIGHTS = (82, 6, 5, 4, 1.5, 1, 0.5)
_HOURS = np.array(
    [2, 1, 1, 1, 2, 3, 5, 8, 10, 11, 11, 10, 10, 11, 12, 12, 11, 10, 9, 8, 7, 5, 4, 3], dtype=float
)
_OFFICE = np.array([0, 0, 0, 0, 0, 0, 1, 3, 8, 11, 12, 10, 6, 9, 11, 11, 9, 6, 3, 2, 1, 1, 0, 0], dtype=float)

_EVENT = (
    '{"event_id":"<id>","occurred_at":"<at>","workspace_id":"<workspace>","member_id":"<member>",'
    '"session_id":"<session>","device_id":"<device>","event":"<event>","url":"<url>",'
    '"referrer":"<referrer>","plan":"<plan>","ip":"<ip>","user_agent":"<agent>",'
    '"consent":{"analytics":<consents>}}'
)


@dataclass
class Web:
    """Renders a population's traffic on the web."""

    population: Population
    pools: WebPools = field(init=False)

    def __post_init__(self) -> None:
        self.pools = make_web_pools(self.population.spec.seed, self.population.pool)

    def click_details(self, day: date, clicks: pl.DataFrame) -> pl.DataFrame:
        """Return where each click led and who clicked: url, ip, user_agent."""
        rng = stream(self.population.spec.seed, "clicks", day.toordinal())
        count = len(clicks)
        return pl.DataFrame(
            {
                "url": _mostly_plain(rng, self.pools.landings, count),
                # One address per contact, so that somebody who clicks twice is seen twice.
                "ip": _addresses(clicks["contact"].to_numpy() * 7_919),
                "user_agent": _browsers(clicks["contact"].to_numpy()),
            }
        )

    def access_log(self, day: date, messages: int) -> Iterator[pl.Series]:
        """Yield the lines of a day, about one for every eight messages."""
        rng = stream(self.population.spec.seed, "access log", day.toordinal())
        count = int(rng.poisson(REQUESTS_PER_DAY + REQUESTS_PER_MESSAGE * messages))
        at = np.sort(_times(rng, day, _HOURS, count))
        for part in slices(count):
            yield self._requests(rng, at[part] // 1000)

    def error_log(self, day: date, messages: int) -> tuple[int, pl.Series]:
        """Return the number of entries of a day and their lines."""
        rng = stream(self.population.spec.seed, "error log", day.toordinal())
        count = int(rng.poisson(ERRORS_PER_DAY + ERRORS_PER_MESSAGE * messages))
        at = np.sort(_times(rng, day, _HOURS, count))
        entries, plain = list(self.pools.entries.all), self.pools.entries.plain
        personal = plain + rng.integers(0, len(entries) - plain, count)
        index = np.where(chance(rng, 0.3, count), personal, rng.integers(0, plain, count))
        frame = pl.DataFrame({"at": python_log(at), "entry": lookup(entries, index)})
        return count, filled(frame, "<at><entry>")

    def usage(self, day: date) -> pl.DataFrame:
        """Return the events of a day: received_ms and text, without the opening of the envelope."""
        rng = stream(self.population.spec.seed, "usage", day.toordinal())
        members = self.population.members
        workspaces = self.population.workspaces
        busy = np.array([is_active(workspaces[m.workspace], day) for m in members]) * (
            0.25 if day.weekday() > 4 else 1
        )
        counts = rng.poisson(USAGE_PER_MEMBER_DAY * busy) * chance(rng, 0.6, len(members))
        member = np.repeat(np.arange(len(members)), counts)
        count = len(member)
        at = _times(rng, day, _OFFICE, count)
        shift = np.array([hours_ahead(workspaces[m.workspace], day) for m in members])[member]
        # The same local hours everywhere; what falls out of the UTC day is moved back into it.
        midnight = seconds_of(day) * 1000
        at = midnight + (at - midnight - shift * 3_600_000) % (DAY_S * 1000)
        delay = np.where(chance(rng, OFFLINE_SHARE, count), rng.integers(3_600_000, DAY_S * 1000, count), 800)
        frame = self._usage_frame(rng, member, at).with_columns(pl.Series(at + delay).alias("received_ms"))
        again = np.flatnonzero(chance(rng, REPEATED_SHARE, count))
        repeated = frame[again].with_columns(pl.col("received_ms") + 30_000)
        return pl.concat([frame, repeated])

    def usage_lines(self, events: pl.DataFrame) -> pl.Series:
        """Return the lines of the events that arrived on a day, in the order of arrival."""
        events = events.sort("received_ms", "text")
        frame = events.with_columns(opening=opening(events["received_ms"].to_numpy()))
        return filled(frame, '<opening>web/app","body":<text>}\n')

    def _usage_frame(self, rng: np.random.Generator, member: Ints, at: Ints) -> pl.DataFrame:
        population = self.population
        members, count = population.members, len(member)
        workspace = np.array([m.workspace for m in members])[member]
        changes_at = np.array([m.consent_changes_at for m in members])[member]
        consents = np.array([m.has_consented for m in members])[member] ^ (at // 1000 >= changes_at)
        # A session lasts as long as the member keeps coming back within the half-day.
        session = member * 4 + at // 43_200_000 % 2
        tags = hex_texts(
            stream(population.spec.seed, "sessions", int(at[0]) if count else 0), 4 * len(members), 16
        )
        devices = hex_texts(stream(population.spec.seed, "devices"), 2 * len(members), 16)
        pools, features, uses = self.pools, web_texts().features, chance(rng, 0.4, count)
        frame = pl.DataFrame(
            {
                "id": hex_texts(rng, count, 32),
                "at": iso_milliseconds(at),
                "workspace": lookup([w.id for w in population.workspaces], workspace),
                "member": lookup([m.id for m in members], member),
                "session": tags.gather(session),
                "device": devices.gather(member * 2 + rng.integers(0, 2, count)),
                "uses": uses,
                "feature": lookup(features, rng.integers(0, len(features), count)),
                "url": _mostly_plain(rng, pools.pages, count),
                "referrer": _mostly_plain(rng, pools.referrers, count, first=2),
                "plan": lookup([w.plan for w in population.workspaces], workspace),
                "ip": _addresses(member * 104_729 + 17),
                "agent": _browsers(member),
                "consents": lookup(["false", "true"], consents.astype(np.int64)),
            }
        )
        feature = pl.concat_str(pl.lit('feature_used","feature":"'), "feature")
        event = pl.when("uses").then(feature).otherwise(pl.lit("page_view"))
        return filled(frame, _EVENT, event=event).to_frame("text")

    def _requests(self, rng: np.random.Generator, at_s: Ints) -> pl.Series:
        count = len(at_s)
        odd = pick(rng, [99.3, 0.4, 0.3], count)
        agents = web_texts().browsers | web_texts().machines
        agent = pick(rng, [*agents.values()], count)
        frame = pl.DataFrame(
            {
                "odd": odd,
                "ip": _addresses(rng.integers(0, 40_000, count) * 7_919),
                "user": lookup(["-", "ops"], chance(rng, 0.002, count).astype(np.int64)),
                "at": common_log(at_s),
                "request": _mostly_plain(rng, self.pools.requests, count),
                "status": _STATUSES[pick(rng, _STATUS_WEIGHTS, count)],
                "bytes": rng.integers(120, 60_000, count),
                "referrer": _mostly_plain(rng, self.pools.referrers, count),
                "agent": lookup([*agents], agent),
                "times": 1 + chance(rng, REPEATED_SHARE, count).astype(np.int64),
            }
        )
        # What scanners and broken clients leave behind.
        kinds = ('<request>" <status> <bytes>', '-" 408 -', '\\x16\\x03\\x01\\x02" 400 157')
        request = pl.concat_str(
            *(p for kind, text in enumerate(kinds) for p in only(pl.col("odd") == kind, text))
        )
        lines = filled(frame, '<ip> - <user> [<at>] "<what> "<referrer>" "<agent>"\n', what=request)
        return lines.gather(np.repeat(np.arange(count), frame["times"].to_numpy()))


def _times(
    rng: np.random.Generator, day: date, hours: np.ndarray[tuple[int], np.dtype[np.float64]], count: int
) -> Ints:
    times: Ints = (seconds_of(day) + pick(rng, hours, count) * 3_600) * 1000 + rng.integers(
        0, 3_600_000, count
    )
    return times


def _mostly_plain(rng: np.random.Generator, pool: Texts, count: int, *, first: int = 0) -> pl.Series:
    """Draw texts from ``first`` on: the first few often, personal ones rarely."""
    texts, plain = pool.all[first:], pool.plain - first
    common = (rng.random(count) ** 2 * plain).astype(np.int64)
    personal = plain + rng.integers(0, len(texts) - plain, count)
    return lookup(list(texts), np.where(chance(rng, PERSONAL_SHARE, count), personal, common))


def _browsers(number: Ints) -> pl.Series:
    """Return browsers of people, the same for the same number."""
    browsers = [*web_texts().browsers]
    return lookup(browsers, number % len(browsers))


def _addresses(number: Ints) -> pl.Series:
    """Return addresses of the ranges for tests (RFC 2544, RFC 3849), the same for the same number."""
    host = number % 131_072
    frame = pl.DataFrame(
        {
            "six": number % 100 < IPV6_SHARE * 100,
            "b": 18 + host // 65_536,
            "c": host // 256 % 256,
            "d": host % 254 + 1,
            "net": lookup([f"{n:x}" for n in range(4_096)], number % 4_096),
        }
    )
    parts = [*only("six", "2001:db8:<net>::<d>"), *only(~pl.col("six"), "198.<b>.<c>.<d>")]
    return frame.select(pl.concat_str(parts).alias("ip")).to_series()
