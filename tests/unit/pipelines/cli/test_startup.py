"""What a command loads is what it needs: said by the modules it leaves loaded, not by a clock."""

import subprocess
import sys

import duckdb
import pytest
import typer

from pipelines.cli.app import build_app, commands
from pipelines.cli.lazy import LazyCommand
from tests.support.loaded import loaded
from warehouse.home import Home

# The alarm ends a child that waits for threads which only its parent has.
_FORKED = """
import os, signal, sys
import pipelines.cli.retention, pipelines.cli.run
import polars as pl
child = os.fork()
if not child:
    signal.alarm(20)
    pl.from_arrow(pl.DataFrame({"a": ["b", "c"]}).to_arrow()).select(pl.col("a").sort()).to_series().implode()
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1] != 0)
"""


@pytest.fixture
def published(home: Home) -> list[str]:
    """Options that name a home with a published table."""
    row = (
        "'platform' as level, date '2026-05-01' as send_date, "
        "21 as attempted_messages, 49 as attempted_messages_squares"
    )
    with duckdb.connect(home.published_path) as connection:
        connection.execute("create schema cubes")
        connection.execute(f"create table cubes.cube_campaign_daily as select {row}")
    return ["--home", str(home.root)]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_load_nothing_heavy(arguments):
    assert loaded(*arguments) == set()


def test_a_question_to_the_published_marts_loads_duckdb_alone(published):
    assert loaded("sql", "select 1", *published) == {"duckdb"}


def test_a_metric_of_the_published_marts_loads_no_pipeline(published):
    found = loaded("metrics", "query", "attempted_messages", "--by", "day", *published)

    assert found <= {"duckdb", "pyarrow", "numpy"}


def test_a_report_loads_what_draws_and_no_pipeline(published, tmp_path):
    found = loaded("report", "--output", str(tmp_path / "report.html"), *published)

    assert {"vl_convert"} <= found <= {"duckdb", "numpy", "pyarrow", "vl_convert"}


def test_a_run_with_nothing_to_do_loads_what_ingests_and_neither_models_nor_dbt(home):
    found = loaded("run", "--as-of", "2026-05-01", "--home", str(home.root))

    assert found <= {"duckdb", "numpy", "polars", "pyarrow"}


def test_a_process_that_forks_after_importing_commands_has_a_child_that_works():
    assert subprocess.run([sys.executable, "-c", _FORKED], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("", set()),
        # The twin: a text to read, and what reads it is there.
        ("Summer for Anna Kowalczyk", {"presidio_analyzer", "spacy"}),
    ],
)
def test_a_file_loads_the_models_of_text_only_if_it_has_a_text(home, tmp_path, name, models):
    path = tmp_path / "campaigns.csv"
    path.write_text(
        f"workspace_id,campaign_id,name,channel,updated_at\nws-1,spring,{name},sms,2026-05-01T00:00:00Z\n",
        "utf-8",
    )

    found = loaded("ingest", "app/campaigns", str(path), "--as-of", "2026-05-02", "--home", str(home.root))

    assert found - {"duckdb", "numpy", "polars", "pyarrow"} == models


def test_what_a_list_of_commands_says_of_each_is_the_beginning_of_its_help():
    listed = typer.main.get_command(build_app()).commands

    assert set(listed) == set(commands())
    for name, command in listed.items():
        assert isinstance(command, LazyCommand)
        whole = " ".join((command.load().help or "").split("\n\n")[0].split())
        assert whole.startswith(commands()[name][1]), name
