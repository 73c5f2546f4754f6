"""Measure requests of data subjects on a store of many messages, beside one pass that rewrites all of it.

    python bench/erasure.py                        # 1,000,000 messages and as many statuses: minutes
    python bench/erasure.py --messages 10000000    # the full size: ten times as long

One person with rows on 3 of 90 days should cost at most a tenth of the pass, 1,000 mixed requests in one
batch at most three times as much. What is left is compared row by row with what an oracle says: it knows of
each row for whom it was made, and nothing else.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from anonymizers.tokens import token
from anonymizers.treatments import IdentityKind
from pipelines.ingestion.batch import entity_set
from pipelines.privacy.access import write_copy
from pipelines.privacy.erasures import remains_of
from pipelines.privacy.submit import confirm, submit, take_over
from pipelines.retention.apply import apply_retention
from pipelines.retention.closing import compact_closed_days
from pipelines.runtime import Runtime, open_runtime
from warehouse.home import Home
from warehouse.keys.keyring import Purpose
from warehouse.ledger.batches import Commit
from warehouse.ledger.parts import Part
from warehouse.ledger.requests import ERASING, Kind, Status, requests
from warehouse.store.entities import EntityWriter
from warehouse.store.part_files import write_part
from warehouse.store.session import open_session
from warehouse.store.views import raw_scan

DAYS, WORKSPACES, CLASS = 90, 16, 90
FIRST, NOW = date(2026, 3, 1), datetime.combine(date(2026, 5, 29), datetime.min.time())
MESSAGES, STATUSES = EVENTS = ("app__messages", "whatsapp__statuses")
# What the application's export asks for; persons under 16 are submitted one by one.
EXPORTED = {"erasure": 680, "restriction": 150, "objection": 50, "access": 100}
MINORS = 20
DAYS_OF_ONE = (10, 40, 70)
# Message `n` is to contact `c`. Every so many, its status is about another contact, in a group.
SHARED = 997
DRAWN = """
select *, c // 8 % {workspaces} as w, case when n % {shared} = 0 then xor(c, 1) else c end as of_status from (
  select n, case when n % {per_day} = 0 and n // {per_day} in {days_of_one} then {contacts}
    else floor({contacts} * (hash(n) / 18446744073709551616.0) ** 2)::bigint end as c
  from range({per_day} * {day}, {per_day} * ({day} + 1)) t(n))"""
# One message of five is to a user id. One status of three names nobody: its message says whose it is.
NAMED = f"case when n % {SHARED} > 0 and n % 3 > 0 then "
CELLS = {
    "workspace_id": "'ws_' || w",
    "received_at": "moment",
    "queued_at": "moment",
    "occurred_at": "moment",
    "outbox_token": "md5('outbox' || n)",
    "message_token": "md5('message' || n)",
    "campaign_id": "'c' || (n % 50)",
    "channel": "'whatsapp'",
    "provider": "'whatsapp'",
    "outcome": "'accepted'",
    "status": "'delivered'",
    "contact_country": "'DE'",
    "body_length": "hash(n) % 160",
}
CELLS_OF = {
    MESSAGES: {"contact_token": "case when n % 5 = 0 then user_id else phone end"},
    STATUSES: {
        "contact_token": f"{NAMED} phone end",
        "contact_user_token": f"{NAMED} case when n % 2 = 0 then user_id end end",
        "participant_token": f"case when n % {SHARED} = 0 then phone end",
    },
}
OF = {MESSAGES: "c", STATUSES: "of_status"}


class World:
    """A store of so many messages and statuses, and of each row for whom it was made."""

    def __init__(self, root: Path, *, messages: int) -> None:
        self.runtime: Runtime = open_runtime(Home(root))
        self.per_day = messages // DAYS
        # Some get thousands of messages, most fewer than ten. One more contact gets three.
        self.contacts = messages // 20 // 8 * 8
        self.people = self._people()
        at = f"timestamp '{FIRST}' as received_at, timestamp '{FIRST}' as updated_at"
        self.add_entities(
            "app__workspaces",
            f"select 'ws_' || w as workspace_id, md5('w' || w) as entity_id, 'DE' as country, {at} "
            f"from range({WORKSPACES}) t(w)",
        )
        self.add_entities(
            "app__contacts",
            "select workspace_id, md5('e' || c) as entity_id, phone as contact_token, user_id as "
            f"contact_user_token, md5('i' || c) as contact_id_token, {at} from people",
        )
        for source in EVENTS:
            self._add_events(source)

    def _people(self) -> pa.Table:
        keyring, rows = self.runtime.store.keyring, []
        for c in range(self.contacts + 1):
            key = keyring.get(Purpose.PSEUDONYM, workspace_of(c))
            named = ((IdentityKind.PHONE, number_of(c)), (IdentityKind.WHATSAPP_USER, f"DE.{c:012}"))
            phone, user_id = (token(value, kind=kind, key=key) for kind, value in named)
            rows.append({"c": c, "workspace_id": workspace_of(c), "phone": phone, "user_id": user_id})
        return pa.Table.from_pylist(rows)

    def add_entities(self, source: str, query: str) -> None:
        store = self.runtime.store
        entities = entity_set(self.runtime.declarations.contracts[source])
        batch_id = f"bench{source.replace('_', '')}"
        with (
            duckdb.connect() as connection,
            EntityWriter(
                store.home, entities=entities, ledger=store.ledger, engine=store.engine, batch_id=batch_id
            ) as writer,
        ):
            connection.register("people", self.people)
            writer.append(connection.execute(query).to_arrow_table())
            merge = writer.merge(full=False, allow_shrink=False)
            store.ledger.commit(Commit(batch_id, NOW, merge.snapshot, added=merge.added))

    def drawn(self, day: int) -> str:
        """A query for the messages of a day, each with its contact and that of its status."""
        return DRAWN.format(
            day=day,
            per_day=self.per_day,
            contacts=self.contacts,
            workspaces=WORKSPACES,
            shared=SHARED,
            days_of_one=DAYS_OF_ONE,
        )

    def _add_events(self, source: str) -> None:
        store, contract = self.runtime.store, self.runtime.declarations.contracts[source]
        values = CELLS | CELLS_OF[source] | {"event_id": f"md5('{source}' || n)"}
        columns = contract.plan.stored_columns()
        cells = ", ".join(f'({values.get(name, "null")})::{type_} as "{name}"' for name, type_ in columns)
        parts = []
        with closing(store.engine.cursor()) as connection:
            connection.register("given", self.people)
            connection.execute("create temp table people as select c as person, phone, user_id from given")
            for number, day in enumerate(FIRST + timedelta(days=n) for n in range(DAYS)):
                at = f"timestamp '{day}' + to_seconds(n % 86400) as moment"
                query = (
                    f"select {cells} from (select *, {at} from ({self.drawn(number)})) "
                    f"join people on person = {OF[source]} order by workspace_id, moment"
                )
                template = Part(
                    source,
                    partition=f"event_date={day}/retention_days={CLASS}",
                    key_name=f"{contract.policy.value}.{day:%Y-%m}.{CLASS}",
                    rows=self.per_day,
                    batch_id="bench",
                    columns=tuple(name for name, _ in columns),
                    event_date=day,
                    retention_days=CLASS,
                )
                parts.append(write_part(connection, template, query, home=store.home, engine=store.engine))
        batch_id = f"bench{source.replace('_', '')}"
        store.ledger.commit(Commit(batch_id, NOW, store.ledger.generation(), added=parts))

    def rewrite_all(self) -> None:
        """Write every file anew as a deletion does, and throw it away."""
        store = self.runtime.store
        with closing(store.engine.cursor()) as connection:
            for part in store.ledger.live_parts():
                if part.event_date is not None:
                    store.engine.add_keys(connection, [part.key_name])
                    query = (
                        f"select * from ({raw_scan([part], data=store.home.data)}) "
                        "order by workspace_id, received_at"
                    )
                    written = write_part(connection, part, query, home=store.home, engine=store.engine)
                    (store.home.data / written.path).unlink()

    def differences(self, *, erased: Sequence[int], unseen: Sequence[int]) -> tuple[int, int]:
        """Count the rows that are kept other than the oracle says, and those that views show."""
        store, wrong = self.runtime.store, [0, 0]
        schemas = {source: self.runtime.declarations.schemas[source] for source in EVENTS}
        with open_session(store.home, schemas=schemas, read_only=True) as connection:
            for source in EVENTS:
                for number in range(DAYS):
                    day = FIRST + timedelta(days=number)
                    parts = store.ledger.live_parts(source, under=f"event_date={day}/")
                    stored = raw_scan(parts, data=store.home.data, columns=["event_id"])
                    shown = f"select event_id from memory.store.{source} where event_date = date '{day}'"
                    for place, (rows, without) in enumerate(((stored, erased), (shown, [*erased, *unseen]))):
                        expected = (
                            f"select md5('{source}' || n) as event_id from ({self.drawn(number)}) "
                            f"where {OF[source]} not in (select unnest(?))"
                        )
                        (found,) = connection.execute(
                            f"select count(*) from (select event_id from ({expected})) as e full join "
                            f"({rows}) as r on e.event_id = r.event_id "
                            "where e.event_id is null or r.event_id is null",
                            [list(without)],
                        ).fetchall()[0]
                        wrong[place] += found
        return wrong[0], wrong[1]


def workspace_of(c: int) -> str:
    return f"ws_{c // 8 % WORKSPACES}"


def number_of(c: int) -> str:
    return f"+4915{c:09}"


class Cost:
    """What a piece of work took; the peak is of the whole process."""

    wall = cpu = 0.0
    peak_mb = 0


@contextmanager
def costing(what: str) -> Iterator[Cost]:
    # Linux: the peak so far is forgotten.
    Path("/proc/self/clear_refs").write_text("5")
    cost, wall, cpu = Cost(), time.perf_counter(), time.process_time()
    yield cost
    cost.wall, cost.cpu = time.perf_counter() - wall, time.process_time() - cpu
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    cost.peak_mb = int(status["VmHWM"].split()[0]) // 1024
    print(f"{what}: {cost.wall:.1f} s, CPU {cost.cpu:.1f} s, peak {cost.peak_mb:,} MB", flush=True)


def ask(world: World, kind: Kind, c: int) -> str:
    """Submit and confirm one request."""
    given = {IdentityKind.PHONE: number_of(c)}
    recorded, _ = submit(*world.runtime, kind=kind, workspace=workspace_of(c), identifiers=given, as_of=NOW)
    confirm(*world.runtime, recorded.number, how="bench", as_of=NOW)
    return recorded.number


def compare(world: World, *, erased: Sequence[int], unseen: Sequence[int] = ()) -> None:
    kept, shown = world.differences(erased=erased, unseen=unseen)
    print(f"rows kept other than the oracle says: {kept}; rows shown: {shown}", flush=True)
    assert not kept
    assert not shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    messages = parser.parse_args().messages
    with tempfile.TemporaryDirectory() as directory:
        with costing(f"{messages:,} messages and as many statuses over {DAYS} days, written"):
            world = World(Path(directory), messages=messages)
        runtime = world.runtime
        # What every store has behind it: an apply that noted the windows.
        apply_retention(*runtime, as_of=NOW)
        with costing("sketches of the files of closed days"):
            compact_closed_days(*runtime, as_of=NOW)
        with costing("one pass that rewrites all") as full:
            world.rewrite_all()
        with costing(f"one person with rows on {len(DAYS_OF_ONE)} days, from submission to receipt") as one:
            ask(world, Kind.ERASE, world.contacts)
            apply_retention(*runtime, as_of=NOW)
        compare(world, erased=[world.contacts])

        asking = random.Random(1).sample(range(world.contacts), sum(EXPORTED.values()) + MINORS)
        people = {kind: [asking.pop() for _ in range(number)] for kind, number in EXPORTED.items()}
        with costing(f"{MINORS} persons under 16, submitted one by one"):
            for c in asking:
                ask(world, Kind.MINOR, c)
        listed = ", ".join(f"({c}, '{kind}')" for kind, those in people.items() for c in those)
        world.add_entities(
            "privacy__requests",
            "select workspace_id, md5('r' || c) as entity_id, 'r' || c as request_id, kind as request_type, "
            f"phone as contact_token, 'verified' as status, timestamp '{NOW}' as received_on, "
            f"timestamp '{NOW}' as received_at, timestamp '{NOW}' as updated_at "
            f"from people join (values {listed}) as asked(c, kind) using (c)",
        )
        with costing(f"{sum(EXPORTED.values())} exported requests, recorded") as recorded:
            take_over(*runtime, as_of=NOW)
        with costing("one batch of them all, to the receipts") as batch:
            apply_retention(*runtime, as_of=NOW)
        done = requests(runtime.store.ledger, statuses=[Status.DONE], kinds=ERASING)
        assert len(done) == 1 + MINORS + EXPORTED["erasure"]
        (access, *_) = requests(runtime.store.ledger, statuses=[Status.VERIFIED], kinds=[Kind.ACCESS])
        with costing("one copy of what is held about a person"):
            write_copy(*runtime, access.number, Path(directory) / "copy.zip", as_of=NOW)
        with costing("search for remains of all erased persons"):
            assert not sum(rows for _, rows in remains_of(*runtime))
        erased = [world.contacts, *asking, *people["erasure"]]
        compare(world, erased=erased, unseen=[*people["restriction"], *people["objection"]])
    for what, cpu, wall, most in (
        ("one person", one.cpu, one.wall, 0.1),
        ("1,000 requests", recorded.cpu + batch.cpu, recorded.wall + batch.wall, 3),
    ):
        print(f"{what} / one pass: CPU {cpu / full.cpu:.3f}, wall {wall / full.wall:.3f} (at most {most})")


if __name__ == "__main__":
    main()
