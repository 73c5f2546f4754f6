"""What a release was attacked with is kept as it was found, until it is forgotten."""

from datetime import date

from pipelines.disclosure.attacks.finding import Attacked
from pipelines.marts.release_report import ATTACKS, UTILITY, forget, note_attacks, noted
from warehouse.ledger.ledger import Ledger

DAYS = [date(2026, 5, day) for day in (3, 1, 2)]


def test_attacks_are_kept_with_the_days_that_were_new_and_replaced_by_the_next(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    note_attacks(ledger, [Attacked("rounding", "Finds numbers.", 10)], periods=DAYS[:1], rounds=0)

    note_attacks(ledger, [Attacked("rounding", "Finds numbers.", 1_234)], periods=DAYS, rounds=2)

    report = noted(ledger, ATTACKS)
    assert (report.first, report.last) == ("2026-05-01", "2026-05-03")
    assert [tuple(row) for row in report.rows] == [
        ("rounding", "Finds numbers.", "1,234", "0"),
        ("before", "What was found was taken out, and everything attacked again", "2", ""),
    ]


def test_nothing_is_kept_of_what_was_not_measured_or_is_forgotten(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    note_attacks(ledger, [], periods=DAYS, rounds=0)
    assert noted(ledger, UTILITY) is None

    forget(ledger)

    assert noted(ledger, ATTACKS) is None
