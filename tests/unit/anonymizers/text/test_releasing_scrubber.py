import re
import socket
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anonymizers.text import releasing_scrubber
from anonymizers.text.scrubber import REDACTED, Mask
from anonymizers.text.settings import RecognizerSettings, load_settings
from tests.support.scrubbers import scrubber_of


@pytest.fixture(scope="module")
def scrubber():
    return scrubber_of(load_settings())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Harmless words stay, in every language served.
        ("Spring sale 20% off", "Spring sale 20% off"),
        ("Ihre Bestellung ist auf dem Weg", "Ihre Bestellung ist auf dem Weg"),
        ("Su pedido está en camino", "Su pedido está en camino"),
        ("Votre commande est en route", "Votre commande est en route"),
        ("Seu pedido está a caminho", "Seu pedido está a caminho"),
        ("Pesanan anda sedang dalam perjalanan", "Pesanan anda sedang dalam perjalanan"),
        ("aapka order kal tak aa jayega, shukriya", "aapka order kal tak aa jayega, shukriya"),
        ("room 12, step 3", "room 12, step 3"),
        ("PAY NOW AND SAVE BIG", "PAY NOW AND SAVE BIG"),
        ("Back in Stock", "Back in Stock"),
        ("Flash Sale: Summer Kick-off", "Flash Sale: Summer Kick-off"),
        ("Tag der offenen Tür", "Tag der offenen Tür"),
        # Names do not, known or not.
        ("with Anna Winter today", "with <NAME> today"),
        ("Hello John Smith, welcome", "Hello <NAME>, welcome"),
        ("hi anna, how are you", "hi <NAME>, how are you"),
        ("Hi Rose, see you", "Hi <NAME>, see you"),
        ("hola ana jesús, tu pedido llegó", "hola <NAME>, tu pedido llegó"),
        ("hi anna will you come", "hi <NAME> will you come"),
        ("Customers of Siya Davidson", "Customers of <NAME>"),
        ("thank you from xqvartl", "thank you from <WORD>"),
        ("my friend Zxwytha called", "my friend <NAME> called"),
        ("Dear customer, thank you", "Dear customer, thank you"),
        ("Sehr geehrter Herr Müller", "Sehr geehrter Herr <NAME>"),
        ("Liebe/r Karl-Otto, deine Bestellung ist da", "Liebe/r <NAME>, deine Bestellung ist da"),
        ("Estimado(a) Cruz, tu pedido está en camino", "Estimado(a) <NAME>, tu pedido está en camino"),
        ("Sehr geehrte:r Frau Weiss", "Sehr geehrte:r Frau <NAME>"),
        ("sua fatura de R$ 123,45 vence hoje", "sua fatura de R$ <NUMBER> vence hoje"),
        ("I live in Berlin", "I live in <NAME>"),
        # What is beside them goes with them.
        ("Lindenweg 4", "<ADDRESS>"),
        ("33 rue de la paix", "<ADDRESS>"),
        # Numbers, however they are written.
        ("call +49 151 0000-0001 now", "call +<PHONE_NUMBER> now"),
        ("1\u200b2\u200b3", "<NUMBER>"),
        ("\uff11\uff12\uff13", "<NUMBER>"),
        ("٠١٥١", "<NUMBER>"),
        ("code 4711", "code <CODE>"),
        ("row 4711", "row <NUMBER>"),
        ("on 12/5/1990", "on <DATE_TIME>"),
        ("203.0.113.77", "<IP_ADDRESS>"),
        # Addresses on the net.
        ("mail ada.canary+x@mail.example.org!", "mail <EMAIL_ADDRESS>"),
        ("ada\uff20example.org", "<EMAIL_ADDRESS>"),
        ("ada at example dot org", "<EMAIL_ADDRESS>"),
        ("mail ada [at] example [dot] org", "mail <EMAIL_ADDRESS>"),
        ("see http://shop.example.com/x?y=1", "see <URL>"),
        # Identifiers.
        ("id wamid.HBgNNDkxNTEwMDAwMDAwMRUCABEYEg== failed", "id <ID> failed"),
        ("user 6f1c2d3e-0a1b-4c5d-8e9f-001122334455", "user <ID>"),
        ("hash deadbeef12", "hash <ID>"),
        ("hello QWRhIENhbmFyeQ==", "hello <NAME>"),
        ("password=hunter22x", "password=<ID>"),
        ("open data/users/acanary/notes", "open data/users/<USER_NAME>/notes"),
        # Numbers of people and things, by their check digits and by what stands before them.
        ("IMEI 490154203237518", "IMEI <DEVICE_ID>"),
        ("CPF 529.982.247-25", "CPF <BR_CPF>"),
        ("CNPJ 11.222.333/0001-81", "CNPJ <BR_CNPJ>"),
        ("your code is 12-34", "your code is <CODE>"),
        ("my pin is 12 34", "my pin is <CODE>"),
        ("parked: M-AB 12", "parked: <LICENSE_PLATE>"),
        ("54.3210, 10.1234", "<LOCATION>"),
        # Spelt out, spaced out, marked up.
        ("a n n a", "<NAME>"),
        ("nine one five five oh one", "<NUMBER>"),
        ("\u2776\u2777\u2778\u2779", "<NUMBER>"),
        ("A<b>nn</b>a", "<NAME>"),
        # Encoded once or twice.
        ("/u/Ada%20Canary/settings", "/u/<NAME>%20<PLACE>/settings"),
        ("%2541da", "<NAME>"),
        ("&#65;da", "<NAME>"),
        (r"\u0041da says", "<NAME> says"),
        # Numbers of no character are numbers.
        ("ref &#55550; so", "ref &#<NUMBER>; so"),
        ("ref &#1114112; so", "ref &#<NUMBER>; so"),
        # Given names that are common words, where what stands around them shows it.
        ("my name is hope and i need help", "my name is <NAME> and i need help"),
        ("ok will, no problem", "ok <NAME>, no problem"),
        ("thank you so much hope", "thank you so much <NAME>"),
        ("hope's order is late", "<NAME> order is late"),
        ("we hope that you will enjoy it", "we hope that you will enjoy it"),
        ("invoice-hope-rivers.pdf", "invoice-<NAME>.pdf"),
        ("Contact: Summer", "Contact: <NAME>"),
        ("vijay bhaiya", "<NAME> bhaiya"),
        # In lower case and in capitals, however common they are.
        ("la factura de ignacio lópez no está pagada", "la factura de <NAME> no está pagada"),
        ("RECHNUNG AN WOLFGANG SCHNEIDER NOCH OFFEN", "RECHNUNG AN <NAME> NOCH OFFEN"),
        ("Fischers kommen heute nicht", "<NAME> kommen heute nicht"),
        # Ages, births, secrets, numbers in pairs and with anything between.
        ("der 47-jährige ist da", "der <AGE>-jährige ist da"),
        ("geboren am 3. Mai", "geboren am <DATE_TIME>"),
        ("my password is summer", "my password is <ID>"),
        ("Password reset code", "Password reset code"),
        ("seiscientos doce treinta cuarenta", "<NUMBER>"),
        ("call 49 | 151 | 23 | 45", "call <NUMBER> | <NUMBER> | <NUMBER> | <NUMBER>"),
        ("", ""),
        ("42", "42"),
        ("<NUMBER> days left", "<NUMBER> days left"),
    ],
)
def test_a_text_keeps_what_is_known_to_be_harmless_and_nothing_else(scrubber, text, expected):
    assert scrubber.scrub([text]) == [expected]


def test_a_text_in_an_unknown_language_is_masked_down_to_its_structure(scrubber):
    (safe,) = scrubber.scrub(["Zamówienie zostało wysłane dzisiaj rano, prosimy czekać"])

    assert safe.replace("<WORD>", "").replace("<NAME>", "").replace("<PLACE>", "").strip(" ,") == ""


@given(st.text(max_size=40))
@example("call 2026 2027 2028")
def test_no_three_digits_in_a_row_survive_but_those_of_a_year(text):
    (safe,) = _SCRUBBER.scrub([text])
    safe = re.sub(r"(?<!\d)20(?:1[5-9]|[23]\d)(?!\d)", "", safe, count=1)

    runs, run = [], 0
    for character in safe:
        run = run + 1 if character.isdecimal() else 0
        runs.append(run)
    assert max(runs, default=0) < 3


@given(st.lists(st.text(st.sampled_from("abAB1 .@%4&#;é\u200bＡ-")), max_size=8))
def test_masks_are_in_order_apart_and_what_is_written(texts):
    for text, masks, safe in zip(texts, _SCRUBBER.masks(texts), _scrubbed_the_long_way(texts), strict=True):
        positions = [position for mask in masks for position in (mask.start, mask.end)]
        assert positions == sorted(positions)
        assert all(mask.start < mask.end <= len(text) for mask in masks)
        assert [mask.name for mask in masks] == _names(safe)


def _scrubbed_the_long_way(texts):
    """Every text by itself: a mask of its canonical text may have another name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(releasing_scrubber, "has_dummy", lambda answers: answers.is_not_null().to_numpy())
        return _SCRUBBER.scrub(texts)


@given(
    st.lists(
        st.sampled_from(["Hi Anna", "sale today", "", "call 0171 555123", "%41da", "x" * 20_000]), max_size=9
    )
)
def test_a_text_is_answered_alike_whatever_stands_beside_it(texts):
    assert _SCRUBBER.scrub(texts) == [_SCRUBBER.scrub([text])[0] for text in texts]


_SCRUBBER = scrubber_of(load_settings())


def _names(text):
    return [f"<{part.split('>')[0]}>" for part in text.split("<")[1:] if ">" in part]


def test_masks_stand_where_the_text_was_written(scrubber):
    assert scrubber.masks(["Hi %41nna&amp;co"]) == [[Mask(3, 9, "<NAME>")]]


@pytest.mark.parametrize(
    "text",
    ["word " * 2_500, "\ufdfa" * 700, "half a pair \ud800"],
    ids=["too long", "too long when normalised", "no text"],
)
def test_a_text_that_cannot_be_read_is_redacted_not_skipped(scrubber, text):
    assert scrubber.scrub(["short", text]) == ["short", REDACTED]
    assert scrubber.masks([text]) == [None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Names and numbers give way to dummies, which a site's recognizers must not see instead.
        ("stock of KX-12345 or today", "stock <SHELF>"),
        ("see AB 99999, please", "see <SHELF>, please"),
        ("the Margaret house, please", "the <SHELF>, please"),
        ("the m%61rg%61ret hous%65, please", "the <SHELF>, please"),
        ("the Oliver house, please", "the <NAME> house, please"),
        # Nor may they find a dummy.
        ("row 1234, please", "row <NUMBER>, please"),
    ],
)
def test_a_sites_recognizers_read_the_text_itself(text, expected):
    shelf = RecognizerSettings.model_validate(
        {
            "name": "shelf",
            "supported_entity": "SHELF",
            "patterns": [
                {"name": "rack", "score": 0.9, "regex": r"of [a-z]{2}-\d{5} or \w+"},
                {"name": "box", "score": 0.9, "regex": r"\bAB 9{5}\b"},
                {"name": "house", "score": 0.9, "regex": r"\bMargaret house\b"},
                {"name": "dummy", "score": 0.9, "regex": r"\b4711\b|Hildburg"},
            ],
        }
    )
    scrubber = scrubber_of(load_settings().with_recognizers([shelf]))

    assert scrubber.scrub([text, "sale today"]) == [expected, "sale today"]


def test_a_recognizer_that_breaks_on_one_text_redacts_that_text_alone(monkeypatch):
    def breaking(found):
        if "breaks" in found:
            raise ValueError("canary")
        return 0.5

    scrubber = _with(monkeypatch, "UrlRecognizer", scored=breaking)

    assert scrubber.scrub(["https://fine.com", "https://breaks.com", "so"]) == ["<URL>", REDACTED, "so"]


def test_a_pattern_that_outlasts_its_time_redacts_the_text(monkeypatch):
    scrubber = _with(monkeypatch, "UrlRecognizer", pattern=r"(?:a|aa)+$(?<=b)", is_long=False)

    assert scrubber.scrub(["fine", "a" * 60]) == ["fine", REDACTED]


def test_no_recognizer_reaches_for_the_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    fresh = scrubber_of(load_settings())

    assert fresh.scrub(["mail john@example.org", "see shop.example.com"]) == [
        "mail <EMAIL_ADDRESS>",
        "see <URL>",
    ]


def test_the_engine_imports_without_the_language_libraries():
    program = """
        import sys
        import anonymizers.engine, anonymizers.text.releasing_scrubber
        heavy = {"spacy", "presidio_analyzer", "tldextract", "thinc", "wordfreq", "faker"} & set(sys.modules)
        sys.exit(", ".join(heavy) or 0)
    """

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def _with(monkeypatch, recognizer, **changes):
    """A scrubber whose recognizer is another one in this."""
    scrubber = scrubber_of(load_settings())
    changed = tuple(
        replace(one, **changes) if one.recognizer == recognizer else one
        for one in scrubber._recognizers.patterns
    )
    monkeypatch.setattr(scrubber._recognizers, "patterns", changed)
    return scrubber
