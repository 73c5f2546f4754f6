import polars as pl
import pytest

from anonymizers.text.features import derive
from anonymizers.treatments import TextFeature


@pytest.mark.parametrize(
    ("text", "has_link"),
    [
        ("see https://shop.example/x", True),
        ("see HTTP://SHOP.EXAMPLE", True),
        ("www.shop.example", True),
        ("shop.example.com", True),
        ("bit.ly/3xYz", True),
        ("wa.me/4915100000001", True),
        ("müller-shop.de", True),
        ("(shop.io)", True),
        ("write to ada@example.com", False),
        ("See you at 10.30", False),
        ("Ok.Then we go", False),
        ("wait...what", False),
        ("", False),
        (None, None),
    ],
)
def test_a_text_with_a_link(text, has_link):
    found = derive(pl.Series(["no", text, None], dtype=pl.String), features=[TextFeature.HAS_LINK])

    assert found[TextFeature.HAS_LINK].to_list() == [False, has_link, None]


@pytest.mark.parametrize(("text", "length"), [("", 0), ("ünï", 3), ("😀", 1), (None, None)])
def test_the_length_is_in_characters(text, length):
    found = derive(pl.Series([text], dtype=pl.String), features=[TextFeature.LENGTH])

    assert found[TextFeature.LENGTH].to_list() == [length]


@pytest.mark.parametrize("feature", TextFeature)
def test_only_what_is_asked_is_measured(feature):
    found = derive(pl.Series(["STOP", None], dtype=pl.String), features=[feature])

    assert set(found) == {feature}
    assert found[feature].to_list()[1] is None


@pytest.mark.parametrize("feature", TextFeature)
def test_a_column_without_rows_is_measured(feature):
    assert derive(pl.Series([], dtype=pl.String), features=[feature])[feature].len() == 0
