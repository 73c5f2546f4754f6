import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.text.rules import is_opaque, masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Spring sale 20% off", "Spring sale 20% off"),
        ("call +49 151 0000-0001 now", "call <NUMBER> now"),
        ("01 51 00 00", "<NUMBER>"),
        ("1\u200b2\u200b3", "<NUMBER>"),
        ("\uff11\uff12\uff13", "<NUMBER>"),
        ("٠١٥١", "<NUMBER>"),
        ("203.0.113.77", "<NUMBER>"),
        ("room 12", "room 12"),
        ("ada.canary+x@mail.example.org!", "<EMAIL_ADDRESS>"),
        ("ada\uff20example.org", "<EMAIL_ADDRESS>"),
        ("id wamid.HBgNNDkxNTEwMDAwMDAwMRUCABEYEg== failed", "id <ID> failed"),
        ("WAMID.x", "<ID>"),
        ("user 6f1c2d3e-0a1b-4c5d-8e9f-001122334455", "user <ID>"),
        ("hash deadbeef12", "hash <ID>"),
        ("key AKIAIOSFODNN7EXAMPLE", "key <ID>"),
        ("token QWRhQ2FuYXJ5", "token <ID>"),
        ("hello QWRhIENhbmFyeQ==", "hello <ID>"),
        ("iPhone and dashboard2", "iPhone and dashboard2"),
        ("<NUMBER> stays", "<NUMBER> stays"),
        ("", ""),
    ],
)
def test_rules_mask_before_any_model_looks(text, expected):
    assert masked([text]) == [expected]


@given(st.text(max_size=40))
def test_no_three_digits_in_a_row_survive(text):
    (safe,) = masked([text])

    runs, run = [], 0
    for character in safe:
        run = run + 1 if character.isdecimal() else 0
        runs.append(run)
    assert max(runs, default=0) < 3


@given(st.text("abcdefghijklmnopqrstuvwxyz ", min_size=6, max_size=20))
def test_base64_of_text_is_an_identifier(text):
    assert is_opaque(base64.urlsafe_b64encode(text.encode()).decode())


@pytest.mark.parametrize(
    "word", ["logstash", "presentations", "getUserById", "facade", "dashboard12", "UPPERCASE"]
)
def test_words_are_not_identifiers(word):
    assert not is_opaque(word)
