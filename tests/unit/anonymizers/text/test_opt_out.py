import polars as pl
import pytest

from anonymizers.text.opt_out import is_opt_out, opt_out_words


@pytest.mark.parametrize(
    ("text", "opts_out"),
    [
        ("STOP", True),
        ("stop", True),
        (" Stop. ", True),
        ("STOP!!!", True),
        ("“stop”", True),
        ("S\u200bT\u200bO\u200bP", True),
        ("\uff33\uff34\uff2f\uff30", True),
        ("STOP 🛑", True),
        ("stop-all", True),
        ("Opt-Out", True),
        ("ARRÊT", True),
        ("Arre\u0302t", True),
        ("rayez-moi", False),
        ("Abmelden", True),
        ("BAJA", True),
        ("Dar de baja", True),
        ("SAIR", True),
        ("berhenti", True),
        ("रोकें", True),
        ("退订", True),
        ("Stop promotions", True),
        ("STOP_PROMOTIONS", True),
        ("stopPromotions", True),
        ("Unsubscribe from All", True),
        ("No more offers!", True),
        ("Werbung stoppen", True),
        ("Keine Angebote mehr", True),
        ("Detener promociones", True),
        ("Parar promoções", True),
        ("Arrêter les promotions", True),
        ("Hentikan promosi", True),
        ("Berhenti terima mesej", True),
        ("प्रचार बंद करें", True),
        ("退订全部", True),
        ("全部退订", True),
        ("Se désabonner", True),
        ("DESABONNER", True),
        ("Darme de baja de todo", True),
        ("Cancelar inscricao de tudo", True),
        ("Von Werbung abmelden", True),
        ("Disiscriviti da tutto", True),
        ("Stop met promoties", True),
        ("ABONELİKTEN ÇIK", True),
        ("الغاء الاشتراك", True),
        ("प्रमोशन न भेजें", True),
        ("please unsubscribe", True),
        ("Take me off this list", True),
        ("stop svp", True),
        ("Bitte keine Werbung mehr!", True),
        ("darme de baja, por favor", True),
        ("कृपया बंद करें", True),
        ("1. Stop", True),
        ("2) Unsubscribe", True),
        ("STOP / BAJA", True),
        ("Stop (Abmelden)", True),
        ("Non voglio più ricevere", True),
        ("إيقاف العروض الترويجية", True),
        ("please", False),
        ("please stop by", False),
        ("1. Sale", False),
        ("Stop / Go", False),
        ("Plus de promos", False),
        ("Stop by our shop", False),
        ("Don't stop promotions", False),
        ("stop here", False),
        ("Cancel order", False),
        ("Tidak mau pesan", False),
        ("Voir les promos", False),
        ("Nicht abmelden", False),
        ("Stop order", False),
        ("Promotions", False),
        ("回复TD", False),
        ("please stop by tomorrow", False),
        ("don't stop", False),
        ("stop it", False),
        ("nonstop", False),
        ("START", False),
        ("", False),
        ("🛑", False),
        ("stop" + " " * 500, False),
        (None, None),
    ],
)
def test_a_message_opts_out_when_it_is_nothing_but_a_keyword(text, opts_out):
    assert is_opt_out(pl.Series([text], dtype=pl.String)).to_list() == [opts_out]


@pytest.mark.parametrize("language", opt_out_words().keywords)
def test_every_declared_keyword_opts_out_in_any_case(language):
    words = opt_out_words().keywords[language]

    assert is_opt_out(pl.Series([word.upper() for word in words] + [f"{w}." for w in words])).all()


@pytest.mark.parametrize("words", [opt_out_words().keywords, opt_out_words().phrases])
def test_every_language_that_is_served_has_keywords_and_phrases(words):
    assert set(words) == {"en", "de", "es", "pt", "fr", "it", "nl", "id", "ms", "hi", "tr", "ar", "zh"}
