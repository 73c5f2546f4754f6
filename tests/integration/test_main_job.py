"""The main job on a generated world: repeatable to the byte, whatever the order and repetition of files."""

import json
import random
import re
import shlex
import shutil
from datetime import date, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines.cli.app import build_app
from pipelines.codegen.sync import project_root
from pipelines.declarations.cube import load_cubes
from pipelines.disclosure.cell import CellError, Traced, published_row, trace
from pipelines.ingestion.options import Options
from pipelines.run import RunSummary, run
from pipelines.runtime import open_runtime
from pipelines.synthetic import WorldSpec, generate
from pipelines.windows.completeness import store_tables
from tests.support.commands import run_wasms
from tests.support.homes import copied
from tests.support.kills import command, processes
from tests.support.leaks import find_leaks
from warehouse.home import Home
from warehouse.ledger.ledger import Ledger
from warehouse.store.parts import StoreWriter
from warehouse.store.session import open_session

WORLD = WorldSpec(workspaces=4, contacts=80, days=3, seed=7, messages=1_500)
pytestmark = pytest.mark.slow


# A week up to the end of a month, and the day after it.
WEEK = WorldSpec(workspaces=3, contacts=40, days=8, seed=7, messages=900, start=date(2026, 5, 25))


def run_world(home: Home, spec: WorldSpec = WORLD, *, shuffled: int | None = None) -> RunSummary:
    """Generate a world and run it; shuffled: provider files in another order, each line twice."""
    runtime = open_runtime(home)
    shutil.rmtree(home.inbox)
    world = generate(home.inbox, spec)
    if shuffled is not None:
        chance = random.Random(shuffled)
        for path in [
            p for p in home.inbox.rglob("*.jsonl") if p.parent.name in ("whatsapp", "twilio", "smpp")
        ]:
            lines = path.read_text("utf-8").splitlines(keepends=True) * 2
            chance.shuffle(lines)
            path.write_text("".join(lines), "utf-8")
    as_of = datetime.combine(world.last_arrival_day + timedelta(days=3), datetime.min.time())
    return run(*runtime, options=Options(as_of=as_of))


def published(home: Home) -> dict[str, list[tuple[object, ...]]]:
    """Every published table, sorted."""
    with duckdb.connect(home.published_path, read_only=True) as connection:
        tables = connection.execute(
            "select distinct schema_name || '.' || table_name from duckdb_columns() "
            "where not internal order by 1"
        ).fetchall()
        return {table: connection.execute(f"from {table} order by all").fetchall() for (table,) in tables}


@pytest.fixture(scope="module")
def finished(empty: Home, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, RunSummary]:
    """One finished run that the tests of this module only look at; all tables were there before."""
    home = copied(empty, tmp_path_factory.mktemp("home"))
    return home, run_world(home)


def test_every_row_is_accounted_for_and_none_is_lost(finished):
    home, summary = finished

    assert summary.ingested
    assert sum(count.rows for result in summary.ingested for count in result.counts) == sum(
        result.rows_read for result in summary.ingested
    )
    assert not [c for result in summary.ingested for c in result.counts if c.outcome == "quarantined"]
    assert not [p for p in home.inbox.rglob("*") if p.is_file()]


def traced(home: Home, table: str, where: str, **more: int) -> Traced:
    runtime = open_runtime(home)
    with duckdb.connect(home.published_path, read_only=True) as published:
        row = published_row(published, load_cubes(), table, where)
    schemas, tables = runtime.declarations.schemas, store_tables(*runtime)
    with open_session(home, schemas=schemas, tables=tables, read_only=True) as connection:
        return trace(connection, row, keyring=runtime.store.keyring, **more)


def place_of(measure: str, found: Traced) -> int:
    return [each.name for each in found.row.cube.measures].index(measure)


def reached(home: Home, *, last: str) -> int:
    """How many contacts the facts up to a day have, counted independently of the cubes."""
    asked = (
        "select count(distinct (workspace_id, contact_token)) as contacts from fct_messages "
        f"where is_attempted and send_date <= '{last}'"
    )
    answer = run_wasms("sql", "--restricted", asked, "--format", "json", "--home", str(home.root))
    ((contacts,),) = (row.values() for row in json.loads(answer.stdout))
    return int(contacts)


def largest_campaign(home: Home) -> tuple[str, int]:
    """A condition for a published row, and what it says was attempted."""
    with duckdb.connect(home.published_path, read_only=True) as published:
        day, key, attempted = published.execute(
            "select send_date, campaign_key, attempted_messages from mart_campaign_daily "
            "where campaign_key not in ('other', 'none') order by attempted_messages desc nulls last limit 1"
        ).fetchall()[0]
    return f"send_date = '{day}' and campaign_key = '{key}'", attempted


def test_the_published_file_says_of_every_table_and_column_what_it_is(finished):
    home, _ = finished
    with duckdb.connect(home.published_path, read_only=True) as connection:
        (silent,) = connection.execute(
            "select list(name) from (select table_name || '.' || column_name as name, comment "
            "from duckdb_columns() where not internal union all select view_name, comment "
            "from duckdb_views() where not internal) where comment is null"
        ).fetchone()

    assert silent is None


def test_ids_have_the_keys_and_names_under_which_they_are_published(finished, tmp_path):
    home = copied(finished[0], tmp_path)
    with duckdb.connect(home.published_path, read_only=True) as connection:
        campaigns = connection.execute(
            "select campaign_key, campaign_name from dim_published_campaigns"
        ).fetchall()
    where = ("--home", str(home.root))
    ask = ("sql", "--restricted", "select distinct workspace_id as w from dim_campaigns", "--format", "json")
    workspaces = [row["w"] for row in json.loads(run_wasms(*ask, *where).stdout)]
    path = tmp_path / "names.json"
    found = {}

    for workspace in workspaces:
        result = run_wasms("keys", "names", "--workspace", workspace, "--output", str(path), *where)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "This access is logged." in result.stderr
        assert path.stat().st_mode & 0o077 == 0
        rows = json.loads(path.read_text())
        found |= {
            row["key"]: row["name"] for row in rows if row["kind"] == "campaign" and row["is_published"]
        }

    assert found == dict(campaigns)
    logged = "".join(row["what"] for row in Ledger(home.ledger_path).read("select what from access_log"))
    assert logged.count("keys names") == len(workspaces)
    assert not [workspace for workspace in workspaces if workspace in logged]
    stranger = run_wasms("keys", "names", "--workspace", workspaces[0][:-1], *where)
    assert (stranger.exit_code, stranger.stdout) == (2, "")
    assert f"Did you mean '{workspaces[0]}'" in stranger.stderr


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Language and text of each block of a page that can be copied, and the columns shown below it."""
    block = r"^```(sql|console)\n(.*?)^```$(?:\n\n```text\n(.*?)\n.*?^```$)?"
    return re.findall(block, page, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def month_is_over(finished, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The finished run when its month had closed, so that tables by month have rows."""
    home = copied(finished[0], tmp_path_factory.mktemp("month"))
    run(*open_runtime(home), options=Options(as_of=datetime(2026, 6, 12)))
    return home


def test_every_question_on_the_page_for_analysts_has_an_answer(month_is_over):
    text = (project_root() / "docs/analysts.md").read_text("utf-8").partition("## Questions and answers")[2]
    home = month_is_over
    asked = 0

    with duckdb.connect(home.published_path, read_only=True) as connection:
        names = connection.execute(
            "select campaign_key from dim_published_campaigns order by workspace_key, campaign_key limit 2"
        ).fetchall()
        for kind, body, header in blocks(text):
            if kind == "sql":
                answer = connection.execute(body)
                columns = [column[0] for column in answer.description]
                assert columns == header.split(), body
                assert answer.fetchall(), body
                asked += 1
                continue
            for part in re.split(r"^\$ wasms ", body, flags=re.MULTILINE)[1:]:
                line, shown, *_ = part.splitlines()
                command, *arguments = shlex.split(line)
                if arguments[0] == "compare":
                    # The page compares campaigns of the demo.
                    arguments[1:3] = [name for (name,) in names]
                result = run_wasms(command, *arguments, "--home", str(home.root))
                assert result.exit_code == 0, f"{line}\n{result.stderr}"
                first, *rows = result.stdout.splitlines()
                assert first.split() == shown.split(), line
                assert rows, line
                asked += 1

    assert asked >= 17


def test_a_published_row_is_traced_to_its_facts_which_give_the_same_number_again(finished):
    home, _ = finished
    where, attempted = largest_campaign(home)

    found = traced(home, "mart_campaign_daily", where, most_people=1000)

    counted = {each.measure: each for each in found.measures}["attempted_messages"]
    place = found.row.cube.measures.index(
        next(m for m in found.row.cube.measures if m.name == "attempted_messages")
    )
    assert found.is_equal
    assert (counted.published, counted.rebuilt) == (attempted, attempted)
    # Independent of the cube: what each person of the cell adds.
    assert counted.exact == sum(int(adds[place]) for _, *adds in found.people)
    assert counted.people == len([adds for _, *adds in found.people if adds[place]])
    assert [level for level, _, _ in found.levels] == list(map(str, found.row.cube.levels))
    people = [people for _, _, people in found.levels]
    assert people == sorted(people, reverse=True)


@pytest.fixture(scope="module")
def week_is_over(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which a week and a month are over, and no row of them is deleted yet."""
    home = Home(tmp_path_factory.mktemp("week")).create()
    run_world(home, WEEK)
    return home


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ("mart_platform_weekly", "week = '2026-05-25'"),
        ("mart_platform_monthly", "month = '2026-05-01'"),
        ("mart_workspace_monthly", "month = '2026-05-01'"),
        ("mart_templates_monthly", "month = '2026-05-01' and template_key not in ('none', 'other')"),
        ("mart_campaign_funnel", "campaign_key not in ('none', 'other')"),
    ],
)
def test_weeks_months_and_lives_are_traced_to_all_their_days(week_is_over, table, where):
    keys = ("workspace_key", "template_key", "campaign_key")
    with duckdb.connect(week_is_over.published_path, read_only=True) as published:
        largest = published.execute(
            f"from {table} where {where} order by attempted_messages desc limit 1"
        ).to_arrow_table()
    (row,) = largest.to_pylist()
    named = [f"{key} = '{row[key]}'" for key in keys if key in row]

    found = traced(week_is_over, table, " and ".join([where, *named]), most_people=10_000)

    counted = next(each for each in found.measures if each.measure == "attempted_messages")
    assert found.is_equal
    assert counted.rebuilt > 0
    place = place_of("attempted_messages", found)
    # What the most active people add beyond the others is left out, day by day.
    assert counted.exact <= sum(int(adds[place]) for _, *adds in found.people)
    assert counted.people == len([adds for _, *adds in found.people if adds[place]])
    if not named:
        assert counted.people == reached(week_is_over, last="2026-05-31")


def test_twin_a_published_number_that_its_facts_do_not_give_is_told(finished, tmp_path):
    home = copied(finished[0], tmp_path)
    where, attempted = largest_campaign(home)
    home.published_path.chmod(0o600)
    with duckdb.connect(home.published_path) as published:
        published.execute(
            f"update cubes.cube_campaign_daily set attempted_messages = {attempted + 1} where {where}"
        )

    assert not traced(home, "mart_campaign_daily", where).is_equal


@pytest.mark.parametrize(
    ("table", "where", "reason"),
    [
        ("mart_campaign_daily", "true", "several rows meet the condition. Name one row by send_date"),
        ("mart_campaign_daily", "campaign_key = 'nobody'", "no row meets the condition"),
        ("mart_campaign_daily", "campaign = 1", "not valid SQL"),
        ("fct_messages", "true", "neither a cube nor a mart of one cube"),
    ],
)
def test_a_row_that_is_not_named_cannot_be_traced(finished, table, where, reason):
    with pytest.raises(CellError, match=reason):
        traced(finished[0], table, where)


def test_tracing_a_row_is_an_access_to_the_restricted_zone(finished, tmp_path):
    home = copied(finished[0], tmp_path)
    where, _ = largest_campaign(home)

    result = CliRunner().invoke(
        build_app(), ["debug", "cell", "mart_campaign_daily", where, "--home", str(home.root)]
    )

    assert result.exit_code == 0, result.output
    assert "give exactly what was published" in result.output
    log = Ledger(home.ledger_path).read("select what from access_log order by rowid desc limit 1")
    assert log[0]["what"] == "debug cell mart_campaign_daily"


def test_marts_are_published_and_every_group_may_have_eleven_contacts(finished):
    home, _ = finished
    with duckdb.connect(home.published_path, read_only=True) as connection:
        (cells, smallest) = connection.execute(
            "select count(*), min(audience_contacts) from cubes.cube_campaign_daily"
        ).fetchall()[0]
        (days, shown) = connection.execute(
            "select count(*), count(*) filter (attempted_messages >= coalesce(read_messages, 11)) "
            "from main.mart_platform_daily where attempted_messages is not null"
        ).fetchall()[0]

    assert cells > 0
    # Eleven read 7 where they were rounded down.
    assert smallest >= 7
    assert 0 < days == shown


def with_keys_of(home: Home, empty: Home, directory: Path) -> Home:
    """A second home without a row, with the same pseudonym keys."""
    other = copied(empty, directory)
    shutil.copytree(
        home.keys, other.keys, ignore=shutil.ignore_patterns("parquet", "database"), dirs_exist_ok=True
    )
    return other


def test_repeated_and_reordered_bodies_change_nothing_in_the_end(finished, empty, tmp_path):
    home, _ = finished
    other = with_keys_of(home, empty, tmp_path)

    run_world(other, shuffled=1)

    assert published(other) == published(home)


@pytest.fixture
def other(finished, empty, tmp_path) -> Home:
    """A second home with the same pseudonym keys and the same world waiting in its inbox."""
    other = with_keys_of(finished[0], empty, tmp_path)
    shutil.rmtree(other.inbox)
    generate(other.inbox, WORLD)
    return other


def started_run(home: Home, *, as_of: datetime | None) -> ForkServerProcess:
    """`wasms run` in a process of its own."""
    arguments = ["run", "--as-of", str(as_of), "--home", str(home.root)]
    process = processes().Process(target=command, args=(arguments,))
    process.start()
    return process


def test_two_runs_at_once_after_all_data_was_deleted_give_equal_tables_and_load_nothing_twice(finished):
    home, _ = finished
    before, as_of = published(home), open_runtime(home).store.ledger.clock()
    shutil.rmtree(home.data)
    shutil.rmtree(home.create().inbox)
    generate(home.inbox, WORLD)

    runs = [started_run(home, as_of=as_of) for _ in range(2)]

    for process in runs:
        process.join()
    assert [process.exitcode for process in runs] == [0, 0]
    assert published(home) == before


def test_a_run_that_is_killed_again_and_again_ends_as_if_it_never_was(finished, other, stress):
    home, _ = finished
    as_of = open_runtime(home).store.ledger.clock()
    chance = random.Random(5)

    for _ in range(30 if stress else 4):
        process = started_run(other, as_of=as_of)
        process.join(chance.uniform(0.5, 3))
        process.kill()
        process.join()
    run(*open_runtime(other), options=Options(as_of=as_of))

    assert published(other) == published(home)
    kept = {(c.source, c.rows) for c in open_runtime(other).store.ledger.counts() if c.outcome == "kept"}
    assert kept == {
        (c.source, c.rows) for c in open_runtime(home).store.ledger.counts() if c.outcome == "kept"
    }
    assert not [p for p in other.data.rglob("*") if p.is_file() and p.suffix in (".tmp", ".lease")]


def test_readers_of_the_published_copy_never_meet_a_lock(finished):
    home, _ = finished
    runtime = open_runtime(home)
    reached = runtime.store.ledger.clock()
    assert reached is not None

    with duckdb.connect(home.published_path, read_only=True) as reader:
        (before,) = reader.execute("select count(*) from main.mart_campaign_daily").fetchall()[0]
        run(*runtime, options=Options(as_of=reached + timedelta(days=1)))
        (during,) = reader.execute("select count(*) from main.mart_campaign_daily").fetchall()[0]

    assert before == during


def personal_data(inbox: Path) -> list[str]:
    """Phone numbers, e-mail addresses and message ids of the world's contacts, as its files spell them."""
    with duckdb.connect() as connection:
        contacts = connection.execute(
            f"select phone, email from read_parquet('{inbox}/app/contacts/*.parquet') where email is not null"
        ).fetchall()
        wamids = connection.execute(
            f"select message_id from read_parquet('{inbox}/app/messages/*.parquet') "
            "where message_id is not null using sample 100 rows (reservoir, 1)"
        ).fetchall()
    phones = sorted({phone for phone, _ in contacts})[:80]
    emails = sorted({email for _, email in contacts})[:80]
    return [*phones, *emails, *(wamid for (wamid,) in wamids)]


@pytest.fixture
def needles(tmp_path: Path) -> list[str]:
    generate(tmp_path / "world", WORLD)
    return personal_data(tmp_path / "world")


def test_nothing_personal_is_in_any_file_of_a_run(finished, needles):
    home, _ = finished

    assert len(needles) > 200
    assert find_leaks(home, needles) == []


def test_the_search_finds_what_a_kept_column_would_leak(needles, tmp_path, monkeypatch):
    """The twin: one line of the store's writer broken, and the same search finds it."""
    appended = StoreWriter.append

    def leaking(self, events, rows):
        tokens = rows.column_names.index("contact_token") if "contact_token" in rows.column_names else None
        if tokens is not None:
            rows = rows.set_column(tokens, "contact_token", [[needles[0]] * rows.num_rows])
        appended(self, events, rows)

    monkeypatch.setattr(StoreWriter, "append", leaking)
    other = Home(tmp_path / "leaking").create()
    runtime = open_runtime(other)
    other.inbox.rmdir()
    world = generate(other.inbox, WORLD)
    shutil.rmtree(other.inbox / "whatsapp")
    as_of = datetime.combine(world.first_day + timedelta(days=1), datetime.min.time())
    run(*runtime, options=Options(as_of=as_of), to_day=world.first_day)

    assert find_leaks(other, needles[:1], besides=[other.inbox])


def test_who_hides_the_number_is_one_contact_and_no_attack_finds_anybody(finished):
    home, _ = finished
    facts = " union all ".join(
        f"select workspace_id, contact_token from warehouse.restricted.{table}"
        for table in ("fct_messages", "fct_inbound_messages", "fct_opt_outs")
    )
    runtime = open_runtime(home)
    schemas, tables = runtime.declarations.schemas, store_tables(*runtime)

    with open_session(home, schemas=schemas, tables=tables, read_only=True) as connection:
        ((hidden,),) = connection.execute(
            "select count(*) from store.whatsapp__statuses "
            "where contact_token is null and contact_user_token is not null"
        ).fetchall()
        ((twice,),) = connection.execute(
            f"select count(*) from ({facts}) as named inner join store.app__contacts as known "
            "on named.workspace_id = known.workspace_id and named.contact_token = known.contact_user_token"
        ).fetchall()
    attacked = CliRunner().invoke(build_app(), ["attack", "--home", str(home.root)])

    assert hidden > 20
    assert twice == 0
    assert attacked.exit_code == 0, attacked.output
