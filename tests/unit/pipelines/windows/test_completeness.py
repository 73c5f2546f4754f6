"""A month counts for a workspace only if all of it was there when it closed; the retention rules say so."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from pipelines.runtime import Runtime, open_runtime
from pipelines.windows.completeness import MONTHS, is_complete, loses_rows, store_tables
from tests.support.feeding import give
from warehouse.retention import records
from warehouse.retention.rules import Clock, Hold, RetentionInputs, Rule, Setting, Version

# May closes on 9 June, and its messages may have begun on 22 April.
MAY = date(2026, 5, 1)
CLOSES = datetime(2026, 6, 9)
LONG_AGO = datetime(2025, 1, 1)


def default(days: int, *, since: date = date(2025, 1, 1)) -> Version:
    return Version(since, {"message_log": Rule(Clock.EVENT, days, per_workspace=True)})


def of_may(*versions: Version, chosen: tuple[tuple[datetime, int | None], ...] = (), **more) -> bool:
    settings = {"ws": tuple(Setting(at, days) for at, days in chosen)}
    facts = RetentionInputs(versions or (default(90),), (15, 30, 60, 90), settings, **more)
    return is_complete(facts, "message_log", "ws", MAY, lateness_days=7)


@pytest.mark.parametrize(
    ("days", "complete"), [(90, True), (60, True), (50, True), (49, False), (30, False), (15, False)]
)
def test_a_window_must_outlive_a_month_until_it_closes(days, complete):
    assert of_may(default(days)) is complete


@pytest.mark.parametrize(
    ("case", "chosen", "complete"),
    [
        ("a class that is long enough", ((LONG_AGO, 60),), True),
        ("rounded down to a class that is not", ((LONG_AGO, 59),), False),
        ("back to the default", ((LONG_AGO, 15), (datetime(2026, 2, 1), None)), True),
        (
            "lengthened before anything of the month was gone",
            ((LONG_AGO, 30), (datetime(2026, 5, 20), 90)),
            True,
        ),
        ("lengthened when a part was gone", ((LONG_AGO, 30), (datetime(2026, 6, 8), 90)), False),
        ("shortened before the month closed", ((LONG_AGO, 90), (datetime(2026, 6, 8), 30)), False),
        ("shortened the moment it closed", ((LONG_AGO, 90), (CLOSES, 30)), False),
        ("shortened when the month had closed", ((LONG_AGO, 90), (CLOSES + timedelta(hours=1), 30)), True),
    ],
)
def test_what_a_workspace_chose_counts_as_it_was_until_the_month_closed(case, chosen, complete):
    assert of_may(chosen=chosen) is complete, case


@pytest.mark.parametrize(("since", "complete"), [(date(2026, 6, 9), False), (date(2026, 6, 10), True)])
def test_a_version_of_the_policy_counts_from_its_date(since, complete):
    assert of_may(default(90), default(30, since=since)) is complete


def test_a_legal_hold_completes_no_month():
    hold = Hold("h", "ws", datetime(2030, 1, 1))

    assert not of_may(chosen=((LONG_AGO, 30),), holds=(hold,))


@pytest.mark.parametrize(
    ("on", "windows", "loses"),
    [
        (date(2026, 6, 29), {15, 30, 60, 90}, False),
        (date(2026, 6, 30), {15, 30, 60, 90}, True),
        (date(2026, 7, 29), {15, 30, 48, 90}, False),
        (date(2026, 7, 30), {15, 30, 48, 90}, True),
    ],
)
def test_a_month_loses_rows_when_its_first_day_has_reached_a_window_that_outlives_it(on, windows, loses):
    assert loses_rows(MAY, on, windows=windows, lateness_days=7) is loses


# The table of a session --------------------------------------------------------------------------


@pytest.fixture
def runtime(home) -> Runtime:
    """A message of 1 May and one of 10 May, as known on 11 June; ws_short keeps 30 days."""
    runtime = open_runtime(home)
    choice = {"message_log_retention_days": 30, "valid_from": LONG_AGO, "updated_at": LONG_AGO}
    give(runtime, "app__workspace_settings", {"workspace_id": "ws_short", **choice}, as_of=AS_OF)
    give(runtime, "app__messages", message(1), message(10), as_of=AS_OF)
    return runtime


AS_OF = datetime(2026, 6, 11, 6)


def message(day: int) -> dict[str, object]:
    return {
        "workspace_id": "ws",
        "outbox_id": f"o{day}",
        "message_id": f"m{day}",
        "channel": "whatsapp",
        "provider": "whatsapp",
        "recipient": "4915550847001",
        "outcome": "accepted",
        "queued_at": datetime(2026, 5, day, 9),
    }


def months(runtime: Runtime) -> dict[tuple[str | None, int], bool]:
    rows = store_tables(*runtime)[MONTHS].to_pylist()
    assert {row["category"] for row in rows} == {"message_log"}
    return {(row["workspace_id"], row["month"].month): row["is_complete"] for row in rows}


def test_every_month_of_which_there_may_be_rows_is_listed_for_all_and_for_who_chose(runtime):
    assert months(runtime) == {
        (None, 5): True,
        (None, 6): True,
        ("ws_short", 5): False,
        ("ws_short", 6): False,
    }


@pytest.mark.parametrize(
    ("case", "lost", "reached", "complete"),
    [
        ("nothing was deleted", [], None, True),
        ("a day of the month was", [date(2026, 5, 2)], date(2026, 5, 3), False),
        ("a day before it was", [date(2026, 4, 30)], date(2026, 5, 3), True),
        ("of others, whose window is shorter", [date(2026, 5, 2)], date(2026, 4, 3), True),
    ],
)
def test_a_month_that_is_built_too_late_is_not_complete_any_more(case, runtime, lost, reached, complete):
    with runtime.store.ledger.transaction() as connection:
        stones = [records.Tombstone("app__messages", day, 90, AS_OF, 1) for day in lost]
        records.set_tombstones(connection, stones)
        if reached:
            records.raise_horizons(connection, {("message_log", records.DEFAULT_SUBJECT): reached})

    assert months(runtime)[None, 5] is complete, case


def test_an_empty_store_has_no_months(home):
    assert store_tables(*open_runtime(home))[MONTHS].num_rows == 0


def test_the_policy_of_the_runtime_decides(runtime):
    (version,) = runtime.declarations.policy.versions
    rules = {
        category: rule.model_copy(update={"window_days": 30}) if rule.per_workspace else rule
        for category, rule in version.categories.items()
    }
    short = runtime.declarations.policy.model_copy(
        update={"versions": (version.model_copy(update={"categories": rules}),)}
    )

    assert not any(
        months(runtime._replace(declarations=replace(runtime.declarations, policy=short))).values()
    )
