"""What the anonymizers promise: no canary leaves a treatment. The twins show that a leak would be found.

Names stand where any detector finds them; how many are found elsewhere is measured on labelled texts.
"""

import base64
import re
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import unquote

import pyarrow as pa
import pytest

from anonymizers.engine import anonymize
from anonymizers.errors import AnonymizerError
from anonymizers.plan import ColumnPlan, Plan
from anonymizers.text import TextScrubber
from anonymizers.text.releasing_scrubber import ReleasingScrubber
from anonymizers.text.settings import load_settings
from anonymizers.tokens import token
from anonymizers.treatments import IdentityKind, TextFeature, Treatment, ValueType
from tests.support.plans import KEYS, Untouched, batch, column, plan
from tests.support.scrubbers import scrubber_of

NUMBER = "4915117624093"
NAME = "Margaret Thornberry"
EMAIL = "m.thornberry@quillfeather.example"
ADDRESS = "198.51.100.237"
WAMID = "wamid." + base64.b64encode(b"\x1c\x18\x0d" + NUMBER.encode() + b"\x15\x02\x00").decode()

COLUMNS: dict[str, tuple[ColumnPlan, list[str]]] = {
    "drop": (column("name", Treatment.DROP), [NAME]),
    "pseudonymize a phone": (
        column("phone", Treatment.PSEUDONYMIZE, identity=IdentityKind.PHONE),
        [f"+{NUMBER}", NUMBER, f"+49 (0)151 17624093 {NAME}", NAME, "+49151-1762-4093"],
    ),
    "pseudonymize an e-mail address": (
        column("email", Treatment.PSEUDONYMIZE, identity=IdentityKind.EMAIL),
        [EMAIL, EMAIL.upper(), f"{NAME} <{EMAIL}>"],
    ),
    "pseudonymize a message id": (
        column("wamid", Treatment.PSEUDONYMIZE, identity=IdentityKind.MESSAGE),
        [WAMID],
    ),
    "generalize_ip": (
        column("host", Treatment.GENERALIZE_IP),
        [
            ADDRESS,
            f"{ADDRESS}:443",
            f"::ffff:{ADDRESS}",
            "2002:c633:64ed::1",
            "margaret-thornberry.local",
            NAME,
        ],
    ),
    "reduce_user_agent": (
        column("agent", Treatment.REDUCE_USER_AGENT),
        [
            f"Mozilla/5.0 (Linux; Android 14; {NAME}s Phone) {NUMBER}",
            f"{EMAIL}/1.0",
            "MargaretThornberry/2.0",
        ],
    ),
    "scrub_text": (
        column("note", Treatment.SCRUB_TEXT),
        [
            f"Hello {NAME}, we called +{NUMBER}",
            f"Mail {EMAIL} about it",
            f"Failed for {WAMID}",
            f"Login from {ADDRESS}",
            "Margaret Thornberry\u200b, 4\u200b9\u200b1\u200b5\u200b11762\u200b4093",
            "token " + base64.b64encode(EMAIL.encode()).decode(),
            f"{NAME} " + "x" * 20_000,
        ],
    ),
    "scrub_url": (
        column("page", Treatment.SCRUB_URL),
        [
            f"/contacts/{NUMBER}",
            "/contacts/Margaret%20Thornberry",
            "/contacts/margaret-thornberry.html",
            f"/contacts/{EMAIL}",
            f"/contacts/{EMAIL.replace('@', '%2540')}",
            f"/messages/{WAMID}",
            f"/u/{base64.urlsafe_b64encode(NAME.encode()).decode()}",
            f"/search?q=Margaret+Thornberry&page={NUMBER}&utm_campaign={NAME}",
            f"https://{EMAIL}/",
            f"https://{ADDRESS}/",
            "https://margaret-thornberry.example.com/",
            f"/a#{NUMBER}",
            f"mailto:{EMAIL}",
        ],
    ),
    "country_from_phone": (column("phone", Treatment.COUNTRY_FROM_PHONE), [f"+{NUMBER}", NUMBER, NAME]),
    "derive_text_features": (
        column("body", Treatment.DERIVE_TEXT_FEATURES, features=tuple(TextFeature)),
        [f"I am {NAME}, call me on +{NUMBER} or write to {EMAIL}"],
    ),
    "json_allowlist": (
        column("fields", Treatment.JSON_ALLOWLIST, type_=ValueType.JSON, allow=("tier",)),
        [
            f'{{"tier": "gold", "name": "{NAME}"}}',
            f'{{"tier": "for {NAME}"}}',
            f'{{"tier": {NUMBER}}}',
            f'{{"tier": {{"phone": "{NUMBER}"}}}}',
            f'{{"tier": "a", "{NAME}": 1}}',
            f"{NAME} is no JSON",
        ],
    ),
}

# Parts too, because half a name or the last digits of a number are enough.
CANARIES = (
    "Margaret",
    "Thornberry",
    "quillfeather",
    NUMBER,
    "17624093",
    "1762-4093",
    ADDRESS,
    "64ed",
    WAMID[6:],
)


@pytest.fixture(scope="module")
def scrubber() -> ReleasingScrubber:
    return scrubber_of(load_settings())


def _stored(treated: ColumnPlan, values: Sequence[str], text: TextScrubber) -> pa.Table:
    # The key must not be the reason why nothing leaks: the row is identified by another column.
    keyed = Plan("shop__orders", (treated, column("row_key", Treatment.DROP)), ("row_key",), "event_id")
    rows = batch({treated.raw: values, "row_key": [str(n) for n in range(len(values))]})
    return anonymize(rows, plan=keyed, keys=KEYS, text=text)


def _leaks(stored: pa.Table) -> set[str]:
    """The canaries that stand in any value, as it is or decoded."""
    values = [str(value) for name in stored.column_names for value in stored.column(name).to_pylist()]
    spellings = [spelling.casefold() for value in values for spelling in _spellings(value)]
    return {canary for canary in CANARIES if any(canary.casefold() in spelling for spelling in spellings)}


def _spellings(value: str) -> Iterable[str]:
    yield value
    yield unquote(unquote(value))
    yield re.sub(r"\D", "", value)
    for word in re.findall(r"[A-Za-z0-9+_-]{8,}", value):
        padded = word.replace("-", "+").replace("_", "/") + "=" * (-len(word) % 4)
        try:
            yield base64.b64decode(padded).decode("latin-1")
        except ValueError:
            continue


def test_a_canary_stands_for_every_treatment_but_keep():
    assert {treated.treatment for treated, _ in COLUMNS.values()} == set(Treatment) - {Treatment.KEEP}


@pytest.mark.parametrize("case", COLUMNS)
def test_no_canary_leaves_a_treatment(case, scrubber):
    treated, values = COLUMNS[case]

    assert _leaks(_stored(treated, values, scrubber)) == set()


@pytest.mark.parametrize("case", COLUMNS)
def test_twin_the_same_column_kept_is_found_to_leak(case, scrubber):
    treated, values = COLUMNS[case]
    weakened = replace(treated, treatment=Treatment.KEEP)

    for value in values:
        assert _leaks(_stored(weakened, [value], scrubber)), "the search would not find this canary"


@pytest.mark.parametrize("case", ["scrub_text", "scrub_url", "json_allowlist"])
def test_twin_without_detectors_free_text_is_found_to_leak(case):
    treated, values = COLUMNS[case]

    assert _leaks(_stored(treated, values, Untouched()))


@pytest.mark.parametrize("case", COLUMNS)
def test_a_broken_detector_lets_nothing_through(case):
    class Broken:
        def scrub(self, texts):
            raise RuntimeError(texts[0])

    treated, values = COLUMNS[case]

    assert _leaks(_stored(treated, values, Broken())) == set()


def _numbers_like(number: str) -> Iterable[str]:
    """What someone would enumerate who knows the country and the operator."""
    return (f"+{number[:-3]}{n:03}" for n in range(1000))


def test_a_token_does_not_yield_to_enumeration_without_the_key():
    treated, values = COLUMNS["pseudonymize a phone"]
    tokens = set(_stored(treated, values[:1], Untouched()).column("phone").to_pylist())

    guesses = {token(n, kind=IdentityKind.PHONE, key=b"guess" * 8) for n in _numbers_like(NUMBER)}

    assert not tokens & guesses


def test_twin_whoever_has_the_key_finds_the_number_by_enumeration():
    treated, values = COLUMNS["pseudonymize a phone"]
    tokens = set(_stored(treated, values[:1], Untouched()).column("phone").to_pylist())

    guesses = {token(n, kind=IdentityKind.PHONE, key=KEYS["ws_one"]) for n in _numbers_like(NUMBER)}

    assert tokens & guesses


def test_the_id_of_a_row_is_a_token_of_its_key():
    stored = anonymize(
        batch({"phone": [NUMBER]}), plan=plan(COLUMNS["pseudonymize a phone"][0]), keys=KEYS, text=Untouched()
    )

    (row_id,) = stored.column("event_id").to_pylist()
    assert re.fullmatch("[0-9a-f]{32}", row_id)
    assert row_id not in stored.column("phone").to_pylist()


def test_no_error_of_a_treatment_quotes_a_value():
    # Without an identity kind the treatment breaks; its cause stands for polars' messages, which quote.
    broken = column("phone", Treatment.PSEUDONYMIZE)

    with pytest.raises(AnonymizerError) as caught:
        anonymize(batch({"phone": [NUMBER, NAME]}), plan=plan(broken), keys=KEYS, text=Untouched())

    shown = "".join(traceback.format_exception(caught.value))
    assert not any(canary in shown for canary in CANARIES)
