"""A scrubber that remembers: log lines and URLs repeat from file to file, detectors are slow."""

from collections import OrderedDict
from collections.abc import Sequence

from anonymizers.text.scrubber import REDACTED, TextScrubber

REMEMBERED_TEXTS = 50_000


class RememberingScrubber:
    """Asks another scrubber once per text, as long as it remembers; the oldest are forgotten first.

    In memory only, and never a redaction: a detector that broke is asked again.
    """

    def __init__(self, scrubber: TextScrubber, *, capacity: int = REMEMBERED_TEXTS) -> None:
        self._scrubber = scrubber
        self._capacity = capacity
        self._answers: OrderedDict[str, str] = OrderedDict()

    def scrub(self, texts: Sequence[str]) -> list[str]:
        """Replace what is personal in each of the distinct ``texts``; as many, in the same order."""
        unknown = [text for text in texts if text not in self._answers]
        fresh = dict(zip(unknown, self._scrubber.scrub(unknown), strict=True)) if unknown else {}
        answers = [fresh[text] if text in fresh else self._answers[text] for text in texts]
        for text, answer in zip(texts, answers, strict=True):
            if REDACTED not in answer:
                self._answers[text] = answer
                self._answers.move_to_end(text)
        while len(self._answers) > self._capacity:
            self._answers.popitem(last=False)
        return answers
