"""Recognize messages that ask for no more messages, by the words of `opt_out.yml`."""

from functools import cache
from importlib import resources
from typing import cast

import polars as pl
import yaml
from pydantic import BaseModel

from anonymizers.unicode import plain

# What stands around a keyword and says nothing: the number of a choice, and `please`.
_BESIDE = (
    r"(?i)^[^\p{L}\p{N}]*[0-9]{1,2}[^\p{L}\p{N}]+"
    r"|\b(?:please|pls|plz|kindly|bitte|por favor|s'il (?:vous|te) pla[iî]t|svp|per favore|alstublieft|aub"
    r"|tolong|mohon|sila|lütfen)\b|कृपया|प्लीज|من فضلك|رجاء|请|請"
)


class Phrases(BaseModel):
    """Two lists whose words make a phrase: a verb, and what should end."""

    verbs: tuple[str, ...]
    objects: tuple[str, ...]


class OptOutWords(BaseModel):
    """Hold all of `opt_out.yml`, by language."""

    keywords: dict[str, tuple[str, ...]]
    phrases: dict[str, Phrases]


@cache
def opt_out_words() -> OptOutWords:
    """Read `opt_out.yml` once."""
    source = resources.files("anonymizers.text").joinpath("opt_out.yml").read_text("utf-8")
    return OptOutWords.model_validate(yaml.load(source, Loader=yaml.CSafeLoader))


def is_opt_out(texts: pl.Series) -> pl.Series:
    """Return whether each of the n texts is an opt-out keyword as a whole, in order; null for null.

    Case, accents, punctuation, characters of no width and words like `please` are ignored. STOP may be said
    in two languages: `STOP / BAJA`. A keyword within a sentence does not count, as with the providers:
    "please stop by" is a visit.
    """
    words = _keywords()
    short = texts.str.len_chars() <= 2 * cast("int", words.str.len_chars().max())
    # Only short texts are worth normalising.
    candidates = pl.select(pl.when(short).then(texts)).to_series()
    found = _bare(plain(candidates).str.replace_all(_BESIDE, "")).is_in(words.implode()).fill_null(False)
    return pl.select(pl.when(texts.is_not_null()).then(found)).to_series().rename(texts.name)


@cache
def _keywords() -> pl.Series:
    """Return all keywords and phrases, each written as one word."""
    phrases = {
        phrase
        for words in opt_out_words().phrases.values()
        for verb in words.verbs
        for thing in words.objects
        for phrase in (verb + thing, thing + verb)
    }
    keywords = set().union(*opt_out_words().keywords.values())
    in_two = {pair for word in keywords for pair in (f"stop {word}", f"{word} stop")}
    return _bare(pl.Series(sorted(phrases | keywords | in_two))).unique().sort()


def _bare(texts: pl.Series) -> pl.Series:
    """Return texts in lower case without accents and what stands between words: `STOP_ALL` is one word.

    The Turkish letters I with and without a dot are one: `IPTAL` is typed with either.
    """
    folded = plain(texts).str.to_lowercase().str.normalize("NFKD").str.replace_all("ı", "i")
    return folded.str.replace_all(r"[\x{300}-\x{36f}\x{64b}-\x{655}]|[^\p{L}\p{M}\p{N}]+", "")
