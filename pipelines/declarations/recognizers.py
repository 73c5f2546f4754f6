"""Read the recognizers that a site adds to those of `text.yml`, from its `recognizers.yml`."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from anonymizers.text.releasing_scrubber import ReleasingScrubber
from anonymizers.text.settings import RecognizerSettings, TextSettings, load_settings
from pipelines.declarations import strict_yaml
from pipelines.declarations.errors import RecognizersError
from pipelines.declarations.strict_yaml import Strict
from pipelines.declarations.word_lists import kept_words


def text_scrubber(path: Path) -> ReleasingScrubber:
    """Make the free-text anonymizer of a warehouse; word lists and recognizers load with the first text.

    Raises:
        RecognizersError: The site's own do not load.
    """
    # It says at start which of its recognizers speak other languages, and may quote texts later on.
    logging.getLogger("presidio-analyzer").disabled = True
    return ReleasingScrubber(text_settings(path), words=kept_words)


class _SiteRecognizers(Strict):
    recognizers: tuple[RecognizerSettings, ...]


def text_settings(path: Path) -> TextSettings:
    """Return the settings of free text: those of `text.yml` and the recognizers of the site, if any.

    Raises:
        RecognizersError: One of the site's cannot be used; names file, recognizer and reason, no pattern.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return load_settings()
    except OSError as error:
        raise RecognizersError(path, [f"not readable ({error.strerror})"]) from None
    declared = strict_yaml.load(text, failure=partial(RecognizersError, path))

    def invalid(problems: Sequence[str]) -> RecognizersError:
        return RecognizersError(path, [_named(problem, declared) for problem in problems])

    site = strict_yaml.validate(declared, _SiteRecognizers, failure=invalid)
    return load_settings().with_recognizers(site.recognizers)


def _named(problem: str, declared: object) -> str:
    """Put the name of a recognizer beside its number."""
    place, _, reason = problem.partition(": ")
    match place.split("."):
        case ["recognizers", number, *rest] if number.isdecimal():
            name = ""
            match declared:
                case {"recognizers": [*all_of_them]}:
                    match all_of_them[int(number)]:
                        case {"name": str(given)}:
                            name = f" ({given})"
            return ": ".join([f"recognizer {int(number) + 1}{name}", *filter(None, [".".join(rest)]), reason])
    return problem
