"""The remembering scrubber answers as the one behind it, asks it less, and forgets."""

from collections.abc import Sequence

from anonymizers.text.memory import RememberingScrubber
from anonymizers.text.scrubber import REDACTED


class Counting:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def scrub(self, texts: Sequence[str]) -> list[str]:
        self.asked += texts
        return [REDACTED if text == "breaks" else text.upper() for text in texts]


def test_a_text_is_asked_about_once_and_a_redaction_again():
    behind = Counting()
    scrubber = RememberingScrubber(behind)

    answers = [scrubber.scrub(texts) for texts in (["a", "b", "breaks"], ["b", "breaks", "c"])]

    assert answers == [["A", "B", REDACTED], ["B", REDACTED, "C"]]
    assert behind.asked == ["a", "b", "breaks", "breaks", "c"]


def test_it_remembers_no_more_than_it_may():
    behind = Counting()
    scrubber = RememberingScrubber(behind, capacity=2)

    for texts in (["a", "b"], ["c"], ["b"], ["a"]):
        scrubber.scrub(texts)

    assert behind.asked == ["a", "b", "c", "a"]
