"""`wasms text`: what would be stored and why, how well that works, and nothing of it on disk."""

import json
import sys

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import build_app, main

SHELF = r"""
recognizers:
  - name: shelf
    supported_entity: SHELF
    patterns: [{name: two letters and a number, score: 0.9, regex: '\b[a-z]{2}/\d{1,2}\b'}]
"""
# The last label is a word that everybody uses, so nothing masks it.
LABELLED = [
    ("Hello Margaret Thistlewood, welcome", ("PERSON", "Margaret Thistlewood")),
    ("please call +49 1512 5550142 today", ("PHONE_NUMBER", "+49 1512 5550142")),
    ("the sale ends today", ("ORGANIZATION", "sale")),
]


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """An empty working directory, whose warehouse does not exist."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WASMS_HOME", str(tmp_path / "home"))
    return tmp_path


def wasms_text(*arguments, given=None):
    return CliRunner().invoke(build_app(), ["text", *arguments], input=given, catch_exceptions=False)


def words(result):
    return [line.split() for line in result.stdout.splitlines()]


def labelled_file(directory, rows=None):
    path = directory / "labelled.json"
    rows = [row(*labelled) for labelled in LABELLED] if rows is None else rows
    path.write_text(json.dumps(rows), "utf-8")
    return path


def row(text, label):
    entity, value = label
    start = text.index(value)
    span = {"entity_type": entity, "entity_value": value}
    return {
        "full_text": text,
        "spans": [span | {"start_position": start, "end_position": start + len(value)}],
    }


def spanning(start, end):
    span = {"entity_type": "A", "start_position": start, "end_position": end}
    return {"full_text": "canary", "spans": [span]}


def failure(monkeypatch, capsys, *arguments):
    """Exit code and what is said on stderr, as a user of the command sees it."""
    monkeypatch.setattr(sys, "argv", ["wasms", "text", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    shown = capsys.readouterr()
    assert shown.out == ""
    return caught.value.code, " ".join(shown.err.split())


def test_try_shows_the_text_what_would_be_stored_and_why(nowhere):
    result = wasms_text("try", "Hi Anna, call 0171 5550199 today")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:2] == [
        "Hi Anna, call 0171 5550199 today",
        "Hi <NAME>, call <PHONE_NUMBER> today",
    ]
    assert [line.split(maxsplit=2)[:2] for line in lines[3:]] == [
        ["<NAME>", "Anna"],
        ["<PHONE_NUMBER>", "0171"],
    ]
    assert "a name, or a word with a capital that may be one" in lines[3]
    assert lines[4].rstrip().endswith("found by a recognizer")


def test_try_reads_lines_of_standard_input(nowhere):
    result = wasms_text("try", given="Hi Anna\nsale today\n\nrow 4711\n")

    shown = [line for line in result.stdout.splitlines() if line.strip()]
    assert result.exit_code == 0
    assert [line for line in shown if line.startswith(("Hi ", "sale ", "row "))] == [
        "Hi Anna",
        "Hi <NAME>",
        "sale today",
        "sale today",
        "row 4711",
        "row <NUMBER>",
    ]


def test_try_says_that_a_text_too_long_is_redacted(nowhere):
    result = wasms_text("try", given="word " * 2_500 + "\nsale today\n")

    assert ["<REDACTED>"] in words(result)
    assert "too long, not readable, or a detector gave up on it" in result.stdout
    assert ["sale", "today"] in words(result)


def test_try_takes_a_text_with_the_marks_of_our_own_output_as_it_is(nowhere):
    result = wasms_text("try", "[bold]sale[/bold] [link=x]today")

    assert result.stdout.splitlines()[0] == "[bold]sale[/bold] [link=x]today"


def test_nothing_is_written_but_the_report_that_was_asked_for(nowhere):
    labelled = labelled_file(nowhere)

    wasms_text("try", "Hi Anna, call 0171 5550199 today")
    wasms_text("evaluate", str(labelled))

    assert list(nowhere.rglob("*")) == [labelled]


def test_try_uses_the_recognizers_of_the_site(nowhere):
    (nowhere / "home").mkdir()
    (nowhere / "home" / "recognizers.yml").write_text(SHELF)
    (nowhere / "other").mkdir()

    here = wasms_text("try", "take it to kx/7 today")
    elsewhere = wasms_text("try", "take it to kx/7 today", "--home", str(nowhere / "other"))

    assert here.stdout.splitlines()[1] == "take it to <SHELF> today"
    assert ["<SHELF>", "kx/7", "found", "by", "a", "recognizer"] in words(here)
    assert "<SHELF>" not in elsewhere.stdout


def test_evaluate_measures_with_the_recognizers_of_the_site(nowhere):
    labelled = labelled_file(nowhere, [row("we sale at kx/7", ("SHELF", "kx/7"))])
    (nowhere / "home").mkdir()
    (nowhere / "home" / "recognizers.yml").write_text(SHELF)

    result = wasms_text("evaluate", str(labelled))

    assert ["SHELF", "1", "1.000", "1.000", "1.000", "1.000"] in words(result)


@pytest.mark.parametrize("command", [("try", "sale today"), ("evaluate", "labelled.json")])
def test_recognizers_that_do_not_load_are_one_message(nowhere, monkeypatch, capsys, command):
    labelled_file(nowhere)
    (nowhere / "home").mkdir()
    (nowhere / "home" / "recognizers.yml").write_text(SHELF.replace("0.9", "9"))

    code, shown = failure(monkeypatch, capsys, *command)

    assert code == 1
    assert "recognizers.yml does not declare recognizers: recognizer 1 (shelf): patterns.0.score: " in shown
    assert "Traceback" not in shown


def test_evaluate_prints_the_table_and_writes_the_misses(nowhere):
    result = wasms_text("evaluate", str(labelled_file(nowhere)), "--report", "text.html")

    lines = words(result)
    assert result.exit_code == 0
    assert ["characters", "of", "core", "personal", "data", "masked", "1.0000"] in lines
    assert ["harmless", "words", "kept", "1.0000"] in lines
    assert ["PERSON", "1", "1.000", "1.000", "1.000", "1.000"] in lines
    assert ["PHONE_NUMBER", "1", "1.000", "1.000", "1.000", "1.000"] in lines
    assert ["ORGANIZATION", "1", "0.000", "-", "-", "0.000"] in lines
    page = (nowhere / "text.html").read_text("utf-8")
    assert '<td>ORGANIZATION</td><td class="miss"><span class="soft">the </span><b>sale</b>' in page
    assert "1 labels are not masked as a whole" in page
    assert "Thistlewood" not in page


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"not json", "This is not JSON."),
        (b"\xff\x00\xfe", "This is not JSON."),
        (b"[" * 100_000, "This is not JSON."),
        (b'{"full_text": "canary"}', "This is not a list of texts"),
        (b'[{"full_text": "a", "spans": []}, {"full_text": "canary"}]', "Text 2 lacks `full_text`"),
        (b'[{"full_text": ["canary"], "spans": []}]', "Text 1 lacks `full_text`"),
        (json.dumps([spanning(0, 9)]).encode(), "`end_position` within it"),
        (json.dumps([spanning(0.5, 3)]).encode(), "Text 1 lacks `full_text`"),
    ],
)
def test_a_wrong_file_is_one_message_without_its_texts(nowhere, monkeypatch, capsys, content, problem):
    (nowhere / "labelled.json").write_bytes(content)

    code, shown = failure(monkeypatch, capsys, "evaluate", "labelled.json", "--report", "text.html")

    assert code == 1
    assert problem in shown
    assert "canary" not in shown
    assert "Traceback" not in shown
    assert not (nowhere / "text.html").exists()


def test_a_file_that_is_not_there_is_wrong_usage(nowhere):
    assert wasms_text("evaluate", "absent.json").exit_code == 2
