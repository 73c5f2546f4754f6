"""Why all cubes share one spine: groups made twice, each safe by itself, give small ones back."""

from contextlib import closing

import duckdb
import numpy as np
import pytest

from pipelines.codegen.model_sql import ModelSql
from pipelines.disclosure.attacks.subtraction import System, recovered

K = 11
TEMPLATES = 60


@pytest.fixture(scope="module")
def units():
    """Contacts of campaigns of 1 to 30, one to four campaigns to a template; everybody got one message."""
    random = np.random.default_rng(1)
    campaigns = [(t, c) for t in range(TEMPLATES) for c in range(random.integers(1, 5))]
    sizes = random.integers(1, 31, len(campaigns))
    with closing(duckdb.connect()) as connection:
        connection.execute(
            "create table units (platform text, template text, campaign text, contact_token text)"
        )
        connection.executemany(
            "insert into units values ('all', ?, ?, ?)",
            [
                (f"t{t}", f"t{t} c{c}", f"t{t} c{c} {n}")
                for (t, c), size in zip(campaigns, sizes, strict=True)
                for n in range(size)
            ],
        )
        yield connection


def published(connection, parent, child):
    """Name of the group → its exact count, as one roll-up publishes them, and who is in it."""
    models = ModelSql(minimum_contacts=K)
    placed = models.render(f"{{{{ roll_up('units', parent={parent}, child='{child}', absorbs=true) }}}}")
    same = " and ".join(f"units.{key} = placed.{key}" for key in (*parent, child))
    rows = connection.execute(
        f"select {', '.join(f'units.{key}' for key in parent)}, "
        "case when placed.placement = 'unsafe' then 'unsafe' else coalesce(shown_as, 'other') end as shown, "
        f"count(distinct units.contact_token), list(distinct units.campaign) from units "
        f"inner join ({placed}) as placed on {same} group by all"
    ).fetchall()
    return [(row[-2], row[-1]) for row in rows if "unsafe" not in row]


def small_groups_given_back(groups, sizes):
    """Campaigns below the threshold whose exact size follows from the groups together."""
    system = System()
    for campaign in sizes:
        system.know((campaign,), 0, K - 1 if sizes[campaign] < K else np.inf)
        if sizes[campaign] < K:
            system.cubes[(campaign,)] = campaign
    for n, (count, members) in enumerate(groups):
        group = (f"group {n}",) if len(members) > 1 else (members[0],)
        system.know(group, count, count)
        if len(members) > 1:
            system.sums.append((group, tuple((member,) for member in members)))
    return sum(found for _, found in recovered(system, k=K))


def sizes_of(connection):
    return dict(
        connection.execute("select campaign, count(distinct contact_token) from units group by 1").fetchall()
    )


def test_independent_roll_ups_give_small_groups_back(units):
    """The twin: campaigns are grouped within the platform, and once more within their templates."""
    groups = [
        *published(units, ["platform"], "campaign"),
        *published(units, ["platform"], "template"),
        *published(units, ["template"], "campaign"),
    ]
    assert small_groups_given_back(groups, sizes_of(units)) > 5


def test_groups_of_one_spine_give_none_back(units):
    groups = [*published(units, ["platform"], "template"), *published(units, ["template"], "campaign")]
    assert small_groups_given_back(groups, sizes_of(units)) == 0
