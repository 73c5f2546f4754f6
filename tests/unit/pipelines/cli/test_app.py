"""What is true of all commands: where `--home` may stand, exit codes, names that are spelt wrong, JSON."""

import csv
import json

import pytest

from pipelines.cli.app import home_apart
from pipelines.declarations.contract import load_contracts
from pipelines.declarations.metric import load_metrics
from tests.support.commands import run_wasms


@pytest.mark.parametrize(
    ("arguments", "home", "rest"),
    [
        ("--home h sql q", "h", "sql q"),
        ("metrics --home=h query m", "h", "metrics query m"),
        ("sql q --home h", "h", "sql q"),
        ("--home a sql --home b", "b", "sql"),
        ("sql -- --home h", None, "sql -- --home h"),
        ("sql --home", None, "sql --home"),
        ("--homes h sql", None, "--homes h sql"),
    ],
)
def test_the_home_may_stand_anywhere_on_the_line(arguments, home, rest):
    assert home_apart(arguments.split()) == (home, rest.split())


@pytest.mark.parametrize(
    "line", ["--home {} quarantine list", "quarantine --home {} list", "quarantine list --home {}"]
)
@pytest.mark.usefixtures("ledger")
def test_every_command_finds_its_home(home, line):
    assert run_wasms(*line.format(home.root).split()).exit_code == 0
    assert run_wasms("--home", str(home.root), "contract", "list").exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        "privacy list",
        "privacy verify",
        "retention verify",
        "quarantine list",
        "release list",
        "sql --restricted",
    ],
)
def test_a_folder_that_is_no_warehouse_is_not_one_in_order(tmp_path, command):
    said = run_wasms(*command.split(), "--home", str(tmp_path / "mistyped"))

    assert (said.exit_code, said.stdout) == (2, "")
    assert "There is no warehouse in" in said.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("wasms metr", ["metrics"]),
        ("wasms metrics que", ["query"]),
        ("wasms metrics show delivery_ra", ["delivery_rate"]),
        ("wasms contract show app__contac", ["app__contacts"]),
        ("wasms sql --form", ["--format"]),
    ],
)
def test_a_shell_completes_commands_names_and_options(monkeypatch, line, offered):
    monkeypatch.setenv("_WASMS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    monkeypatch.setattr("sys.argv", ["wasms"])

    assert run_wasms().stdout.split() == offered


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("quarantne list", "Did you mean 'quarantine'?"),
        ("metrics lst", "Did you mean 'list'?"),
        ("metrics show delivry_rate", "No metric named 'delivry_rate'. Did you mean 'delivery_rate'"),
        ("metrics show zzz", "No metric named 'zzz'. `wasms metrics list` lists them."),
        ("metrics query delivery_rate --by campain", "No column named 'campain'. Did you mean 'campaign'?"),
        ("metrics query delivery_rate --where chanel=sms", "Did you mean 'channel'?"),
        ("metrics query delivery_rate --by day --by day", "Name it once."),
        ("contract show app__contact", "No contract named 'app__contact'. Did you mean 'app__contacts'"),
        ("contract show zzz", "No contract named 'zzz'. Known: app__campaigns, "),
        ("ingest whatsap README.md", "No source named 'whatsap'. Did you mean 'whatsapp'?"),
        ("sql --formt csv", "No such option: --formt"),
    ],
)
def test_wrong_usage_exits_with_2_and_names_the_way_out(home, command, said):
    result = run_wasms(*command.split(), "--home", str(home.root))

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(("place", "reason"), [("file", "File exists"), ("file/below", "Not a directory")])
def test_a_home_that_cannot_be_a_folder_is_said_in_one_line(tmp_path, place, reason):
    (tmp_path / "file").touch()

    result = run_wasms("run", "--home", str(tmp_path / place))

    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert f"No warehouse can be at {tmp_path / place}: {reason}." in result.stderr


@pytest.mark.parametrize(
    ("command", "names"),
    [("contract list", list(load_contracts())), ("metrics list", list(load_metrics()))],
)
def test_a_list_is_json_and_a_file_by_its_ending(tmp_path, command, names):
    table, rows, text = (tmp_path / name for name in ("t.csv", "t.json", "t.txt"))

    shown = json.loads(run_wasms(*command.split(), "--json").stdout)
    for path in (table, rows, text):
        assert run_wasms(*command.split(), "--output", str(path)).stdout == ""

    assert [next(iter(row.values())) for row in shown] == names
    assert json.loads(rows.read_text()) == shown
    assert [row[0] for row in csv.reader(table.read_text().splitlines())][1:] == names
    assert [line.split()[0] for line in text.read_text().splitlines()][1:] == names


@pytest.mark.parametrize("command", ["contract show app__contacts", "metrics show delivery_rate"])
def test_what_is_shown_of_one_thing_is_json_too(command):
    (name,) = command.split()[2:]

    assert name in json.loads(run_wasms(*command.split(), "--json").stdout).values()


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("command", ["quarantine list", "release list"])
def test_a_list_of_nothing_says_so_and_is_an_empty_list_for_programs(home, command):
    said = run_wasms(*command.split(), "--home", str(home.root))
    listed = run_wasms(*command.split(), "--json", "--home", str(home.root))

    assert said.stdout.strip()
    assert json.loads(listed.stdout) == []
