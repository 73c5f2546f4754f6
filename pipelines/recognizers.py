"""Recognizers that a site adds to those of `text.yml`; the only reader of `recognizers.yml`."""

import logging

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from anonymizers.text.releasing_scrubber import ReleasingScrubber
from anonymizers.text.settings import RecognizerSettings, TextSettings, load_settings
from pipelines import strict_yaml
from pipelines.errors import RecognizersError
from pipelines.word_lists import kept_words
from warehouse.home import Home


def text_scrubber(home: Home) -> ReleasingScrubber:
    """What anonymizes free text in this warehouse; word lists and recognizers load at the first text.

    Raises:
        RecognizersError: The site's own do not load.
    """
    # It says at start which of its recognizers speak other languages, and may quote texts later on.
    logging.getLogger("presidio-analyzer").disabled = True
    return ReleasingScrubber(text_settings(home), words=kept_words)


class _SiteRecognizers(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    recognizers: tuple[RecognizerSettings, ...]


def text_settings(home: Home) -> TextSettings:
    """How free text is anonymized in this warehouse: by `text.yml` and the recognizers of the site, if any.

    Raises:
        RecognizersError: One of the site's cannot be used; names file, recognizer and reason, no pattern.
    """
    path = home.recognizers_path
    try:
        declared: object = strict_yaml.load(path.read_text("utf-8"))
    except FileNotFoundError:
        return load_settings()
    except OSError as error:
        raise RecognizersError(path, [f"not readable ({error.strerror})"]) from None
    except UnicodeDecodeError:
        raise RecognizersError(path, ["not UTF-8"]) from None
    except yaml.YAMLError as error:
        raise RecognizersError(path, strict_yaml.problems(error)) from None
    except (ValueError, RecursionError):  # a date of the thirteenth month; lists in lists in lists
        raise RecognizersError(path, ["not plain YAML"]) from None
    try:
        site = _SiteRecognizers.model_validate(declared)
    except ValidationError as error:
        raise RecognizersError(path, _problems(error, declared)) from None
    return load_settings().with_recognizers(site.recognizers)


def _problems(error: ValidationError, declared: object) -> list[str]:
    """As `strict_yaml.problems`, with the names of recognizers beside their numbers."""
    return [_named(problem, declared) for problem in strict_yaml.problems(error)]


def _named(problem: str, declared: object) -> str:
    place, _, reason = problem.partition(": ")
    match place.split("."):
        case ["recognizers", number, *rest] if number.isdecimal():
            name = _name(declared, int(number))
            return ": ".join([f"recognizer {int(number) + 1}{name}", *filter(None, [".".join(rest)]), reason])
    return problem


def _name(declared: object, number: int) -> str:
    match declared:
        case {"recognizers": [*all_of_them]}:
            match all_of_them[number]:
                case {"name": str(name)}:
                    return f" ({name})"
    return ""
