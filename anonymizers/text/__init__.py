"""Free text: what may be stored of it."""

from anonymizers.text.scrubber import REDACTED, TextScrubber

__all__ = ["REDACTED", "TextScrubber"]
