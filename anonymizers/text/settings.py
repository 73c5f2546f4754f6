"""The only reader of `text.yml`."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Annotated, Literal, Self

import regex  # type: ignore[import-untyped]
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from ruamel.yaml import YAML

# Those of Presidio's registry.
PATTERN_FLAGS = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL


def _words(lines: object) -> object:
    """Words of lines, which are for the reader alone."""
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


class VocabularySettings(_Strict):
    """When a word is common enough to stay; `text.yml` says what each number means."""

    common: float
    common_with_capital: float
    common_though_a_name: float
    common_though_a_name_first: float
    common_though_a_name_within: float
    common_though_a_country: float
    common_beside_a_name: float
    name_lists: int
    name_lists_per_step: int
    common_english: float
    share_in_language: float = Field(ge=0, le=1)
    common_in_language: float
    fewest_words: int
    digits: int
    digits_in_groups: int
    spelt_letters: int
    spelt_digits: int
    longest_word: int


class CountingSettings(_Strict):
    """When a word stays because many use it; `text.yml` says what each number means."""

    payers: int = Field(ge=2)
    months: int = Field(ge=1)
    days: int = Field(ge=0)
    shortest: int = Field(ge=1)


class TemplateSettings(_Strict):
    """When a text is a template; `text.yml` says what each number means."""

    fewest: int = Field(ge=2)


class RecognitionSettings(_Strict):
    """How Presidio's recognizers and ours are called."""

    named_from_score: float
    pattern_milliseconds: int
    most_finds: int
    longest_bytes: int


class PatternSettings(_Strict):
    """A pattern of the library `regex`, and how sure a find is, from 0 to 1."""

    name: str
    regex: Annotated[str, Field(min_length=1), AfterValidator(_compiles)]
    score: Sureness


class RecognizerSettings(_Strict):
    """A recognizer as Presidio declares it in YAML, and which check digits a find must have."""

    name: str = Field(min_length=1)
    supported_entity: str = Field(pattern=r"^[A-Z][A-Z_]*$")
    patterns: tuple[PatternSettings, ...] | None = None
    deny_list: tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    deny_list_score: Sureness | None = None
    context: tuple[str, ...] | None = None
    checksum: Literal["luhn", "cpf", "cnpj"] | None = None

    @model_validator(mode="after")
    def _finds_something(self) -> Self:
        if not (self.patterns or self.deny_list):
            raise ValueError("declares neither patterns nor a deny_list")
        return self


class TextSettings(_Strict):
    """All of `text.yml`, and what a site adds to it."""

    languages: tuple[str, ...]
    vocabulary: VocabularySettings
    counting: CountingSettings
    template: TemplateSettings
    harmless: dict[str, Words]
    names: Words
    no_names: Words
    greetings: Words
    greetings_begin: Words
    greetings_end: Words
    titles: Words
    after_greetings: Words
    streets: Words
    particles: Words
    beginnings: Words
    number_words: Words
    recognition: RecognitionSettings
    presidio: tuple[str, ...]
    recognizers: tuple[RecognizerSettings, ...]
    site_recognizers: tuple[RecognizerSettings, ...] = ()

    def with_recognizers(self, more: Sequence[RecognizerSettings]) -> "TextSettings":
        """The same, with recognizers of a site's own."""
        return self.model_copy(update={"site_recognizers": tuple(more)})


@cache
def load_settings() -> TextSettings:
    """Read `text.yml`.

    Raises:
        pydantic.ValidationError: It does not say what it must; names each place.
    """
    source = resources.files("anonymizers.text").joinpath("text.yml").read_text("utf-8")
    return TextSettings.model_validate(YAML(typ="safe", pure=True).load(source))
