"""Recognize messages that ask for no more messages, by one table of keywords."""

from functools import cache

import polars as pl

from anonymizers.unicode import plain

# English and French: what law and providers accept as a revocation: 47 CFR 64.1200(a)(10) (stop, quit, end,
# revoke, opt out, cancel, unsubscribe), the CTIA Messaging Principles, Twilio's keywords
# (https://www.twilio.com/docs/proxy/opt-out-keywords) and those of AWS, which add REMOVE and TD
# (https://docs.aws.amazon.com/sms-voice/latest/userguide/opt-out-list-keywords.html).
# Chinese: TD and 退订 (https://intl.cloud.tencent.com/document/product/382/35474); not its T and N.
# The other languages have no such list: the verbs that messages there name beside STOP, as people type them.
OPT_OUT_KEYWORDS: dict[str, tuple[str, ...]] = {
    "en": (
        "stop", "stop all", "stopall", "unsubscribe", "unsub", "cancel", "end", "quit", "revoke",
        "opt out", "optout", "remove", "remove me", "unsubscribe me",
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
    """Return whether each of the n texts is an opt-out keyword as a whole, in order; null for null.

    Case, punctuation and characters of no width are ignored. A keyword within a sentence does not count, as
    with the providers: "please stop by" is a visit.
    """
    words = _keywords()
    short = texts.str.len_chars() <= _GENEROUS
    # Only short texts are worth normalising.
    candidates = pl.select(pl.when(short).then(texts)).to_series()
    bare = plain(candidates).str.to_lowercase().str.replace_all(r"[^\p{L}\p{M}\p{N}]+", " ").str.strip_chars()
    found = bare.is_in(words.implode()).fill_null(False)
    return pl.select(pl.when(texts.is_not_null()).then(found)).to_series().rename(texts.name)


@cache
def _keywords() -> pl.Series:
    """Return all keywords in lower case and NFKC."""
    words = pl.Series(sorted({word for group in OPT_OUT_KEYWORDS.values() for word in group}))
    return plain(words).str.to_lowercase().unique().sort()
