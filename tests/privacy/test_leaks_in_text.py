"""What must not stay readable in free text, by kind: names, numbers, secrets, whatever labels people.

The texts are made up, and the rule was not tuned on them. Some are meant to be hard: the bar is a share. The
twins take away what finds a kind and see it stay.
"""

from collections import Counter

import pytest

from anonymizers.text.evaluate import covered_by
from anonymizers.text.settings import load_settings
from tests.support.scrubbers import scrubber_of

LEAST_SHARE = 0.9
SETTINGS = load_settings()

# (text, what of it may not stay)
KINDS = {
    "lower-case full name": [
        ("der vertrag von sabine krüger läuft aus", "sabine krüger"),
        ("paket für torsten lindemann abgeben", "torsten lindemann"),
        ("el pedido de lorena castillo llegó roto", "lorena castillo"),
        ("habla con ramiro paredes mañana", "ramiro paredes"),
        ("o boleto de camila teixeira venceu", "camila teixeira"),
        ("avise marcelo pacheco que chegou", "marcelo pacheco"),
        ("barang untuk rina wulandari belum sampai", "rina wulandari"),
        ("transfer dari dedi kurniawan gagal", "dedi kurniawan"),
        ("tolong telefon nurul huda petang ini", "nurul huda"),
        ("resit faizal rahman dah hantar", "faizal rahman"),
        ("ramesh gupta ka parcel wapas aaya", "ramesh gupta"),
        ("neha verma ko message bhejo", "neha verma"),
        ("the parcel for gareth simmons came back", "gareth simmons"),
        ("please ring natalie dawson about it", "natalie dawson"),
        ("la commande de mathilde garnier est prête", "mathilde garnier"),
        ("appelez olivier marchand demain", "olivier marchand"),
    ],
    "names that are common words": [
        ("Faith said the dress was too small", "Faith"),
        ("Mark has not paid yet", "Mark"),
        ("I spoke to Grace about the refund", "Grace"),
        ("Summer called twice", "Summer"),
        ("Klein hat heute storniert", "Klein"),
        ("Vogel möchte einen Termin", "Vogel"),
        ("Luz no pagó la factura", "Luz"),
        ("Soledad quiere cambiar la cita", "Soledad"),
        ("Aurora pediu reembolso", "Aurora"),
        ("Bintang belum terima paket", "Bintang"),
        ("Mawar sudah bayar", "Mawar"),
        ("ask joy young about the keys", "joy young"),
    ],
    "possessive, genitive, plural": [
        ("grace's order is late", "grace"),
        ("Webers sind umgezogen", "Webers"),
        ("jürgen's rad ist fertig", "jürgen"),
        ("Schneiders haben bezahlt", "Schneiders"),
        ("los fernández cancelaron", "fernández"),
        ("kantornya bu ratna tutup", "ratna"),
        ("the thompsons moved out", "thompsons"),
    ],
    "compounds and hashtags": [
        ("Schmidtrechnung fehlt noch", "Schmidt"),
        ("anrufBeiHerrWeber", "Weber"),
        ("PedidoMariaSouza atrasado", "MariaSouza"),
        ("tagihanAgusWijaya lunas", "AgusWijaya"),
        ("grace_young_refund", "grace_young"),
        ("Petersgeschenk abholen", "Peter"),
    ],
    "vocative at the end or within": [
        ("thank you so much hope", "hope"),
        ("no worries mark", "mark"),
        ("ok grace, see you at five", "grace"),
        ("vielen dank sabine", "sabine"),
        ("tschüss wolf", "wolf"),
        ("hasta mañana pilar", "pilar"),
        ("muchas gracias luz", "luz"),
        ("tchau graça", "graça"),
        ("makasih bunga", "bunga"),
        ("sampai jumpa eko", "eko"),
        ("shukriya asha ji", "asha"),
        ("merci pierre", "pierre"),
    ],
    "nicknames and diminutives": [
        ("die Uschi kommt später", "Uschi"),
        ("la Conchi está mala", "Conchi"),
        ("o zezinho ligou", "zezinho"),
        ("Jacko owes me money", "Jacko"),
        ("bang ucok belum bayar", "ucok"),
        ("chintu ka order aaya", "chintu"),
    ],
    "self-introduction": [
        ("hi it's mark from the garage", "mark"),
        ("my name is joy", "joy"),
        ("this is faith calling", "faith"),
        ("mein name ist klein", "klein"),
        ("hier ist der vogel", "vogel"),
        ("me llamo luz", "luz"),
        ("soy dolores del segundo", "dolores"),
        ("aqui é a graça", "graça"),
        ("c'est rose de la boutique", "rose"),
        ("saya bunga dari toko", "bunga"),
        ("mera naam asha hai", "asha"),
        ("main kiran bol raha hu", "kiran"),
    ],
    "label and value": [
        ("Client: Grace", "Grace"),
        ("Guest: Mark Young", "Mark Young"),
        ("Kunde: Vogel", "Vogel"),
        ("Ansprechpartner: Rosa Klein", "Rosa Klein"),
        ("Nombre: Paz", "Paz"),
        ("Paciente: Luz Flores", "Luz Flores"),
        ("Cliente: Aurora", "Aurora"),
        ("Client: Olive", "Olive"),
        ("Nama: Cahaya", "Cahaya"),
        ("Attendee: Joy", "Joy"),
    ],
    "short campaign names with a person": [
        ("Call back Grace", "Grace"),
        ("Nachfassen Vogel", "Vogel"),
        ("rückruf klein", "klein"),
        ("Seguimiento Paz", "Paz"),
        ("Promo Mercedes", "Mercedes"),
        ("Orçamento Aurora", "Aurora"),
        ("Devis Olivier", "Olivier"),
        ("Promo Mawar", "Mawar"),
        ("Promosi Hafiz", "Hafiz"),
    ],
    "all capitals": [
        ("REFUND FOR CARTER WELLS TODAY", "CARTER WELLS"),
        ("ANGEBOT FÜR KATRIN ZIMMERMANN SCHICKEN", "KATRIN ZIMMERMANN"),
        ("LLAMAR A GONZALO HERRERA MAÑANA", "GONZALO HERRERA"),
        ("BOLETO DE LEANDRO CARVALHO VENCIDO", "LEANDRO CARVALHO"),
        ("PESANAN WAHYU HIDAYAT SUDAH JADI", "WAHYU HIDAYAT"),
        ("AMIT SHARMA KO CALL KARO", "AMIT SHARMA"),
    ],
    "emoji or signs between letters": [
        ("call M\u2728a\u2728r\u2728k now", "M\u2728a\u2728r\u2728k"),
        ("j.o.y paid twice", "j.o.y"),
        ("r-o-s-a kommt", "r-o-s-a"),
        ("gr|ace is here", "gr|ace"),
        ("h~o~p~e called", "h~o~p~e"),
        ("mark\U0001f496joy wedding", "mark\U0001f496joy"),
    ],
    "leetspeak": [
        ("gr4ce did not pay", "gr4ce"),
        ("m@rk called", "m@rk"),
        ("h0pe is here", "h0pe"),
        ("w0lf kommt", "w0lf"),
    ],
    "phone number in words": [
        ("call oh one five one double two three", "oh one five one double two three"),
        ("seventy eight, forty two, sixteen, ninety", "seventy eight, forty two, sixteen, ninety"),
        ("null eins sieben sechs vier", "null eins sieben sechs vier"),
        ("zweiundvierzig achtzehn dreiundsechzig elf", "zweiundvierzig achtzehn dreiundsechzig elf"),
        ("seiscientos veinte treinta y uno", "seiscientos veinte treinta y uno"),
        ("vinte e um trinta e dois quarenta e três", "vinte e um trinta e dois quarenta e três"),
        ("zéro six quarante-deux dix-huit trente", "zéro six quarante-deux dix-huit trente"),
        ("delapan belas dua puluh tiga empat lima", "delapan belas dua puluh tiga empat lima"),
        ("nau saat ek do paanch", "nau saat ek do paanch"),
    ],
    "digits split": [
        ("ring 01 / 76 / 23 / 98", "01 / 76 / 23 / 98"),
        ("0 1 7 6 2 3", "0 1 7 6 2 3"),
        ("44 ~ 20 ~ 79 ~ 46", "44 ~ 20 ~ 79 ~ 46"),
        ("n=01; m=76; p=23; q=98", "n=01; m=76; p=23; q=98"),
        ("9 (one) 7 (two) 6 5 5", "7"),
        ("0#1#7#6#2", "0#1#7#6#2"),
        ("01\n76\n23\n98", "01\n76\n23\n98"),
    ],
    "dates of birth": [
        ("born on July 4th", "July 4th"),
        ("Geburtstag: 12. März", "12. März"),
        ("Jahrgang 64", "64"),
        ("nací el 12 de julio", "12 de julio"),
        ("nasceu em 7 de maio", "7 de maio"),
        ("tanggal lahir 7 Mei", "7 Mei"),
        ("née le 3 mars", "3 mars"),
        ("dob 4/7", "4/7"),
        ("born in 1992", "1992"),
        ("geboren im Mai achtundsechzig", "Mai achtundsechzig"),
    ],
    "age and place (quasi-identifier)": [
        ("he is seventy-one and alone", "seventy-one"),
        ("ein 63-jähriger Rentner", "63"),
        ("m, 52, Köln", "52"),
        ("Edad: 71", "71"),
        ("tem 71 anos", "71"),
        ("umur 71 tahun", "71"),
        ("elle a 71 ans", "71"),
        ("Age: 34", "34"),
        ("Alter: 34", "34"),
    ],
    "health facts": [
        ("diabetes support group", "diabetes"),
        ("Krebsnachsorge Termin", "Krebsnachsorge"),
        ("pacientes con cáncer", "cáncer"),
        ("grupo de gestantes", "gestantes"),
        ("patients séropositifs", "séropositifs"),
        ("chemotherapy appointment reminder", "chemotherapy"),
        ("pasien HIV", "HIV"),
        ("abortion clinic follow up", "abortion"),
    ],
    "religion, politics, union, sex, origin": [
        ("jewish members newsletter", "jewish"),
        ("lesbian book club", "lesbian"),
        ("Gewerkschaftsmitglieder Streik", "Gewerkschaftsmitglieder"),
        ("Moschee Gemeinde Infos", "Moschee"),
        ("afiliados al sindicato", "sindicato"),
        ("membros da igreja", "igreja"),
        ("adhérents du syndicat", "syndicat"),
        ("jemaah masjid", "masjid"),
        ("migrants welcome group", "migrants"),
    ],
    "licence plates": [
        ("auto hh ab 123 parkt falsch", "ab 123"),
        ("plate AB12 CDE", "AB12 CDE"),
        ("matrícula 4321 DFG", "4321 DFG"),
        ("placa XYZ-9876", "XYZ-9876"),
        ("plat B 1234 CD", "B 1234 CD"),
        ("Kennzeichen K:LM 45", "K:LM 45"),
    ],
    "URLs with names": [
        ("example.com/u/grace-young", "grace-young"),
        ("https://shop.example/?name=joy&x=1", "joy"),
        ("example.net/mark.price", "mark.price"),
        ("www.praxis-klein.de", "klein"),
    ],
    "social handles without at sign": [
        ("insta gracefulgrace", "gracefulgrace"),
        ("telegram: mark", "mark"),
        ("snapchat joy young", "joy young"),
        ("Facebook: Rosa Klein", "Rosa Klein"),
        ("twitter hopeful", "hopeful"),
    ],
    "order, tracking, customer numbers": [
        ("order B-22", "B-22"),
        ("client no 17", "17"),
        ("booking reference QX7Z1P", "QX7Z1P"),
        ("Kundennummer 88", "88"),
        ("ref: zzkqp", "zzkqp"),
        ("ticket number 31", "31"),
    ],
    "secrets and tokens": [
        ("my password is winter", "winter"),
        ("passwort: frühling", "frühling"),
        ("pin 77", "77"),
        ("pw: blue house", "blue house"),
        ("mi contraseña es verano", "verano"),
        ("code seven two nine one", "seven two nine one"),
        ("security question: first car mini", "mini"),
        ("mot de passe soleil", "soleil"),
    ],
    "relations and initials": [
        ("mark's mother", "mark"),
        ("der Bruder von Wolf", "Wolf"),
        ("tante klein", "klein"),
        ("el hijo de paz", "paz"),
        ("tia graça", "graça"),
        ("anaknya cahaya", "cahaya"),
        ("kiran bhabhi", "kiran"),
        ("uncle young", "young"),
        ("A. B., 39", "A. B."),
        ("mrs t from number 9", "t"),
    ],
    "lists and merge fields": [
        ("grace,young,33,f", "grace"),
        ("mark|joy", "mark"),
        ("%grace%", "grace"),
        ("{{name}}: faith", "faith"),
        ("(mark) ordered", "mark"),
        ("1. mark 2. joy 3. grace", "mark"),
        ("mark\njoy\ngrace", "mark"),
        ("name\tgrace", "grace"),
        ("bcc mark", "mark"),
        ("re: grace", "grace"),
        ("_mark_ ordered", "mark"),
    ],
    "addresses": [
        ("we live at 7 station road", "7 station road"),
        ("wohnt in der bergstr 9", "bergstr 9"),
        ("am bach 12", "bach 12"),
        ("moro na rua do porto", "rua do porto"),
        ("vivo en calle del sol 4", "calle del sol 4"),
        ("flat 3 mill lane", "mill lane"),
        ("jalan merdeka 5", "jalan merdeka 5"),
        ("room 7 ward 2", "7"),
    ],
    "SQL, logs, stack traces": [
        ("INSERT INTO people VALUES ('Grace','Young')", "Grace"),
        ("duplicate key 'mark-price'", "mark-price"),
        ("KeyError: 'grace'", "grace"),
        ("User(first='mark')", "mark"),
        ("null value in row (4, grace, young)", "grace"),
        ("logged in as mark", "mark"),
        ("name 'joy' is invalid", "joy"),
        ("Assigned to: Mark", "Mark"),
        ("recipient grace opted out", "grace"),
        ("user mark not found", "mark"),
    ],
    "file paths": [
        ("\\\\srv\\home\\grace\\x", "grace"),
        ("uploads/mark young/list", "mark young"),
        ("contract-grace-young.pdf", "grace-young"),
        ("scan_mark.jpg", "mark"),
        ("bewerbung_klein.pdf", "klein"),
    ],
    "user agents and devices": [
        ("iPad of grace", "grace"),
        ("iPhone von Klein", "Klein"),
        ("Bluetooth: car of mark", "mark"),
        ("ssid: Family Young", "Young"),
    ],
    "unicode disguises": [
        ("\U0001f17c\U0001f170\U0001f181\U0001f17a paid", "\U0001f17c\U0001f170\U0001f181\U0001f17a"),
        (
            "\U0001f156\U0001f161\U0001f150\U0001f152\U0001f154 paid",
            "\U0001f156\U0001f161\U0001f150\U0001f152\U0001f154",
        ),
        ("\u280d\u2801\u2817\u2805 paid", "\u280d\u2801\u2817\u2805"),
        ("\U0001f1f2\U0001f1e6\U0001f1f7\U0001f1f0 paid", "\U0001f1f2\U0001f1e6\U0001f1f7\U0001f1f0"),
        ("ᵐᵃʳᵏ paid", "ᵐᵃʳᵏ"),
        ("m\u2060a\u2060r\u2060k paid", "m\u2060a\u2060r\u2060k"),
        ("call m*a*r*k*u*s today", "m*a*r*k*u*s"),
        ("\U0001f0a1\U0001f0a2\U0001f0a3\U0001f0a4 number", "\U0001f0a1\U0001f0a2\U0001f0a3\U0001f0a4"),
    ],
    "e-mail, obfuscated": [
        ("grace(a)mail.de", "grace(a)mail"),
        ("mark-at-mail-dot-com", "mark-at-mail-dot-com"),
        ("joy{at}mail{.}com", "joy{at}mail{.}com"),
        ("rosa klammeraffe mail punkt de", "rosa"),
    ],
    "encodings": [
        ("gr<!-- x -->ace paid", "gr<!-- x -->ace"),
        ('{"first":"mark","last":"young"}', "mark"),
        ("<name>grace</name>", "grace"),
        ("hex 6d 61 72 6b", "6d 61 72 6b"),
    ],
    "IBAN and cards, damaged": [
        ("card ends in 47", "47"),
        ("exp 11/28", "11/28"),
        ("card ending 4412", "4412"),
        ("Karte endet auf 12", "12"),
    ],
    "short text": [
        ("Suresh", "Suresh"),
        ("order_yumiko", "order_yumiko"),
        ("nama: hafiz", "hafiz"),
        ("zainal", "zainal"),
    ],
}


def masked(settings):
    """Return how many texts of each kind show nothing of what they hide, and how many there are."""
    scrubber = scrubber_of(settings)
    hidden = Counter()
    for kind, texts in KINDS.items():
        for (text, secret), masks in zip(texts, scrubber.masks([text for text, _ in texts]), strict=True):
            covered, at = covered_by(masks, text), text.index(secret)
            counts = str.isalnum if any(map(str.isalnum, secret)) else str.isprintable
            hidden[kind] += all(covered[at + n] for n, sign in enumerate(secret) if counts(sign))
    return hidden


@pytest.fixture(scope="module")
def hidden():
    return masked(SETTINGS)


def test_leaks_of_many_kinds_are_masked(hidden):
    assert hidden.total() >= LEAST_SHARE * sum(map(len, KINDS.values()))


@pytest.mark.parametrize("kind", KINDS)
def test_most_leaks_of_each_kind_are_masked(hidden, kind):
    assert hidden[kind] >= len(KINDS[kind]) * 2 // 3


@pytest.mark.parametrize(
    ("kind", "without"),
    [
        ("self-introduction", {"cues": frozenset(), "cue_phrases": ("no cue",)}),
        ("label and value", {"labels": frozenset()}),
        ("vocative at the end or within", {"closings": frozenset(), "greetings": frozenset()}),
        ("health facts", {"recognizers": SETTINGS.recognizers[:-7]}),
        ("phone number in words", {"number_words": frozenset()}),
    ],
)
def test_twin_without_what_finds_a_kind_it_stays(hidden, kind, without):
    assert masked(SETTINGS.model_copy(update=without))[kind] < hidden[kind]
