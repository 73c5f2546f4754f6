"""What is measured on the rows of a warehouse: what anonymity costs, and what attackers gain."""

from datetime import date

import numpy as np
import pytest
from typer.testing import CliRunner

from pipelines.cli.app import build_app
from pipelines.declarations.cube import load_cubes
from pipelines.disclosure.attacks.base import base_of
from pipelines.disclosure.attacks.suite import ATTACKS
from pipelines.disclosure.attacks.trial import try_workspaces
from pipelines.disclosure.utility import utility_of
from pipelines.runtime import open_runtime
from pipelines.windows.completeness import store_tables
from tests.support.orchestra import CLOSED
from warehouse.store.session import open_session

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
DAY = date(2026, 5, 4)


@pytest.fixture
def session(built):
    runtime = open_runtime(built.home)
    tables = store_tables(*runtime)
    schemas = runtime.declarations.schemas
    with open_session(built.home, schemas=schemas, tables=tables, read_only=True) as connection:
        yield connection, built.home


def test_a_larger_base_is_further_off_and_none_is_off_on_average(session):
    connection, _ = session
    found = utility_of(connection, load_cubes(), first=DAY, last=DAY)

    assert [variant.base for variant in found] == [5, 7, 10, 11]
    # Twelve contacts: all of their messages stand in a row of their campaign.
    assert {variant.campaign_share for variant in found} == {1}
    for variant in found:
        assert 0 < variant.spread < variant.base
        assert abs(variant.bias) < variant.base / 2


def test_worlds_are_drawn_from_rows_without_pseudonyms(session):
    connection, _ = session
    ((workspace,),) = connection.execute(
        "select workspace_id from warehouse.restricted.fct_messages "
        "group by 1 order by count(distinct contact_token) desc limit 1"
    ).fetchall()
    base = base_of(connection, workspace_id=workspace, day=DAY)

    messages = base.rows["slice_messages"]
    assert base.contacts >= 11
    assert set(np.unique(messages["contact"].to_numpy())) <= set(range(base.contacts))
    tokens = connection.execute(
        "select distinct contact_token from warehouse.restricted.fct_messages"
    ).fetchall()
    for rows in base.rows.values():
        kept = {value for column in rows.get_columns() if column.dtype == str for value in column.to_list()}
        assert kept.isdisjoint(token for (token,) in tokens)
        assert not {"unit_token", "message_token", "workspace_id"} & set(rows.columns)


def test_a_trial_plays_every_game_of_every_workspace(session):
    connection, home = session
    reported = []
    trial = try_workspaces(
        connection, home, load_cubes(), most=1, progress=lambda *args: reported.append(args)
    )

    assert trial is not None
    assert len(trial.workspaces) == 1
    assert {(game.attacker, game.secret) for game in trial.games} >= {
        ("stranger", "replied"),
        ("insider", "replied"),
    }
    assert trial.repeated.changing == 0
    assert reported[-1][1] == reported[-1][2] == 1


def test_the_page_shows_every_attack_and_what_a_stranger_learns(built, tmp_path, monkeypatch):
    built.run("publish", at=CLOSED)
    monkeypatch.setenv("WASMS_HOME", str(built.home.root))
    page = tmp_path / "attacks.html"
    options = ["--numbers", "1000", "--restricted", "--workspaces", "1", "--report", str(page)]

    result = CliRunner().invoke(build_app(), ["attack", *options])

    assert "Nothing was recovered." in result.stdout
    text = page.read_text("utf-8")
    for name in (*ATTACKS, "dictionary"):
        assert f"<tr><td>{name}</td>" in text
    assert "Whether somebody is in" in text
