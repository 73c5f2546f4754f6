"""Whoever hides personal data from the scrubber, on purpose or by encoding it, hides it in vain."""

from collections import Counter

import pytest

from anonymizers.text.evaluate import covered_by
from anonymizers.text.settings import load_settings
from tests.support.evasions import evasions
from tests.support.scrubbers import scrubber_of

LEAST_SHARE = 0.95


def recall(settings):
    """Technique → share of its cases of which nothing stays; the last is all of them."""
    cases = list(evasions())
    masked, tried = Counter(), Counter()
    texts = [text for _, text, _ in cases]
    for (technique, text, hidden), masks in zip(cases, scrubber_of(settings).masks(texts), strict=True):
        at = text.index(hidden)
        covered = covered_by(masks, text)
        gone = all(covered[i] for i in range(at, at + len(hidden)) if text[i].isalnum())
        for name in (technique, "all"):
            tried[name] += 1
            masked[name] += gone
    return {name: masked[name] / count for name, count in tried.items()}


def test_personal_data_is_masked_however_it_is_hidden(record_property):
    shares = recall(load_settings())

    for technique, share in shares.items():
        record_property(technique, round(share, 3))
    assert len(shares) > 40
    assert min(shares.values()) >= 0.9
    assert shares["all"] >= LEAST_SHARE


@pytest.mark.parametrize("without", ["digits", "spelt_letters", "common"])
def test_without_one_of_the_rules_it_shows(without):
    """The twins."""
    rule = {"digits": {"digits": 99, "digits_in_groups": 99}, "spelt_letters": {"spelt_letters": 99}}
    changes = rule.get(without, {"common": 0.0, "common_though_a_name": 0.0, "common_with_capital": 0.0})
    settings = load_settings()
    release_rule = settings.release_rule.model_copy(update=changes)
    weakened = settings.model_copy(update={"release_rule": release_rule, "presidio": (), "recognizers": ()})

    assert min(recall(weakened).values()) < 0.9
