"""A new revision of a released slice: explicit, with its reason, and of no use to whoever has both."""

from datetime import timedelta

import duckdb
import pytest

from pipelines.marts import reissue as reissue_module
from pipelines.marts.build import build
from pipelines.marts.frozen import FrozenSliceError
from pipelines.marts.reissue import MOST_REVISIONS, ReissueError, reissue
from pipelines.marts.release import release_and_publish
from pipelines.runtime import open_runtime
from tests.integration.test_marts import FIRST, WORKSPACES, Store, rows, sent
from tests.support.homes import copied, prepared
from warehouse.publishing.releases import revisions_made

NEXT = FIRST + timedelta(days=1)
WHY = "the outbox of a channel came late"
AUDIENCE = (
    "select audience_contacts from warehouse.cubes.cube_campaign_daily "
    f"where level = 'workspace' and workspace_key <> 'other' and send_date = date '{FIRST}'"
)
ROWS = f"from warehouse.cubes.cube_campaign_daily where send_date = date '{FIRST}' order by all"


@pytest.fixture(scope="module")
def released(empty, tmp_path_factory):
    """Two days of 60 contacts each, built and released."""
    with prepared(empty, tmp_path_factory.mktemp("released")) as runtime:
        for day in (FIRST, NEXT):
            add(Store(runtime), range(60), day=day)
        build(*runtime, from_day=FIRST, to_day=NEXT)
        release_and_publish(runtime.store)
    return runtime.store.home


@pytest.fixture
def runtime(released, tmp_path):
    return open_runtime(copied(released, tmp_path))


@pytest.fixture
def store(runtime):
    return Store(runtime)


def add(store, numbers, *, day):
    outbox, statuses = sent(WORKSPACES[0], "spring", numbers, day=day)
    store.events("app__messages", outbox)
    store.events("whatsapp__statuses", statuses)


def test_a_day_with_many_late_events_gets_a_new_revision_which_is_recorded(runtime, store):
    (before,) = rows(runtime, AUDIENCE)
    other_day = rows(runtime, ROWS.replace(str(FIRST), str(NEXT)))
    add(store, range(100, 200), day=FIRST)

    done = reissue(*runtime, first=FIRST, last=FIRST, why=WHY)

    (after,) = rows(runtime, AUDIENCE)
    assert after[0] - before[0] >= 100 - 12
    assert rows(runtime, ROWS.replace(str(FIRST), str(NEXT))) == other_day
    record = next(r for r in revisions_made(runtime.store.ledger) if r.cube == "cube_campaign_daily")
    assert (record.first, record.last, record.revision, record.why) == (FIRST, FIRST, 2, WHY)
    assert done.changed >= 1
    kept = "select distinct revision from warehouse.revisions.cube_campaign_daily"
    assert rows(runtime, kept) == [(1,)]
    # What is released now is frozen like any other.
    release_and_publish(runtime.store)
    with pytest.raises(FrozenSliceError, match="released"):
        build(*runtime, from_day=FIRST, to_day=FIRST)


def test_one_contact_more_changes_nothing_that_was_published(runtime, store):
    before = rows(runtime, ROWS)
    add(store, [77], day=FIRST)

    done = reissue(*runtime, first=FIRST, last=FIRST, why=WHY)

    assert (done.changed, rows(runtime, ROWS)) == (0, before)


def test_without_the_rule_a_few_contacts_more_show(runtime, store, monkeypatch):
    """The twin: rows change as soon as anything in them does. 60 read 56 or 63, and 70 always 70."""
    monkeypatch.setattr(reissue_module, "may_change", lambda _cube: "true")
    add(store, range(70, 80), day=FIRST)

    assert reissue(*runtime, first=FIRST, last=FIRST, why=WHY).changed >= 1


def test_a_crash_in_between_publishes_nothing_and_the_next_attempt_ends_it(runtime, store, monkeypatch):
    add(store, range(100, 200), day=FIRST)
    with monkeypatch.context() as patch:
        patch.setattr(reissue_module, "take_back", _crash)
        with pytest.raises(KeyboardInterrupt):
            reissue(*runtime, first=FIRST, last=FIRST, why=WHY)
    # What was begun is not in the copy, which has the slice as it was released.
    copy = published_rows(runtime)
    release_and_publish(runtime.store)
    assert published_rows(runtime) == copy

    assert reissue(*runtime, first=FIRST, last=FIRST, why=WHY).changed >= 1
    release_and_publish(runtime.store)


def published_rows(runtime):
    with duckdb.connect(str(runtime.store.home.published_path), read_only=True) as connection:
        return connection.execute("from cubes.cube_campaign_daily order by all").fetchall()


def _crash(*_args, **_kwargs):
    raise KeyboardInterrupt


def test_days_that_are_not_released_or_were_reissued_too_often_are_not_reissued(runtime, store):
    with pytest.raises(ReissueError, match="None of these days is released"):
        reissue(
            *runtime,
            first=NEXT + timedelta(days=5),
            last=NEXT + timedelta(days=6),
            why=WHY,
        )
    for attempt in range(1, MOST_REVISIONS):
        add(store, range(1000 * attempt, 1000 * attempt + 100), day=FIRST)
        assert reissue(*runtime, first=FIRST, last=FIRST, why=WHY).changed
    with pytest.raises(ReissueError, match=f"it has {MOST_REVISIONS} revisions"):
        reissue(*runtime, first=FIRST, last=FIRST, why=WHY)
