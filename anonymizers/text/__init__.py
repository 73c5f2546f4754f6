"""Anonymize free text; docs/free-text.md explains how."""

from anonymizers.text.scrubber import REDACTED, TextScrubber

__all__ = ["REDACTED", "TextScrubber"]
