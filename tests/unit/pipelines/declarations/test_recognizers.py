"""`recognizers.yml` of a site: honoured by all that reads texts, or an error that says what to mend."""

from datetime import datetime

import pytest

from anonymizers.text.settings import load_settings
from pipelines.declarations.errors import RecognizersError
from pipelines.declarations.recognizers import text_settings
from pipelines.runtime import open_runtime
from tests.support.feeding import give

NOW = datetime(2026, 6, 1, 6)
SHELF = """
recognizers:
  - name: shelf
    supported_entity: SHELF
    context: [rack]
    patterns:
      - {name: two letters and a number, score: 0.9, regex: '\\b[a-z]{2}/\\d{1,2}\\b'}
  - {name: branch, supported_entity: BRANCH, deny_list: [Blue Lagoon]}
"""


def declare(home, text):
    home.recognizers_path.write_text(text, "utf-8")


def test_a_home_without_the_file_has_the_recognizers_of_the_package(home):
    assert text_settings(home.recognizers_path) == load_settings()


def test_a_site_adds_recognizers_and_takes_none_away(home):
    declare(home, SHELF)

    settings = text_settings(home.recognizers_path)

    assert [one.name for one in settings.site_recognizers] == ["shelf", "branch"]
    assert settings.model_copy(update={"site_recognizers": ()}) == load_settings()


def test_texts_are_read_with_the_recognizers_of_the_site(home):
    text = "take it to kx/7 at the Blue Lagoon, or mail ada@example.org"
    before = open_runtime(home).declarations.text.scrub([text])
    declare(home, SHELF)

    after = open_runtime(home).declarations.text.scrub([text])

    assert "<SHELF>" not in before[0]
    assert after == ["take it to <SHELF> at the <BRANCH>, or mail <EMAIL_ADDRESS>"]


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        (SHELF.replace("context", "contxt"), "recognizer 1 (shelf): contxt: Extra inputs are not permitted"),
        (SHELF + "more: 1\n", "more: Extra inputs are not permitted"),
        (
            SHELF.replace("{1,2}", "{1,2}("),
            "recognizer 1 (shelf): patterns.0.regex: not a regular expression",
        ),
        (SHELF.replace("0.9", "1.9"), "recognizer 1 (shelf): patterns.0.score: Input should be less than or"),
        (
            SHELF.replace("deny_list: [Blue Lagoon]", "patterns: []"),
            "recognizer 2 (branch): declares neither patterns nor a deny_list",
        ),
        (SHELF.replace("[Blue Lagoon]", "[4915]"), "recognizer 2 (branch): deny_list.0: Input should be a"),
        (SHELF.replace("[rack]", "[rack], checksum: sum"), "not valid YAML (line 5)"),
        (SHELF.replace("name: branch", "checksum: sum, name: branch"), "(branch): checksum: Input should be"),
        (SHELF.replace("SHELF", "shelf no 1"), "recognizer 1 (shelf): supported_entity: String should match"),
        (SHELF.replace("name: shelf", "nam: shelf"), "recognizer 1: name: Field required"),
        (SHELF.replace("name: branch", "name: a, name: b"), "a key is given twice"),
        (SHELF.replace("name: shelf", "name: 2026-13-01"), "not plain YAML"),
        ("[" * 5_000, "not plain YAML"),
        ("", "file: Input should be"),
        ("recognizers: []\nrecognizers: []", "a key is given twice (line 2)"),
    ],
)
def test_what_does_not_load_says_file_recognizer_and_reason(home, declared, problem):
    declare(home, declared)

    with pytest.raises(RecognizersError) as caught:
        text_settings(home.recognizers_path)

    assert str(home.recognizers_path) in str(caught.value)
    assert problem in str(caught.value)
    assert "Blue Lagoon" not in str(caught.value)


def test_bytes_that_are_no_text_and_a_directory_are_told_apart(home):
    home.recognizers_path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(RecognizersError, match="not UTF-8"):
        text_settings(home.recognizers_path)

    home.recognizers_path.unlink()
    home.recognizers_path.mkdir()
    with pytest.raises(RecognizersError, match="not readable"):
        text_settings(home.recognizers_path)


def test_nothing_is_ingested_without_the_recognizers_of_the_site_but_deletion_goes_on(home):
    declare(home, SHELF.replace("0.9", "9"))
    runtime = open_runtime(home)
    row = {"workspace_id": "ws_a", "message_log_retention_days": 45, "valid_from": NOW, "updated_at": NOW}

    with pytest.raises(RecognizersError, match="shelf"):
        give(runtime, "app__workspace_settings", row, as_of=NOW)

    assert list(runtime.store.ledger.counts()) == []
    assert [path for path in home.store.rglob("*") if path.is_file()] == []
    assert runtime.declarations.enough.payers >= 2
