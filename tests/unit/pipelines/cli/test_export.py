"""`wasms export`: each published mart is a file, and one more says what its columns mean."""

import csv

import duckdb
import pytest

from tests.support.commands import run_wasms


@pytest.fixture
def export(home, tmp_path):
    """Export two marts, of shops and of orders, to a folder."""
    with duckdb.connect(home.published_path) as connection:
        connection.execute("create table sold as from (values ('=1+1', 7), ('corner', 14)) t(shop, orders)")
        for mart in ("mart_shops", "mart_orders"):
            connection.execute(f"create view {mart} as from sold")
            connection.execute(f"comment on view {mart} is 'One row per shop.'")
        connection.execute("comment on column mart_orders.orders is 'Orders, rounded.'")
    folder = tmp_path / "new" / "folder"

    def _export(*arguments: str):
        return run_wasms("export", str(folder), *arguments, "--home", str(home.root)), folder

    return _export


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_every_mart_is_a_file_that_holds_its_rows(export, ending):
    result, folder = export("--format", ending)

    assert "Wrote 2 marts, 4 rows" in result.stdout
    names = {path.name for path in folder.iterdir()}
    assert names == {f"mart_orders.{ending}", f"mart_shops.{ending}", "data-dictionary.csv"}
    # A text that begins like a formula is none in a spreadsheet.
    first = "=1+1" if ending == "parquet" else "'=1+1"
    rows = duckdb.sql(f"from '{folder}/mart_orders.{ending}'").fetchall()
    assert rows == [(first, 7), ("corner", 14)]


def test_the_dictionary_says_what_each_column_means(export):
    _, folder = export("--mart", "mart_orders")

    assert not (folder / "mart_shops.parquet").exists()
    rows = list(csv.DictReader((folder / "data-dictionary.csv").read_text().splitlines()))
    assert [row["column"] for row in rows] == ["shop", "orders"]
    assert rows[1] == {
        "mart": "mart_orders",
        "column": "orders",
        "type": "integer",
        "meaning": "Orders, rounded.",
        "one_row": "One row per shop.",
    }


def test_a_file_is_replaced_whole_or_stays(export, monkeypatch):
    _, folder = export()
    before = (folder / "mart_orders.parquet").read_bytes()

    def fail(*_arguments, **_more):
        raise OSError("disk full")

    monkeypatch.setattr("warehouse.files.fsync_file", fail)
    result, _ = export()

    assert result.exit_code != 0
    assert (folder / "mart_orders.parquet").read_bytes() == before
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_mart_that_there_is_not_is_wrong_usage(export):
    result, folder = export("--mart", "mart_order")

    assert result.exit_code == 2
    assert "No mart named 'mart_order'. Did you mean 'mart_orders'" in result.stderr
    assert not folder.exists()
