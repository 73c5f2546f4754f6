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
        (IdentityKind.MESSAGE, "0012345678", "12345678"),
        (IdentityKind.MESSAGE, "33E95179", "870928761"),
        (IdentityKind.MESSAGE, "0x33e95179", "870928761"),
        (IdentityKind.MESSAGE, "000", "0"),
        (IdentityKind.MESSAGE, "FFFFFFFFFFFFFFFF", "18446744073709551615"),
        (IdentityKind.MESSAGE, "f123456789abcdef0", "f123456789abcdef0"),
        (IdentityKind.MESSAGE, "99999999999999999999999", "99999999999999999999999"),
        (IdentityKind.OUTBOX, "00ab", "00ab"),
        (IdentityKind.WHATSAPP_USER, "DE.1234 ", "DE.1234"),
        (IdentityKind.MEMBER, "\uff4d7", "m7"),
        (IdentityKind.CONTACT, "", None),
        (IdentityKind.CONTACT, " \u200b", None),
        (IdentityKind.PHONE, "", None),
        (IdentityKind.PHONE, "n/a", None),
        (IdentityKind.PHONE, "anonymous", None),
        (IdentityKind.PHONE, "4.91511E+12", None),
        (IdentityKind.PHONE, " 4,91511e+12", None),
        (IdentityKind.PHONE, "5E12", None),
        (IdentityKind.PHONE, "US.7000000001", "US.7000000001"),
        (IdentityKind.PHONE, "0", None),
        (IdentityKind.PHONE, "000-000-0000", None),
        (IdentityKind.PHONE, "0.0", None),
        (IdentityKind.EMAIL, "@", None),
        (IdentityKind.EMAIL, "ada@", None),
        (IdentityKind.EMAIL, " @example.org", None),
        (IdentityKind.EMAIL, "<@>", None),
        (IdentityKind.EMAIL, "\u00fc@example.org", "\u00fc@example.org"),
        (IdentityKind.EMAIL, "none", None),
        (IdentityKind.EMAIL, "mailto:ada@example.org", "ada@example.org"),
        (IdentityKind.MESSAGE, " ", None),
        (IdentityKind.MESSAGE, "1.23457E+17", None),
        (IdentityKind.CONTACT, "1,23457E+17", None),
        (IdentityKind.OUTBOX, "1E+17", None),
        (IdentityKind.MEMBER, "12E+17", "12E+17"),
        (IdentityKind.CONTACT, "1E17", "1E17"),
    ],
)
def test_an_identity_has_one_spelling(kind, as_it_came, spelt):
    assert normalise(pl.Series([as_it_came, None]), kind=kind).to_list() == [spelt, None]


def test_the_case_of_a_message_id_is_part_of_it():
    upper, lower = normalise(pl.Series(["wamid.ABC", "wamid.abc"]), kind=IdentityKind.MESSAGE)

    assert upper != lower


def test_a_number_may_be_written_as_it_is_dialled_where_its_row_belongs():
    numbers = pl.Series(["030 123456", "030 123456", "+4930123456", "n/a"])
    regions = pl.Series(["DE", None, "US", "DE"])

    spelt = normalise(numbers, kind=IdentityKind.PHONE, regions=regions)

    assert spelt.to_list() == ["+4930123456", "030123456", "+4930123456", None]


@pytest.mark.parametrize("kind", IdentityKind)
def test_every_kind_normalises_an_empty_column(kind):
    assert normalise(pl.Series([], dtype=pl.String), kind=kind).to_list() == []
