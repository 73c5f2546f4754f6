"""What is known of words comes from their packages; here is what we rely on."""

import polars as pl
import pytest

from anonymizers.text.lexicon import Lexicon, bare, positions
from anonymizers.text.settings import load_settings
from tests.support.scrubbers import words_of

SPOKEN = {"languages": ("en", "de", "es"), "harmless": {"en": ["whatsapp"], "hi": ["shukriya"]}}
LEXICON = Lexicon.of(words_of(load_settings().model_copy(update=SPOKEN)))


def zipf(word, language):
    (at,) = positions(LEXICON.words, pl.Series([word]))
    return LEXICON.zipf[at, LEXICON.languages.index(language)] if at >= 0 else 0


def known(word):
    """In how many lists of names it is, whether it is of a place, whether of a country."""
    (at,) = positions(LEXICON.bare, pl.Series([word]))
    return (LEXICON.name_lists[at], LEXICON.is_place[at], LEXICON.is_country[at]) if at >= 0 else (0, 0, 0)


@pytest.mark.parametrize(
    ("word", "language", "other"), [("please", "en", "de"), ("bitte", "de", "en"), ("gracias", "es", "de")]
)
def test_a_frequent_word_is_common_in_its_language(word, language, other):
    assert zipf(word, language) > 5
    assert zipf(word, other) < 4


def test_a_word_that_nobody_uses_is_not_known():
    assert zipf("zorblig", "en") == 0


def test_harmless_words_are_common_and_may_be_a_language_of_their_own():
    assert LEXICON.languages == ("en", "de", "es", "hi")
    # One use in ten thousand words.
    assert zipf("shukriya", "hi") == pytest.approx(5)
    assert zipf("whatsapp", "en") >= 5 - 1e-6
    assert zipf("please", "hi") == 0


@pytest.mark.parametrize("name", ["anna", "schmidt", "jose", "lefevre"])
def test_a_name_of_fakers_is_a_name_by_its_spelling_without_accents(name):
    assert known(name)[0] > 0


@pytest.mark.parametrize(("name", "language"), [("wolfgang", "de"), ("fernando", "es"), ("smith", "en")])
def test_a_name_that_is_no_word_is_rare_however_often_it_is_used(name, language):
    assert 0 < zipf(name, language) < load_settings().release_rule.common_though_a_name


@pytest.mark.parametrize(("name", "language"), [("hope", "en"), ("luz", "es"), ("lang", "de")])
def test_a_name_that_is_a_word_is_as_common_as_the_word(name, language):
    assert zipf(name, language) > load_settings().release_rule.common_though_a_name


@pytest.mark.parametrize("name", ["syafiq", "nurhayati", "chukwuemeka", "haruto", "guddu", "edilson"])
def test_names_that_faker_lacks_are_known(name):
    assert known(name)[0] > 0


def test_common_words_are_known_as_people_type_them():
    assert zipf("fruehling", "de") == zipf("frühling", "de") > 3
    assert zipf("manana", "es") == zipf("mañana", "es") > 3


def test_a_name_that_many_peoples_have_is_in_many_lists():
    assert known("maria")[0] > known("hildburg")[0] > 0
    assert known("zorblig")[0] == 0


@pytest.mark.parametrize("name", ["portugal", "deutschland", "alemania", "tokio"])
def test_a_country_is_one_in_every_language_and_so_is_a_large_city(name):
    _, is_place, is_country = known(name)

    assert is_place
    assert is_country


def test_a_place_is_no_country():
    _, is_place, is_country = known("heidelberg")

    assert is_place
    assert not is_country


def test_words_are_sorted_once_each():
    for words in (LEXICON.words, LEXICON.bare):
        assert words.is_sorted()
        assert words.n_unique() == len(words)


def test_positions_say_where_and_where_not():
    found = positions(pl.Series(["b", "d", "f"]), pl.Series(["a", "b", "c", "f", "g", "", "d"]))

    assert found.tolist() == [-1, 0, -1, 2, -1, -1, 1]


def test_bare_words_have_no_capitals_and_no_accents():
    words = pl.select(bare(pl.lit(pl.Series(["Chloé", "JOSÉ", "Müller", "Nguyễn", "straße", "", None]))))

    assert words.to_series().to_list() == ["chloe", "jose", "muller", "nguyen", "straße", "", None]
