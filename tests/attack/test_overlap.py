"""How often somebody who knows all others guesses one contact right, from audiences that differ by it."""

import pytest

from pipelines.codegen.perturbation import last_count, noises
from pipelines.disclosure.attacks.overlap import PAIRS, overlap_accuracy

NOISES = noises(last_count())


def test_one_pair_is_little_better_than_a_coin():
    assert 0.5 < overlap_accuracy(NOISES, 1, is_steady=False) <= 0.62


def test_without_noise_one_pair_is_enough():
    assert overlap_accuracy([0] * 256, 1, is_steady=False) == 1.0


def test_more_pairs_tell_more_and_that_is_said():
    curve = [overlap_accuracy(NOISES, pairs, is_steady=False) for pairs in PAIRS]
    assert curve == sorted(curve)
    assert curve[-1] > 0.85


@pytest.mark.parametrize("pairs", PAIRS)
def test_the_same_people_again_tell_no_more_than_once(pairs):
    again = overlap_accuracy(NOISES, pairs, is_steady=True)
    assert again == overlap_accuracy(NOISES, 1, is_steady=True)
