import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.text.opaque_ids import is_opaque


@given(st.text("abcdefghijklmnopqrstuvwxyz ", min_size=6, max_size=20))
def test_base64_of_text_is_an_identifier(text):
    assert is_opaque(base64.urlsafe_b64encode(text.encode()).decode())


@pytest.mark.parametrize(
    "word", ["logstash", "presentations", "getUserById", "facade", "dashboard12", "UPPERCASE"]
)
def test_words_are_not_identifiers(word):
    assert not is_opaque(word)
