"""`wasms report` and `wasms portal` on published days: numbers are those of SQL, and nothing is loaded."""

import json
import re
import subprocess

import dagster as dg
import duckdb
import pytest

from pipelines.marts.release_report import ATTACKS, noted
from pipelines.orchestration.published_asset import portal_asset
from pipelines.orchestration.resources import Warehouse
from pipelines.reports.pdf import FLAGS, NoBrowserError
from tests.integration.test_account_end import LIVING, title
from tests.integration.test_account_end import template as published_home  # noqa: F401 - a fixture
from tests.support.commands import run_wasms
from tests.support.homes import copied
from tests.support.html_pages import Reading
from warehouse.ledger.ledger import Ledger

pytestmark = pytest.mark.slow

COUNTS = {
    "Sent": "attempted_messages",
    "Delivered": "delivered_messages",
    "Read": "read_messages",
    "Opted out": "opted_out_messages",
}


@pytest.fixture(scope="module")
def home(published_home, tmp_path_factory):  # noqa: F811
    """Seven workspaces and two published days of May 2026."""
    return copied(published_home, tmp_path_factory.mktemp("reports"))


def sql(home, query):
    with duckdb.connect(home.published_path, read_only=True) as connection:
        return connection.execute(query).fetchall()


def report(home, folder, *arguments):
    path = folder / "report.html"
    result = run_wasms("report", *arguments, "--output", str(path), "--home", str(home.root))
    assert result.exit_code == 0, result.stderr
    return path.read_text("utf-8")


def whole(value):
    return f"{value:,.0f}"


@pytest.mark.parametrize("period", ["2026-05", "2026-W19"])
def test_the_platforms_numbers_are_those_of_sql(home, tmp_path, period):
    page = Reading(report(home, tmp_path, "--period", period))

    days = "between '2026-05-01' and '2026-05-31'" if period == "2026-05" else "= '2026-05-10'"
    for name, column in COUNTS.items():
        ((value,),) = sql(home, f"select sum({column}) from mart_platform_daily where send_date {days}")
        assert page.cells(name)[0] == whole(value), name
    by_workspace = "select workspace_name, sum(attempted_messages) from mart_workspace_daily"
    for key, attempted in sql(home, f"{by_workspace} where send_date {days} group by all"):
        assert page.cells(key)[0].startswith(whole(attempted)), key


def test_a_workspaces_numbers_are_its_own_and_no_other_is_named(home, tmp_path):
    html = report(home, tmp_path, title(LIVING))
    page = Reading(html)

    for name, column in COUNTS.items():
        query = f"select sum({column}) from mart_workspace_daily where workspace_name = '{title(LIVING)}'"
        ((value,),) = sql(home, query)
        assert page.cells(name)[0] == whole(value), name
    (rate,) = sql(
        home, f"select delivery_rate from mart_workspace_daily where workspace_name = '{title(LIVING)}'"
    )[0]
    assert rate is not None
    others = sql(home, f"from dim_published_workspaces where workspace_name != '{title(LIVING)}'")
    assert len(others) == 6
    assert [text for key, name, *_ in others for text in (key, name) if text in html] == []


def test_rates_and_ranges_are_those_of_metrics_query(home, tmp_path):
    page = Reading(report(home, tmp_path, "--period", "2026-05"))

    asked = [
        "metrics",
        "query",
        "delivery_rate",
        "--from",
        "2026-05-01",
        "--to",
        "2026-05-31",
        "--format",
        "json",
    ]
    (answer,) = json.loads(run_wasms(*asked, "--home", str(home.root)).stdout)
    at = page.texts.index("Delivery rate")
    said = [f"{answer['delivery_rate']:.1%}", f"{answer['low']:.1%} to {answer['high']:.1%}"]
    assert page.texts[at + 1 : at + 3] == said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["Quirinbakery of livin"], 2, "Did you mean"),
        (["--period", "2026-13"], 2, "2026-10 or 2026-W43"),
        (["--period", "2025-01"], 1, "the last one is 2026-05-11"),
        (["--output", "missing/report.html"], 2, "its folder does not exist"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_a_next_step(home, arguments, code, said):
    result = run_wasms("report", *arguments, "--home", str(home.root))

    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())


def test_before_anything_is_published_both_commands_say_so(empty):
    for command in ("report", "portal"):
        result = run_wasms(command, "--home", str(empty.root))
        assert (result.exit_code, "Run `wasms run`" in result.stderr) == (1, True)


def test_without_a_browser_a_pdf_is_refused_with_a_next_step(home, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    result = run_wasms("report", "--output", str(tmp_path / "report.pdf"), "--home", str(home.root))

    assert result.exit_code == 1
    assert str(NoBrowserError()) in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def portal(home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("portal") / "pages"
    result = run_wasms("portal", "--output", str(folder), "--home", str(home.root))
    assert result.exit_code == 0, result.stderr
    return folder


def test_every_address_of_the_portal_leads_to_a_page(portal):
    pages = {
        path.relative_to(portal).as_posix(): Reading(path.read_text("utf-8"))
        for path in portal.rglob("*.html")
    }
    found = re.search(r'id="index">(.*?)</script>', (portal / "index.html").read_text("utf-8"), re.DOTALL)
    listed = json.loads(found[1])

    assert {address.split("#")[0] for _, _, address, _ in listed} | {"index.html"} == set(pages)
    ids = {name: {given.get("id") for _, given in page.tags} for name, page in pages.items()}
    for _, _, address, _ in listed:
        name, _, place = address.partition("#")
        assert not place or place in ids[name], address
    for page in pages.values():
        local = [a for a in page.addresses if a[0] != "#" and a != "data:,"]
        assert set(local) <= {*pages, "index.html"}


def test_pages_of_workspaces_name_no_other_one(portal, home):
    names = {key: name for key, name, *_ in sql(home, "from dim_published_workspaces")}
    pages = {path.stem: path.read_text("utf-8") for path in (portal / "workspaces").iterdir()}

    assert set(pages) == set(names)
    for key, html in pages.items():
        assert _named(html, names, besides=key) == []


def test_a_page_that_names_others_is_found(portal, home):
    names = {key: name for key, name, *_ in sql(home, "from dim_published_workspaces")}
    key = next(iter(names))

    assert len(_named((portal / "platform.html").read_text("utf-8"), names, besides=key)) == len(names) - 1


def _named(html, names, *, besides):
    """Keys of the workspaces that a page names, but for one."""
    return [key for key, name in names.items() if key != besides and (key in html or name in html)]


def test_dagster_makes_the_same_pages(portal, home):
    warehouse = Warehouse(home=str(home.root), as_of="2026-06-01")

    result = dg.materialize([portal_asset()], resources={"warehouse": warehouse}, raise_on_error=False)

    assert result.success
    (made,) = result.asset_materializations_for_node("published__portal")
    assert made.metadata["pages"].value == len([*portal.rglob("*.html")])
    for path in portal.rglob("*.html"):
        assert path.read_bytes() == (home.portal / path.relative_to(portal)).read_bytes()


def test_the_portal_shows_how_the_release_was_attacked_and_says_when(portal, home):
    kept = noted(Ledger(home.ledger_path), ATTACKS)
    page = Reading((portal / "attacks.html").read_text("utf-8"))
    index = Reading((portal / "index.html").read_text("utf-8"))

    assert {cell for row in kept.rows for cell in row if cell} <= set(page.texts)
    made = f"Made {kept.made_at.replace('T', ' ')} UTC, about {kept.first} to {kept.last}."
    assert any(made in text for text in index.texts)
    # No month was released, so nothing was measured.
    assert not (portal / "utility.html").exists()


def test_the_dictionary_and_the_metrics_are_complete(portal, home):
    dictionary = (portal / "dictionary.html").read_text("utf-8").replace("<wbr>", "")
    tables = sql(home, "select distinct table_name, column_name from duckdb_columns() where not internal")

    assert len(tables) > 500
    assert [row for row in tables if not all(word in dictionary for word in row)] == []
    assert "delivery_rate" in (portal / "metrics.html").read_text("utf-8").replace("<wbr>", "")


def opened(chromium, page, folder):
    """Open a page: its DOM after scripts, what it wrote to the console, and what it asked any network for."""
    log = folder / "net.json"
    logging = [
        "--enable-logging=stderr",
        "--v=0",
        f"--log-net-log={log}",
        f"--user-data-dir={folder / 'profile'}",
    ]
    done = subprocess.run(
        [chromium, *FLAGS, *logging, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    asked = [event.get("params") or {} for event in json.loads(log.read_text("utf-8"))["events"]]
    # The browser's own requests are of no origin.
    by_page = [
        p["url"] for p in asked if "url" in p and p.get("initiator", "not an origin") != "not an origin"
    ]
    return done.stdout, console, by_page


@pytest.mark.parametrize("name", ["index.html", "platform.html", "lineage.html", "dictionary.html"])
def test_a_browser_finds_no_error_and_asks_nobody(chromium, portal, tmp_path, name):
    dom, console, asked = opened(chromium, portal / name, tmp_path)

    assert (console, asked) == ([], [])
    assert "</html>" in dom


def test_what_a_page_asks_for_and_what_fails_in_it_is_found(chromium, portal, tmp_path):
    page = tmp_path / "weak.html"
    weak = '<img src="http://127.0.0.1:9/canary.png"><script>missing();</script></body>'
    page.write_text((portal / "platform.html").read_text("utf-8").replace("</body>", weak), "utf-8")

    _, console, asked = opened(chromium, page, tmp_path)

    assert asked == ["http://127.0.0.1:9/canary.png"]
    assert any("missing is not defined" in line for line in console)


def test_the_search_finds_what_is_typed(chromium, portal, tmp_path):
    page = tmp_path / "typed.html"
    typed = f'search.value = "{title(LIVING)[-6:]}"; search.dispatchEvent(new Event("input"));'
    typing = f"<script>{typed}</script></body>"
    page.write_text((portal / "index.html").read_text("utf-8").replace("</body>", typing), "utf-8")

    dom, console, _ = opened(chromium, page, tmp_path)

    assert console == []
    found = re.search(r'id="found"[^>]*>(.*?)</ul>', dom, re.DOTALL)[1]
    assert title(LIVING) in found
    assert found.count("<li>") == 1


def test_the_pdf_has_pages_with_the_numbers_of_the_page(chromium, home, tmp_path):
    path = tmp_path / "report.pdf"

    result = run_wasms("report", title(LIVING), "--output", str(path), "--home", str(home.root))

    assert result.exit_code == 0, result.stderr
    text = subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True
    ).stdout
    pages = text.split("\f")[:-1]
    html = Reading(report(home, tmp_path, title(LIVING)))
    assert 1 <= len(pages) <= 4
    assert title(LIVING) in pages[0]
    at = html.texts.index("Sent")
    assert html.texts[at + 1] in pages[0]
    assert "What is unsure" in text
