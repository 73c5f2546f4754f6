import phonenumbers
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anonymizers.phone import countries, normalise_phone, normalise_phones

SPELLINGS = {
    "+4915100000001": (
        "+4915100000001",
        "4915100000001",
        "004915100000001",
        "+49 151 0000-0001",
        "+49 (0)151 00000001",
        "+49.151/0000.0001",
        "(+49) 151 00000001",
        "+49015100000001",
        "whatsapp:+4915100000001",
        "WhatsApp:+4915100000001",
        "4915100000001@s.whatsapp.net",
        "4915100000001:12@s.whatsapp.net",
        "tel:+49-151-00000001",
        "\u200e+49 151 00000001",
        "\uff0b\uff14\uff1915100000001",
        "+49\u00a0151\u202f00000001",
        "+٤٩١٥١٠٠٠٠٠٠٠١",
    ),
    "+5511987654321": ("+55 11 98765-4321", "551187654321", "5511987654321"),
    "+551133334444": ("+55 11 3333-4444", "551133334444"),
    "+525512345678": ("+52 55 1234 5678", "5215512345678", "+521 55 1234 5678"),
    "+541123456789": ("+54 11 2345-6789", "5491123456789", "+54 9 11 2345 6789", "+54 11 15 2345-6789"),
    "+390612345678": ("+39 06 12345678", "390612345678"),
    "+2250102030405": ("+225 01 02 03 04 05", "2250102030405"),
}


@pytest.mark.parametrize(
    ("spelling", "number"), [(s, number) for number, spellings in SPELLINGS.items() for s in spellings]
)
def test_every_spelling_of_a_subscriber_is_one_number(spelling, number):
    assert normalise_phones(pl.Series([spelling])).to_list() == [number]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0151 000 00001", "015100000001"),
        ("12345", "12345"),
        ("WASMS", "WASMS"),
        (" anonymous ", "anonymous"),
        ("+", "+"),
        ("1234567890123456", "1234567890123456"),
    ],
)
def test_what_is_no_international_number_keeps_a_spelling_of_its_own(text, kept):
    assert normalise_phones(pl.Series([text])).to_list() == [kept]


@given(
    st.lists(
        st.none()
        | st.text(max_size=12)
        | st.text(alphabet="0123456789+ -()./", max_size=20)
        | st.from_regex(r"(\+|00)?(1|44|49|52|521|54|549|55|39|225)0?[0-9]{5,12}", fullmatch=True),
        max_size=20,
    )
)
@example(["00(0)1234567", "+(0)1234567", "1(0)(0)234567"])
def test_the_column_and_the_single_number_are_spelt_alike(texts):
    column = normalise_phones(pl.Series(texts, dtype=pl.String)).to_list()

    assert column == [None if text is None else normalise_phone(text) for text in texts]


@given(st.text(alphabet="0123456789+ -()./@:x\u0660", max_size=20))
def test_a_normal_spelling_stays_as_it_is(text):
    once = normalise_phone(text)

    assert normalise_phone(once) == once or not once.startswith("+")


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+4915100000001", "DE"),
        ("+6581234567", "SG"),
        ("+12125550123", "US"),
        ("+14165550123", "CA"),
        ("+5511987654321", "BR"),
        ("+919812345678", "IN"),
        ("+77012345678", "KZ"),
        ("+79161234567", "RU"),
        ("+88213300655", None),
        ("+9990000000", None),
        ("015100000001", None),
        ("WASMS", None),
        (None, None),
    ],
)
def test_the_country_of_a_number(number, country):
    assert countries(pl.Series([number], dtype=pl.String)).to_list() == [country]


def test_the_country_is_what_libphonenumber_says_of_the_whole_number():
    examples = [
        number
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
        if (number := phonenumbers.example_number_for_type(region, kind))
    ]
    written = [phonenumbers.format_number(n, phonenumbers.PhoneNumberFormat.E164) for n in examples]

    assert countries(pl.Series(written)).to_list() == [
        phonenumbers.region_code_for_number(number) for number in examples
    ]
