"""Files outside the store: what is due, what never is, and that nothing else can be removed."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from warehouse.errors import UndeletableError
from warehouse.home import Home
from warehouse.retention import files
from warehouse.retention.files import due_files, remove_due_files, remove_files
from warehouse.retention.places import Windows, relative

KEY = bytes(range(32))
NOW = datetime.now(UTC).replace(tzinfo=None)
WINDOWS = Windows(
    inbox=14, tmp=1, dbt=14, compute_logs=30, manifests=90, feeds=frozenset({"whatsapp", "app/channels"})
)


def called(home: Home, name: str) -> Path:
    """A path as plans show it: what is published lies beside the data."""
    return (home.root if name.startswith("published/") else home.data) / name


def put(home: Home, name: str, *, age_days: float = 0) -> Path:
    """A file that was last written some days ago; it came here now, whatever it says."""
    path = called(home, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("canary", "utf-8")
    at = (NOW - timedelta(days=age_days)).replace(tzinfo=UTC).timestamp()
    os.utime(path, (at, at))
    return path


def due(home: Home, *, in_days: float = 0) -> set[str]:
    found = due_files(home, WINDOWS, as_of=NOW + timedelta(days=in_days), name_key=KEY)
    return {str(relative(home, path)) for path, _ in found}


@pytest.mark.parametrize(
    ("name", "age_days", "is_due"),
    [
        ("tmp/duckdb_temp_storage-0.tmp", 0.9, False),
        ("tmp/duckdb_temp_storage-0.tmp", 1.1, True),
        ("published/.marts.duckdb.5f.tmp", 1.1, True),
        (".warehouse.duckdb.5f.tmp", 1.1, True),
        ("locks/reader-7-ab.lease", 1.1, True),
        ("dbt/target/run_results.json", 13, False),
        ("dbt/target/run_results.json", 14, True),
        ("dbt/logs/dbt.log", 14, True),
        ("dagster/compute_logs/run/compute_logs/step.err", 29, False),
        ("dagster/compute_logs/run/compute_logs/step.err", 30, True),
        ("manifests/0123.json", 90, True),
        # None of these has a window here, however old.
        ("dbt/target/manifest.json", 9_999, False),
        ("locks/warehouse.lock", 9_999, False),
        ("dagster/storage/history/runs.db", 9_999, False),
        ("ledger.sqlite", 9_999, False),
        ("warehouse.duckdb", 9_999, False),
        ("published/marts.duckdb", 9_999, False),
        ("store/x/part-1-2.parquet", 9_999, False),
    ],
)
def test_each_kind_of_file_has_its_own_window(home, name, age_days, is_due):
    put(home, name, age_days=age_days)

    assert (name in due(home)) is is_due


def test_an_inbox_file_ages_since_it_came_whatever_time_it_bears(home):
    put(home, "inbox/whatsapp/old-export.jsonl", age_days=4_000)

    assert due(home) == set()
    assert due(home, in_days=13) == set()
    assert due(home, in_days=14) == {"inbox/whatsapp/old-export.jsonl"}


def test_a_warehouse_whose_clock_is_ahead_does_not_take_what_just_came_for_old(home):
    put(home, "inbox/whatsapp/a.jsonl")
    put(home, "tmp/old.tmp", age_days=2)
    ahead = NOW + timedelta(days=365)

    found = due_files(home, replace(WINDOWS, now=NOW), as_of=ahead, name_key=KEY)
    without = due_files(home, WINDOWS, as_of=ahead, name_key=KEY)

    assert [path.name for path, _ in found] == ["old.tmp"]
    assert len(without) == 2, "twin: only the machine's clock keeps it"


def test_hidden_files_and_links_end_as_well(home):
    put(home, "inbox/whatsapp/.half.jsonl")
    put(home, "inbox/Jane Doe/.half.csv")
    (home.inbox / "whatsapp" / "link").symlink_to("/etc/hostname")

    assert due(home, in_days=14) == {
        "inbox/whatsapp/.half.jsonl",
        "inbox/whatsapp/link",
        "inbox/Jane Doe/.half.csv",
    }


def test_a_file_in_no_feeds_folder_was_read_by_nobody_and_waits_for_a_person(home):
    put(home, "inbox/list.csv")
    put(home, "inbox/app/list.csv")
    put(home, "inbox/whatsapp/old/list.jsonl")
    put(home, "inbox/whatsapp/list.jsonl")

    assert due(home, in_days=400) == {"inbox/whatsapp/list.jsonl"}


def test_names_in_the_inbox_do_not_show_in_the_items_nor_do_odd_names_elsewhere(home):
    names = [
        "inbox/whatsapp/Jane Doe.csv",
        "inbox/Jane Doe/.list.csv",
        "inbox/app/channels/Jane\nDoe.csv",
        "tmp/Jane Doe\n.tmp",
    ]
    for name in names:
        put(home, name, age_days=2)
    (home.inbox / os.fsdecode(b".Jane\xff")).write_text("canary", "utf-8")

    items = [item for _, item in due_files(home, WINDOWS, as_of=NOW + timedelta(days=14), name_key=KEY)]

    assert sorted(item.path.rpartition("/")[0] for item in items) == [
        "inbox",
        "inbox",
        "inbox/app/channels",
        "inbox/whatsapp",
        "tmp",
    ]
    assert "Jane" not in str(items)
    assert len({item.path for item in items}) == len(names) + 1


def test_a_name_that_was_not_hidden_would_show(home, monkeypatch):
    """Twin: the same look at the same items, with names as they are."""
    monkeypatch.setattr(files, "_shown", lambda home, place, path, *_: str(path.relative_to(home.data)))
    put(home, "inbox/whatsapp/Jane Doe.csv")

    found = due_files(home, WINDOWS, as_of=NOW + timedelta(days=14), name_key=KEY)

    assert "Jane" in str(found)


def test_removing_takes_what_is_due_and_the_directories_it_leaves_empty(home):
    log = put(home, "dagster/compute_logs/run/compute_logs/step.err", age_days=40)
    kept = put(home, "dagster/compute_logs/other/compute_logs/step.err", age_days=1)
    landed = put(home, "inbox/whatsapp/a.jsonl")

    items = [item for _, item in due_files(home, WINDOWS, as_of=NOW, name_key=KEY)]
    removed = remove_due_files(home, WINDOWS, items, as_of=NOW, name_key=KEY)
    again = remove_due_files(home, WINDOWS, items, as_of=NOW, name_key=KEY)

    assert (removed, again) == (1, 0)
    assert not log.parent.parent.exists()
    assert kept.exists()
    assert landed.exists()
    assert (home.dagster / "compute_logs").is_dir()


def test_a_file_that_came_since_the_plan_under_the_same_name_stays(home):
    put(home, "tmp/spill.tmp", age_days=3)
    items = [item for _, item in due_files(home, WINDOWS, as_of=NOW, name_key=KEY)]
    fresh = put(home, "tmp/spill.tmp")

    assert remove_due_files(home, WINDOWS, items, as_of=NOW, name_key=KEY) == 0
    assert fresh.exists()


def test_the_inbox_keeps_its_directories_but_an_empty_one_that_is_no_feed_ends(home):
    for name in ("whatsapp", "app/channels", "Jane Doe"):
        (home.inbox / name).mkdir(parents=True)
    as_of = NOW + timedelta(days=15)

    remove_files(home, [path for path, _ in due_files(home, WINDOWS, as_of=as_of, name_key=KEY)])

    assert sorted(path.name for path in home.inbox.iterdir()) == ["app", "whatsapp"]
    assert (home.inbox / "app/channels").is_dir()


def test_a_link_is_removed_and_what_it_points_to_stays(home, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    target = outside / "file"
    target.write_text("canary", "utf-8")
    (home.inbox / "to-file").symlink_to(target)
    (home.inbox / "to-directory").symlink_to(outside)
    as_of = NOW + timedelta(days=14)

    found = [path for path, _ in due_files(home, WINDOWS, as_of=as_of, name_key=KEY)]
    remove_files(home, found)

    assert sorted(path.name for path in found) == ["to-directory", "to-file"]
    assert list(home.inbox.iterdir()) == []
    assert target.exists()


def test_a_path_through_a_link_is_refused_and_nothing_is_removed(home, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("canary", "utf-8")
    (home.inbox / "link").symlink_to(outside)
    honest = put(home, "tmp/spill.tmp")

    with pytest.raises(UndeletableError, match="goes through a link"):
        remove_files(home, [honest, home.inbox / "link" / "file"])

    assert (outside / "file").exists()
    assert honest.exists()


def test_a_directory_that_somebody_made_a_link_is_said_not_skipped(home, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    home.inbox.rmdir()
    home.inbox.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UndeletableError, match="inbox, which is a link"):
        due(home)


@pytest.mark.parametrize(
    "name",
    [
        "ledger.sqlite",
        "ledger.sqlite-wal",
        "ledger.sqlite-shm",
        "warehouse.duckdb",
        "warehouse.duckdb.wal",
        "published/marts.duckdb",
        "dagster/storage/history/runs.db",
        "dagster/dagster.yaml",
        "dbt/target/manifest.json",
        "locks/keys.lock",
        "inbox",
        "tmp/../ledger.sqlite",
        "../keys/kek.json",
        "store/whatsapp__statuses/part-1-2.parquet",
    ],
)
def test_what_must_never_go_is_refused_whoever_asks(home, name):
    path = called(home, name)
    if path.name != "inbox":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("canary", "utf-8")

    with pytest.raises(UndeletableError) as caught:
        remove_files(home, [path])

    assert path.exists()
    assert "canary" not in str(caught.value)


def test_without_the_list_of_what_must_stay_the_ledger_would_go(home, monkeypatch):
    """Twin: the same call with the check taken out."""
    monkeypatch.setattr(files, "check_deletable", lambda *_: None)
    path = put(home, "ledger.sqlite")

    remove_files(home, [path])

    assert not path.exists()


def test_a_lease_that_somebody_holds_stays_however_old(home):
    held, dead = put(home, "locks/reader-1-a.lease"), put(home, "locks/reader-2-b.lease")
    as_of = NOW + timedelta(days=30)
    lock = FileLock(held)
    with lock:
        found = [path for path, _ in due_files(home, WINDOWS, as_of=as_of, name_key=KEY)]
        removed = remove_files(home, found)

    assert set(found) == {held, dead}
    assert removed == 1
    assert held.exists()
    assert not dead.exists()
