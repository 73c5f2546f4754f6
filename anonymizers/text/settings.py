"""Read `text.yml`, which declares how free text is anonymized; nothing else reads it."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Annotated, Literal, Self

import regex  # type: ignore[import-untyped]
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

# The flags that Presidio's registry compiles patterns with.
PATTERN_FLAGS = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL


def _words(lines: object) -> object:
    """Split lines into words; how words are put into lines means nothing."""
    return frozenset(word for line in lines for word in line.split()) if isinstance(lines, list) else lines


def _compiles(pattern: str) -> str:
    try:
        regex.compile(pattern, flags=PATTERN_FLAGS)
    except regex.error as error:
        raise ValueError(f"not a regular expression: {error.msg} at character {error.pos}") from None
    except (OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression that can be compiled ({type(error).__name__})") from None
    return pattern


Words = Annotated[frozenset[str], BeforeValidator(_words)]
Sureness = Annotated[float, Field(gt=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ReleaseRuleSettings(_Strict):
    """Hold from when on a word is common enough to stay; `text.yml` says what each number means."""

    common: float
    common_with_capital: float
    common_though_a_name: float
    common_though_a_name_first: float
    common_though_a_name_within: float
    common_though_a_country: float
    common_beside_a_name: float
    common_beside_in_title: float
    name_lists: int
    name_lists_per_step: int
    common_english: float
    common_english_in_hindi: float
    share_in_language: float = Field(ge=0, le=1)
    common_in_language: float
    fewest_words: int
    digits: int
    digits_in_groups: int
    spelt_letters: int
    spelt_digits: int
    spread_digits: int
    longest_word: int


class CountingSettings(_Strict):
    """Hold how often a word must be used to stay; `text.yml` says what each number means."""

    payers: int = Field(ge=2)
    months: int = Field(ge=1)
    days: int = Field(ge=0)
    shortest: int = Field(ge=1)


class TemplateSettings(_Strict):
    """Hold how many contacts make a text a template; `text.yml` says what the number means."""

    fewest: int = Field(ge=2)


class RecognitionSettings(_Strict):
    """Hold the limits under which recognizers run; `text.yml` says what each number means."""

    named_from_score: float
    calendar: Annotated[str, AfterValidator(_compiles)]
    pattern_milliseconds: int
    most_finds: int
    longest_bytes: int
    label_characters: int


class PatternSettings(_Strict):
    """Declare a pattern of the library `regex`, and how sure a match is, above 0 up to 1."""

    name: str
    regex: Annotated[str, Field(min_length=1), AfterValidator(_compiles)]
    score: Sureness


class RecognizerSettings(_Strict):
    """Declare a recognizer as Presidio does in YAML, and which check digits a match must have."""

    name: str = Field(min_length=1)
    supported_entity: str = Field(pattern=r"^[A-Z][A-Z_]*$")
    patterns: tuple[PatternSettings, ...] | None = None
    deny_list: tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    deny_list_score: Sureness | None = None
    context: tuple[str, ...] | None = None
    checksum: Literal["luhn", "cpf", "cnpj"] | None = None
    labels_text: bool = False

    @model_validator(mode="after")
    def _finds_something(self) -> Self:
        if not (self.patterns or self.deny_list):
            raise ValueError("declares neither patterns nor a deny_list")
        return self


class TextSettings(_Strict):
    """Hold all of `text.yml`, and the recognizers that a site adds."""

    languages: tuple[str, ...]
    release_rule: ReleaseRuleSettings
    counting: CountingSettings
    template: TemplateSettings
    harmless: dict[str, Words]
    names: Words
    no_names: Words
    brands: Words
    phrases: tuple[str, ...]
    noun_endings: dict[str, Words]
    endings: dict[str, Words]
    compound_stems: Words
    compound_ends_of_names: Words
    greetings: Words
    greetings_begin: Words
    greetings_end: Words
    cues: Words
    cue_phrases: tuple[str, ...]
    events: Words
    cues_after: Words
    labels: Words
    closings: Words
    seldom_names: Words
    titles: Words
    after_greetings: Words
    streets: Words
    particles: Words
    of_families: Words
    fathers: Words
    cities: Words
    months: Words
    units: Words
    beginnings: Words
    number_words: Words
    recognition: RecognitionSettings
    presidio: tuple[str, ...]
    recognizers: tuple[RecognizerSettings, ...]
    site_recognizers: tuple[RecognizerSettings, ...] = ()

    def with_recognizers(self, more: Sequence[RecognizerSettings]) -> "TextSettings":
        """Return the same settings with recognizers of the site."""
        return self.model_copy(update={"site_recognizers": tuple(more)})


@cache
def load_settings() -> TextSettings:
    """Read `text.yml`.

    Raises:
        pydantic.ValidationError: A setting is missing, misspelt or of the wrong type; names each.
    """
    source = resources.files("anonymizers.text").joinpath("text.yml").read_text("utf-8")
    # libyaml takes a twentieth of the time that a parser in Python takes, and every command waits for it.
    return TextSettings.model_validate(yaml.load(source, Loader=yaml.CSafeLoader))
