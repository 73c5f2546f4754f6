"""Provide texts to measure on: given files, and generated texts whose personal data is known.

Generated texts are the same for the same seed. Names are Faker's; numbers, domains and addresses are those
set aside for fiction and documentation (Ofcom, NANPA, RFC 2606, RFC 5737).
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from anonymizers.text.evaluate import Label, Labelled
from pipelines.synthetic.names import MAIL_DOMAINS, slug

# What leads to a person of what is merged into texts, and what else is.
IDENTIFYING = ("PERSON", "PHONE_NUMBER", "EMAIL_ADDRESS", "USER_NAME", "IP_ADDRESS", "ID")
MERGED = ("AMOUNT", "DATE_TIME")
TEMPLATES = 200
_NAMES_PER_LOCALE = 400
_FIELD = re.compile(r"\{([a-z]+)\}")
_REQUEST = re.compile(r'"[A-Z]+ (\S+)[^"]*" \S+ \S+ "([^"]*)"')


@dataclass(frozen=True, slots=True)
class Language:
    """How templates of one language are made: every opening with every body; closings take turns."""

    locale: str
    amount: str
    openings: tuple[str, ...]
    bodies: tuple[str, ...]
    closings: tuple[str, ...]


LANGUAGES = (
    Language(
        "en_US",
        "${}.{}",
        ("Hi {name}, ", "Hello {name}! ", "Dear {name}, ", "{name}, "),
        (
            "our spring sale is on: up to 30% off everything. Have a look: {link}",
            "your order {order} is on its way and should arrive on {date}.",
            "we received your payment of {amount} for order {order}. Thank you!",
            "this is a reminder of your appointment on {date}. Reply 1 to confirm or 2 to cancel.",
            "your invoice over {amount} is due on {date}. You can pay here: {link}",
            "here is a voucher worth {amount} for your next purchase, valid until {date}.",
            "your loyalty points expire soon. Redeem them here: {link}",
            "we are sorry, order {order} is delayed. We will keep you posted.",
            "the new collection has arrived in our store. Come and see what is new.",
        ),
        ("", " Reply STOP to opt out.", " Best wishes, your team"),
    ),
    Language(
        "de_DE",
        "{},{} €",
        ("Hallo {name}, ", "Guten Tag {name}, ", "Liebe/r {name}, ", "{name}, "),
        (
            "unser Frühlingsverkauf läuft: bis zu 30 % auf alles. Hier entlang: {link}",
            "deine Bestellung {order} ist unterwegs und kommt voraussichtlich am {date} an.",
            "wir haben deine Zahlung über {amount} für die Bestellung {order} erhalten. Vielen Dank!",
            "wir erinnern an Ihren Termin am {date}. Antworten Sie mit 1 zum Bestätigen.",
            "Ihre Rechnung über {amount} ist am {date} fällig. Hier können Sie bezahlen: {link}",
            "hier ist dein Gutschein über {amount} für den nächsten Einkauf, gültig bis {date}.",
            "deine Treuepunkte verfallen bald. Jetzt einlösen: {link}",
            "leider verspätet sich die Bestellung {order}. Wir halten dich auf dem Laufenden.",
            "die neue Kollektion ist da. Komm vorbei und schau, was neu ist.",
        ),
        ("", " Antworte STOPP, um keine Nachrichten mehr zu bekommen.", " Dein Team"),
    ),
    Language(
        "es_ES",
        "{},{} €",
        ("Hola {name}, ", "Buenos días {name}, ", "¡Hola {name}! ", "{name}, "),
        (
            "empezaron las rebajas de primavera: hasta 30% de descuento. Mira: {link}",
            "tu pedido {order} está en camino y llegará el {date}.",
            "hemos recibido tu pago de {amount} por el pedido {order}. ¡Gracias!",
            "te recordamos tu cita del {date}. Responde 1 para confirmar.",
            "tu factura de {amount} vence el {date}. Puedes pagar aquí: {link}",
            "aquí tienes un vale de {amount} para tu próxima compra, válido hasta el {date}.",
            "tus puntos vencen pronto. Canjéalos aquí: {link}",
            "lo sentimos, el pedido {order} se retrasa. Te mantendremos informado.",
            "llegó la nueva colección a nuestra tienda. Ven y descubre las novedades.",
        ),
        ("", " Responde BAJA para no recibir más mensajes.", " Un saludo de tu equipo"),
    ),
    Language(
        "pt_BR",
        "R$ {},{}",
        ("Oi {name}, ", "Olá {name}! ", "Bom dia {name}, ", "{name}, "),
        (
            "nossa promoção de outono começou: até 30% de desconto. Confira: {link}",
            "seu pedido {order} está a caminho e deve chegar em {date}.",
            "recebemos o seu pagamento de {amount} pelo pedido {order}. Obrigado!",
            "lembramos do seu horário em {date}. Responda 1 para confirmar.",
            "sua fatura de {amount} vence em {date}. Você pode pagar aqui: {link}",
            "aqui está um vale de {amount} para a próxima compra, válido até {date}.",
            "seus pontos vão expirar em breve. Resgate agora: {link}",
            "sentimos muito, o pedido {order} vai atrasar. Avisaremos assim que possível.",
            "a nova coleção chegou na nossa loja. Venha ver as novidades.",
        ),
        ("", " Responda SAIR para não receber mais mensagens.", " Um abraço da sua equipe"),
    ),
    Language(
        "fr_FR",
        "{},{} €",
        ("Bonjour {name}, ", "Salut {name}, ", "Bonsoir {name}, ", "{name}, "),
        (
            "les soldes de printemps ont commencé : 30 % de remise sur tout. Voir ici : {link}",
            "votre commande {order} est en route et arrivera le {date}.",
            "nous avons reçu votre paiement de {amount} pour la commande {order}. Merci !",
            "nous vous rappelons votre rendez-vous du {date}. Répondez 1 pour confirmer.",
            "votre facture de {amount} est à payer avant le {date}. Vous pouvez payer ici : {link}",
            "voici un bon de {amount} pour votre prochain achat, valable jusqu'au {date}.",
            "vos points de fidélité vont expirer. Utilisez-les ici : {link}",
            "désolé, la commande {order} a du retard. Nous vous tiendrons au courant.",
            "la nouvelle collection est arrivée dans notre magasin. Venez la découvrir.",
        ),
        ("", " Répondez STOP pour ne plus recevoir de messages.", " Toute l'équipe vous salue"),
    ),
    Language(
        "id_ID",
        "Rp {}.{}0",
        ("Halo {name}, ", "Hai {name}! ", "Selamat pagi {name}, ", "{name}, "),
        (
            "promo kami sudah mulai: diskon sampai 30% untuk semua. Lihat di sini: {link}",
            "pesanan {order} sedang dikirim dan akan tiba pada {date}.",
            "kami sudah menerima pembayaran {amount} untuk pesanan {order}. Terima kasih!",
            "kami ingatkan janji Anda pada {date}. Balas 1 untuk konfirmasi.",
            "tagihan Anda sebesar {amount} jatuh tempo pada {date}. Bayar di sini: {link}",
            "ini voucher {amount} untuk belanja berikutnya, berlaku sampai {date}.",
            "poin Anda akan segera hangus. Tukar di sini: {link}",
            "maaf, pesanan {order} terlambat. Kami akan memberi kabar lagi.",
            "koleksi baru sudah ada di toko kami. Silakan datang dan lihat.",
        ),
        ("", " Balas STOP untuk berhenti.", " Salam dari tim kami"),
    ),
)

MESSAGES = (
    "Failed to deliver {message} to {phone} after {duration}: timeout",
    "Import of contacts: row {small} rejected, value {name} is too long for the column",
    "User {user} logged in from {ip}",
    "SMTP error for {email}: mailbox is full",
    "Request for contact {phone} took {duration}",
    "Template could not be rendered for order {order}: variable first_name is missing",
    "Permission denied: /srv/users/{user}/exports/contacts.csv",
    "Duplicate key: (phone)=({phone}) already exists",
    'Webhook could not be parsed: {"profile": {"name": "{name}"}, "wa_id": "{digits}"}',
    "Opt-out of {name} <{email}> recorded",
    "Retry {small} of 5 in {duration}",
    "Slow query: {duration}, {small} rows",
    "Session {session} has expired",
    "Worker {small} was killed: out of memory",
    "Contact {name} ({phone}) has no consent, message was not sent",
    "Could not connect to the database, next attempt in {duration}",
    "Token of {email} is not valid any more; last seen at {ip}",
    "Export for {name} failed: disk is full",
)
_SENDING = """
Traceback (most recent call last):
  File "/srv/users/{user}/app/worker/send.py", line {small}, in deliver
    raise DeliveryError(contact)
DeliveryError: no route to {phone}"""
_IMPORTING = """
Traceback (most recent call last):
  File "/srv/app/importer.py", line {small}, in read_row
    return int(value)
ValueError: invalid literal for int() with base 10: '{name}'"""
TRACEBACKS = ("", "", _SENDING, _IMPORTING)

_NO_LABEL = {"small", "duration"}
_LABELS = {
    "name": "PERSON",
    "order": "ID",
    "token": "ID",
    "message": "ID",
    "session": "ID",
    "amount": "AMOUNT",
    "date": "DATE_TIME",
    "phone": "PHONE_NUMBER",
    "digits": "PHONE_NUMBER",
    "email": "EMAIL_ADDRESS",
    "user": "USER_NAME",
    "ip": "IP_ADDRESS",
}


def campaign(sends: int, *, seed: int = 0) -> Iterator[Labelled]:
    """Messages of broadcasts: each is one of `TEMPLATES` with its fields merged, which are the labels."""
    rng = random.Random(seed)
    prepared = [(_parts(text), language) for text, language in templates(rng)]
    for _ in range(sends):
        parts, language = rng.choice(prepared)
        yield _filled(parts, lambda field, language=language: _merged(field, language, rng))


def templates(rng: random.Random) -> list[tuple[str, Language]]:
    """Texts with fields, of every language about as many; a link is everybody's or the reader's."""
    made: list[tuple[str, Language]] = []
    for language in LANGUAGES:
        texts = [f"{opening}{body}" for body in language.bodies for opening in language.openings]
        for number, text in enumerate(texts):
            link = (
                f"https://shop.example.com/{rng.choice(('sale', 'new', 'offers/spring', 'account/points'))}"
            )
            personal = "https://go.example.com/{token}"
            closing = language.closings[number % len(language.closings)]
            made.append((text.replace("{link}", rng.choice((link, personal))) + closing, language))
    return rng.sample(made, TEMPLATES)


def error_logs(entries: int, *, seed: int = 0) -> Iterator[Labelled]:
    """Messages of an application's log, half of them with a short traceback."""
    rng = random.Random(seed)
    prepared = [_parts(message + traceback) for message in MESSAGES for traceback in TRACEBACKS]
    for _ in range(entries):
        language = rng.choice(LANGUAGES)
        yield _filled(rng.choice(prepared), lambda field, language=language: _logged(field, language, rng))


def sms_texts(path: Path) -> list[str]:
    """The distinct texts of a file `label<TAB>text`, in order."""
    lines = path.read_text("utf-8").split("\n")
    return list(dict.fromkeys(line.partition("\t")[2] for line in lines if "\t" in line))


def requests(path: Path) -> tuple[list[str], list[str]]:
    """Targets and referrers of a log in combined format, row by row; `-` is none."""
    found = [_REQUEST.search(line) for line in path.read_text("utf-8").splitlines()]
    pairs = [(match[1], match[2]) for match in found if match]
    return [target for target, _ in pairs], [referrer for _, referrer in pairs if referrer != "-"]


def _parts(template: str) -> tuple[str, ...]:
    """Text and names of fields in turn."""
    return tuple(_FIELD.split(template))


def _filled(parts: Sequence[str], value_of: Callable[[str], str]) -> Labelled:
    made, labels, length = [], [], 0
    for number, part in enumerate(parts):
        value = value_of(part) if number % 2 else part
        if number % 2 and part not in _NO_LABEL:
            labels.append(Label(length, length + len(value), _LABELS[part]))
        made.append(value)
        length += len(value)
    return Labelled("".join(made), tuple(labels))


def _merged(field: str, language: Language, rng: random.Random) -> str:
    match field:
        case "name":
            return _name(language, rng)
        case "order":
            return _order(rng)
        case "amount":
            return language.amount.format(rng.randrange(5, 400), rng.randrange(10, 100))
        case "date":
            return rng.choice(_dates(language.locale))
        case "token":
            return "".join(rng.choices("abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789", k=8))
    raise ValueError(field)


def _logged(field: str, language: Language, rng: random.Random) -> str:
    person = [slug(part) for part in _person(language, rng)]
    makers: Mapping[str, Callable[[], str]] = {
        "name": lambda: _name(language, rng),
        "order": lambda: _order(rng),
        "phone": lambda: _phone(rng),
        "digits": lambda: re.sub(r"\D", "", _phone(rng)),
        "email": lambda: f"{rng.choice('._-').join(person)}@{rng.choice(MAIL_DOMAINS)}",
        "user": lambda: rng.choice((person[0], person[0][:1] + person[1], ".".join(person))),
        "ip": lambda: f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randrange(1, 255)}",
        "message": lambda: f"wamid.{rng.randbytes(18).hex().upper()}",
        "session": lambda: rng.randbytes(8).hex(),
        "small": lambda: str(rng.randrange(1, 90)),
        "duration": lambda: rng.choice(
            (f"{rng.randrange(2, 99)} s", f"{rng.randrange(2, 9)}.{rng.randrange(9)} s")
        ),
    }
    return makers[field]()


def _name(language: Language, rng: random.Random) -> str:
    """A name as people give it: mostly the first one, at times without capitals or with nothing else."""
    first, last = _person(language, rng)
    name = first if rng.random() < 0.65 else f"{first} {last}"
    spelling = rng.random()
    return name.lower() if spelling < 0.05 else name.upper() if spelling > 0.97 else name


def _person(language: Language, rng: random.Random) -> tuple[str, str]:
    first, last = _names(language.locale)
    return rng.choice(first), rng.choice(last)


def _order(rng: random.Random) -> str:
    number = rng.randrange(10_000, 1_000_000)
    return rng.choice(
        (f"#{number}", f"ORD-2026-{number}", f"{rng.choice('ABKX')}{number % 97:02}-{number}", f"{number}")
    )


def _phone(rng: random.Random) -> str:
    two, three = f"{rng.randrange(100):02}", f"{rng.randrange(1000):03}"
    return rng.choice(
        (
            f"+44 7700 900{three}",
            f"07700 900{three}",
            f"447700900{three}",
            f"+1 202-555-01{two}",
            f"(202) 555-01{two}",
            f"120255501{two}",
            f"+49 171 39200{two}",
            f"0171 39200{two}",
            f"4917139200{two}",
        )
    )


@cache
def _names(locale: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    from faker import Faker

    fake = Faker(locale)
    fake.seed_instance(locale)
    first = dict.fromkeys(fake.first_name() for _ in range(_NAMES_PER_LOCALE))
    last = dict.fromkeys(fake.last_name() for _ in range(_NAMES_PER_LOCALE))
    return tuple(first), tuple(last)


@cache
def _dates(locale: str) -> tuple[str, ...]:
    """Days of a quarter as people of a country write them."""
    from babel.dates import format_date

    days = [date(2026, 3, 1) + timedelta(days=number) for number in range(90)]
    return tuple(format_date(day, style, locale) for day in days for style in ("short", "medium", "long"))
