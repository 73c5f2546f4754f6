"""Of a text only what eleven contacts share is restored; the twins break one rule each and see it leak."""

import polars as pl
import pytest

import anonymizers.engine
from anonymizers.engine import anonymize
from anonymizers.plan import SharedBy
from anonymizers.text import template_mode
from anonymizers.text.settings import load_settings
from anonymizers.treatments import IdentityKind, Treatment
from tests.support.plans import KEYS, batch, column, plan
from tests.support.scrubbers import scrubber_of

SCRUBBER = scrubber_of(load_settings())
FEWEST = load_settings().template.fewest
PHONES = [f"+49 151 000000{n:02}" for n in range(FEWEST)]
OTHERS = ["Anna", "Bernd", "Carla", "Dieter", "Emma", "Felix", "Greta", "Hanna", "Ingrid", "Jonas"]
TEMPLATE = "Hi {}, the spring sale at Zorblig starts today"
PLAN = plan(
    column("phone", Treatment.PSEUDONYMIZE, output="contact_token", identity=IdentityKind.PHONE),
    column("body", Treatment.SCRUB_TEXT, template=SharedBy("phone", FEWEST)),
    source="shop__messages",
)

# Rows (phone, text) and what of them may not stay.
CASES: dict[str, tuple[list[tuple[str | None, str]], str]] = {
    "a name merged in": (
        [(p, TEMPLATE.format(n)) for p, n in zip(PHONES, [*OTHERS, "Thornberry"], strict=True)],
        "Thornberry",
    ),
    "a text that one contact got eleven times": (
        [(PHONES[0], TEMPLATE.format("Thornberry"))] * FEWEST,
        "Thornberry",
    ),
    "a contact in eleven spellings": (
        [(f"+49{' ' * n}15100000001", TEMPLATE.format("Thornberry")) for n in range(FEWEST)],
        "Thornberry",
    ),
    "ten contacts": ([(p, TEMPLATE.format("Thornberry")) for p in PHONES[1:]], "Thornberry"),
    "ten contacts and nobody": (
        [(p, TEMPLATE.format("Thornberry")) for p in [*PHONES[1:], None, ""]],
        "Thornberry",
    ),
    "an address that all got": (
        [(p, "the spring sale starts today, write to thornberry@quill.example") for p in PHONES],
        "thornberry",
    ),
    "a number that all got": (
        [(p, "the spring sale starts today, call us on 0151 17624093 now") for p in PHONES],
        "17624093",
    ),
}


def stored(case: str) -> list[str]:
    rows, _ = CASES[case]
    raw = batch({"phone": [phone for phone, _ in rows], "body": [text for _, text in rows]})
    return anonymize(raw, plan=PLAN, keys=KEYS, text=SCRUBBER).column("body").to_pylist()


def leaks(case: str) -> bool:
    return CASES[case][1] in "".join(stored(case))


@pytest.mark.parametrize("case", CASES)
def test_what_fewer_contacts_share_and_what_a_recognizer_found_is_not_restored(case):
    assert not leaks(case)


def test_the_template_itself_is_restored():
    assert set(stored("a name merged in")) == {TEMPLATE.format("<NAME>")}


def _with_units(monkeypatch, units):
    """Whoever the contacts are, they are taken for others."""
    true = template_mode.templated
    monkeypatch.setattr(
        anonymizers.engine,
        "templated",
        lambda texts, **options: true(texts, **options | {"units": units(options["units"])}),
    )


@pytest.mark.parametrize(
    "case",
    ["a text that one contact got eleven times", "a contact in eleven spellings", "ten contacts and nobody"],
)
def test_twin_counting_rows_instead_of_contacts_leaks(case, monkeypatch):
    _with_units(monkeypatch, lambda units: pl.Series(range(len(units))))

    assert leaks(case)


def test_twin_counting_spellings_instead_of_contacts_leaks(monkeypatch):
    monkeypatch.setattr(anonymizers.engine, "normalise", lambda values, **_: values)

    assert leaks("a contact in eleven spellings")


def test_twin_with_a_smaller_k_leaks(monkeypatch):
    true = template_mode.templated
    monkeypatch.setattr(
        anonymizers.engine,
        "templated",
        lambda texts, **options: true(texts, **options | {"fewest": FEWEST - 1}),
    )

    assert leaks("ten contacts")


def test_twin_giving_back_what_differs_leaks(monkeypatch):
    def any_of_them(slot, name, contents):
        return max(contents)

    monkeypatch.setattr(template_mode, "_shown", any_of_them)

    assert leaks("a name merged in")


@pytest.mark.parametrize("case", ["an address that all got", "a number that all got"])
def test_twin_giving_back_what_a_recognizer_found_leaks(case, monkeypatch):
    def whatever_all_hide(slot, name, contents):
        return min(contents) if len(contents) == 1 else slot

    everything = frozenset({"<"})
    monkeypatch.setattr(template_mode, "_DOUBTS", everything)
    monkeypatch.setattr(template_mode, "_shown", whatever_all_hide)

    assert leaks(case)
