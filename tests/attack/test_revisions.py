"""Two revisions of one slice: a small difference of exact numbers is found, and the rule leaves none."""

from datetime import date

import duckdb
import pytest

from pipelines.declarations.cube import load_cubes
from pipelines.disclosure.attacks.revisions import attack_revisions, may_change, row_that_stays

CUBE = load_cubes()["cube_inbound_monthly"]
MONTH = date(2026, 5, 1)
MEASURES = [measure.name for measure in CUBE.measures]
# In the place of a number: the measure was declared after the line was published.
UNDECLARED = ""


@pytest.fixture
def revisions():
    """Puts rows (level, contacts, messages, conversations) of type `all` as the old and the new revision."""
    columns = ", ".join(f"{m} bigint, {m}_flag varchar" for m in MEASURES)
    table = f"month date, level varchar, workspace_key varchar, message_type varchar, {columns}"
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        for schema, more in (("cubes", ""), ("revisions", ", revision integer")):
            connection.execute(f"create schema warehouse.{schema}")
            connection.execute(f"create table warehouse.{schema}.{CUBE.cube} ({table}{more})")

        def put(level, old, new):
            for schema, numbers, more in (("cubes", new, ""), ("revisions", old, ", 1")):
                cells = {None: "null, '<k'", UNDECLARED: "null, null"}
                values = ", ".join(cells.get(n, f"{n}, null") for n in numbers)
                connection.execute(f"delete from warehouse.{schema}.{CUBE.cube}")
                connection.execute(
                    f"insert into warehouse.{schema}.{CUBE.cube} "
                    f"values (date '{MONTH}', '{level}', 'w', 'all', {values}{more})"
                )
            return connection

        yield put


CASES = [
    # level, old, new, what the attack finds, whether the row may be another
    ("platform", (900, 2000, 1500), (900, 2003, 1500), ["inbound_messages"], False),
    ("platform", (900, 2000, 1500), (950, 2003, 1500), ["inbound_messages"], False),
    ("platform", (900, 2000, 1500), (950, 2100, 1500), [], True),
    ("platform", (900, 2000, 1500), (900, 2000, 1500), [], False),
    ("workspace", (90, 200, 150), (92, 203, 150), [], False),
    ("workspace", (90, 200, 150), (92, 240, 150), [], True),
    ("workspace", (None, None, None), (14, 14, 14), [], True),
    ("workspace", (12, 12, None), (None, None, None), [], True),
]


@pytest.mark.parametrize(("level", "old", "new", "found", "changes"), CASES)
def test_what_changed_between_two_revisions(revisions, level, old, new, found, changes):
    connection = revisions(level, old, new)

    result = attack_revisions(connection, {CUBE.cube: CUBE}, periods={CUBE.cube: [MONTH]})
    (row,) = connection.execute(
        f"select {may_change(CUBE)} from warehouse.cubes.{CUBE.cube} as new, "
        f"warehouse.revisions.{CUBE.cube} as old"
    ).fetchall()

    assert [finding.column for finding in result.findings] == found
    assert (result.tried, row[0]) == (len(MEASURES), changes)


@pytest.mark.parametrize(
    ("level", "old", "new", "stays"),
    [
        ("workspace", (90, 200, UNDECLARED), (92, 203, 150), (90, 200, 150)),
        ("platform", (900, 2000, UNDECLARED), (900, 2000, 1500), (900, 2000, 1500)),
        # Three messages came late: an exact number of today beside those of then may give it away.
        ("platform", (900, 2000, UNDECLARED), (900, 2003, 1500), (900, 2000, None)),
    ],
)
def test_a_measure_that_was_declared_since_is_filled_and_changes_nothing_else(
    revisions, level, old, new, stays
):
    connection = revisions(level, old, new)
    pair = f"warehouse.cubes.{CUBE.cube} as new, warehouse.revisions.{CUBE.cube} as old"

    ((changes,),) = connection.execute(f"select {may_change(CUBE)} from {pair}").fetchall()
    ((*_, contacts, _, messages, _, conversations, flag),) = connection.execute(
        f"select {row_that_stays(CUBE)} from {pair}"
    ).fetchall()

    assert not changes
    assert (contacts, messages, conversations) == stays
    assert flag == (None if conversations else "<k")


def test_without_noise_every_revision_gives_away_what_changed(revisions):
    connection = revisions("workspace", (90, 200, 150), (91, 201, 150))

    result = attack_revisions(
        connection,
        {CUBE.cube: CUBE},
        periods={CUBE.cube: [MONTH]},
        largest_noise=0,
    )

    assert {finding.column for finding in result.findings} == {"writing_contacts", "inbound_messages"}
