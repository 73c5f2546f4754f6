import pytest

from anonymizers.text.checksums import CHECKSUMS


@pytest.mark.parametrize(
    ("checksum", "right", "wrong"),
    [
        # Examples of the standards and of the Receita Federal, not of persons.
        ("luhn", "490154203237518", "490154203237517"),
        ("luhn", "8944 1000 3005 5020 033", "8944 1000 3005 5020 035"),
        ("luhn", "٤٩٠١٥٤٢٠٣٢٣٧٥١٨", "no digits"),
        ("cpf", "529.982.247-25", "529.982.247-26"),
        ("cpf", "52998224725", "111.111.111-11"),
        ("cnpj", "11.222.333/0001-81", "11.222.333/0001-82"),
    ],
)
def test_check_digits_tell_a_number_from_a_slip(checksum, right, wrong):
    assert (CHECKSUMS[checksum](right), CHECKSUMS[checksum](wrong)) == (True, False)
