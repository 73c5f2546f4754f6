"""Words that many use may stay, but nothing that could be a name, a number or a place; nobody decides alone.

Every case of `NEVER` would be released by counting alone: 25 payers use it for two months. The twins take one
rule away each and see it happen.
"""

from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

import anonymizers.text.releasing_scrubber
import pipelines.ingestion.word_counting
from anonymizers.text.settings import load_settings
from pipelines.declarations.declarations import Declarations
from pipelines.retention.apply import apply_retention
from pipelines.runtime import Runtime, open_runtime
from tests.support.leaks import find_leaks
from tests.support.scrubbers import scrubber_of
from tests.support.word_world import JULY, JUNE, SEPTEMBER, pay, pay_each, stored, use, workspaces
from warehouse.home import Home
from warehouse.ledger.ledger import Ledger
from warehouse.store import word_counts

# Never released, whoever counts: (text, what of it may not stay).
NEVER = {
    "a name in lower case": ("we thank margaret for it", "margaret"),
    "a name of the list": ("we thank uwe for it", "uwe"),
    "a place": ("our shop in kurunegala is open", "kurunegala"),
    "a capital letter": ("our new Zorbla is here now", "Zorbla"),
    "a capital letter at the beginning": ("Zorbla is here now", "Zorbla"),
    "capitals throughout": ("our new ZORBLA is here now", "ZORBLA"),
    "after a greeting": ("hello zorblb how are you", "zorblb"),
    "the second word after a greeting": ("dear customer zorblc thank you", "zorblc"),
    "after a title": ("for mrs zorbld and the family", "zorbld"),
    "beside a name": ("this is margaret zorble and the team", "zorble"),
    "before a name": ("this is zorblf Margaret and the team", "zorblf"),
    "beside a number": ("our zorblg 4711 is here now", "zorblg"),
    "after a number": ("our 4711 zorblh is here now", "zorblh"),
    "beside a street": ("we live in zorbli street now", "zorbli"),
    "digits": ("our zorblj7x is here now", "zorblj"),
    "part of an address": ("write to zorblk@quill.example today", "zorblk"),
    "part of a link": ("see www.zorbll.example for more", "zorbll"),
    "after a slot": ("this is for {{1}} zorblm and you", "zorblm"),
    "the value of a key": ("your account is user=zorbln right now", "zorbln"),
    "part of a word with a hyphen": ("our zorblo-house is open", "zorblo"),
    "part of a path": ("the file is in data/zorbls now", "zorbls"),
    "a text in no language": ("zorblp frobnikz quuxlyz", "zorblp"),
    "two letters": ("our zq is here now", "zq"),
    "too long": (f"our {'zorblq' * 8} is here now", "zorblq"),
    "spelt in another way": ("our %7Aorblr is here now", "zorblr"),
}
COUNTED = "our new zorblig is here now"
USERS = workspaces(25)


SCRUBBER = scrubber_of(load_settings())


@pytest.fixture(autouse=True)
def _loaded_once(monkeypatch):
    monkeypatch.setattr(Declarations, "text", SCRUBBER)


def world(home: Home, *texts: str) -> Runtime:
    """What 25 payers have used in June and in July."""
    runtime = open_runtime(home)
    pay_each(runtime, USERS)
    use(runtime, USERS, *texts, at=JUNE)
    use(runtime, USERS, *texts, at=JULY)
    return runtime


def leaks(home: Home) -> list[str]:
    """Cases whose word is stored in September."""
    texts = [text for text, _ in NEVER.values()]
    answers = dict(zip(NEVER, stored(world(home, COUNTED, *texts), *texts), strict=True))
    return [case for case, (_, word) in NEVER.items() if word in answers[case]]


def test_what_may_be_a_name_a_number_or_a_place_is_never_released_by_counting(home):
    assert leaks(home) == []


def test_a_word_that_many_use_is_released(home):
    assert stored(world(home, COUNTED), COUNTED) == [COUNTED]


def test_twin_counting_whatever_is_masked_releases_it(home, monkeypatch):
    def whatever(spans, uncommon, *, masked_otherwise):
        return spans.distinct.str.contains(r"^\p{L}").to_numpy()[spans.codes]

    monkeypatch.setattr(anonymizers.text.releasing_scrubber, "countable", whatever)

    # What stays masked is decoded text, which is written anew as a whole, and what a dummy name replaces.
    replaced = {"a capital letter", "a capital letter at the beginning", "capitals throughout"}
    replaced |= {"part of an address", "a name in lower case", "a name of the list"}
    assert set(leaks(home)) >= set(NEVER) - {"spelt in another way"} - replaced


def test_twin_counting_beside_masks_releases_what_stands_there(home, monkeypatch):
    def heedless(spans, uncommon, *, masked_otherwise):
        return uncommon & ~masked_otherwise

    monkeypatch.setattr(anonymizers.text.releasing_scrubber, "countable", heedless)

    # Names of the lists give way to dummies, beside which no word counts as uncommon either.
    assert set(leaks(home)) >= {"beside a number", "after a slot", "part of a path"}


# Who counts ---------------------------------------------------------------------------------------


AUGUST_16 = datetime(2026, 8, 16, 6)
TOO_FEW: dict[str, tuple[dict[str, str | None], list[str], tuple[datetime, ...], datetime]] = {
    "19 payers": ({w: w for w in USERS[:19]}, USERS[:19], (JUNE, JULY), SEPTEMBER),
    "25 workspaces of 19 payers": (
        {w: f"Payer {min(n, 18)}" for n, w in enumerate(USERS)},
        USERS,
        (JUNE, JULY),
        SEPTEMBER,
    ),
    "one payer in other spellings": (
        {w: f" PAYER{' ' * n}one " if n % 2 else f"payer{' ' * n} One" for n, w in enumerate(USERS, start=1)},
        USERS,
        (JUNE, JULY),
        SEPTEMBER,
    ),
    "nobody pays": (dict.fromkeys(USERS), USERS, (JUNE, JULY), SEPTEMBER),
    "one month": ({w: w for w in USERS}, USERS, (JUNE,), SEPTEMBER),
    "a month that ended 16 days ago": ({w: w for w in USERS}, USERS, (JUNE, JULY), AUGUST_16),
}


def is_released(home: Home, case: str) -> bool:
    payers, users, months, at = TOO_FEW[case]
    runtime = open_runtime(home)
    pay(runtime, payers)
    for month in months:
        use(runtime, users, COUNTED, at=month)
    return stored(runtime, COUNTED, at=at) == [COUNTED]


@pytest.mark.parametrize("case", TOO_FEW)
def test_a_word_that_too_few_use_is_not_released(home, case):
    assert not is_released(home, case)


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("19 payers", {"payers": 19}),
        ("one month", {"months": 1}),
        ("a month that ended 16 days ago", {"days": 0}),
    ],
)
def test_twin_without_its_rule_a_word_that_too_few_use_is_released(home, case, rule, monkeypatch):
    enough = open_runtime(home).declarations.enough
    monkeypatch.setattr(Declarations, "enough", replace(enough, **rule))

    assert is_released(home, case)


@pytest.mark.parametrize(
    "case", ["25 workspaces of 19 payers", "one payer in other spellings", "nobody pays"]
)
def test_twin_where_each_workspace_counts_one_payer_is_enough(home, case, monkeypatch):
    everyone = pl.DataFrame({"workspace": USERS, "payer": USERS})
    monkeypatch.setattr(pipelines.ingestion.word_counting, "payers", lambda *_: everyone)

    assert is_released(home, case)


# What is written down ------------------------------------------------------------------------------

WORDS = ("zorblig", "Payer of ws_1")


def test_no_word_and_no_payer_stands_in_any_file(home):
    world(home, COUNTED)

    assert find_leaks(home, WORDS) == []


def test_twin_words_written_down_as_they_are_would_be_found(home, monkeypatch):
    def as_they_are(values, kind, *, key):
        return values.cast(pl.Binary)

    monkeypatch.setattr(word_counts, "_hashed", as_they_are)
    world(home, COUNTED)

    assert find_leaks(home, WORDS[:1])


def _hashes(ledger: Ledger, name: str, month: str) -> set[bytes]:
    return {row[name] for row in ledger.read(f"select {name} from word_counts where month = ?", month)}


def test_nothing_can_be_compared_from_month_to_month(home):
    runtime = world(home, COUNTED)

    for name in ("word", "payer"):
        june, july = (_hashes(runtime.store.ledger, name, month) for month in ("2026-06", "2026-07"))
        assert len(june) == len(july) > 0
        assert not june & july


def test_twin_under_one_key_months_could_be_compared(home, monkeypatch):
    keyed = word_counts._hashed
    monkeypatch.setattr(word_counts, "_hashed", lambda values, kind, *, key: keyed(values, kind, key="k"))
    runtime = world(home, COUNTED)

    for name in ("word", "payer"):
        june, july = (_hashes(runtime.store.ledger, name, month) for month in ("2026-06", "2026-07"))
        assert june & july


def test_only_what_is_released_is_kept_of_a_month_that_counts(home):
    runtime = world(home, COUNTED)
    use(runtime, USERS[:3], "our rare zorblish is here now", at=JULY)
    before = _hashes(runtime.store.ledger, "word", "2026-07")

    apply_retention(*runtime, as_of=SEPTEMBER)

    assert len(before) == 2
    assert len(_hashes(runtime.store.ledger, "word", "2026-07")) == 1
    assert stored(runtime, COUNTED) == [COUNTED]
