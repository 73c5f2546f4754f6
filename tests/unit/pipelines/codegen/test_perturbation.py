"""Laws of the perturbation table: noise is unbiased and bounded, and adds nothing to nobody."""

import csv
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from pipelines.codegen.model_sql import DBT_PROJECT
from pipelines.codegen.perturbation import (
    LARGEST_NOISE,
    VARIANCE,
    last_count,
    noises,
    perturbation_seed,
    perturbation_table,
    probabilities,
)
from pipelines.disclosure.surrogates import NOISE_KEYS

COUNTS = range(last_count() + 1)


@pytest.mark.parametrize("count", COUNTS)
def test_noise_is_unbiased_over_all_keys_bounded_and_leaves_no_count_negative(count):
    found = noises(count)

    assert len(found) == NOISE_KEYS
    assert sum(found) == 0
    assert -min(count, LARGEST_NOISE) <= min(found)
    assert max(found) <= LARGEST_NOISE


def test_nobody_stays_nobody():
    assert set(noises(0)) == {0}


@pytest.mark.parametrize("count", COUNTS[2:])
def test_the_variance_is_four_where_there_is_room(count):
    assert np.var(noises(count)) == pytest.approx(VARIANCE, abs=0.1)


def test_one_person_has_as_much_noise_as_an_unbiased_one_allows():
    # From -1 to 6 with mean 0: the ends alone have variance 6, greatest entropy takes half of it.
    assert float(probabilities(1) @ np.arange(-6, 7) ** 2) == pytest.approx(3.0)
    assert np.var(noises(1)) == pytest.approx(3.0, abs=0.1)


def test_the_density_of_a_large_count_is_symmetric_and_has_one_peak():
    density = probabilities(last_count())

    assert density == pytest.approx(density[::-1])
    assert all(np.diff(density[: LARGEST_NOISE + 1]) > 0)
    assert density.sum() == pytest.approx(1)


def test_the_noise_of_a_small_group_is_worked_by_hand():
    # Two people: -2 to 6, mean 0. 74 + 56 keys below zero take away 204, and 84 above add as much.
    shares = Counter(noises(2))

    assert sum(step * share for step, share in shares.items() if step < 0) == -204
    assert sum(step * share for step, share in shares.items() if step > 0) == 204


def test_neighbouring_keys_do_not_share_their_noise():
    found = noises(last_count())

    assert sum(a == b for a, b in pairwise(found)) < NOISE_KEYS / 4


def test_the_seed_is_the_table():
    text = (DBT_PROJECT / "seeds" / "perturbation.csv").read_text("utf-8")
    rows = [tuple(map(int, row.values())) for row in csv.DictReader(text.splitlines())]

    assert text == perturbation_seed()
    assert rows == perturbation_table()
