"""Two revisions of one slice: a small difference of exact numbers is found, and the rule leaves none."""

from datetime import date

import duckdb
import pytest

from pipelines.declarations.cube import load_cubes
from pipelines.disclosure.attacks.revisions import attack_revisions, may_change, row_that_stays

CUBE = load_cubes()["cube_inbound_monthly"]
MONTH = date(2026, 5, 1)
MEASURES = [measure.name for measure in CUBE.measures]
# In the place of a number: the measure was declared after the row was published.
UNDECLARED = None


@pytest.fixture
def revisions():
    """Put a row (contacts, messages, conversations) as the old and the new revision."""
    columns = ", ".join(f"{m} bigint, {m}_squares bigint" for m in MEASURES)
    table = f"month date, level varchar, workspace_key varchar, message_type varchar, {columns}"
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        for schema, more in (("cubes", ""), ("revisions", ", revision integer")):
            connection.execute(f"create schema warehouse.{schema}")
            connection.execute(f"create table warehouse.{schema}.{CUBE.cube} ({table}{more})")

        def put(old, new):
            for schema, numbers, more in (("cubes", new, ""), ("revisions", old, ", 1")):
                values = ", ".join("null, null" if n is UNDECLARED else f"{n}, 3" for n in numbers)
                connection.execute(f"delete from warehouse.{schema}.{CUBE.cube}")
                connection.execute(
                    f"insert into warehouse.{schema}.{CUBE.cube} "
                    f"values (date '{MONTH}', 'workspace', 'w', 'text', {values}{more})"
                )
            return connection

        yield put


def attacked(connection):
    return attack_revisions(connection, {CUBE.cube: CUBE}, periods={CUBE.cube: [MONTH]})


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ((91, 203, 147), (91, 203, 147), False),
        ((91, 203, 147), (98, 210, 147), False),
        ((91, 203, 147), (91, 217, 147), True),
        ((0, 0, 0), (14, 14, 14), True),
    ],
)
def test_a_row_is_another_only_if_a_number_differs_by_the_threshold(revisions, old, new, changes):
    connection = revisions(old, new)

    (row,) = connection.execute(
        f"select {may_change(CUBE)} from warehouse.cubes.{CUBE.cube} as new, "
        f"warehouse.revisions.{CUBE.cube} as old"
    ).fetchall()

    assert row == (changes,)
    assert (attacked(connection).tried, attacked(connection).findings) == (len(MEASURES), ())


def test_where_numbers_are_exact_every_revision_gives_away_what_changed(revisions):
    """The twin of rounding."""
    found = attacked(revisions((90, 200, 150), (92, 201, 150))).findings

    assert {finding.column for finding in found} == {"writing_contacts", "inbound_messages"}


def test_a_measure_that_was_declared_since_is_filled_and_changes_nothing_else(revisions):
    connection = revisions((91, 203, UNDECLARED), (98, 210, 147))
    pair = f"warehouse.cubes.{CUBE.cube} as new, warehouse.revisions.{CUBE.cube} as old"

    ((changes,),) = connection.execute(f"select {may_change(CUBE)} from {pair}").fetchall()
    ((*_, contacts, _, messages, _, conversations, error),) = connection.execute(
        f"select {row_that_stays(CUBE)} from {pair}"
    ).fetchall()

    assert not changes
    assert (contacts, messages, conversations, error) == (91, 203, 147, 3)
