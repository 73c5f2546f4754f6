import polars as pl
import pytest

from anonymizers.identity import normalise
from anonymizers.treatments import IdentityKind


@pytest.mark.parametrize(
    ("kind", "as_it_came", "spelt"),
    [
        (IdentityKind.PHONE, "+49 (151) 0000-0001", "+4915100000001"),
        (IdentityKind.EMAIL, "  Ada.Canary@Example.ORG ", "ada.canary@example.org"),
        (IdentityKind.EMAIL, "ada\uff20example.org", "ada@example.org"),
        (IdentityKind.EMAIL, "ada\u200b@example.org", "ada@example.org"),
        (IdentityKind.EMAIL, "STRASSE@EXAMPLE.ORG", "strasse@example.org"),
        (IdentityKind.EMAIL, "straße@example.org", "strasse@example.org"),
        (IdentityKind.MESSAGE, " wamid.AbC=\n", "wamid.AbC="),
        (IdentityKind.WHATSAPP_USER, "DE.1234 ", "DE.1234"),
        (IdentityKind.MEMBER, "\uff4d7", "m7"),
        (IdentityKind.CONTACT, "", None),
        (IdentityKind.CONTACT, " \u200b", None),
        (IdentityKind.PHONE, "", None),
        (IdentityKind.MESSAGE, " ", None),
    ],
)
def test_an_identity_has_one_spelling(kind, as_it_came, spelt):
    assert normalise(pl.Series([as_it_came, None]), kind=kind).to_list() == [spelt, None]


def test_the_case_of_a_message_id_is_part_of_it():
    upper, lower = normalise(pl.Series(["wamid.ABC", "wamid.abc"]), kind=IdentityKind.MESSAGE)

    assert upper != lower


@pytest.mark.parametrize("kind", IdentityKind)
def test_every_kind_normalises_an_empty_column(kind):
    assert normalise(pl.Series([], dtype=pl.String), kind=kind).to_list() == []
