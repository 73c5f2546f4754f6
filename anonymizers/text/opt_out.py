"""Recognize messages that ask for no more messages, by one table of keywords."""

from functools import cache
from typing import cast

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

# What buttons say: a verb and what should end, in either order. "Stop promotions" and "Unsubscribe from All"
# are the buttons that WhatsApp offers with a marketing template; what is behind one reads `STOP_PROMOTIONS`.
OPT_OUT_PHRASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "en": (
        (
            "stop", "stop receiving", "unsubscribe", "unsubscribe from", "unsubscribe me from",
            "opt out", "opt out of", "opt out from", "opt me out of", "no more", "cancel",
            "remove me from", "don't send me",
        ),
        (
            "all", "promotions", "promotion", "promos", "promo", "promotional messages", "marketing",
            "offers", "marketing messages", "messages", "all messages", "all promotions",
            "all marketing", "these messages", "updates", "notifications", "alerts", "ads",
            "newsletter", "newsletters", "campaigns", "broadcasts", "texts", "sms", "subscription",
            "list", "this list",
        ),
    ),
    "de": (
        (
            "stopp", "stop", "stoppen", "keine", "keine weiteren", "abmelden", "abbestellen", "beenden",
        ),
        (
            "alle", "alles", "von allem", "von allen", "werbung", "von werbung", "werbeaktionen",
            "aktionen", "promotions", "angebote", "nachrichten", "werbenachrichten",
            "benachrichtigungen", "newsletter", "vom newsletter", "angebote mehr",
            "werbenachrichten mehr", "promotions mehr",
        ),
    ),
    "es": (
        (
            "detener", "parar", "cancelar", "anular", "no más", "no mas", "no recibir",
            "no recibir más", "dejar de recibir", "baja de", "darme de baja de", "darse de baja de",
        ),
        (
            "todo", "todas", "todos", "promociones", "las promociones", "mensajes", "los mensajes",
            "ofertas", "mensajes promocionales", "publicidad", "notificaciones", "suscripción",
            "la suscripción", "marketing",
        ),
    ),
    "pt": (
        (
            "parar", "pare", "interromper", "parar de receber", "não receber", "não receber mais",
            "cancelar", "não quero", "não quero receber", "sair de", "sair da", "descadastrar de",
            "chega de", "sem mais",
        ),
        (
            "tudo", "todas", "todos", "promoções", "as promoções", "mensagens", "as mensagens",
            "ofertas", "lista", "mensagens promocionais", "marketing", "publicidade", "propaganda",
            "notificações", "assinatura",
        ),
    ),
    "fr": (
        (
            "arrêter", "stop", "arrêter de recevoir", "ne plus recevoir", "se désabonner",
            "se désabonner de", "me désabonner de", "se désinscrire de", "désabonnement", "annuler",
        ),
        (
            "tout", "tous", "toutes", "promotions", "les promotions", "de promotions", "promos",
            "les promos", "messages", "les messages", "de messages", "offres", "les offres", "d'offres",
            "publicité", "la publicité", "pub", "notifications", "abonnement", "l'abonnement",
        ),
    ),
    "id": (
        (
            "berhenti", "berhenti dari", "berhenti terima", "berhenti menerima", "berhenti langganan",
            "hentikan", "batalkan", "stop", "jangan kirim",
        ),
        (
            "semua", "promosi", "promo", "pesan", "semua pesan", "pesan promosi", "iklan", "penawaran",
            "notifikasi",
        ),
    ),
    "ms": (
        (
            "berhenti", "berhenti terima", "berhenti menerima", "berhenti melanggan", "henti",
            "hentikan", "batalkan", "stop", "jangan hantar",
        ),
        (
            "semua", "promosi", "mesej", "semua mesej", "mesej promosi", "iklan", "tawaran",
            "pemberitahuan",
        ),
    ),
    "hi": (
        (
            "रोकें", "रोको", "रोक दें", "बंद करें", "बंद करो", "बंद", "नहीं चाहिए", "रद्द करें",
            "से सदस्यता समाप्त करें",
        ),
        (
            "सभी", "सब", "प्रचार", "प्रमोशन", "ऑफ़र", "संदेश", "मैसेज", "मार्केटिंग", "विज्ञापन",
            "सदस्यता", "प्रचार संदेश", "सभी संदेश",
        ),
    ),
    "zh": (
        (
            "退订", "退訂", "停止", "停止接收", "取消", "取消订阅", "取消訂閱", "拒收", "不再接收",
            "不要",
        ),
        (
            "全部", "所有", "促销", "促銷", "推广", "推廣", "营销", "行銷", "消息", "訊息", "信息",
            "短信", "广告", "廣告", "促销信息", "促銷訊息", "营销消息", "所有消息", "所有訊息", "通知",
            "优惠", "優惠",
        ),
    ),
}  # fmt: skip


def is_opt_out(texts: pl.Series) -> pl.Series:
    """Return whether each of the n texts is an opt-out keyword as a whole, in order; null for null.

    Case, punctuation and characters of no width are ignored. A keyword within a sentence does not count, as
    with the providers: "please stop by" is a visit.
    """
    words = _keywords()
    short = texts.str.len_chars() <= 2 * cast("int", words.str.len_chars().max())
    # Only short texts are worth normalising.
    candidates = pl.select(pl.when(short).then(texts)).to_series()
    found = _bare(candidates).is_in(words.implode()).fill_null(False)
    return pl.select(pl.when(texts.is_not_null()).then(found)).to_series().rename(texts.name)


@cache
def _keywords() -> pl.Series:
    """Return all keywords and phrases in lower case and NFKC, written as one word."""
    phrases = {
        phrase
        for verbs, objects in OPT_OUT_PHRASES.values()
        for verb in verbs
        for thing in objects
        for phrase in (verb + thing, thing + verb)
    }
    words = phrases.union(*OPT_OUT_KEYWORDS.values())
    return _bare(pl.Series(sorted(words))).unique().sort()


def _bare(texts: pl.Series) -> pl.Series:
    """Return texts in lower case and NFKC, without what stands between words: `STOP_ALL` is one word."""
    return plain(texts).str.to_lowercase().str.replace_all(r"[^\p{L}\p{M}\p{N}]+", "")
