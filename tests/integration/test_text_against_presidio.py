"""Whatever Presidio's structured recognizers would mask is masked here, too: no letter or digit is lost."""

import hashlib
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from anonymizers.text.releasing_scrubber import ReleasingScrubber
from anonymizers.text.settings import TextSettings, load_settings
from bench.text_truth import coverage, shown
from bench.text_workloads import campaign, error_logs, sms_texts
from tests.support.scrubbers import scrubber_of

MANY = 5_000
# The first half of a year is a driver's license to Presidio; campaigns are named by it.
_PERIOD = re.compile(r"H[12]|Q[1-4]")
# How people and machines put a value into a text.
CARRIERS = (
    "{}",
    "my number is {} ok?",
    "Bitte an {} schicken, danke",
    "({}), [{}]",
    "Ref.{}; mi referencia es: {}",
    'value="{}" id={}',
    "first {}\nthen\t{}",
    "call/text {}, or {}!",
    "no:{}x",
)
DATES = (
    *("%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%d", "%d-%b-%Y", "%b-%Y", "%Y/%m/%d", "%d/%m", "%d-%m-%y", "%m-%Y"),
    *("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%d %B %Y", "%B %d, %Y", "%m/%y", "%d-%B-%Y"),
)


@pytest.fixture(scope="module")
def recognizers() -> Iterator[Sequence[Any]]:
    """Presidio's default registry for English, as its engine makes it, without the language model."""
    import tldextract.tldextract
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer
    from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

    with pytest.MonkeyPatch.context() as patch:
        # Its e-mail recognizer would fetch the public suffix list; the packaged one does.
        offline = tldextract.TLDExtract(suffix_list_urls=())
        patch.setattr(tldextract.tldextract, "TLD_EXTRACTOR", offline)
        provider = RecognizerRegistryProvider(registry_configuration={"supported_languages": ["en"]})
        loaded = provider.create_recognizer_registry().recognizers
        yield [one for one in loaded if not isinstance(one, SpacyRecognizer)]


@pytest.fixture(scope="module")
def scrubber() -> ReleasingScrubber:
    return scrubber_of(load_settings())


def lost(
    texts: Sequence[str], scrubber: ReleasingScrubber, recognizers: Sequence[Any]
) -> Counter[tuple[str, str, str]]:
    """Recognizer, what it finds and what stays of it; by their shapes, as texts may be somebody's."""
    losses: Counter[tuple[str, str, str]] = Counter()
    for text, covered in zip(texts, coverage(texts, scrubber.masks(texts)), strict=True):
        for recognizer in recognizers:
            for found in recognizer.analyze(text, recognizer.supported_entities, None):
                if _PERIOD.fullmatch(text[found.start : found.end]):
                    continue
                if left := shown(text, covered, found.start, found.end):
                    losses[recognizer.name, shape(text[found.start : found.end]), shape(left)] += 1
    return losses


def shape(text: str) -> str:
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", text))


def generated_texts(*, seed: int = 0) -> list[str]:
    """Messages, log entries, and every kind of structured value in every carrier."""
    rng = random.Random(seed)
    values = structured_values(rng)
    carried = [
        carrier.format(make(), rng.choice(values)()) for make in values for carrier in CARRIERS for _ in "12"
    ]
    merged = [*campaign(100, seed=seed), *error_logs(100, seed=seed)]
    return carried + [labelled.text for labelled in merged]


def structured_values(rng: random.Random) -> list[Callable[[], str]]:
    """Makers of values that are nobody's."""
    from faker import Faker

    fake = Faker(["en_US", "en_GB", "de_DE", "fr_FR", "es_ES"])
    fake.seed_instance(rng.random())

    def digits(count: int) -> str:
        return "".join(rng.choices("0123456789", k=count))

    def grouped(number: str, sizes: Sequence[int]) -> str:
        tie, parts = rng.choice((" ", "-", "", ".")), iter(number)
        return tie.join("".join(next(parts) for _ in range(size)) for size in sizes)

    return [
        lambda: grouped(fake.credit_card_number("visa16"), (4, 4, 4, 4)),
        lambda: fake.credit_card_number("amex"),
        lambda: digits(rng.randrange(8, 18)),
        lambda: rng.choice("ABCHKMW") + digits(rng.randrange(1, 15)),
        lambda: grouped(f"9{digits(2)}7{digits(5)}", (3, 2, 4)),
        lambda: rng.choice(("", "A", "C")) + digits(9),
        lambda: grouped(fake["en_US"].ssn().replace("-", ""), (3, 2, 4)),
        lambda: grouped(nhs_number(digits(9)), (3, 3, 4)),
        lambda: bitcoin_address(rng.randbytes(20)),
        lambda: medical_licence(rng.choice("ABFM") + rng.choice("ABCXYZ"), digits(6)),
        lambda: (datetime(1950, 1, 1) + timedelta(rng.randrange(30_000))).strftime(rng.choice(DATES)),
        fake.email,
        fake.iban,
        lambda: re.sub(r"(.{4})", r"\1 ", fake.iban()).strip(),
        lambda: fake.ipv4() + rng.choice(("", "/24", ":8080")),
        lambda: rng.choice((fake.ipv6(), "2001:db8::1", "::ffff:192.0.2.17", "fe80::1%eth0")),
        lambda: fake.mac_address().replace(":", rng.choice(":-")),
        lambda: grouped(rng.randbytes(6).hex(), (4, 4, 4)),
        lambda: str(fake.uuid4()),
        lambda: f"+{rng.choice(('1 202 555 01', '44 7700 9000', '49 171 39200'))}{digits(2)}",
        lambda: rng.choice(("(202) 555-01", "202.555.01", "07700 9000", "0171/39200")) + digits(2),
        fake.phone_number,
        lambda: fake.url() + rng.choice(("", "sale", "a/b?c=d&e=now", "who#we-are")),
        lambda: f"{fake.domain_name()}/{fake.uri_path()}",
        lambda: rng.choice(("example.com", "www.example.org/", "shop.example.co.uk/in/the/morning")),
    ]


def nhs_number(nine: str) -> str:
    """Nine digits and their check digit, modulus 11 (NHS Data Dictionary); where that is 10, others."""
    check = -sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True)) % 11
    return f"{nine}{check}" if check < 10 else nhs_number(nine[:8] + str((int(nine[8]) + 1) % 10))


def medical_licence(letters: str, six: str) -> str:
    """A number of the US Drug Enforcement Administration: the check digit is of weights 1 and 2 in turn."""
    return f"{letters}{six}{sum(int(d) * (1 + at % 2) for at, d in enumerate(six)) % 10}"


def bitcoin_address(key_hash: bytes) -> str:
    """Base58Check of a hash that is of no key (version 0)."""
    payload = b"\0" + key_hash
    checked = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, letters = int.from_bytes(checked), ""
    while number:
        number, rest = divmod(number, 58)
        letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[rest] + letters
    return "1" + letters


def without_numbers(settings: TextSettings) -> TextSettings:
    """No recognizer but ours of phone numbers, and digits stay however many."""
    patient = settings.release_rule.model_copy(update={"digits": 10**6, "digits_in_groups": 10**6})
    return settings.model_copy(update={"presidio": (), "recognizers": (), "release_rule": patient})


def without_urls(settings: TextSettings) -> TextSettings:
    named = tuple(name for name in settings.presidio if name != "UrlRecognizer")
    return settings.model_copy(update={"presidio": named})


def test_nothing_that_presidio_finds_in_generated_texts_is_lost(scrubber, recognizers):
    texts = generated_texts()

    assert lost(texts, scrubber, recognizers) == {}


def test_every_recognizer_of_presidio_finds_something_in_the_generated_texts(recognizers):
    texts = generated_texts()

    idle = [
        one.name
        for one in recognizers
        if not any(one.analyze(t, one.supported_entities, None) for t in texts)
    ]

    assert idle == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Bitte an M093 schicken", id="a code that is base64 by chance"),
        pytest.param("from 8667:1f95:70:62f8:23de:378:c010:5a71", id="an address with such a group"),
        pytest.param("id 60a9.d523.b281 x", id="a machine address with such a group"),
        pytest.param("see %CF%E5%F2%F0%EE%E2 there", id="percent-encoded, not UTF-8"),
        pytest.param(
            '"http://shop.example.com/tags/web%20mobile"', id="words in a URL after an encoded blank"
        ),
        pytest.param(
            "near%28shop.example.com%29", id="an encoded bracket that Presidio takes for the host's"
        ),
    ],
)
def test_nothing_is_lost_where_the_text_reads_differently(text, scrubber, recognizers):
    assert lost([text], scrubber, recognizers) == {}


def test_nothing_is_lost_of_an_iban_in_lower_case(scrubber, recognizers):
    assert lost(["gb82 west 1234 5698 7654 32"], scrubber, recognizers) == {}


@pytest.mark.parametrize(
    ("weakened", "losing"),
    [
        (without_numbers, {"DateRecognizer", "IpRecognizer", "UrlRecognizer"}),
        (without_urls, {"UrlRecognizer"}),
    ],
)
def test_less_than_all_of_our_rules_lose_what_presidio_finds(weakened, losing, recognizers):
    scrubber = scrubber_of(weakened(load_settings()))

    losses = lost(generated_texts(), scrubber, recognizers)

    assert losing <= {recognizer for recognizer, _, _ in losses}


def test_nothing_that_presidio_finds_in_messages_is_lost(real_data: Path, scrubber, recognizers):
    texts = sms_texts(real_data / "text" / "sms_spam_collection.tsv")[:MANY]

    assert len(texts) == MANY
    assert lost(texts, scrubber, recognizers) == {}


@pytest.mark.slow
def test_nothing_that_presidio_finds_in_lines_of_logs_is_lost(real_data: Path, scrubber, recognizers):
    lines = (real_data / "text" / "access_combined.log").read_text("utf-8").splitlines()
    texts = lines[:: len(lines) // MANY][:MANY]

    assert len(texts) == MANY
    assert lost(texts, scrubber, recognizers) == {}
