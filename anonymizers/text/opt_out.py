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
# Turkish: RET and IPTAL (İYS, the register of consents).
# The other languages have no such list: the verbs that messages there name beside STOP, as people type them.
# Accents do not matter.
OPT_OUT_KEYWORDS: dict[str, tuple[str, ...]] = {
    "en": (
        "stop", "stop all", "stopall", "unsubscribe", "unsubscribed", "unsub", "unsubcribe", "unsuscribe",
        "cancel", "end", "quit", "revoke", "opt out", "optout", "opt me out", "remove", "remove me",
        "unsubscribe me", "stop now", "stop immediately", "unsubscribe now", "unsubscribe here",
        "i want to stop", "i want to unsubscribe", "i want to opt out", "no marketing", "no promotions",
        "no promos", "no ads", "don't contact me", "do not contact me", "don't message me",
        "do not message me", "take me off", "take me off this list", "take me off the list",
        "take me off your list", "leave list", "leave this list",
    ),
    "de": (
        "stopp", "stoppen", "abmelden", "mich abmelden", "ich möchte mich abmelden", "abmeldung",
        "abbestellen", "austragen", "beenden", "deabonnieren", "nicht mehr anschreiben",
        "nicht mehr schreiben",
        "nicht mehr kontaktieren",
    ),
    "es": (
        "baja", "darme de baja", "dar de baja", "darse de baja", "dame de baja", "date de baja",
        "quiero darme de baja", "baja total", "alto", "detener", "parar",
        "cancelar", "desuscribir", "desuscribirme", "desuscribirse", "eliminar suscripción",
        "dejar de recibir", "no enviar más", "no recibir más", "no quiero recibir más",
    ),
    "pt": (
        "sair", "quero sair", "pare", "parar", "parar de receber", "parar de enviar", "cancelar",
        "cancelar recebimento",
        "remover", "me remova", "me remover", "remover meu número", "descadastrar", "descadastrar-se",
        "descadastre-me", "desinscrever", "desinscrever-se", "não receber mais", "não quero receber",
        "não quero mais receber", "não desejo receber", "não desejo mais receber", "não enviar mais",
        "não me envie mais mensagens", "deixar de receber",
    ),
    "fr": (
        "arrêt", "arrête", "arrett", "arrêter", "arrêtez", "stopper", "désabonner", "désabonnement",
        "se désabonner", "me désabonner", "je me désabonne", "je veux me désabonner",
        "je souhaite me désabonner", "désabonnez-moi", "désinscrire", "se désinscrire", "me désinscrire",
        "désinscription", "désinscrivez-moi", "ne plus recevoir", "ne plus me contacter",
    ),
    "it": (
        "disiscriviti", "disiscrivimi", "disiscrivi", "disiscrizione", "annulla", "annulla iscrizione",
        "annulla l'iscrizione",
        "cancella", "cancella iscrizione", "cancellami", "rimuovimi", "ferma", "interrompi",
        "non inviare più",
        "non voglio più ricevere", "non voglio più ricevere messaggi",
    ),
    "nl": ("afmelden", "afmelding", "meld me af", "uitschrijven", "schrijf me uit", "stoppen"),
    "id": (
        "berhenti", "unreg", "batal", "jangan hubungi saya", "jangan kirim lagi", "jangan kirim pesan lagi",
        "tidak mau promo", "tidak mau promosi", "tidak mau iklan",
    ),
    "ms": (
        "berhenti", "henti", "hentikan", "batal", "stop all batal", "batal stop", "nyahlanggan",
        "berhenti melanggan", "berhenti langgan", "batal langganan", "jangan hantar lagi",
        "jangan hubungi saya",
    ),
    "hi": (
        "रोकें", "रोको", "रोक दो", "रुकें", "रुको", "बंद करें", "बंद करो", "बंद", "सदस्यता समाप्त करें",
        "स्टॉप", "अनसब्सक्राइब", "अनसब्सक्राइब करें", "ऑप्ट आउट", "मुझे मैसेज न भेजें", "band karo",
        "stop karo", "roko", "mat bhejo", "message band karo", "messages band karo", "msg band karo",
    ),
    "tr": ("durdur", "iptal", "ret", "abonelikten çık", "aboneliği iptal et", "mesaj istemiyorum"),
    "ar": ("إيقاف", "أوقف", "توقف", "إلغاء", "إلغاء الاشتراك", "لا أريد رسائل"),
    "zh": (
        "退订", "退訂", "td", "t退订", "停止", "停止接收", "拒收", "取消订阅", "取消訂閱", "取消", "不要再发",
        "不要再發",
    ),
}  # fmt: skip

# What buttons say: a verb and what should end, in either order. "Stop promotions" and "Unsubscribe from All"
# are the buttons that WhatsApp offers with a marketing template; what is behind one reads `STOP_PROMOTIONS`.
OPT_OUT_PHRASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "en": (
        (
            "stop", "stop receiving", "stop getting", "stop sending", "stop sending me", "stop all",
            "unsubscribe",
            "unsubscribe me", "unsubscribe from", "unsubscribe from all", "unsubscribe me from", "opt out",
            "opt out of", "opt out of all", "opt out from", "opt me out of", "no more", "cancel", "end",
            "turn off", "block", "disable", "remove me from", "take me off", "don't send me",
            "do not send me", "don't send", "do not send",
        ),
        (
            "all", "promotions", "promotion", "promos", "promo", "promotional messages", "promo messages",
            "promotional offers", "marketing", "offers", "deals", "marketing messages", "messages",
            "message", "msg", "msgs", "all messages", "all promotions", "all marketing", "these messages",
            "messaging me", "texting me", "contacting me", "updates", "notifications", "alerts", "ads",
            "advertising", "newsletter", "newsletters", "campaigns", "broadcasts", "texts", "sms",
            "subscription", "my subscription", "list", "this list", "your list",
        ),
    ),
    "de": (
        (
            "stopp", "stop", "stoppe", "stoppen", "stoppen sie", "keine", "keine weiteren", "abmelden",
            "abmelden von", "abbestellen", "austragen", "deabonnieren", "beenden",
        ),
        (
            "alle", "alles", "von allem", "von allen", "werbung", "von werbung", "werbeaktionen",
            "aktionen", "promotions", "promos", "angebote", "nachrichten", "werbenachrichten", "marketing",
            "marketingnachrichten", "benachrichtigungen", "newsletter", "vom newsletter", "abo",
            "abonnement", "sms", "werbung mehr", "nachrichten mehr", "angebote mehr",
            "werbenachrichten mehr", "promotions mehr", "aktionen mehr", "benachrichtigungen mehr",
            "newsletter mehr", "infos mehr", "sms mehr",
        ),
    ),
    "es": (
        (
            "stop", "detener", "parar", "cancelar", "cancelar suscripción a", "anular",
            "anular suscripción a", "bloquear", "no más", "no recibir", "no recibir más", "no enviar más",
            "no quiero más", "no quiero recibir", "no quiero recibir más", "no deseo recibir",
            "no deseo recibir más", "dejar de recibir", "baja de", "darme de baja de", "darse de baja de",
            "dame de baja de", "desuscribirme de",
        ),
        (
            "todo", "todas", "todos", "promociones", "las promociones", "promos", "mensajes",
            "los mensajes", "ofertas", "las ofertas", "mensajes promocionales", "publicidad",
            "notificaciones", "novedades", "suscripción", "la suscripción", "mi suscripción", "marketing",
        ),
    ),
    "pt": (
        (
            "stop", "parar", "pare", "interromper", "parar de receber", "parar de enviar",
            "deixar de receber", "não receber",
            "não receber mais", "não enviar", "cancelar", "cancelar inscrição de", "bloquear", "não quero",
            "não quero mais", "não quero receber", "não quero mais receber", "não desejo receber",
            "sair de", "sair da", "remover da", "descadastrar de", "descadastrar-se de", "chega de",
            "sem mais",
        ),
        (
            "tudo", "todas", "todos", "promoções", "as promoções", "promos", "mensagens", "as mensagens",
            "ofertas", "lista", "mensagens promocionais", "marketing", "publicidade", "propaganda",
            "notificações", "novidades", "assinatura", "inscrição", "subscrição",
        ),
    ),
    "fr": (
        (
            "arrêter", "arrêtez", "stop", "stop aux", "stopper", "arrêter de recevoir", "ne plus recevoir",
            "se désabonner", "se désabonner de", "se désabonner des", "me désabonner de",
            "se désinscrire de", "se désinscrire des", "désabonnement", "annuler", "désactiver",
        ),
        (
            "tout", "tous", "toutes", "promotions", "les promotions", "de promotions", "promos",
            "les promos", "messages", "les messages", "de messages", "offres", "les offres", "d'offres",
            "publicité", "la publicité", "pub", "les pubs", "notifications", "les notifications",
            "abonnement", "l'abonnement", "newsletter", "la newsletter", "marketing", "sms", "les sms",
        ),
    ),
    "it": (
        (
            "stop", "basta", "ferma", "interrompi", "disattiva", "annulla", "niente", "non inviare più",
            "annulla iscrizione a", "annulla l'iscrizione a", "disiscriviti da", "disiscrivimi da",
        ),
        (
            "tutto", "promozioni", "le promozioni", "offerte", "messaggi", "i messaggi",
            "messaggi promozionali", "pubblicità", "marketing", "notifiche", "iscrizione", "newsletter",
        ),
    ),
    "nl": (
        (
            "stop", "stoppen", "stop met", "geen", "afmelden", "afmelden voor", "uitschrijven",
            "uitschrijven voor", "uitschrijven van",
        ),
        (
            "alles", "promoties", "aanbiedingen", "berichten", "reclame", "marketing", "meldingen",
            "nieuwsbrief", "abonnement", "reclame meer", "berichten meer", "aanbiedingen meer",
            "promoties meer",
        ),
    ),
    "id": (
        (
            "berhenti", "berhenti dari", "berhenti terima", "berhenti menerima", "berhenti mengirim",
            "berhenti langganan", "berhenti berlangganan", "berhenti berlangganan dari", "hentikan",
            "batalkan", "stop", "unsubscribe", "jangan kirim", "tidak ingin menerima",
        ),
        (
            "semua", "promosi", "promo", "pesan", "semua pesan", "pesan promosi", "iklan", "penawaran",
            "notifikasi", "langganan", "berlangganan", "pemasaran", "marketing",
        ),
    ),
    "ms": (
        (
            "berhenti", "berhenti terima", "berhenti menerima", "berhenti melanggan", "henti",
            "hentikan", "batalkan", "tamatkan", "nyahlanggan", "nyahlanggan dari", "stop",
            "jangan hantar",
        ),
        (
            "semua", "promosi", "mesej", "semua mesej", "mesej promosi", "iklan", "tawaran",
            "pemberitahuan", "langganan", "pemasaran",
        ),
    ),
    "hi": (
        (
            "रोकें", "रोको", "रोक दें", "बंद करें", "बंद करो", "बंद", "नहीं चाहिए", "रद्द करें", "न भेजें",
            "मत भेजो", "मत भेजें", "स्टॉप", "stop", "से सदस्यता समाप्त करें", "से अनसब्सक्राइब करें",
        ),
        (
            "सभी", "सब", "प्रचार", "प्रमोशन", "ऑफ़र", "ऑफर", "संदेश", "मैसेज", "मार्केटिंग", "विज्ञापन",
            "सदस्यता", "प्रचार संदेश", "सभी संदेश",
        ),
    ),
    "tr": (
        ("durdur", "iptal et", "istemiyorum", "kapat", "çık"),
        (
            "tümünü", "tümünden", "hepsini", "promosyonları", "promosyon", "kampanyaları", "kampanya",
            "mesajları", "reklamları", "reklam", "bildirimleri", "listeden", "aboneliği",
            "tüm aboneliklerden",
        ),
    ),
    "ar": (
        ("إيقاف", "أوقف", "وقف", "إلغاء الاشتراك من", "إلغاء الاشتراك في", "إلغاء", "لا أريد"),
        (
            "الكل", "العروض", "العروض الترويجية", "الرسائل", "الإعلانات", "الترويج", "الرسائل الترويجية",
            "التسويق",
            "الإشعارات",
        ),
    ),
    "zh": (
        (
            "退订", "退訂", "停止", "停止接收", "取消", "取消订阅", "取消訂閱", "拒收", "不再接收",
            "不要",
        ),
        (
            "全部", "所有", "促销", "促銷", "推广", "推廣", "营销", "營銷", "行銷", "消息", "訊息", "信息",
            "短信", "广告", "廣告", "促销信息", "促銷訊息", "营销消息", "所有消息", "所有訊息", "通知",
            "推送", "优惠", "優惠", "订阅", "訂閱", "所有订阅", "全部订阅",
        ),
    ),
}  # fmt: skip


# What stands around a keyword and says nothing: the number of a choice, and `please`.
_BESIDE = (
    r"(?i)^[^\p{L}\p{N}]*[0-9]{1,2}[^\p{L}\p{N}]+"
    r"|\b(?:please|pls|plz|kindly|bitte|por favor|s'il (?:vous|te) pla[iî]t|svp|per favore|alstublieft|aub"
    r"|tolong|mohon|sila|lütfen)\b|कृपया|प्लीज|من فضلك|رجاء|请|請"
)


def is_opt_out(texts: pl.Series) -> pl.Series:
    """Return whether each of the n texts is an opt-out keyword as a whole, in order; null for null.

    Case, accents, punctuation, characters of no width and words like `please` are ignored. STOP may be said
    in two languages: `STOP / BAJA`. A keyword within a sentence does not count, as with the providers:
    "please stop by" is a visit.
    """
    words = _keywords()
    short = texts.str.len_chars() <= 2 * cast("int", words.str.len_chars().max())
    # Only short texts are worth normalising.
    candidates = pl.select(pl.when(short).then(texts)).to_series()
    found = _bare(plain(candidates).str.replace_all(_BESIDE, "")).is_in(words.implode()).fill_null(False)
    return pl.select(pl.when(texts.is_not_null()).then(found)).to_series().rename(texts.name)


@cache
def _keywords() -> pl.Series:
    """Return all keywords and phrases, each written as one word."""
    phrases = {
        phrase
        for verbs, objects in OPT_OUT_PHRASES.values()
        for verb in verbs
        for thing in objects
        for phrase in (verb + thing, thing + verb)
    }
    keywords = set().union(*OPT_OUT_KEYWORDS.values())
    in_two = {pair for word in keywords for pair in (f"stop {word}", f"{word} stop")}
    words = phrases | keywords | in_two
    return _bare(pl.Series(sorted(words))).unique().sort()


def _bare(texts: pl.Series) -> pl.Series:
    """Return texts in lower case without accents and what stands between words: `STOP_ALL` is one word.

    The Turkish letters I with and without a dot are one: `IPTAL` is typed with either.
    """
    folded = plain(texts).str.to_lowercase().str.normalize("NFKD").str.replace_all("ı", "i")
    return folded.str.replace_all(r"[\x{300}-\x{36f}\x{64b}-\x{655}]|[^\p{L}\p{M}\p{N}]+", "")
