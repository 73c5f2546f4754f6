"""`wasms notebook`: its cells run on the published marts and give charts."""

import ast
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.commands import run_wasms

alt = pytest.importorskip("altair")

COUNTED = ["attempted", "delivered", "readable", "read", "clicked", "replied_72h"]


@pytest.fixture
def published(home):
    """One row in each mart that the notebook reads."""
    counts = {f"{what}_messages": 70 for what in COUNTED}
    names = {"workspace_name": "Corner shop", "campaign_key": "a", "campaign_name": "Sale", "channel": "sms"}
    day = {"send_date": date(2026, 5, 4)}
    rows: dict[str, dict[str, Any]] = {
        "mart_platform_daily": {**day, **counts},
        "mart_channel_daily": {**day, **names, **counts},
        "mart_send_hours_monthly": {"send_hour": "mon-09", **counts},
        "mart_campaign_funnel": {**names, **counts, "click_rate": 0.1, "opt_out_rate": 0.0},
        "mart_costs_monthly": {"contact_country": "DE", "cost_currency": "EUR", "cost_amount": 1.5}
        | {"channel": "sms", **counts},
    }
    with duckdb.connect(home.published_path) as connection:
        for table, row in rows.items():
            columns = ", ".join(f"$each.{name} as {name}" for name in row)
            connection.execute(f"create table {table} as select {columns}", {"each": row})
        connection.execute("alter table mart_costs_monthly alter cost_amount type decimal(18, 6)")
    return home


def charts(notebook: Path) -> list[dict[str, Any]]:
    """What the cells show, run one after the other without marimo."""
    shown = []
    known: dict[str, Any] = {"duckdb": duckdb, "alt": alt}
    for cell in ast.parse(notebook.read_text("utf-8")).body:
        if not isinstance(cell, ast.FunctionDef) or {a.arg for a in cell.args.args} & {"mo"}:
            continue
        *steps, last = [each for each in cell.body if not isinstance(each, ast.Return | ast.Import)] or [None]
        exec(compile(ast.Module(steps, []), "cell", "exec"), known)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), known).to_dict())
        elif last is not None:
            exec(compile(ast.Module([last], []), "cell", "exec"), known)
    known["marts"].close()
    return shown


def test_every_chart_of_the_notebook_has_data(published, tmp_path):
    path = tmp_path / "campaigns.py"

    result = run_wasms("notebook", str(path), "--home", str(published.root))

    assert (result.exit_code, result.stderr) == (0, "")
    found = charts(path)
    assert len(found) == 6
    assert all(any(chart["datasets"].values()) for chart in found)


@pytest.mark.parametrize(
    ("name", "said"), [("there.py", "choose another"), ("notebook.txt", "name ends in .py")]
)
def test_a_file_that_is_there_or_is_no_notebook_is_wrong_usage(published, tmp_path, name, said):
    (tmp_path / "there.py").write_text("mine")

    result = run_wasms("notebook", str(tmp_path / name), "--home", str(published.root))

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert (tmp_path / "there.py").read_text() == "mine"
