import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizers.text.gates import gate
from anonymizers.text.recognizers import Recognizers
from anonymizers.text.settings import load_settings

_PATTERNS = Recognizers(load_settings()).patterns


@pytest.mark.parametrize(
    ("pattern", "matching", "not_matching"),
    [
        (r"(?<!x)a(?=b)", "cab", "b"),
        (r"(?<=x|yy)a", "yya", "ya"),
        (r"(?i:A)\Z", "a", "ab"),
        (r"(['\"])x\1", "'x'", "y"),
        (r"[a-z]{3,253}!", "abc!", "ab!"),
        (r"[]\[x]+y", "[y", "y"),
        (r"(?>ab)c", "abc", "ab"),
        (r"\d++-", "12-", "12"),
        (r"\(\)", "()", "("),
    ],
)
def test_a_gate_lets_pass_what_matches_and_keeps_out_what_is_unlike(pattern, matching, not_matching):
    passed = pl.Series([matching, not_matching]).str.contains(gate(pattern))

    assert passed.to_list() == [True, False]


@pytest.mark.parametrize("pattern", [r"(a)?(?(1)b|c)", r"(?P<x>a)(?P=x)", r"(?(", r"\p{IsNoSuchScript}"])
def test_a_pattern_that_is_not_understood_has_no_gate(pattern):
    assert gate(pattern) is None


def test_all_patterns_in_use_have_one():
    assert [one.recognizer for one in _PATTERNS if one.gate is None] == []


_TEXTS = st.text(max_size=60) | st.text(st.sampled_from("0123456789-. /:@()+ABCdexwz"), max_size=60)


@settings(max_examples=300, deadline=None)
@given(_TEXTS)
def test_whatever_a_pattern_finds_passes_its_gate(text):
    column = pl.Series([text])

    for pattern in _PATTERNS:
        if pattern.compiled.search(text):
            assert column.str.contains(pattern.gate)[0], pattern.recognizer
