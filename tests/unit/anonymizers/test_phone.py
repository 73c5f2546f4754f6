import re
from datetime import date

import phonenumbers
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anonymizers.phone import CHANGES, countries, normalise_phone, normalise_phones

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
        "4915100000001.0",
        "+4915100000001.00",
        "4915100000001,0",
        " 4915100000001.0 ",
        "Mobil: +49 151 00000001",
        "4,915,100,000,001",
        "https://wa.me/4915100000001",
        "api.whatsapp.com/send?phone=4915100000001",
        "+49 151 00000001 ext. 12",
    ),
    "+4930123456": ("+49.30.123456", "+49.30.12.34.56"),
    "+5511987654321": (
        *("+55 11 98765-4321", "551187654321", "5511987654321", "005511987654321", "0055 11 8765-4321"),
        *("+55 011 98765-4321", "+55 0 15 11 98765-4321"),
    ),
    "+551133334444": ("+55 11 3333-4444", "551133334444"),
    "+525512345678": (
        *("+52 55 1234 5678", "5215512345678", "+521 55 1234 5678", "00521 55 1234 5678"),
        *("+52 01 55 1234 5678", "+52 044 55 1234 5678", "+52 045 55 1234 5678"),
    ),
    "+541123456789": (
        *("+54 11 2345-6789", "5491123456789", "+54 9 11 2345 6789", "+54 11 15 2345-6789"),
        *("+54 9 11 15 2345-6789", "5491115 23456789", "+54 011 15 2345-6789"),
    ),
    "+542966123456": ("+54 9 2966 123456", "+54 9 2966 15 123456", "+54 2966 15 123456"),
    "+2290197123456": ("+229 01 97 12 34 56", "+229 97 12 34 56", "22997123456", "0022997123456"),
    "+2290120211234": ("+229 01 20 21 12 34", "+229 20 21 12 34"),
    "+2250102345678": ("+225 01 02 34 56 78", "+225 02 34 56 78"),
    "+2250545345678": ("+225 05 45 34 56 78", "+225 45 34 56 78", "22545345678"),
    "+2250708345678": ("+225 07 08 34 56 78", "+225 08 34 56 78"),
    "+2252120834567": ("+225 21 20 83 45 67", "+225 20 83 45 67"),
    "+2252520034567": ("+225 25 20 03 45 67", "+225 20 03 45 67"),
    "+2252722434567": ("+225 27 22 43 45 67", "+225 22 43 45 67"),
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
        ("+1-800-FLOWERS", "+1-800-FLOWERS"),
        ("+49151O0000001", "+49151O0000001"),
        ("US.7000000001", "US.7000000001"),
        ("whatsapp:US.70000x0001 ", "US.70000x0001"),
        ("(0)151 00000001", "015100000001"),
        ("030 123456.0", "0301234560"),
    ],
)
def test_what_is_no_international_number_keeps_a_spelling_of_its_own(text, kept):
    assert normalise_phones(pl.Series([text])).to_list() == [kept]


@given(
    st.lists(
        st.none()
        | st.text(max_size=12)
        | st.text(alphabet="0123456789+ -()./", max_size=20)
        | st.from_regex(
            r"(\+|00)?(1|44|49|52|521|54|549|55|39|225|229)?0?[0-9]{5,12}([.,]0{1,3})?", fullmatch=True
        ),
        max_size=20,
    ),
    st.lists(st.sampled_from([None, "DE", "US", "AR", "MX", "CI", "BR"]), min_size=20, max_size=20),
)
@example(["00(0)1234567", "+(0)1234567", "1(0)(0)234567", "1234567.0", "1 234567.0"], [None] * 20)
def test_the_column_and_the_single_number_are_spelt_alike(texts, regions):
    regions = regions[: len(texts)]
    column = pl.Series(texts, dtype=pl.String)

    alone = normalise_phones(column).to_list()
    by_region = normalise_phones(column, pl.Series(regions, dtype=pl.String)).to_list()

    assert alone == [None if t is None else normalise_phone(t) for t in texts]
    assert by_region == [
        None if t is None else normalise_phone(t, r) for t, r in zip(texts, regions, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("0151 23456789", "DE", "+4915123456789"),
        ("(0)151 23456789", "DE", "+4915123456789"),
        ("0212 5550123", "DE", "+492125550123"),
        ("015123456789.0", "DE", "+4915123456789"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("212-555-0123", "US", "+12125550123"),
        ("1 212 555 0123", "US", "+12125550123"),
        ("011 49 151 23456789", "US", "+4915123456789"),
        ("4792345678", "US", "+14792345678"),
        ("8 912 345-67-89", "RU", "+79123456789"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("02 1234 5678", "IT", "+390212345678"),
        ("11 8765-4321", "BR", "+5511987654321"),
        ("044 55 1234 5678", "MX", "+525512345678"),
        ("011 15 2345-6789", "AR", "+541123456789"),
        ("08 12 34 56", "CI", "+2250708123456"),
        ("97 12 34 56", "BJ", "+2290197123456"),
        ("98765 43210", "IN", "+919876543210"),
        # Kept for examples (Ofcom): nobody has them, so they are valid nowhere; two without their zero.
        ("07700 900123", "GB", "+447700900123"),
        ("(0)7700 900123", "GB", "+447700900123"),
        ("7700900123", "GB", "+447700900123"),
        ("01632 960000", "GB", "+441632960000"),
        ("1632960000", "GB", "+441632960000"),
        # International, wherever they are written.
        ("+4915123456789", "US", "+4915123456789"),
        ("004915123456789", "US", "+4915123456789"),
        ("4915123456789", "US", "+4915123456789"),
        ("4915123456789", "DE", "+4915123456789"),
        # Of nobody: too short, no such number, a country that there is not.
        ("12345", "DE", "12345"),
        ("0000000", "DE", "0000000"),
        ("0151 23456789", "XX", "015123456789"),
        ("US.7000000001", "US", "US.7000000001"),
    ],
)
def test_a_national_number_is_read_as_it_is_dialled_in_the_country_that_is_given(text, region, number):
    assert normalise_phone(text, region) == number


def test_a_change_of_a_plan_gives_numbers_of_the_present_one_and_says_where_that_stands():
    for change in CHANGES:
        old = {"BJ": "97123456", "MX": "15512345678", "BR": "1187654321", "AR": "91123456789"}
        ivorian = {"22501": "01234567", "22505": "05234567", "22507": "07234567"}
        fixed = {"22521": "20834567", "22525": "20034567", "22527": "22434567"}
        code = str(phonenumbers.country_code_for_region(change.country))
        before = code + (old.get(change.country) or (ivorian | fixed)[change.now[:5]])
        now = normalise_phone(before)

        assert re.search(change.before, before)
        assert now != f"+{before}"
        assert phonenumbers.is_valid_number(phonenumbers.parse(now))
        assert countries(pl.Series([now])).to_list() == [change.country]
        assert change.since < date(2026, 1, 1)
        assert change.source


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
        ("+447700900123", "GB"),
        ("+447911123456", "GG"),
        ("+15555550123", None),
        ("+88213300655", None),
        ("+9990000000", None),
        ("015100000001", None),
        ("WASMS", None),
        ("+49151O0000001", None),
        ("4.91511E+12", None),
        # Ten digits as they are dialled in the United States and in India: nobody said so.
        ("+2125550123", None),
        ("+9876543210", None),
        # User ids in a number's place, the second of a parent business; no such country, no such id.
        ("US.7000000001", "US"),
        ("DE.ENT.7000000001", "DE"),
        ("XX.7000000001", None),
        ("US.7000-0000", None),
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
