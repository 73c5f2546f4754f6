import polars as pl
import presidio_analyzer.predefined_recognizers as predefined
import pytest
from presidio_analyzer import EntityRecognizer
from pydantic import ValidationError

from anonymizers.text.recognizers import RecognizerError, Recognizers
from anonymizers.text.settings import RecognizerSettings, load_settings
from tests.support.evasions import evasions

SETTINGS = load_settings()
# One of each kind, made up; the check digits are right where Presidio asks for them.
SAMPLES = (
    "card 4111 1111 1111 1111 or 4111111111111112",
    "pay DE89 3704 0044 0532 0130 00 2 days from today",
    "iban GB82WEST12345698765432.",
    "wallet 16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ",
    "born 1990-05-12, seen 12/5/90",
    "from 203.0.113.7 and 2001:db8::1, mac 00:00:5e:00:53:af",
    "ssn 078-05-1120, itin 912-70-1234, account 12345678",
    "nhs 943 476 5919, nino AB 12 34 56 C, sw1a 1aa",
    "aadhaar 2341 2341 2346, pan ABCDE1234F, MH12DE1433",
    "S1234567D, NIF 12345678Z, NIE X1234567L",
    "steuer 86095742719, DE123456789, L01X00T471",
    "uuid 6f1c2d3e-0a1b-4c5d-8e9f-001122334455",
    "https://shop.example.com/a?b=1 and shop.example.com",
    *(text for _, text, _ in evasions(300)),
)


@pytest.mark.parametrize("name", sorted(set(SETTINGS.presidio) - {"EmailRecognizer"}))
def test_what_presidio_finds_is_found_as_surely(name):
    theirs = getattr(predefined, name)()
    ours = Recognizers(SETTINGS.model_copy(update={"presidio": (name,), "recognizers": ()}))

    for text in SAMPLES:
        findings, failed = ours.find(pl.Series([text]))
        findings = [one for one in findings if one.entity != "PHONE_NUMBER"]
        findings = sorted(findings, key=lambda one: one.score)
        found = {(one.start, one.end, one.entity): one.score for one in findings}
        expected = theirs.analyze(text, theirs.supported_entities)
        assert failed == set()
        # A word before may make it surer, which Presidio's engine sees to, not its recognizers.
        assert all(found[one.start, one.end, one.entity_type] >= one.score for one in expected)
        # Presidio leaves out what lies within another find of its own.
        assert all(any(one.start <= s.start and s.end <= one.end for one in expected) for s in findings)


def test_a_word_before_makes_it_surer_as_presidio_has_it():
    recognizers = Recognizers(
        SETTINGS.model_copy(update={"presidio": ("UsBankRecognizer",), "recognizers": ()})
    )

    scores = [
        {one.score for one in recognizers.find(pl.Series([text]))[0] if one.entity == "US_BANK_NUMBER"}
        for text in ("12345678", "my bank account 12345678", "account of one two three four five 12345678")
    ]

    assert scores == [{0.05}, {0.4}, {0.05}]


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        (
            {"patterns": [{"name": "open", "regex": "(", "score": 0.5}]},
            r"patterns\.0\.regex\s.*missing \) at character 1",
        ),
        ({"patterns": [{"name": "sure", "regex": "a", "score": 1.5}]}, r"patterns\.0\.score\s.*less than"),
        ({"deny_list": ["a"], "deny_list_score": 0}, r"deny_list_score\s.*greater than"),
        ({"deny_list": [""]}, r"deny_list\.0\s.*at least 1 character"),
        ({}, "declares neither patterns nor a deny_list"),
    ],
)
def test_a_recognizer_that_cannot_work_says_where_and_why(declared, complaint):
    with pytest.raises(ValidationError, match=complaint):
        RecognizerSettings.model_validate({"name": "shelf", "supported_entity": "SHELF", **declared})


def test_a_recognizer_declares_nothing_that_is_unknown():
    with pytest.raises(ValidationError, match="languages"):
        RecognizerSettings.model_validate({"name": "shelf", "supported_entity": "SHELF", "languages": "en"})


def test_only_recognizers_that_work_by_patterns_are_taken():
    with pytest.raises(RecognizerError, match="SpacyRecognizer"):
        Recognizers(SETTINGS.model_copy(update={"presidio": ("SpacyRecognizer",)}))


def test_a_deny_list_is_a_recognizer():
    shelf = RecognizerSettings(name="shelf", supported_entity="SHELF", deny_list=("A 7", "B 8"))
    recognizers = Recognizers(SETTINGS.model_copy(update={"recognizers": (shelf,)}))

    findings, _ = recognizers.find(pl.Series(["see shelf B 8 there"]))

    assert [(one.start, one.end) for one in findings if one.entity == "SHELF"] == [(10, 13)]
    assert EntityRecognizer.MAX_SCORE in {one.score for one in findings}


def test_a_site_adds_recognizers_to_those_of_the_package():
    shelf = RecognizerSettings(name="shelf", supported_entity="SHELF", deny_list=("A 7",))
    recognizers = Recognizers(SETTINGS.with_recognizers([shelf]))

    findings, _ = recognizers.find(pl.Series(["see shelf A 7 or mail ada@example.org"]))

    assert {"SHELF", "EMAIL_ADDRESS"} <= {one.entity for one in findings}
    assert recognizers.site_may_find("see shelf A 7")
    assert not recognizers.site_may_find("see shelf B 7")
    assert not Recognizers(SETTINGS).site_may_find("see shelf A 7")


@pytest.mark.parametrize(
    ("text", "found"), [("see shelf A 7", (0, 13)), (f"see shelf A 7 {'and more ' * 9}", (10, 13))]
)
def test_what_labels_a_short_text_is_found_as_all_of_it(text, found):
    shelf = RecognizerSettings(name="shelf", supported_entity="SHELF", deny_list=("A 7",), labels_text=True)
    recognizers = Recognizers(SETTINGS.model_copy(update={"recognizers": (shelf,)}))

    findings, _ = recognizers.find(pl.Series([text]))

    assert [(one.start, one.end) for one in findings if one.entity == "SHELF"] == [found]
