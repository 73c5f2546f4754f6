"""`wasms sql` answers in every format and changes nothing."""

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines.cli.app import build_app
from pipelines.declarations.errors import PipelineError
from tests.support.commands import run_wasms
from warehouse.home import Home


@pytest.fixture
def sql(home: Home, monkeypatch: pytest.MonkeyPatch):
    """Run `wasms sql` on a published copy of one table; returns exit code, stdout and stderr."""
    monkeypatch.setenv("WASMS_HOME", str(home.root))
    with duckdb.connect(home.published_path) as connection:
        connection.execute(
            "create table mart_orders as select 1 as orders, 'a' as shop union all select 2, 'b'"
        )
        connection.execute("create schema cubes")

    def _sql(*arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
        result = CliRunner().invoke(build_app(), ["sql", *arguments], input=stdin)
        return result.exit_code, result.stdout, result.stderr

    return _sql


def test_rows_come_as_csv_json_table_and_parquet(sql, tmp_path: Path):
    query = "select orders, shop from mart_orders order by 1;"

    assert list(csv.reader(io.StringIO(sql(query, "--format", "csv")[1]))) == [
        ["orders", "shop"],
        ["1", "a"],
        ["2", "b"],
    ]
    assert json.loads(sql(query, "--format", "json")[1]) == [
        {"orders": 1, "shop": "a"},
        {"orders": 2, "shop": "b"},
    ]
    assert "orders" in sql(query)[1]
    assert sql(query, "--format", "parquet", "--output", str(tmp_path / "o.parquet"))[0] == 0
    assert duckdb.sql(f"from '{tmp_path}/o.parquet'").fetchall() == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("interval 90 minute", "01:30:00"),
        ("[1, 2]", "[1, 2]"),
        ("{'a': 'b'}", "{'a': b}"),
        ("map {'a': 1}", "{a=1}"),
        ("'101'::bit", "101"),
    ],
)
def test_a_value_of_any_kind_is_a_cell_of_csv(sql, value, cell):
    code, out, _ = sql(f"select {value} as x, 1 as y", "--format", "csv")

    assert (code, list(csv.reader(io.StringIO(out)))) == (0, [["x", "y"], [cell, "1"]])


@pytest.mark.parametrize(
    "statement",
    [
        "drop table mart_orders",
        "insert into mart_orders values (3, 'c')",
        "copy mart_orders to 'elsewhere.csv'",
        "select * from read_csv('/etc/hostname')",
        "selec 1",
    ],
)
def test_what_would_change_or_reach_out_is_refused(sql, statement):
    exit_code, _, problem = sql(statement)

    assert exit_code == 1
    assert problem
    assert json.loads(sql("select count(*) as n from mart_orders", "--format", "json")[1]) == [{"n": 2}]


@pytest.mark.parametrize("name", ["query", "format_", "connection", "relation"])
def test_a_variable_of_the_program_is_no_table(sql, name):
    exit_code, _, problem = sql(f"select * from {name}")

    assert exit_code == 1
    assert f"Table with name {name} does not exist" in problem


@pytest.mark.parametrize("query", ["select 40 + 2;", "select 40\n  + 2;", "select 40\n\t+ 2\n"])
@pytest.mark.parametrize("leave", ["\n", "\\q", "quit", "exit"])
def test_the_prompt_answers_a_query_of_several_lines_and_leaves(sql, query, leave):
    exit_code, output, problem = sql(stdin=f"{query}\n{leave}\nselect 99\n")

    assert (exit_code, problem) == (0, "")
    assert "mart_orders" in output
    assert "42" in output
    assert "99" not in output


@pytest.mark.parametrize(
    ("name", "code"), [("a.xlsx", 2), ("a.parq", 2), ("a.CSV", 0), ("a.txt", 0), ("a", 0)]
)
@pytest.mark.usefixtures("sql")
def test_a_file_whose_ending_is_no_format_is_not_written(tmp_path, name, code):
    path = tmp_path / name

    assert run_wasms("sql", "select 1", "--output", str(path)).exit_code == code
    assert path.exists() is not bool(code)


def test_a_pipe_gets_all_rows_and_columns_of_a_table(sql):
    columns = ", ".join(f"range as column_{i}" for i in range(40))

    lines = sql(f"select {columns} from range(1000)")[1].splitlines()

    assert len([line for line in lines if line.startswith("│ ")]) == 2 + 1000
    assert all(f"column_{i} " in lines[1] for i in range(40))


@pytest.mark.parametrize(("rows", "said"), [(9_000, ""), (10_001, "--format csv or json gives all.")])
def test_a_table_that_is_too_long_to_be_drawn_says_so(sql, rows, said):
    problem = sql(f"from range({rows})")[2]

    assert said in problem if said else not problem


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_the_ending_of_a_file_chooses_its_format(sql, tmp_path: Path, ending):
    path = tmp_path / f"orders.{ending}"

    assert sql("from mart_orders order by orders", "--output", str(path))[:2] == (0, "")
    assert duckdb.sql(f"select shop from '{path}'").fetchall() == [("a",), ("b",)]


def test_a_metric_that_is_not_in_the_published_copy_yet_says_how_it_gets_there(sql):
    result = CliRunner().invoke(build_app(), ["metrics", "query", "delivery_rate"])

    assert isinstance(result.exception, PipelineError)
    assert "delivery_rate is declared, but not published yet. `wasms run`" in str(result.exception)


def test_parquet_without_a_file_is_wrong_usage(sql):
    assert sql("select 1", "--format", "parquet")[0] == 2


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (["sql", "select 1"], "published"),
        (["sql", "--restricted", "select 1"], "loaded"),
        (["metrics", "query", "delivery_rate", "--restricted"], "built"),
        (["attack"], "published"),
        (["export", "exported"], "published"),
        (["keys", "names", "--workspace", "w"], "built"),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_before_there_is_anything_it_says_what_to_do(home, monkeypatch, command, missing):
    monkeypatch.setenv("WASMS_HOME", str(home.root))

    result = CliRunner().invoke(build_app(), command)

    assert isinstance(result.exception, PipelineError)
    assert f"Nothing is {missing} yet. Run `wasms run`" in str(result.exception)


def test_the_data_sets_of_the_store_answer_from_the_first_file_on(home, monkeypatch, tmp_path):
    monkeypatch.setenv("WASMS_HOME", str(home.root))
    landed = tmp_path / "access.log"
    landed.write_text(
        '192.0.2.7 - - [20/May/2026:10:05:03 +0000] "GET /prices HTTP/1.1" 200 12 "-" "Nav/1"\n'
    )
    loaded = CliRunner().invoke(
        build_app(), ["ingest", "access_log", str(landed), "--as-of", "2026-05-20T12:00:00Z"]
    )
    assert loaded.exit_code == 0, loaded.output

    asked = CliRunner().invoke(
        build_app(),
        ["sql", "--restricted", "select count(*) as n from web__access_logs", "--format", "json"],
    )

    assert json.loads(asked.stdout) == [{"n": 1}]
    assert "Nothing is built yet" in asked.stderr
