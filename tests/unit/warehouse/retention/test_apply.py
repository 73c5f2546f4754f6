"""Plans name what is due and why; carrying one out does that, all of it or nothing."""

import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest

from warehouse.errors import ConflictError, KeyringError
from warehouse.keys.keyring import Purpose
from warehouse.keys.locks import reader_lease
from warehouse.ledger.batches import Commit
from warehouse.retention import evidence, records
from warehouse.retention.apply import commit_plan
from warehouse.retention.errors import PlanError, UnknownDataSetError
from warehouse.retention.plan import GONE, Outcome, write_manifest
from warehouse.retention.planner import make_plan
from warehouse.retention.planning.context import PlanRequest, Slices
from warehouse.retention.rules import Clock, DataSet, Hold, Layout, RetentionInputs, Rule, Setting, Version
from warehouse.store.housekeeping import sweep
from warehouse.store.parts import EventSet, commit_batch, writing
from warehouse.store.reading import read_parts

ORDERS = "shop__orders"
DAY = date(2026, 1, 10)
DATA_SETS = {
    ORDERS: DataSet(
        ORDERS,
        "log",
        Layout.DAYS,
        "at",
        frozenset({"event_id", "workspace_id", "contact_token", "received_at", "at"}),
    )
}
RULES = {
    "log": Rule(Clock.EVENT, 90, per_workspace=True),
    "account": Rule(Clock.SUBSCRIPTION_END, 30),
}
INPUTS = RetentionInputs((Version(date(2026, 1, 1), RULES),), (15, 30, 60, 90, 180))
HOLD = Hold("f" * 32, "w_held", datetime(2026, 12, 1), source=ORDERS, contact_token="t_1")


def on(day):
    return datetime.combine(day, datetime.min.time())


@pytest.fixture
def load(home, ledger, engine):
    """Store one row per (event id, workspace, contact), all of one day."""

    def load_rows(*rows, day=DAY, days=90):
        ids, workspaces, contacts = zip(*rows, strict=True)
        columns = {
            "event_id": ids,
            "workspace_id": workspaces,
            "contact_token": contacts,
            "received_at": pa.array([on(day)] * len(rows), pa.timestamp("us")),
            "at": pa.array([on(day)] * len(rows), pa.timestamp("us")),
            "event_date": pa.array([day] * len(rows), pa.date32()),
            "retention_days": pa.array([days] * len(rows), pa.int32()),
        }
        with writing(home, ledger=ledger, engine=engine, batch_id=f"b{ids[0]}") as writer:
            writer.append(EventSet(ORDERS, "log"), pa.table(columns))
            commit_batch(
                writer,
                ledger,
                as_of=on(day),
                feed=ORDERS,
                content_hash=ids[0],
                rows_read={ORDERS: len(rows)},
                counts=[],
            )

    return load_rows


@pytest.fixture
def planned(home, ledger, engine):
    def plan(day, inputs=INPUTS, data_sets=DATA_SETS, **more):
        return make_plan(
            home, ledger=ledger, engine=engine, request=PlanRequest(inputs, data_sets, on(day), **more)
        )

    return plan


@pytest.fixture
def apply(home, ledger, engine, keyring, planned):
    def apply_plan(day, inputs=INPUTS):
        applied = commit_plan(home, planned(day, inputs), ledger=ledger, engine=engine)
        sweep(home, ledger=ledger, keyring=keyring)
        return applied

    return apply_plan


@pytest.fixture
def stored(home, ledger, engine):
    """Ids of the rows in sight by class, or of those that a hold keeps."""

    def ids(*, held=False):
        found = {}
        for part in ledger.held_parts() if held else ledger.live_parts():
            rows = read_parts(home, engine=engine, parts=[part]).column("event_id").to_pylist()
            found.setdefault(part.hold or part.retention_days, set()).update(rows)
        return found

    return ids


def test_a_day_is_there_until_its_window_ends_and_then_its_files_and_key_are_gone(
    load, apply, stored, home, keyring
):
    load(("a", "w", "t"))

    apply(DAY + timedelta(days=89))
    assert stored() == {90: {"a"}}

    applied = apply(DAY + timedelta(days=90))

    (item,) = applied.plan.parts
    assert [(o.to, o.rows, o.reason.rule, o.reason.due) for o in item.outcomes] == [
        (GONE, 1, "default", DAY + timedelta(days=90))
    ]
    assert stored() == {}
    assert not list(home.store.rglob("*"))
    assert not keyring.has(Purpose.PARQUET, "log.2026-01.90")


@pytest.mark.parametrize(
    ("chosen", "since", "looked_at", "left"),
    [
        (30, 5, 5, {30: {"a"}, 90: {"b"}}),  # shortened in time: moved
        (30, 40, 40, {90: {"b"}}),  # shortened: what is past the new window goes
        (180, 20, 20, {180: {"a"}, 90: {"b"}}),  # lengthened in time: moved
        (180, 95, 100, {}),  # lengthened too late: the old window had ended, whoever looked
    ],
)
def test_a_changed_window_takes_effect_on_what_is_stored(chosen, since, looked_at, left, load, apply, stored):
    load(("a", "w_chose", "t"), ("b", "w_other", "t"))
    settings = {"w_chose": (Setting(on(DAY + timedelta(days=since)), chosen),)}

    apply(DAY + timedelta(days=looked_at), replace(INPUTS, settings=settings))

    assert stored() == left


def test_a_hold_keeps_what_it_names_out_of_sight_under_its_own_key_until_it_ends(
    load, apply, stored, keyring
):
    load(("a", "w_held", "t_1"), ("b", "w_held", "t_2"), ("c", "w", "t_1"))
    held = replace(INPUTS, holds=(HOLD,))

    applied = apply(DAY + timedelta(days=90), held)
    assert (stored(), stored(held=True)) == ({}, {HOLD.name: {"a"}})
    assert applied.plan.held == ((HOLD.name, 1),)
    assert keyring.has(Purpose.PARQUET, f"hold.{HOLD.name}")

    apply(HOLD.expires_at.date(), held)
    assert stored(held=True) == {}
    assert not keyring.has(Purpose.PARQUET, f"hold.{HOLD.name}")


def test_an_ended_account_leaves_in_thirty_days_whatever_its_window(load, apply, stored, ledger, keyring):
    load(("a", "w_ended", "t"), ("b", "w", "t"))
    inputs = replace(INPUTS, ended={"w_ended": on(DAY)})

    apply(DAY + timedelta(days=29), inputs)
    assert stored() == {90: {"a", "b"}}
    apply(DAY + timedelta(days=30), inputs)

    assert stored() == {90: {"b"}}
    assert records.refused(ledger) == {
        records.subject(records.subject_key(keyring), "w_ended"): DAY + timedelta(days=30)
    }


def test_a_reader_in_mid_query_keeps_its_files(load, apply, home, ledger, engine, keyring):
    load(("a", "w", "t"))
    parts = ledger.live_parts()
    with reader_lease(home.locks, ledger.generation()):
        apply(DAY + timedelta(days=90))
        assert read_parts(home, engine=engine, parts=parts).num_rows == 1
    sweep(home, ledger=ledger, keyring=keyring)

    assert not list(home.store.rglob("*.parquet"))


def test_a_file_that_came_since_makes_the_plan_another_plan(load, planned, home):
    load(("a", "w", "t"))
    first = planned(DAY + timedelta(days=90)).plan
    load(("b", "w", "t"))

    assert planned(DAY + timedelta(days=90)).plan.hash != first.hash
    assert write_manifest(first, home.manifests).read_text("utf-8") == first.manifest


def test_a_plan_whose_files_were_replaced_is_refused(load, planned, home, ledger, engine):
    load(("a", "w", "t"))
    plan = planned(DAY + timedelta(days=90))
    parts = ledger.live_parts()
    ledger.commit(
        Commit(
            batch_id="x",
            as_of=on(DAY),
            snapshot=ledger.generation(),
            removed=dict.fromkeys(parts, "compacted"),
        )
    )

    with pytest.raises(ConflictError):
        commit_plan(home, plan, ledger=ledger, engine=engine)


def test_rows_that_do_not_come_out_as_planned_stop_everything(load, planned, home, ledger, engine, stored):
    load(("a", "w_chose", "t"), ("b", "w_other", "t"))
    inputs = replace(INPUTS, settings={"w_chose": (Setting(on(DAY), 30),)})
    plan = planned(DAY + timedelta(days=1), inputs)
    (item,) = plan.plan.parts
    wrong = tuple(Outcome(o.to, o.rows + 1, o.reason) for o in item.outcomes)
    tampered = replace(plan, plan=replace(plan.plan, parts=(replace(item, outcomes=wrong),)))

    with pytest.raises(PlanError, match="row"):
        commit_plan(home, tampered, ledger=ledger, engine=engine)

    assert stored() == {90: {"a", "b"}}
    assert len(list(home.store.rglob("*.parquet"))) == 1


def test_a_file_whose_key_is_gone_can_be_deleted_when_due_and_stops_everything_before(
    load, planned, apply, keyring, stored
):
    load(("a", "w_held", "t_1"))
    keyring.destroy(Purpose.PARQUET, "log.2026-01.90")
    moved = replace(INPUTS, settings={"w_held": (Setting(on(DAY), 30),)}, holds=(HOLD,))

    with pytest.raises(KeyringError):
        planned(DAY + timedelta(days=1), moved)
    applied = apply(DAY + timedelta(days=90), replace(INPUTS, holds=(HOLD,)))

    assert applied.plan.missing_keys == 1
    assert stored() == {}


def test_a_restored_backup_is_unreadable_where_it_had_expired_and_expires_again(
    load, apply, stored, home, keyring, ledger, tmp_path
):
    load(("a", "w", "t"))
    load(("b", "w", "t"), day=DAY + timedelta(days=60))
    apply(DAY + timedelta(days=61))
    shutil.copytree(home.data, tmp_path / "backup")
    apply(DAY + timedelta(days=90))

    shutil.rmtree(home.data)
    shutil.copytree(tmp_path / "backup", home.data)

    with pytest.raises(KeyringError):
        stored()
    apply(DAY + timedelta(days=91))
    assert stored() == {90: {"b"}}
    sealing = keyring.get(Purpose.LEDGER, "evidence")
    problems = evidence.check_chain(ledger, key=sealing, anchor=home.keys / evidence.ANCHOR)
    assert "restored from a backup" in " ".join(problems)


def test_a_data_set_without_a_rule_stops_everything(load, planned):
    load(("a", "w", "t"))

    with pytest.raises(UnknownDataSetError, match=ORDERS):
        planned(DAY, data_sets={})


@pytest.mark.parametrize(
    ("days", "built_until", "alarms", "gaps"),
    [
        (80, None, (), ()),
        (85, None, (DAY,), ()),  # a week before, somebody is told
        (85, DAY, (), ()),
        (90, None, (), (DAY,)),  # deletion does not wait
        (90, DAY, (), ()),
    ],
)
def test_a_day_never_built_is_told_a_week_before_and_then_a_gap(
    days, built_until, alarms, gaps, load, planned
):
    load(("a", "w", "t"))
    as_of = DAY + timedelta(days=days)

    slices = Slices(frozenset({ORDERS}), built_until, as_of - timedelta(days=9))
    plan = planned(as_of, slices=slices).plan

    assert (plan.alarms, plan.gaps) == (alarms, gaps)


def test_looking_changes_nothing(load, planned, ledger, home):
    load(("a", "w", "t"))
    before = ledger.generation(), sorted(home.data.rglob("*"))

    planned(DAY + timedelta(days=400))

    assert (ledger.generation(), sorted(home.data.rglob("*"))) == before


def test_the_plan_says_why_by_row(load, planned):
    load(("a", "w_chose", "t"), ("b", "w_ended", "t"), ("c", "w_held", "t_1"), ("d", "w", "t"))
    inputs = replace(
        INPUTS,
        settings={"w_chose": (Setting(on(DAY), 60),)},
        ended={"w_ended": on(DAY)},
        holds=(HOLD,),
    )

    plan = planned(DAY + timedelta(days=60), inputs).plan

    assert dict(plan.rows_by()) == {
        (ORDERS, GONE, "workspace setting"): 1,
        (ORDERS, GONE, "end of the account"): 1,
    }
    later = planned(DAY + timedelta(days=90), inputs).plan
    assert dict(later.rows_by()) == {
        (ORDERS, GONE, "workspace setting"): 1,
        (ORDERS, GONE, "end of the account"): 1,
        (ORDERS, GONE, "default"): 1,
        (ORDERS, f"hold {HOLD.name}", "default"): 1,
    }
