import polars as pl
import pytest

from anonymizers.text.language import languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Your order is ready to be picked up at the shop", "en"),
        ("Deine Bestellung liegt zur Abholung im Laden bereit", "de"),
        ("Tu pedido está listo para recoger en la tienda", "es"),
        ("O seu pedido já está pronto para retirada na loja", "pt"),
        ("Votre commande est prête à être retirée au magasin", "fr"),
        ("आपका ऑर्डर दुकान से लेने के लिए तैयार है", "hi"),
        ("Terima kasih, pesanan Anda bisa diambil di toko kami besok sore", "id"),
        ("ok thanks", None),
        ("STOP", None),
        ("12345678901234567890", None),
        ("", None),
        (None, None),
    ],
)
def test_the_language_of_a_text_that_is_long_enough(text, language):
    assert languages(pl.Series([text], dtype=pl.String)).to_list() == [language]


def test_rows_keep_their_places():
    german = "Deine Bestellung liegt zur Abholung im Laden bereit"

    assert languages(pl.Series([None, german, "ok", german])).to_list() == [None, "de", None, "de"]
