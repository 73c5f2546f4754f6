"""Each promise is broken on purpose, and verification finds it; what is right, it leaves alone."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from warehouse.keys.keyring import Purpose
from warehouse.ledger.batches import Commit
from warehouse.ledger.parts import Part
from warehouse.publishing.releases import release, rows_in, slices_in
from warehouse.retention import evidence, records
from warehouse.retention.databases import rewrite
from warehouse.retention.places import Windows
from warehouse.retention.rules import (
    Clock,
    DataSet,
    Hold,
    Layout,
    RetentionInputs,
    Rule,
    Setting,
    Version,
)
from warehouse.retention.verify import Scope, Verified, verify
from warehouse.store.part_files import write_part
from warehouse.store.session import open_warehouse_file

AS_OF = datetime(2026, 6, 1, 12)
TODAY = AS_OF.date()
HOLD = "0123456789abcdef"

VISITS = DataSet(
    "shop__visits",
    "log",
    Layout.DAYS,
    "visited_at",
    frozenset({"workspace_id", "contact_token", "visited_at"}),
)
BUYERS = DataSet(
    "shop__buyers", "account", Layout.BUCKETS, None, frozenset({"workspace_id", "contact_token"})
)
BILLS = DataSet("shop__bills", "money", Layout.MONTHS, "billed_at", frozenset({"workspace_id", "billed_at"}))
HOLDS = DataSet("shop__holds", "account", Layout.BUCKETS, None, frozenset({"workspace_id"}), holds=True)

RULES = {
    "log": Rule(Clock.EVENT, 90, per_workspace=True),
    "account": Rule(Clock.SUBSCRIPTION_END, 30),
    "money": Rule(Clock.EVENT, 1000, outlives_account=True),
}
INPUTS = RetentionInputs(versions=(Version(date(2026, 1, 1), RULES),), classes=(15, 30, 60, 90, 180))


@pytest.fixture
def scope() -> Scope:
    return Scope(
        inputs=INPUTS,
        data_sets={data.source: data for data in (VISITS, BUYERS, BILLS, HOLDS)},
        as_of=AS_OF,
        windows=Windows(inbox=14, tmp=1, dbt=14, compute_logs=30, manifests=90),
        dagster_days=365,
        word_days=180,
        published_as=lambda workspace: f"key of {workspace}",
        coarse_keys=frozenset({"other"}),
        key_names=frozenset({"_platform"}),
    )


@pytest.fixture
def found(home, ledger, engine, keyring, scope) -> Callable[..., list[str]]:
    """Verify and return the findings as `place: count problem`."""

    def _found(**changes: object) -> list[str]:
        result = verify(home, ledger=ledger, engine=engine, keyring=keyring, scope=replace(scope, **changes))
        return [f"{f.place}: {f.count} {f.problem}" for f in result.findings]

    return _found


@pytest.fixture
def put(home, ledger, engine):
    """Add a file of rows to the store: by event day and class, by bucket or by month."""

    def _put(
        source: str,
        rows: str,
        *,
        day: date | None = None,
        days: int | None = None,
        partition: str = "bucket=0a",
        key: str = "",
        hold: str | None = None,
    ) -> Part:
        if day is not None:
            partition = f"event_date={day}/retention_days={days}"
        if hold is not None:
            partition, key = f"hold={hold}/{partition}", f"hold.{hold}"
        template = Part(
            path="",
            source=source,
            partition=partition,
            key_name=key or f"log.{partition}",
            rows=rows.count("(") - 1,
            bytes=0,
            batch_id="b1",
            event_date=day,
            retention_days=days,
            hold=hold,
        )
        with closing(engine.cursor()) as connection:
            part = write_part(connection, template, f"from (values {rows})", home=home, engine=engine)
        ledger.commit(Commit(batch_id="b1", as_of=AS_OF, snapshot=ledger.generation(), added=[part]))
        return part

    return _put


def _visits(*rows: tuple[str, str]) -> str:
    """Rows of visits: workspace and time, of one contact each."""
    cells = ", ".join(
        f"('{w}', 'c{n}', timestamp '{at}', timestamp '{at}')" for n, (w, at) in enumerate(rows)
    )
    return f"{cells}) as t(workspace_id, contact_token, visited_at, received_at"


def _buyers(*workspaces: str) -> str:
    cells = ", ".join(f"('{w}', 'token', timestamp '2026-05-01', null::timestamp)" for w in workspaces)
    return f"{cells}) as t(workspace_id, contact_token, received_at, deleted_at"


def test_what_is_within_its_window_is_left_alone(put, found, home, ledger, engine, keyring, scope):
    put("shop__visits", _visits(("a", "2026-03-04 10:00:00")), day=date(2026, 3, 4), days=90)
    put("shop__buyers", _buyers("a"))

    assert found() == []
    result = verify(home, ledger=ledger, engine=engine, keyring=keyring, scope=scope)
    assert result == Verified((), rows=2, files=2, entries=0)


def test_an_empty_warehouse_is_sound(found):
    assert found() == []


# Rows -------------------------------------------------------------------------------------------


def test_rows_past_the_default_window(put, found):
    put(
        "shop__visits",
        _visits(("a", "2026-03-03 10:00:00"), ("b", "2026-03-03 11:00:00")),
        day=date(2026, 3, 3),
        days=90,
    )

    assert found() == ["shop__visits: 2 row(s) past their window (log), the oldest of 2026-03-03"]


def test_rows_past_the_window_their_workspace_chose_whatever_class_they_lie_in(put, found):
    inputs = replace(INPUTS, settings={"a": [Setting(datetime(2026, 1, 1), 30)]})
    put(
        "shop__visits",
        _visits(("a", "2026-04-15 10:00:00"), ("b", "2026-04-15 10:00:00")),
        day=date(2026, 4, 15),
        days=90,
    )

    assert found(inputs=inputs) == [
        "shop__visits: 1 row(s) past their window (log), the oldest of 2026-04-15"
    ]


def test_rows_that_were_past_a_window_that_is_longer_now(put, found):
    inputs = replace(
        INPUTS, settings={"a": [Setting(datetime(2026, 1, 1), 15), Setting(datetime(2026, 5, 25), 180)]}
    )
    put("shop__visits", _visits(("a", "2026-05-09 10:00:00")), day=date(2026, 5, 9), days=180)

    assert len(found(inputs=inputs)) == 1


def test_rows_behind_a_horizon_that_no_rule_knows_any_more(put, found, ledger, keyring):
    put(
        "shop__visits",
        _visits(("a", "2026-05-09 10:00:00"), ("b", "2026-05-09 10:00:00")),
        day=date(2026, 5, 9),
        days=90,
    )
    who = records.subject(records.subject_key(keyring), "a")
    with ledger.transaction() as connection:
        records.raise_horizons(connection, {("log", who): date(2026, 5, 10)})

    assert found() == ["shop__visits: 1 row(s) past their window (log), the oldest of 2026-05-09"]


def test_rows_filed_under_a_later_day_than_their_own_are_judged_by_their_own(put, found):
    put(
        "shop__visits",
        _visits(("a", "2026-02-01 10:00:00"), ("a", "2026-05-01 10:00:00")),
        day=date(2026, 5, 20),
        days=90,
    )

    past, overstaying = found()
    assert past == "shop__visits: 1 row(s) past their window (log), the oldest of 2026-02-01"
    assert "1 row(s) older than the day they are filed under" in overstaying


def test_rows_of_an_ended_account_everywhere_but_in_what_outlives_it(put, found):
    inputs = replace(INPUTS, ended={"a": datetime(2026, 5, 2)})
    put(
        "shop__visits",
        _visits(("a", "2026-05-09 10:00:00"), ("b", "2026-05-09 10:00:00")),
        day=date(2026, 5, 9),
        days=90,
    )
    put("shop__buyers", _buyers("a", "b"))
    put(
        "shop__bills",
        "('a', timestamp '2026-01-05', timestamp '2026-01-05')) as t(workspace_id, billed_at, received_at",
        partition="month=2026-01",
    )

    assert found(inputs=inputs) == [
        "shop__buyers: 1 row(s) of accounts that have ended",
        "shop__visits: 1 row(s) of accounts that have ended, the oldest of 2026-05-09",
    ]


def test_an_account_that_ended_less_than_its_window_ago_keeps_its_rows(put, found):
    put("shop__buyers", _buyers("a"))

    assert found(inputs=replace(INPUTS, ended={"a": datetime(2026, 5, 3)})) == []


def test_rows_of_an_account_of_which_only_the_ledger_knows_that_it_ended(put, found, ledger, keyring):
    put("shop__buyers", _buyers("a", "b"))
    with ledger.transaction() as connection:
        who = records.subject(records.subject_key(keyring), "a")
        records.note_terminated(connection, [who], since=date(2026, 5, 1))

    assert found() == ["shop__buyers: 1 row(s) of accounts that have ended"]


@pytest.mark.parametrize("ended", [{}, {"a": datetime(2024, 1, 1)}])
def test_bills_past_their_own_date_and_window_whether_or_not_the_account_has_ended(put, found, ended):
    row = "('a', timestamp '{0}', timestamp '2026-05-01')"
    rows = (
        f"{row.format('2023-09-05')}, {row.format('2023-09-06')}) as t(workspace_id, billed_at, received_at"
    )
    put("shop__bills", rows, partition="month=2023-09")

    assert found(inputs=replace(INPUTS, ended=ended)) == [
        "shop__bills: 1 row(s) past their window (money), the oldest of 2023-09-05"
    ]


def test_the_content_of_deleted_rows(put, found):
    rows = "('a', 'token', timestamp '2026-05-01'), ('b', null, timestamp '2026-05-01')"
    put("shop__buyers", f"{rows}) as t(workspace_id, contact_token, deleted_at")

    assert found() == ["shop__buyers: 1 deleted row(s) whose content is still there"]


# Holds ------------------------------------------------------------------------------------------


def test_rows_under_an_active_hold_may_stay(put, found):
    inputs = replace(INPUTS, holds=[Hold(HOLD, "a", datetime(2027, 1, 1))])
    put("shop__visits", _visits(("a", "2026-01-01 10:00:00")), day=date(2026, 1, 1), days=90, hold=HOLD)

    assert found(inputs=inputs) == []


@pytest.mark.parametrize("holds", [[], [Hold(HOLD, "a", AS_OF)]])
def test_rows_kept_by_a_hold_that_has_ended_or_never_was(put, found, holds):
    put("shop__visits", _visits(("a", "2026-01-01 10:00:00")), day=date(2026, 1, 1), days=90, hold=HOLD)

    assert found(inputs=replace(INPUTS, holds=holds)) == [
        "shop__visits: 1 row(s) kept by a legal hold that has ended"
    ]


@pytest.mark.parametrize(
    "scope_of_hold",
    [
        {"workspace_id": "b"},
        {"source": "shop__buyers"},
        {"contact_token": "c7"},
        {"held_from": datetime(2026, 1, 2)},
        {"held_to": datetime(2026, 1, 1)},
    ],
)
def test_a_hold_never_shelters_more_than_it_names(put, found, scope_of_hold):
    hold = replace(Hold(HOLD, "a", datetime(2027, 1, 1)), **scope_of_hold)
    put("shop__visits", _visits(("a", "2026-01-01 10:00:00")), day=date(2026, 1, 1), days=90, hold=HOLD)

    assert found(inputs=replace(INPUTS, holds=[hold])) == [
        "shop__visits: 1 held row(s) that their legal hold does not name"
    ]


def test_rows_under_a_hold_that_are_past_their_window_must_be_out_of_sight(put, found):
    inputs = replace(INPUTS, holds=[Hold(HOLD, "a", datetime(2027, 1, 1))])
    put("shop__visits", _visits(("a", "2026-01-01 10:00:00")), day=date(2026, 1, 1), days=90)

    assert found(inputs=inputs) == [
        "shop__visits: 1 row(s) past their window (log), the oldest of 2026-01-01"
    ]


def test_a_hold_of_an_ended_account_stays_until_it_expires(put, found):
    inputs = replace(INPUTS, ended={"a": datetime(2026, 1, 1)})
    rows = "('a', timestamp '{}')) as t(workspace_id, expires_at"

    put("shop__holds", rows.format("2026-06-02"))
    assert found(inputs=inputs) == []
    put("shop__holds", rows.format("2026-06-01"))
    assert found(inputs=inputs) == ["shop__holds: 1 row(s) of accounts that have ended"]


# Files ------------------------------------------------------------------------------------------


def test_a_file_the_ledger_does_not_list(put, found, home):
    part = put("shop__buyers", _buyers("a"))
    (home.data / part.path).with_name("part-zz-0001.parquet").write_bytes(b"PAR1")

    assert found() == ["store: 1 file(s) that the ledger does not list"]


def test_a_file_that_is_gone_and_one_that_grew(put, found, home):
    gone, grown = put("shop__buyers", _buyers("a")), put("shop__buyers", _buyers("b"))
    (home.data / gone.path).unlink()
    with (home.data / grown.path).open("ab") as file:
        file.write(b"more")

    assert found()[0] == "store: 2 file(s) that are missing or not of the size that was written"


def test_a_file_that_cannot_be_read_is_told_without_its_content(put, found, home):
    part = put("shop__buyers", _buyers("a"))
    path = home.data / part.path
    path.write_bytes(b"canary" + b"\0" * (part.bytes - 6))

    [finding] = [f for f in found() if "looked at" in f]
    assert finding.startswith("shop__buyers: 1 data set that could not be looked at (")
    assert "canary" not in finding


@pytest.mark.parametrize(
    ("why", "hours", "is_found"),
    [("expired", 1, True), ("expired", 0, False), ("replaced", 1, False), ("replaced", 30, True)],
)
def test_deleted_files_may_wait_for_readers_and_no_longer(put, found, ledger, why, hours, is_found):
    part = put("shop__buyers", _buyers("a"))
    ledger.commit(Commit(batch_id="b2", as_of=AS_OF, snapshot=ledger.generation(), removed={part: why}))
    with ledger.transaction() as connection:
        connection.execute(
            "update parts set removed_at = replace(datetime(removed_at, ?), ' ', 'T')", [f"-{hours} hours"]
        )

    found_ = [f for f in found() if "still on disk" in f]
    assert bool(found_) is is_found


def test_a_file_whose_key_is_gone_unless_it_is_due_anyway(put, found, keyring):
    lost = put("shop__visits", _visits(("a", "2026-05-01 10:00:00")), day=date(2026, 5, 1), days=90)
    due = put("shop__visits", _visits(("a", "2026-01-01 10:00:00")), day=date(2026, 1, 1), days=90)
    keyring.destroy(Purpose.PARQUET, lost.key_name, due.key_name)

    assert found() == ["shop__visits: 1 file(s) whose key is gone"]


def test_a_data_set_without_a_contract(put, found):
    put("shop__unknown", _buyers("a"))

    assert found() == ["shop__unknown: 1 data set that no contract covers"]


@pytest.mark.parametrize(
    ("place", "category", "days"),
    [("inbox/shop/a.csv", "inbox", 14), ("tmp/spill", "tmp", 1), ("dbt/logs/dbt.log", "dbt", 14)],
)
def test_files_outside_the_store_past_their_window(found, home, place, category, days):
    (home.data / place).parent.mkdir(parents=True, exist_ok=True)
    (home.data / place).write_text("x")
    # The inbox ages by the time a file came, which nobody can set: the clock moves instead.
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=days + 2)

    assert found() == []
    assert found(as_of=later) == [f"{category}: 1 file(s) older than {days} days"]


# Databases --------------------------------------------------------------------------------------


@pytest.fixture
def warehouse(home, keyring):
    """Run SQL on the warehouse file."""

    def _run(*statements: str) -> None:
        with open_warehouse_file(home, keyring=keyring, read_only=False) as connection:
            connection.execute("use warehouse")
            for statement in statements:
                connection.execute(statement)

    return _run


@pytest.fixture
def published(home):
    def _run(*statements: str) -> None:
        with duckdb.connect(home.published_path) as connection:
            for statement in statements:
                connection.execute(statement)

    return _run


def test_anonymous_tables_of_living_workspaces_are_left_alone(put, found, warehouse, published):
    put("shop__buyers", _buyers("a"))
    cells = "(values ('key of a', date '2026-05-01', 12), ('other', date '2026-05-01', 40))"
    cube = f"create table cubes.visits as from {cells} t(workspace_key, send_date, audience_contacts)"
    warehouse("create schema cubes", cube)
    published(
        "create schema cubes",
        cube,
        "create table dim_published_workspaces as select 'key of a' as workspace_key",
    )

    assert found() == []


@pytest.mark.parametrize(
    "column",
    ["contact_token", "event_id", "workspace_id", "received_at", "email", "contact_phone", "ip_network"],
)
@pytest.mark.parametrize("file", ["warehouse", "published"])
def test_a_column_of_rows_about_persons(found, request, file, column):
    request.getfixturevalue(file)("create schema cubes", f"create table cubes.fct as select 1 as {column}")

    assert found() == [f"{file}: cubes.fct: 1 column(s) of rows about persons ({column})"]


@pytest.mark.parametrize(
    ("file", "schema"), [("warehouse", "restricted"), ("warehouse", "main"), ("published", "restricted")]
)
def test_a_table_where_only_views_may_be(found, request, file, schema):
    request.getfixturevalue(file)(
        f"create schema if not exists {schema}",
        f"create table {schema}.fct_orders as select 1 as orders",
        f"create view {schema}.v as select 'x' as contact_token",
    )

    assert found() == [
        f"{file}: {schema}.fct_orders: 1 table where only views may be: its rows cannot be erased"
    ]


@pytest.mark.parametrize(("file", "schema"), [("warehouse", "marts"), ("published", "main")])
def test_a_published_name_of_a_workspace_that_does_not_live(put, found, request, file, schema):
    put("shop__buyers", _buyers("a", "b"))
    inputs = replace(INPUTS, ended={"b": datetime(2026, 5, 20)})
    request.getfixturevalue(file)(
        f"create schema if not exists {schema}",
        f"create table {schema}.dim_published_workspaces as "
        "from (values ('key of a'), ('key of b'), ('other')) t(workspace_key)",
        f"create table {schema}.mart_visits as from (values ('key of z'), ('other')) t(workspace_key)",
    )

    problem = "row(s) of workspaces that have ended, or that no account data knows"
    assert found(inputs=inputs) == [
        f"{file}: {schema}.dim_published_workspaces: 1 {problem}",
        f"{file}: {schema}.mart_visits: 1 {problem}",
    ]


def test_free_blocks_of_a_file_that_should_have_been_rewritten(found, home, keyring, warehouse):
    fill = "create or replace table cubes.big as select md5(range::varchar) as text from range(200000)"
    warehouse(
        "create schema cubes", fill, "checkpoint", fill, "checkpoint", "drop table cubes.big", "checkpoint"
    )

    # It has changed a moment ago: the next deletion rewrites it.
    assert found() == []
    _age(home.warehouse_path, days=2)
    [finding] = found()
    assert "free block(s), which keep what was deleted" in finding
    rewrite(home, keyring=keyring)
    _age(home.warehouse_path, days=2)
    assert found() == []


def test_free_blocks_of_a_published_copy_that_something_was_taken_from(found, published):
    fill = "create or replace table big as select md5(range::varchar) as text from range(200000)"
    published(fill, "checkpoint", "drop table big", "checkpoint")

    assert "free block(s)" in found()[0]


def test_a_released_slice_that_was_changed_in_place(found, ledger, warehouse):
    cube = "cubes.cube_cells_daily"
    warehouse("create schema cubes", f"create table {cube} as select date '2026-05-10' as send_date, 20 as n")
    released = duckdb.connect()
    released.execute("attach ':memory:' as warehouse")
    released.execute("create schema warehouse.cubes")
    released.execute(f"create table warehouse.{cube} as select date '2026-05-10' as send_date, 20 as n")
    release(ledger, slices_in(released, rows_in(released)), why="closed")
    assert found() == []

    warehouse(f"update {cube} set n = 19", "checkpoint")

    assert "warehouse.duckdb: 1 released slice(s) that changed since" in found()


@pytest.mark.parametrize("name", ["published/marts-copy.duckdb", "data/published/marts.duckdb"])
def test_a_second_published_copy(found, home, published, name):
    published("select 1")
    (home.root / name).parent.mkdir(exist_ok=True)
    (home.root / name).write_bytes(home.published_path.read_bytes())

    assert found() == ["published: 1 file(s) beside the one published copy"]


def test_a_database_that_cannot_be_read(found, home):
    home.published_path.write_bytes(b"canary" * 1000)

    [finding] = found()
    assert finding.startswith("marts.duckdb: 1 file that could not be read (")


def test_a_warehouse_file_whose_key_is_gone(found, keyring, warehouse):
    warehouse("create schema cubes")
    keyring.destroy(Purpose.DATABASE, "warehouse")

    assert found() == ["warehouse.duckdb: 1 file that could not be read (its key is missing)"]


def test_a_write_ahead_log_that_a_crash_left(found, home, keyring, warehouse):
    warehouse("create schema cubes")
    log = home.data / "warehouse.duckdb.wal"
    log.touch()

    assert found() == []
    _age(log, days=2)
    assert "write-ahead log that a crash left" in found()[0]


def test_records_of_dagster_past_their_window(found, home):
    path = home.dagster / "storage" / "history" / "runs.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "create table runs (create_timestamp datetime); create table event_logs (timestamp timestamp);"
            "insert into runs values ('2025-05-01 10:00:00'), ('2025-06-02 10:00:00');"
            "insert into event_logs values (1746093600.0), (1780000000.0);"
        )

    assert found() == [
        "dagster: 1 record(s) in runs older than 365 days",
        "dagster: 1 record(s) in event_logs older than 365 days",
    ]


def test_what_dagster_recorded_is_not_old_because_the_warehouse_is_ahead_of_the_machine(found, home, scope):
    path = home.dagster / "storage" / "runs.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "create table runs (create_timestamp datetime); insert into runs values ('2026-05-01 10:00:00')"
        )

    assert len(found(as_of=datetime(2028, 1, 1))) == 1
    assert found(as_of=datetime(2028, 1, 1), windows=replace(scope.windows, now=AS_OF)) == []


# Keys and ledger --------------------------------------------------------------------------------


def test_keys_that_nothing_needs_a_day_after_they_were_made(put, found, keyring, home):
    put("shop__buyers", _buyers("a"))
    keyring.get(Purpose.PARQUET, "log.2020-01.90")
    for purpose in (Purpose.PSEUDONYM, Purpose.SURROGATE):
        keyring.get_all(purpose, ["a", "ended long ago"])
    keyring.get(Purpose.PSEUDONYM, "_platform")

    assert found() == []
    for key in home.keys.rglob("*.key"):
        _age(key, days=2)
    assert found() == [
        "keys: 1 parquet key(s) that serve no file",
        "keys: 1 pseudonym key(s) that serve no workspace of which something is stored",
        "keys: 1 surrogate key(s) that serve no workspace of which something is stored",
    ]


def test_keys_of_accounts_that_have_ended_at_once(put, found, keyring):
    put("shop__buyers", _buyers("a"))
    inputs = replace(INPUTS, ended={"b": datetime(2026, 4, 20), "c": datetime(2026, 5, 20)})
    for purpose in (Purpose.PSEUDONYM, Purpose.SURROGATE):
        keyring.get_all(purpose, ["a", "b", "c"])

    assert found(inputs=inputs) == [
        "keys: 1 pseudonym key(s) of accounts that have ended",
        "keys: 1 surrogate key(s) of accounts that have ended",
    ]


def test_the_pseudonym_key_of_an_ended_account_stays_as_long_as_a_hold(put, found, keyring):
    inputs = replace(INPUTS, ended={"a": datetime(2026, 1, 1)}, holds=[Hold(HOLD, "a", datetime(2027, 1, 1))])
    put("shop__visits", _visits(("a", "2026-01-01 10:00:00")), day=date(2026, 1, 1), days=90, hold=HOLD)
    keyring.get(Purpose.PSEUDONYM, "a")
    keyring.get(Purpose.SURROGATE, "a")

    assert found(inputs=inputs) == ["keys: 1 surrogate key(s) of accounts that have ended"]


def test_a_broken_chain_and_a_tombstone_that_points_nowhere(found, ledger, keyring, home):
    with ledger.transaction() as connection:
        key = keyring.get(Purpose.LEDGER, evidence.KEY)
        evidence.append(connection, key=key, kind="retention applied", as_of=AS_OF, body={"rows": 3})
        records.set_tombstones(connection, [records.Tombstone("shop__visits", TODAY, 90, AS_OF, 7)])
        connection.execute("drop trigger evidence_is_not_changed")
        connection.execute("update evidence set body = '{}'")
    evidence.write_anchor(ledger, home.keys / evidence.ANCHOR)

    broken, loose = found()
    assert "evidence: 1 break in the chain: entry 1 was changed after it was written" in broken
    assert loose == "evidence: 1 deleted partition(s) whose entry is not in the chain"


def test_hashes_of_workspaces_whose_key_is_gone(found, ledger):
    with ledger.transaction() as connection:
        records.note_terminated(connection, ["ab" * 16], since=TODAY)

    assert found() == ["ledger: 1 hash(es) of workspaces that cannot be matched: their key is missing"]


def test_a_chain_whose_key_is_gone(found, ledger, keyring, home):
    with ledger.transaction() as connection:
        evidence.append(connection, key=bytes(32), kind="retention applied", as_of=AS_OF, body={})

    assert found() == ["evidence: 1 chain that cannot be checked: its key is missing"]


def test_a_deletion_that_was_begun_and_not_finished(found, ledger):
    with ledger.transaction() as connection:
        work = records.Pending("a" * 64, AS_OF, workspaces=(), released=(), rewrites_database=False)
        records.set_pending(connection, work)

    assert found() == ["ledger: 1 deletion(s) that were begun and not finished"]


def _age(path: Path, *, days: int) -> None:
    then = path.stat().st_mtime_ns - days * 86_400 * 10**9
    os.utime(path, ns=(then, then))
