import pytest
import re2
import regex
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.text.prefilter import Prefilter, filter_of
from anonymizers.text.recognizers import Recognizers
from anonymizers.text.settings import load_settings

_FINDING = Recognizers(load_settings()).patterns
_PATTERNS = [one.compiled for one in _FINDING]
_PREFILTER = Prefilter([one.pattern for one in _PATTERNS])


@pytest.mark.parametrize(
    ("pattern", "matching", "not_matching"),
    [
        (r"(?<!x)a(?=b)", "cab", "b"),
        (r"(?<=x|yy)a", "yya", "ya"),
        (r"a(?=x|yy)", "ayy", "ay"),
        (r"x\Ka", "xa", "ya"),
        (r"(?i:A)\Z", "a", "ab"),
        (r"(['\"])x\1", "'x'", "y"),
        (r"[a-z]{3,253}!", "abc!", "ab!"),
        (r"[]\[x]+y", "[y", "y"),
        (r"(?>ab)c", "abc", "ab"),
        (r"\d++-", "12-", "12"),
        (r"\(\)", "()", "("),
    ],
)
def test_a_filter_passes_what_matches_and_not_what_is_unlike(pattern, matching, not_matching):
    prefilter = Prefilter([pattern])

    assert (list(prefilter.candidates(matching)), list(prefilter.candidates(not_matching))) == ([0], [])


@pytest.mark.parametrize("pattern", [r"(a)?(?(1)b|c)", r"(?P<x>a)(?P=x)", r"(?(", r"\p{IsNoSuchScript}"])
def test_a_pattern_that_is_not_understood_has_no_filter(pattern):
    assert filter_of(pattern) is None


def test_a_pattern_without_a_filter_is_tried_on_every_text():
    prefilter = Prefilter(["a", r"(b)?(?(1)c|d)"])

    assert [list(prefilter.candidates(text)) for text in ("a", "x")] == [[0, 1], [1]]


def test_all_patterns_in_use_have_one():
    assert [pattern.pattern for pattern in _PATTERNS if filter_of(pattern.pattern) is None] == []


def test_where_the_scan_gives_up_every_pattern_is_tried(monkeypatch):
    class GivesUp:
        """As RE2 does when it is out of memory: it says that nothing matches."""

        def Match(self, _text):  # noqa: N802
            return None

    prefilter = Prefilter(["a", "b"])
    monkeypatch.setattr(prefilter, "_set", GivesUp())

    assert list(prefilter.candidates("x")) == [0, 1]


_TEXTS = (
    st.text(max_size=60)
    | st.text(st.sampled_from("0123456789-. /:@()+ABCdexwz"), max_size=60)
    | st.text(st.sampled_from("٠١٩１\u00a0\u202f-./:ſKé5 "), max_size=60)
)


@given(_TEXTS)
def test_whatever_a_pattern_finds_passes_its_filter(text):
    candidates = set(_PREFILTER.candidates(text))

    for number, pattern in enumerate(_PATTERNS):
        if pattern.search(text):
            assert number in candidates, pattern.pattern


@given(st.text(st.sampled_from("abcXYZ019.:/@-_ww?=\n'éß\u017f\u00a0٠"), max_size=80))
def test_re2_finds_the_same_where_it_is_asked(text):
    for one in _FINDING:
        if one.compiled_fast is not None and one.fast_in.fullmatch(text):
            theirs = [match.span() for match in one.compiled_fast.finditer(text)]
            assert theirs == [match.span() for match in one.compiled.finditer(text)]


@given(st.from_regex(regex.compile(r"\d{2}[\s.-]\w{3}").pattern, fullmatch=True))
def test_filters_read_classes_of_characters_as_widely_as_the_patterns(text):
    assert list(Prefilter([r"\d{2}[\s.-]\w{3}"]).candidates(text)) == [0]


def test_a_filter_that_read_them_as_re2_does_would_lose_some():
    """The twin."""
    assert re2.search(r"\d{2}[\s.-]\w{3}", "١٢\u00a0été") is None
    assert list(Prefilter([r"\d{2}[\s.-]\w{3}"]).candidates("١٢\u00a0été")) == [0]
