"""Numbers, days and bars as the page shows them; evidence in words."""

from datetime import date, datetime

import pytest

from pipelines.retention.evidence import describe
from pipelines.retention.page import _moment, _ranges, _size, _span
from pipelines.retention.report import Lane
from warehouse.retention.evidence import Entry

NARROW, FIXED = "\u202f", "\u00a0"


@pytest.mark.parametrize(
    ("bytes_", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_950, "9.9 kB"),
        (48_000, "48 kB"),
        (5 * 10**12, "5.0 TB"),
    ],
)
def test_sizes_have_two_digits_at_least(bytes_, shown):
    assert _size(bytes_).replace(NARROW, " ") == shown


def test_numbers_and_moments_can_be_read_at_a_glance():
    assert _moment(datetime(2026, 3, 4, 5, 6)).replace(FIXED, " ") == "4 Mar 2026, 05:06"


@pytest.mark.parametrize(
    ("lane", "style"),
    [
        (Lane(100, oldest_age=100, newest_age=1, rows=1), "left:0.00%;right:0.00%"),
        (Lane(100, oldest_age=25, newest_age=11, rows=1), "left:75.00%;right:10.00%"),
        # What is past its limit stops at it; the result says so in words.
        (Lane(100, oldest_age=140, newest_age=120, rows=1), "left:0.00%;right:100.00%"),
        (Lane(100, oldest_age=0, newest_age=0, rows=1), "left:100.00%;right:0.00%"),
    ],
)
def test_a_bar_lies_within_its_window(lane, style):
    assert _span(lane) == style


def test_days_that_follow_each_other_are_told_together():
    days = [date(2026, 1, 5), date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]

    assert _ranges(days).replace(FIXED, " ") == "1 Jan 2026 to 3 Jan 2026, 5 Jan 2026"


@pytest.mark.parametrize(
    ("kind", "body", "title", "text"),
    [
        (
            "retention applied",
            {
                "rows": [
                    {"data_set": "shop__orders", "to": "gone", "rule": "default", "rows": 5},
                    {"data_set": "shop__visits", "to": "gone", "rule": "workspace setting", "rows": 7},
                    {"data_set": "shop__visits", "to": "class 30", "rule": "workspace setting", "rows": 2},
                    {"data_set": "shop__visits", "to": "hold 0123456789abcdef", "rule": "default", "rows": 1},
                ],
                "account_ends": ["ab" * 16],
                "gaps": ["2026-01-01", "2026-01-02"],
            },
            "Deleted",
            (
                "12 row(s) of 2 data set(s): 7 by workspace setting, 5 by default. 2 row(s) moved to the "
                "window their workspace chose. 1 row(s) retained under a legal hold. "
                "1 account(s) ended. 2 day(s) became a gap."
            ),
        ),
        ("retention applied", {"rows": []}, "Deleted", "Nothing was due."),
        (
            "retention finished",
            {"files_unlinked": 3, "files_removed": 1, "keys_destroyed": 2},
            "Finished",
            "Gone from disk: 3 file(s) of the store, 1 other file(s). Destroyed: 2 key(s).",
        ),
        (
            "verified",
            {"findings": 0, "rows": 1000, "files": 3},
            "Proved",
            "Searched 1,000 row(s) in 3 file(s): nothing past its window.",
        ),
        (
            "verified",
            {"findings": 2, "rows": 1, "files": 1},
            "Found",
            "Searched 1 row(s) in 1 file(s): 2 finding(s).",
        ),
        (
            "ledger restored",
            {"last_entry_written": 9, "last_entry_left": 4},
            "Restored",
            "The ledger was restored from a backup; entries 5 to 9 were lost.",
        ),
        ("some other kind", {"rows_lost": 4, "why": "x"}, "Some other kind", "rows lost 4"),
    ],
)
def test_every_kind_of_entry_is_told_in_words(kind, body, title, text):
    described = describe(Entry(1, datetime(2026, 1, 1), datetime(2026, 1, 1), kind, body, "", "ab" * 32))

    assert (described.title, described.text) == (title, text)
