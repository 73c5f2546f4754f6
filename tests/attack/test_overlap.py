"""How often somebody who knows all others guesses one contact right, from audiences that differ by it."""

import pytest

from pipelines.declarations.cube import load_cubes
from pipelines.declarations.disclosure import load_disclosure
from pipelines.disclosure.attacks.overlap import PAIRS, cells_per_fact, overlap_accuracy

BASE = load_disclosure().rounding_base


def test_one_pair_is_little_better_than_a_coin():
    assert overlap_accuracy(BASE, 1, is_steady=False) == pytest.approx(0.5 + 1 / (2 * BASE), abs=0.01)
    assert overlap_accuracy(BASE, 1, is_steady=False) <= 0.59


def test_without_rounding_one_pair_is_enough():
    assert overlap_accuracy(1, 1, is_steady=False) == 1.0


def test_more_pairs_tell_more_and_that_is_said():
    curve = [overlap_accuracy(BASE, pairs, is_steady=False) for pairs in PAIRS]
    assert curve == sorted(curve)
    assert curve[-1] > 0.8


@pytest.mark.parametrize("pairs", PAIRS)
def test_the_same_people_again_tell_no_more_than_once(pairs):
    again = overlap_accuracy(BASE, pairs, is_steady=True)
    assert again == overlap_accuracy(BASE, 1, is_steady=True)


def test_each_level_of_each_table_that_counts_a_fact_is_one_more_number_about_it():
    cubes = load_cubes()
    counting = [cube for cube in cubes.values() if "skipped_cap_messages" in cube.sums]
    assert [cube.cube for cube in counting] == ["cube_campaign_daily"]

    cells = cells_per_fact(cubes.values())

    assert cells["skipped_cap_messages"] == len(counting[0].levels)
    assert cells["delivered_messages"] > cells["skipped_cap_messages"]
    assert "active_members" not in cells  # of our own users, not of contacts
