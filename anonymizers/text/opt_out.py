"""Messages that ask for no more messages: the one table of keywords, and the match."""

import polars as pl

from anonymizers.unicode import plain

# English: the per-se revocations of 47 CFR 64.1200(a)(10) (FCC 24-24), the CTIA Messaging Principles, 5.1.3,
# and Twilio's default keywords, French ones included
# (https://help.twilio.com/articles/223134027, https://www.twilio.com/docs/proxy/opt-out-keywords).
# The other languages: the words that carriers or regulators ask for there, with the spellings people type:
# STOP in Germany, France (36111/STOP SMS, AF2M) and Spain (BAJA); SAIR and PARAR in Brazil; 退订 and TD in
# China; STOP and BERHENTI in Indonesia and Malaysia (BATAL STOP: MCMC mandatory standards); STOP and its
# Hindi verbs in India.
OPT_OUT_KEYWORDS: dict[str, tuple[str, ...]] = {
    "en": (
        "stop", "stop all", "stopall", "unsubscribe", "unsub", "cancel", "end", "quit", "revoke",
        "opt out", "optout", "remove me", "unsubscribe me",
    ),
    "de": (
        "stopp", "abmelden", "abmeldung", "abbestellen", "austragen", "beenden", "keine werbung",
        "keine werbung mehr", "keine nachrichten mehr",
    ),
    "es": (
        "baja", "darme de baja", "dar de baja", "darse de baja", "alto", "detener", "parar", "cancelar",
        "cancelar suscripción", "cancelar suscripcion", "no más mensajes", "no mas mensajes",
    ),
    "pt": (
        "sair", "pare", "parar", "cancelar", "remover", "descadastrar", "cancelar inscrição",
        "cancelar inscricao", "não quero mais receber", "nao quero mais receber",
    ),
    "fr": (
        "arret", "arrêt", "arrete", "arrête", "arrett", "arreter", "arrêter", "stop sms", "stop pub",
        "désabonner", "desabonner", "désabonnement", "desabonnement", "me désabonner", "me desabonner",
        "désinscrire", "desinscrire", "désinscription", "desinscription",
    ),
    "id": ("berhenti", "berhenti langganan", "berhenti berlangganan", "unreg", "batal"),
    "ms": ("berhenti", "henti", "hentikan", "batal", "stop all batal", "batal stop"),
    "hi": (
        "रोकें", "रोको", "रोक दो", "रुकें", "रुको", "बंद करें", "बंद करो", "बंद", "सदस्यता समाप्त करें",
        "स्टॉप", "band karo",
    ),
    "zh": ("退订", "退訂", "td", "t退订", "停止", "取消订阅", "取消訂閱", "取消", "不要再发", "不要再發"),
}  # fmt: skip

_LONGEST = max(len(word) for words in OPT_OUT_KEYWORDS.values() for word in words)
_GENEROUS = 4 * _LONGEST


def is_opt_out(texts: pl.Series) -> pl.Series:
    """Whether the whole message is an opt-out keyword, whatever its case, punctuation or hidden characters.

    A keyword within a sentence is not one (as at the providers): "please stop by" is a visit.
    """
    words = pl.Series(sorted({_plainly(word) for group in OPT_OUT_KEYWORDS.values() for word in group}))
    short = texts.str.len_chars() <= _GENEROUS
    # Only short texts are worth normalising.
    candidates = pl.select(pl.when(short).then(texts)).to_series()
    bare = plain(candidates).str.to_lowercase().str.replace_all(r"[^\p{L}\p{M}\p{N}]+", " ").str.strip_chars()
    found = bare.is_in(words.implode()).fill_null(False)
    return pl.select(pl.when(texts.is_not_null()).then(found)).to_series().rename(texts.name)


def _plainly(word: str) -> str:
    return str(plain(pl.Series([word])).str.to_lowercase()[0])
