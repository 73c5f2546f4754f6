"""A generated year through the real pipeline: on every day, exactly what the oracle says survives."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.retention.closing import close_days
from pipelines.runtime import open_runtime
from pipelines.sources.inbox import feeds
from pipelines.synthetic import WorldSpec
from tests.support.year import Delivery, Year, at_end_of, deliveries, put_together, world
from warehouse.home import Home


@dataclass(frozen=True)
class Scale:
    """How much: the first days come in blocks, the others one by one.

    Attributes:
        late, replayed: Days whose outbox comes after the last block; days whose webhooks come once more.
    """

    spec: WorldSpec
    block_days: int
    blocks: int
    days: int
    late: range
    replayed: range

    def day(self, number: int) -> date:
        return self.spec.start + timedelta(days=number)

    @property
    def last_of_blocks(self) -> date:
        return self.day(self.block_days * self.blocks - 1)


# The run crosses the turn of the year or the leap day, or both.
SAMPLE = Scale(
    WorldSpec(
        workspaces=6,
        contacts=20,
        days=75,
        seed=5,
        start=date(2027, 12, 20),
        messages=1_500,
        account_ends=2,
        hold_days=64,
    ),
    block_days=14,
    blocks=2,
    days=38,
    late=range(12, 16),
    replayed=range(4, 8),
)
YEAR = Scale(
    WorldSpec(
        workspaces=20,
        contacts=20,
        days=365,
        seed=5,
        start=date(2027, 9, 1),
        messages=9_000,
        account_ends=3,
        hold_days=250,
    ),
    block_days=28,
    blocks=6,
    days=120,
    late=range(100, 104),
    replayed=range(60, 66),
)


@pytest.mark.slow
def test_survivors_of_a_year_are_the_oracles_on_every_day(stress, tmp_path):
    scale = YEAR if stress else SAMPLE
    inbox = tmp_path / "inbox"
    world(inbox, scale.spec)
    catalogue = open_runtime(Home(tmp_path / "catalogue"))
    end = scale.last_of_blocks + timedelta(days=scale.days)
    everything = deliveries(
        inbox,
        catalogue,
        until=scale.last_of_blocks,
        # Nothing of it is looked at by day, so all comes at once.
        block_days=scale.spec.days,
        first=scale.spec.start,
        last=end,
    )
    year = Year.prepare(tmp_path, inbox, [d for d in everything if d.day <= end])
    by_day: dict[date, list[Delivery]] = {}
    for delivery in _delivered(inbox, catalogue, scale):
        by_day.setdefault(delivery.day, []).append(delivery)
    happened: Counter[str] = Counter()

    for day in sorted(by_day):
        if day > end:
            break
        for delivery in by_day[day]:
            year.take_in(delivery)
        close_days(*year.runtime, as_of=at_end_of(day))
        before = year.expected()
        year.oracle.apply(at=at_end_of(day), known=year.known)

        expected = year.expected()
        survivors = year.survivors()

        wrong = {
            row: (survivors.get(row), expected.get(row))
            for row in survivors.keys() | expected.keys()
            if survivors.get(row) != expected.get(row)
        }
        assert wrong == {}, f"{day}: (is, should be)"
        if day > scale.last_of_blocks:
            happened["days"] += 1
            happened["gone"] += len(before.keys() - expected.keys())
            happened["held"] += sum(
                decision.startswith("hold") != before[row].startswith("hold")
                for row, decision in expected.items()
            )
            happened["moved"] += sum(
                decision != before[row] and decision.startswith("class") for row, decision in expected.items()
            )
    in_sight = {row: decision for row, decision in year.expected().items() if not decision.startswith("hold")}

    assert year.survivors_in_views() == in_sight
    assert happened["days"] == scale.days
    assert min(happened[what] for what in ("gone", "held", "moved")) > 0
    assert len({row.workspace for row in year.oracle.decisions}) > 3
    print(dict(happened), len(in_sight))  # noqa: T201


def _delivered(inbox: Path, catalogue, scale: Scale) -> list[Delivery]:
    """The blocks and days of a year, some of the outbox weeks late, some webhooks twice."""
    late, repeated = "app/messages", "whatsapp"
    set_aside = {scale.day(n) for n in scale.late}
    for path in sorted((inbox / late).iterdir()):
        if path.name[:10] in {day.isoformat() for day in set_aside}:
            path.rename(inbox / f"{path.name}")
    made = deliveries(
        inbox, catalogue, until=scale.last_of_blocks, block_days=scale.block_days, first=scale.spec.start
    )
    come_late = [inbox / f"{day}.parquet" for day in sorted(set_aside) if (inbox / f"{day}.parquet").exists()]
    come_again = [inbox / repeated / f"{scale.day(n)}.jsonl" for n in scale.replayed]
    extra = inbox / "again" / "whatsapp.jsonl"
    put_together([path for path in come_again if path.exists()], extra)
    tardy = inbox / "late" / "messages.parquet"
    put_together(come_late, tardy)
    day = scale.last_of_blocks + timedelta(days=9)
    rank = list(feeds(catalogue.declarations.contracts))
    made += [
        Delivery(late, tardy, day, frozenset(set_aside)),
        Delivery(repeated, extra, day, frozenset(scale.day(n) for n in scale.replayed)),
    ]
    return sorted(made, key=lambda d: (d.day, rank.index(d.feed), ".full." not in d.path.name, d.path.name))
