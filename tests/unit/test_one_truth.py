"""Each number is declared once: where it changes, everything that depends on it changes; prose says the same.

Declarations are copies, changed by the text in which they are written; functions take them as arguments.
"""

from collections.abc import Mapping
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from pipelines.codegen.model_sql import DBT_PROJECT, ModelSql
from pipelines.codegen.sync import generated_files
from pipelines.codegen.variables import dbt_project, dbt_variables
from pipelines.declarations.calendar import (
    CLOSING_MARGIN_DAYS,
    closing_day,
    first_day_read,
    last_closed_day,
    month_end,
)
from pipelines.declarations.contract import Contract, PolicyCategory, lateness_days, load_contracts
from pipelines.declarations.cube import load_cubes
from pipelines.declarations.policy import Operational, Policy, load_policy, parse_policy, policy_problems
from pipelines.disclosure.surrogates import RECORD_KEYS
from pipelines.marts.reissue import MOST_REVISIONS
from pipelines.orchestration.published_asset import MINIMUM_CONTACTS, ROUNDING_BASE
from pipelines.orchestration.schedules import MOST_DAYS_PER_RUN
from pipelines.windows.completeness import is_complete
from warehouse.retention import guard
from warehouse.retention.plan import ALARM_DAYS
from warehouse.retention.rules import RetentionInputs, expired_through
from warehouse.store.housekeeping import LONGEST_LEASE

ROOT = Path(__file__).parents[2]
SHIPPED = (files("pipelines") / "policy.yml").read_text("utf-8")
PROJECT = "dbt_project/dbt_project.yml"
CUBES = "dbt_project/macros/generated/cubes.sql"
DICTIONARY, RECORD = "docs/data-dictionary.md", "docs/record-of-processing.md"

# A window that workspaces may change: that of message logs.
DEFAULT_WINDOW = "window_days: 90\n        per_workspace"
MAY, CLOSES = date(2026, 5, 1), datetime(2026, 6, 9)


def declared(before: str = "", after: str = "") -> Policy:
    """The policy with another text in one place."""
    assert SHIPPED.count(before) == 1 or not before, f"{before!r} is not declared once"
    return parse_policy(SHIPPED.replace(before, after) if before else SHIPPED)


def late(days: int) -> Mapping[str, Contract]:
    """The contracts, with one data set whose events come later than all others'."""
    contracts = load_contracts()
    changed = contracts["app__link_clicks"].model_copy(update={"lateness_days": days})
    return {**contracts, "app__link_clicks": changed}


def facts(policy: Policy) -> RetentionInputs:
    return RetentionInputs(policy.history(), policy.retention_classes_days)


def may_is_complete(policy: Policy, contracts: Mapping[str, Contract]) -> bool:
    return is_complete(
        facts(policy), PolicyCategory.MESSAGE_LOG, None, MAY, lateness_days=lateness_days(contracts)
    )


# Files that are generated ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            DEFAULT_WINDOW,
            DEFAULT_WINDOW.replace("90", "60"),
            {RECORD: "| message_log | processor | 60 days", DICTIONARY: "`message_log`: 60 days"},
        ),
        ("window_days: 2557", "window_days: 3000", {RECORD: "| financial | controller | 3000 days"}),
        ("[15, 30, 60,", "[20, 30, 60,", {RECORD: "classes of 20, 30, 60, 90, 180, 365 days"}),
        ("inbox_ttl_days: 14", "inbox_ttl_days: 9", {RECORD: "wait in the inbox, 9 days at most"}),
        (
            "minimum_contacts: 11",
            "minimum_contacts: 20",
            {PROJECT: "minimum_contacts: 20", CUBES: "'minimum_units': 20", RECORD: "fewer than 20 people"},
        ),
        ("rounding_base: 7", "rounding_base: 9", {PROJECT: "rounding_base: 9"}),
        ("bounding_rank: 3", "bounding_rank: 4", {PROJECT: "bounding_rank: 4"}),
        ("minimum_workspaces: 5", "minimum_workspaces: 6", {PROJECT: "minimum_workspaces: 6"}),
    ],
)
def test_what_the_policy_says_is_said_in_every_generated_file(before, after, said):
    was, now = (generated_files(load_contracts(), each) for each in (declared(), declared(before, after)))

    for path, text in said.items():
        assert text in now[path]
        assert text not in was[path]


def test_a_variable_that_was_changed_by_hand_or_lost_is_written_again():
    shipped = (DBT_PROJECT / "dbt_project.yml").read_text("utf-8")
    variables = dbt_variables(load_contracts(), load_policy())

    for before, after in (
        ("minimum_contacts: 11", "minimum_contacts: 5"),
        ("  lateness_days: 7\n", ""),
        ("vars:\n", "vars:\n  default_retention_days: 90\n"),
    ):
        assert before in shipped
        assert dbt_project(shipped.replace(before, after), variables) == shipped


def test_dbt_is_told_every_variable_by_the_generated_file():
    used = {
        name
        for path in [*DBT_PROJECT.rglob("*.sql"), *DBT_PROJECT.rglob("*.yml")]
        for name in path.read_text("utf-8").split("var('")[1:]
        for name in [name.partition("'")[0]]
    }

    assert used == set(dbt_variables(load_contracts(), load_policy())) == set(ModelSql().variables)


# What is computed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "complete", "expired"), [(90, True, date(2026, 3, 11)), (30, False, date(2026, 5, 10))]
)
def test_the_default_window_decides_which_rows_go_and_which_months_are_complete(window, complete, expired):
    policy = declared(DEFAULT_WINDOW, DEFAULT_WINDOW.replace("90", str(window)))

    assert expired_through(facts(policy), PolicyCategory.MESSAGE_LOG, None, CLOSES) == expired
    assert may_is_complete(policy, load_contracts()) is complete


@pytest.mark.parametrize(("k", "placement"), [(11, "own"), (20, "unsafe")])
def test_the_threshold_decides_which_groups_stand_alone(k, placement):
    policy = declared("minimum_contacts: 11", f"minimum_contacts: {k}")
    models = ModelSql(**dbt_variables(load_contracts(), policy))
    with duckdb.connect() as connection:
        connection.execute("create table units as select 'w' as w, 'a' as a, range as contact from range(15)")
        query = models.render("{{ roll_up('units', parent=['w'], child='a', contact='contact') }}")
        ((placed,),) = connection.execute(f"select placement from ({query})").fetchall()

    assert placed == placement
    assert {cube.minimum_units for cube in load_cubes(k).values()} == {k}


def test_the_independent_check_says_threshold_and_base_once_more():
    declared_numbers = load_policy().disclosure
    assert declared_numbers.minimum_contacts == MINIMUM_CONTACTS
    assert declared_numbers.rounding_base == ROUNDING_BASE


@pytest.mark.parametrize(
    ("before", "after", "macro", "said"),
    [
        ("bounding_rank: 3", "bounding_rank: 4", "{{ var('bounding_rank') }}", "4"),
        (
            "minimum_contacts: 11",
            "minimum_contacts: 20",
            "{{ roll_up('r', parent=['p'], child='c') }}",
            "< 20",
        ),
    ],
)
def test_sql_takes_its_numbers_from_the_policy(before, after, macro, said):
    models = ModelSql(**dbt_variables(load_contracts(), declared(before, after)))

    assert said in models.render(macro)
    assert said not in ModelSql().render(macro)


@pytest.mark.parametrize("days", [7, 12])
def test_a_horizon_moves_the_closing_of_days_and_what_their_slices_read(days):
    contracts = late(days)
    models = ModelSql(**dbt_variables(contracts, load_policy()))
    closes = closing_day(MAY, lateness_days=lateness_days(contracts))
    with duckdb.connect() as connection:

        def answer(macro: str) -> object:
            return connection.execute(f"select {models.render(macro)}").fetchall()[0][0]

        assert answer(f"{{{{ before_close(\"date '{closes}' - 1\", \"date '{MAY}'\") }}}}") is True
        assert answer(f"{{{{ before_close(\"date '{closes}'\", \"date '{MAY}'\") }}}}") is False
        assert (
            answer("{{ latency_bin(\"timestamp '2026-05-01'\", \"timestamp '2026-05-08'\") }}") == f"{days}d"
        )
    assert (closes - MAY).days == days + CLOSING_MARGIN_DAYS
    assert last_closed_day(datetime.combine(closes, datetime.min.time()), lateness_days=days) == MAY
    before = (MAY - first_day_read(MAY, lateness_days=days)).days
    assert f"interval '{before}' day" in models.render("{{ rows_needed('r', '2026-05-01', '2026-05-31') }}")


def test_a_longer_horizon_needs_longer_windows():
    policy = declared(DEFAULT_WINDOW, DEFAULT_WINDOW.replace("90", "50"))

    assert [may_is_complete(policy, late(days)) for days in (7, 8, 30)] == [True, False, False]
    assert list(policy_problems(late(7), policy)) == []
    assert "published 14 + 2 days after it ends" in "".join(policy_problems(late(14), policy))


def test_latency_cubes_end_with_the_horizon():
    last = f"{lateness_days(load_contracts())}d"

    for name in ("cube_delivery_latency_daily", "cube_read_latency_daily"):
        assert load_cubes()[name].dimension.values[-2:] == (last, "unknown")


def test_rounding_takes_a_key_of_as_many_values_as_record_keys_have():
    text = (DBT_PROJECT / "macros" / "disclosure" / "round.sql").read_text("utf-8")

    assert f"% {RECORD_KEYS}, {RECORD_KEYS // 2}) / {RECORD_KEYS}.0" in text


def test_months_are_complete_by_the_category_of_the_rows_they_are_made_from():
    contracts = load_contracts()
    for model, source in (
        ("slice_month_usage", "web__usage_events"),
        ("slice_month_errors", "web__error_logs"),
    ):
        text = (DBT_PROJECT / "models" / "slices" / f"{model}.sql").read_text("utf-8")
        assert f"stg_{source}" in text
        assert f"category='{contracts[source].policy}')" in text


# Prose -------------------------------------------------------------------------------------------


WORDS = {2: "two", 3: "three", 5: "five", 7: "seven", 9: "nine", 10: "ten"}
POLICY = load_policy()
LATENESS = lateness_days(load_contracts())
K, BASE, RANK, FEWEST = POLICY.disclosure.model_dump().values()
(ACCOUNT_DAYS,) = POLICY.versions[-1].account_windows
WAITING = closing_day(MAY, lateness_days=LATENESS) - MAY
# Until the longest month has closed, and what it reads.
NEEDED = (
    closing_day(month_end(MAY), lateness_days=LATENESS) - first_day_read(MAY, lateness_days=LATENESS)
).days
SHORTEST = min(days for days in POLICY.retention_classes_days if days > NEEDED)


# Rounded, at least K + BASE - 1: so many are even if rounded down.
ALONE = -(-(K + BASE - 1) // BASE) * BASE


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("README.md", f"raw files<br/>{POLICY.inbox_ttl_days} days at most"),
        ("README.md", f"A group has at least {K} people"),
        ("README.md", f"numbers about groups<br/>of {K} and more"),
        ("README.md", f"A day appears {WORDS[WAITING.days]} days later"),
        ("docs/analysts.md", f"holds groups of fewer than {K} contacts, together"),
        ("docs/analysts.md", f"Every count is a multiple of {BASE}"),
        (
            "docs/analysts.md",
            f"with fewer than {ALONE - BASE + 1} people is in `other`. A value with {ALONE} or more",
        ),
        ("docs/analysts.md", f"the {['first', 'second', 'third'][RANK - 1]} most active contact in the row"),
        ("docs/analysts.md", f"**`former`**: at least {WORDS[FEWEST]} workspaces whose accounts have ended"),
        ("docs/analysts.md", f"A day appears {WORDS[WAITING.days]} days later"),
        ("docs/analysts.md", f"message logs for less than {SHORTEST} days have no row in it"),
        ("docs/operators.md", f"days that closed ({WAITING.days} days after the day)"),
        (
            "docs/operators.md",
            f"are deleted {POLICY.inbox_ttl_days} days after they came, loaded or not",
        ),
        ("docs/operators.md", f"would count fewer than {K} contacts"),
        ("docs/operators.md", f"loses its rows within {WORDS[ALARM_DAYS]} days"),
        (
            "docs/operators.md",
            f"{WORDS[ALARM_DAYS].capitalize()} days before the rows of an unbuilt slice",
        ),
        ("docs/operators.md", f"more than {WORDS[guard.MOST_TIMES_THE_MEDIAN]} times the median"),
        ("docs/operators.md", f"more than {guard.FLOOR_ROWS:,} rows"),
        ("docs/operators.md", f"Before there are {WORDS[guard.FEWEST_DAYS]} such days"),
        ("docs/operators.md", f"The sensor builds more than {MOST_DAYS_PER_RUN} days in several"),
        ("docs/operators.md", f"A slice has {WORDS[MOST_REVISIONS]} revisions at most"),
        ("docs/privacy-officer.md", f"is deleted {ACCOUNT_DAYS} days after the end of the last subscription"),
        ("docs/privacy-officer.md", f"off the disk within {LONGEST_LEASE.seconds // 60} minutes"),
        ("docs/privacy-officer.md", f"with a row of its own has at least {K} people"),
        ("docs/privacy-officer.md", f"published where at least {WORDS[FEWEST]} share them"),
    ],
)
def test_prose_says_the_declared_number(page, sentence):
    text = " ".join((ROOT / page).read_text("utf-8").split())

    assert sentence in text


def test_dagster_keeps_its_runs_for_the_year_that_operators_are_told():
    assert POLICY.operational_days[Operational.DAGSTER_RUNS] == 30
    assert "It keeps them for 30 days (`dagster_runs`" in (ROOT / "docs/operators.md").read_text("utf-8")
