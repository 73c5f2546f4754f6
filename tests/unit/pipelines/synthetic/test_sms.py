"""Segments of SMS."""

import numpy as np
import pytest

from pipelines.synthetic.names import is_gsm
from pipelines.synthetic.sms import segments


@pytest.mark.parametrize(
    ("length", "is_plain", "expected"),
    [
        (1, True, 1),
        (160, True, 1),
        (161, True, 2),
        (306, True, 2),
        (307, True, 3),
        (70, False, 1),
        (71, False, 2),
    ],
)
def test_long_messages_are_cut_into_segments(length, is_plain, expected):
    assert segments(np.array([length]), np.array([is_plain])).tolist() == [expected]


@pytest.mark.parametrize(("text", "expected"), [("Grüße, José!", True), ("João", False), ("नमस्ते", False)])
def test_only_some_letters_fit_the_seven_bit_alphabet(text, expected):
    assert is_gsm(text) is expected
