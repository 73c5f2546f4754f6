"""The measures, on texts small enough to work them out by hand."""

import pytest

from anonymizers.text.evaluate import (
    Label,
    Labelled,
    LabelledError,
    Miss,
    Score,
    evaluate,
    labelled_texts,
    masks_in,
)
from anonymizers.text.scrubber import Mask

# 0123456789012345678
CALL = Labelled("call Ada on 12 34", (Label(5, 8, "PERSON"), Label(12, 17, "PHONE_NUMBER")))


def test_a_label_counts_only_if_every_letter_and_digit_of_it_is_masked():
    found = evaluate([CALL, CALL], [[Mask(5, 8, "<NAME>"), Mask(12, 14, "<NUMBER>")], [Mask(5, 7, "<NAME>")]])

    assert found.texts == 2
    # One of two is masked as a whole, five letters of six; each of two masks that claim a person touches one.
    assert found.scores["PERSON"] == Score(2, 1 / 2, 1.0, 5 / 6)
    # None as a whole, two digits of eight; a number claims to be no phone number.
    assert found.scores["PHONE_NUMBER"] == Score(2, 0.0, None, 2 / 8)
    assert found.core == 7 / 14


def test_what_is_between_the_digits_of_a_label_may_stay():
    found = evaluate([CALL], [[Mask(12, 14, "<PHONE_NUMBER>"), Mask(15, 17, "<PHONE_NUMBER>")]])

    assert found.scores["PHONE_NUMBER"] == Score(1, 1.0, 1.0, 1.0)


def test_a_text_redacted_as_a_whole_hides_all_and_keeps_nothing():
    found = evaluate([CALL], [None])

    assert (found.core, found.kept, found.misses) == (1.0, 0.0, ())
    assert {score.recall for score in found.scores.values()} == {1.0}
    assert found.lost == (("call", 1), ("on", 1))


def test_precision_is_the_share_of_claims_that_touch_one_of_their_kind():
    # `call` and `on` are no persons; `Ada` is touched; `<NUMBER>` claims nothing, and `<PLACE>` no person.
    masks = [Mask(0, 4, "<NAME>"), Mask(5, 8, "<PERSON>"), Mask(9, 11, "<NAME>"), Mask(12, 17, "<PLACE>")]

    score = evaluate([CALL], [masks]).scores["PERSON"]

    assert score.precision == 1 / 3
    # Five thirds by seven thirds.
    assert score.f2 == pytest.approx(5 / 7)


@pytest.mark.parametrize(
    ("recall", "precision", "f2"),
    [(1.0, 1.0, 1.0), (0.5, 1.0, 5 / 9), (1.0, 0.5, 5 / 6), (0.0, 0.0, 0.0), (1.0, None, None)],
)
def test_f2_counts_recall_four_times(recall, precision, f2):
    assert Score(1, recall, precision, 1.0).f2 == (f2 if f2 is None else pytest.approx(f2))


def test_characters_of_what_leads_to_nobody_are_not_core():
    text = Labelled("Ada at Acme", (Label(0, 3, "PERSON"), Label(7, 11, "ORGANIZATION")))

    found = evaluate([text], [[Mask(0, 2, "<NAME>")]])

    assert found.core == 2 / 3
    assert found.scores["ORGANIZATION"].characters == 0.0


def test_harmless_words_are_those_of_two_letters_and_more_that_no_label_touches():
    text = Labelled("it's a fine, fine day Ada", (Label(22, 25, "PERSON"),))

    found = evaluate([text], [[Mask(0, 4, "<WORD>"), Mask(13, 15, "<WORD>"), Mask(22, 25, "<NAME>")]])

    # Of `it's`, `fine`, `fine` and `day`, the second `fine` in part.
    assert found.kept == 2 / 4
    assert found.lost == (("it's", 1), ("fine", 1))


def test_a_miss_shows_its_parts_and_what_stands_around_it():
    found = evaluate([CALL], [[Mask(5, 7, "<NAME>"), Mask(12, 17, "<NUMBER>")]])

    assert found.misses == (Miss("PERSON", "call ", (("Ad", True), ("a", False)), " on 12 34"),)


def test_kinds_come_by_how_often_they_are_labelled():
    many = Labelled("Ada 12 34", (Label(0, 3, "PERSON"), Label(4, 6, "AGE"), Label(7, 9, "AGE")))

    assert list(evaluate([many], [[]]).scores) == ["AGE", "PERSON"]


def test_no_texts_have_no_misses():
    found = evaluate([], [])

    assert (found.texts, found.core, found.kept, found.scores) == (0, 1.0, 1.0, {})


def test_labelled_texts_are_read_as_presidio_research_writes_them():
    document = (
        '[{"full_text": "Hi Ada", "spans": [{"entity_type": "PERSON", "entity_value": "Ada",'
        ' "start_position": 3, "end_position": 6}], "template_id": 1}]'
    )

    assert labelled_texts(document) == [Labelled("Hi Ada", (Label(3, 6, "PERSON"),))]
    assert labelled_texts(document.encode()) == labelled_texts(document)
    assert labelled_texts("[]") == []


def test_a_label_of_nothing_is_none():
    document = (
        '[{"full_text": " Ada", "spans": [{"entity_type": "TITLE", "start_position": 0, "end_position": 0},'
        ' {"entity_type": "PERSON", "start_position": 1, "end_position": 4}]}]'
    )

    assert labelled_texts(document) == [Labelled(" Ada", (Label(1, 4, "PERSON"),))]


def test_a_document_that_is_none_names_the_place_and_no_text():
    with pytest.raises(LabelledError, match="Text 2 lacks") as caught:
        labelled_texts('[{"full_text": "canary", "spans": []}, {"full_text": "canary", "spans": [{}]}]')

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "stored", "masks"),
    [
        ("call Ada on 12 34", "call <NAME> on <NUMBER>", [Mask(5, 8, "<NAME>"), Mask(12, 17, "<NUMBER>")]),
        ("Ada", "<NAME>", [Mask(0, 3, "<NAME>")]),
        ("a\u200bb Ada", "ab <NAME>", [Mask(4, 7, "<NAME>")]),
        ("sale today", "sale today", []),
        # What cannot have become of the text tells nothing of it.
        ("call Ada", "something else", None),
    ],
)
def test_masks_are_read_from_what_is_stored(text, stored, masks):
    assert masks_in(text, stored) == masks
