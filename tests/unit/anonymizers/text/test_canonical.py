import polars as pl
import pytest

from anonymizers.text import releasing_scrubber
from anonymizers.text.dummies import NAME
from anonymizers.text.lexicon import positions
from anonymizers.text.settings import load_settings
from bench.text_workloads import campaign, error_logs
from tests.support.evasions import evasions
from tests.support.scrubbers import scrubber_of

SCRUBBER = scrubber_of(load_settings())
# Whose letters may show nowhere, and what of them is long enough not to be there by chance.
SECRET = {"PERSON", "PHONE_NUMBER", "EMAIL_ADDRESS", "USER_NAME", "IP_ADDRESS", "ID"}
LONG = 4


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Hi Siya, your order 123456 is late", "Hi Hildburg Hildburg, your order 4711 is late"),
        ("Hi Siya van der Wulf, thank you", "Hi Hildburg Hildburg, thank you"),
        ("hola siya, ¡listo!", "hola Hildburg Hildburg, ¡listo!"),
        ("Hi SIYA, our sale is on", "Hi Hildburg Hildburg, our sale is on"),
        (
            "HI SIYA, OUR SALE IS ON AS LONG AS WE HAVE STOCK",
            "HI HILDBURG HILDBURG, OUR SALE IS ON AS LONG AS WE HAVE STOCK",
        ),
        ("Dear Anna-Lena Wulf, thank you so much", "Dear Hildburg Hildburg, thank you so much"),
        ("valid until 16. März 2026, see you", "valid until 11.11.2011, see you"),
        ("due on 3/4/26 or 03.04.2026", "due on 11.11.2011 or 11.11.2011"),
        (
            "Hi Siya Wulf Berti Ivarsson, you are just in time today",
            "Hi Hildburg Hildburg Hildburg Hildburg, you are just in time today",
        ),
        ("pay 212,45 € now", "pay 777,77 € now"),
        ("see https://go.example.com/eUsYBBng now", "see https://go.example.com/welcome now"),
        ("mail ada_c@example.org, please", "mail hildburg@example.com, please"),
        ("from 198.51.100.7: refused", "from 203.0.113.47: refused"),
        # What stands beside something that is more than words is left alone, and so is what may stay.
        ("siya@home Siya=1", "siya@home Siya=1"),
        ("4111 1111 1111 1111", "4111 1111 1111 1111"),
        ("save 20% in 2026 on may", "save 20% in 2026 on may"),
        ("the spring sale is on", "the spring sale is on"),
        ("Ｓｉｙａ", "Ｓｉｙａ"),
        ("", ""),
    ],
)
def test_what_is_masked_anyway_gives_way_to_one_of_its_kind(text, canonical):
    texts = pl.Series([text, "beside it"])

    found = SCRUBBER._canonicalizer.canonical(texts)

    assert found.distinct.gather(found.codes).to_list() == [canonical, "beside it"]
    assert found.is_changed.tolist() == [text != canonical, False]
    # A series can be changed in place.
    assert texts.to_list() == [text, "beside it"]


def test_the_name_is_one_that_is_masked_in_whatever_text_it_stands():
    lexicon = SCRUBBER._lexicon
    (listed,) = positions(lexicon.bare, pl.Series([NAME]))

    assert positions(lexicon.words, pl.Series([NAME])).tolist() == [-1]
    assert lexicon.name_lists[listed] > 0
    assert not lexicon.is_place[listed]


@pytest.mark.parametrize(("generated", "least"), [(campaign, 10), (error_logs, 1.5)])
def test_texts_of_a_template_have_few_canonical_texts(generated, least):
    texts = pl.Series([labelled.text for labelled in generated(4_000)])

    assert texts.n_unique() / len(SCRUBBER._canonicalizer.canonical(texts).distinct) >= least / 4


@pytest.mark.parametrize("generated", [campaign, error_logs])
def test_nothing_of_what_was_merged_in_shows(generated):
    labelled = list(generated(2_000, seed=1))
    answers = SCRUBBER.scrub([one.text for one in labelled])

    secrets = shown = 0
    for one, answer in zip(labelled, answers, strict=True):
        for label in one.labels:
            if label.entity in SECRET and label.end - label.start >= LONG:
                secrets += 1
                shown += one.text[label.start : label.end] in answer
    assert secrets > 2_000
    assert shown <= secrets / 500


def test_nothing_that_is_hidden_shows():
    cases = list(evasions())
    answers = SCRUBBER.scrub([text for _, text, _ in cases])

    shown = sum(hidden in answer for (_, _, hidden), answer in zip(cases, answers, strict=True))
    assert shown == 0


def test_a_dummy_that_is_not_masked_is_never_stored():
    """Where numbers may stay, the text's own does, not the dummy of its canonical text."""
    settings = load_settings()
    patient = settings.release_rule.model_copy(update={"digits": 99, "digits_in_groups": 99})
    scrubber = scrubber_of(
        settings.model_copy(update={"release_rule": patient, "presidio": (), "recognizers": _DATES})
    )

    texts = ["row 123456 is late", "row 654321 is late"]
    assert scrubber.scrub(texts) == texts


_DATES = tuple(one for one in load_settings().recognizers if one.name == "written_date")


def test_without_a_look_at_the_answers_another_number_would_be_stored(monkeypatch):
    """The twin."""
    monkeypatch.setattr(releasing_scrubber, "has_dummy", lambda answers: answers.is_null().to_numpy())

    with pytest.raises(AssertionError, match="4711"):
        test_a_dummy_that_is_not_masked_is_never_stored()
