import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.json_allowlist import allowlisted
from tests.support.plans import Untouched


class Shouting:
    """Shows which texts reach the scrubber."""

    def scrub(self, texts):
        return [text.upper() for text in texts]


@pytest.mark.parametrize(
    ("document", "kept"),
    [
        ('{"tier": "gold", "name": "Ada Canary"}', '{"tier":"GOLD"}'),
        ('{"tier": "gold", "segment": "b"}', '{"segment":"B","tier":"GOLD"}'),
        ('{"tier": true, "segment": null}', '{"segment":null,"tier":true}'),
        ('{"tier": 7, "segment": 1.5}', '{"segment":1.5,"tier":7}'),
        ('{"tier": 4915100000001}', '{"tier":"<NUMBER>"}'),
        ('{"tier": {"name": "Ada Canary"}}', None),
        ('{"tier": ["Ada Canary"]}', None),
        ('{"tier": "a", "tier": "b"}', '{"tier":"B"}'),
        ('{"tier": "ünï"}', '{"tier":"ÜNÏ"}'),
        ('{"Tier": "gold"}', None),
        ('{"tier": NaN}', None),
        ("{}", None),
        ('["tier"]', None),
        ('"tier"', None),
        ("{'tier': 1}", None),
        ("", None),
        ('{"tier": ' + "9" * 5000 + "}", None),
        ("[" * 50_000, None),
        ('{"tier": "' + "x" * 70_000 + '"}', None),
        (None, None),
    ],
)
def test_only_declared_scalars_survive(document, kept):
    found = allowlisted(
        pl.Series([document], dtype=pl.String), allow=("tier", "segment"), scrubber=Shouting()
    )

    assert found.to_list() == [kept]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abtier", max_size=4), inner, max_size=3)
    ),
)


@given(st.lists(_JSON, max_size=6))
def test_whatever_comes_in_only_allowed_keys_and_scalars_come_out(values):
    documents = pl.Series([json.dumps(value) for value in values], dtype=pl.String)

    found = allowlisted(documents, allow=("tier",), scrubber=Untouched())

    assert found.len() == len(values)
    for text in found.drop_nulls():
        kept = json.loads(text)
        assert set(kept) == {"tier"}
        assert not isinstance(kept["tier"], dict | list)
