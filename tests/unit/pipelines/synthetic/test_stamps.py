"""Time stamps by look-up equal those of the standard library."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.synthetic import stamps

SECONDS = st.lists(st.integers(1_735_689_600, 1_830_000_000), max_size=5)


@given(SECONDS)
def test_stamps_equal_the_standard_librarys(times):
    seconds = np.array(times, dtype=np.int64)
    moments = [datetime.fromtimestamp(t, UTC).replace(tzinfo=None) for t in times]

    assert stamps.smpp(seconds).to_list() == [f"{m:%y%m%d%H%M}" for m in moments]
    assert stamps.iso_milliseconds(seconds * 1000 + 7).to_list() == [
        (m + timedelta(milliseconds=7)).isoformat(timespec="milliseconds") + "Z" for m in moments
    ]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        (stamps.common_log, "11/May/2026:10:05:03 +0000"),
        (stamps.rfc2822, "Mon, 11 May 2026 10:05:03 +0000"),
        (lambda at: stamps.python_log(at * 1000 + 120), "2026-05-11 10:05:03,120"),
    ],
)
def test_stamps_of_logs_and_mails_are_english_everywhere(stamp, expected):
    assert stamp(np.array([1_778_493_903], dtype=np.int64)).to_list() == [expected]
