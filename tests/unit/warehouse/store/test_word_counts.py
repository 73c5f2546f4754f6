from datetime import UTC, date, datetime, timedelta
from os import utime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.home import Home
from warehouse.keys.keyring import KeyRing, Purpose
from warehouse.ledger.ledger import Ledger
from warehouse.retention.verify_files import word_findings
from warehouse.retention.word_counts import due_words, forget_words
from warehouse.store.word_counts import (
    Enough,
    addition,
    counting_months,
    end_of,
    month_of,
    released,
)

ENOUGH = Enough(payers=3, months=2, days=30, kept_days=180)
JUNE, JULY, AUGUST = date(2026, 6, 10), date(2026, 7, 10), date(2026, 8, 10)
SEPTEMBER = date(2026, 9, 1)
PAYERS = ("a", "b", "c")


def note(ledger: Ledger, keyring: KeyRing, word: str, payers, *, on: date, enough: Enough = ENOUGH) -> None:
    uses = pl.DataFrame({"payer": list(payers), "word": [word] * len(payers)})
    add = addition(uses, keyring, enough=enough, as_of=on)
    with ledger.transaction() as connection:
        add(connection, 0)


def stays(ledger: Ledger, keyring: KeyRing, *words: str, on: date, enough: Enough = ENOUGH) -> list[str]:
    asked = pl.Series(words, dtype=pl.String)
    months = counting_months(ledger, keyring, enough=enough, as_of=on)
    return asked.filter(released(asked, months, enough=enough)).to_list()


def rows(ledger: Ledger, month: str) -> int:
    return int(ledger.read("select count(*) as n from word_counts where month = ?", month)[0]["n"])


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def test_a_word_of_enough_payers_in_enough_months_is_released(ledger, keyring):
    for day in (JUNE, JULY):
        note(ledger, keyring, "zorblig", PAYERS, on=day)
        note(ledger, keyring, "rare", PAYERS[:2], on=day)
    note(ledger, keyring, "once", PAYERS, on=JULY)

    assert stays(ledger, keyring, "rare", "zorblig", "once", "never", on=SEPTEMBER) == ["zorblig"]


def test_payers_of_different_months_do_not_add_up(ledger, keyring):
    note(ledger, keyring, "zorblig", ["a", "b"], on=JUNE)
    note(ledger, keyring, "zorblig", ["c", "d"], on=JULY)

    assert stays(ledger, keyring, "zorblig", on=SEPTEMBER) == []


@pytest.mark.parametrize(("day", "expected"), [(date(2026, 8, 30), []), (date(2026, 8, 31), ["zorblig"])])
def test_a_month_counts_from_30_days_after_its_end(ledger, keyring, day, expected):
    for at in (JUNE, JULY):
        note(ledger, keyring, "zorblig", PAYERS, on=at)

    assert stays(ledger, keyring, "zorblig", on=day) == expected


@pytest.mark.parametrize(("day", "expected"), [(date(2026, 12, 27), ["zorblig"]), (date(2026, 12, 28), [])])
def test_a_month_past_its_window_releases_nothing_though_it_is_still_there(ledger, keyring, day, expected):
    for at in (JUNE, JULY):
        note(ledger, keyring, "zorblig", PAYERS, on=at)

    assert stays(ledger, keyring, "zorblig", on=day) == expected


def test_without_its_key_a_month_releases_nothing_and_none_is_made(ledger, keyring):
    for at in (JUNE, JULY):
        note(ledger, keyring, "zorblig", PAYERS, on=at)
    keyring.destroy(Purpose.WORDS, "2026-06")

    assert stays(ledger, keyring, "zorblig", on=SEPTEMBER) == []
    assert not keyring.has(Purpose.WORDS, "2026-06")


def test_a_word_is_not_a_payer(ledger, keyring):
    note(ledger, keyring, "zorblig", ["zorblig"], on=JUNE)

    (row,) = ledger.read("select word, payer from word_counts")
    assert len(row["word"]) == len(row["payer"]) == 16
    assert row["word"] != row["payer"]


def test_no_more_payers_are_kept_than_it_takes(ledger, keyring):
    note(ledger, keyring, "zorblig", [f"payer {n}" for n in range(50)], on=JUNE)

    assert rows(ledger, "2026-06") == ENOUGH.payers


def test_uses_of_nobody_make_no_key(ledger, keyring):
    note(ledger, keyring, "zorblig", [], on=JUNE)

    assert not keyring.has(Purpose.WORDS, "2026-06")


def test_the_end_of_a_month_is_the_first_of_the_next():
    assert [end_of(month) for month in ("2026-02", "2026-12")] == [date(2026, 3, 1), date(2027, 1, 1)]
    assert month_of(date(2026, 2, 28)) == "2026-02"


# Counts are sets -----------------------------------------------------------------------------------

_USES = st.lists(
    st.tuples(
        st.sampled_from([JUNE, JULY, AUGUST]), st.sampled_from(["one", "two"]), st.sampled_from("abcde")
    ),
    max_size=40,
)


def _released_of(batches: list[list[tuple[date, str, str]]]) -> list[str]:
    with TemporaryDirectory() as folder:
        home = Home(Path(folder)).create()
        ledger, keyring = Ledger(home.ledger_path), KeyRing(home.keys)
        for batch in batches:
            for day, word, payer in batch:
                note(ledger, keyring, word, [payer], on=day)
        return stays(ledger, keyring, "one", "two", on=date(2026, 10, 1))


@settings(max_examples=25)
@given(uses=_USES, data=st.data())
def test_neither_order_nor_repetition_of_batches_changes_what_is_released(uses, data):
    again = data.draw(st.lists(st.sampled_from(uses), max_size=10)) if uses else []
    shuffled = data.draw(st.permutations(uses + again))

    def payers(word: str, day: date) -> int:
        return len({payer for at, used, payer in uses if (at, used) == (day, word)})

    months = {
        word: sum(payers(word, day) >= ENOUGH.payers for day in (JUNE, JULY, AUGUST))
        for word in ("one", "two")
    }
    expected = [word for word, number in months.items() if number >= ENOUGH.months]
    assert _released_of([uses]) == _released_of([shuffled]) == expected


@settings(max_examples=25)
@given(uses=_USES)
def test_what_is_forgotten_of_months_that_count_changes_nothing_that_is_released(uses):
    with TemporaryDirectory() as folder:
        home = Home(Path(folder)).create()
        ledger, keyring = Ledger(home.ledger_path), KeyRing(home.keys)
        for day, word, payer in uses:
            note(ledger, keyring, word, [payer], on=day)
        on = date(2026, 10, 1)
        before = stays(ledger, keyring, "one", "two", on=on)

        forget_words(ledger, keyring, enough=ENOUGH, as_of=midnight(on))

        assert stays(ledger, keyring, "one", "two", on=on) == before


# Windows -------------------------------------------------------------------------------------------


def test_rare_words_go_when_their_month_counts_and_all_of_it_with_its_key_at_the_end(ledger, keyring):
    note(ledger, keyring, "zorblig", PAYERS, on=JUNE)
    note(ledger, keyring, "rare", PAYERS[:2], on=JUNE)
    steps = {}

    for day in (date(2026, 7, 30), date(2026, 7, 31), date(2026, 12, 27), date(2026, 12, 28)):
        due = [i.path for i in due_words(ledger, keyring, enough=ENOUGH, as_of=midnight(day))]
        forget_words(ledger, keyring, enough=ENOUGH, as_of=midnight(day))
        steps[day] = (due, rows(ledger, "2026-06"), keyring.has(Purpose.WORDS, "2026-06"))

    assert list(steps.values()) == [
        ([], 5, True),
        (["ledger/word_counts/2026-06/rare"], 3, True),
        ([], 3, True),
        (["ledger/word_counts/2026-06"], 0, False),
    ]
    (gone,) = ledger.read("select key_name from destroyed_keys")
    assert gone["key_name"] == "words 2026-06"


def test_forgetting_again_finds_nothing_more(ledger, keyring):
    note(ledger, keyring, "zorblig", PAYERS, on=JUNE)
    late = midnight(date(2027, 1, 1))

    assert forget_words(ledger, keyring, enough=ENOUGH, as_of=late) == 1
    assert forget_words(ledger, keyring, enough=ENOUGH, as_of=late) == 0


def test_no_bytes_of_forgotten_counters_stay_in_the_ledger(home, ledger, keyring):
    note(ledger, keyring, "zorblig", PAYERS, on=JUNE)
    (word,) = {bytes(row["word"]) for row in ledger.read("select word from word_counts")}

    def is_there() -> bool:
        return any(word in path.read_bytes() for path in home.data.glob("ledger.sqlite*"))

    assert is_there()
    forget_words(ledger, keyring, enough=ENOUGH, as_of=midnight(date(2027, 1, 1)))

    assert not is_there()


def _age(home: Home, keyring: KeyRing) -> None:
    before = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    for path in (home.keys / Purpose.WORDS).glob("*.key"):
        utime(path, (before, before))


def test_a_key_that_came_back_is_found_and_destroyed_but_not_the_one_of_this_month(home, ledger, keyring):
    ledger.advance_clock(midnight(date(2027, 1, 1)))
    for month in ("2026-06", "2027-01", "2026-12"):
        keyring.get(Purpose.WORDS, month)
    _age(home, keyring)
    as_of = midnight(date(2026, 12, 31))  # of a plan that is finished later

    found = list(word_findings(ledger, keyring, days=180, as_of=date(2027, 1, 1)))
    forgotten = forget_words(ledger, keyring, enough=ENOUGH, as_of=as_of)

    assert (sum(finding.count for finding in found), forgotten) == (1, 1)
    assert [keyring.has(Purpose.WORDS, month) for month in ("2026-06", "2026-12", "2027-01")] == [
        False,
        True,
        True,
    ]


def test_verification_finds_counters_past_their_window(ledger, keyring):
    note(ledger, keyring, "zorblig", PAYERS, on=JUNE)

    def found(day: date) -> int:
        return sum(finding.count for finding in word_findings(ledger, keyring, days=180, as_of=day))

    assert (found(date(2026, 12, 27)), found(date(2026, 12, 28))) == (0, 3)
