"""Write out messages and replies from the wording of the world."""

import numpy as np
import polars as pl

from pipelines.synthetic.envelopes import filled, lookup, only
from pipelines.synthetic.names import escaped
from pipelines.synthetic.population import Population
from pipelines.synthetic.randomness import Flags, Ints
from pipelines.synthetic.wording import wording

LINK_BASE = "https://wsms.example/l/"


def bodies(population: Population, template: Ints, contact: Ints, tail: pl.Series) -> pl.Series:
    """Return messages as they were sent: template, first name, and a link or a number."""
    name = population.pool.first.texts.gather(population.contacts.first_name[contact])
    lead = [LINK_BASE if t.archetype.has_link else "" for t in population.templates]
    return merged([t.text for t in population.templates], template, name, tail, lead)


def merged(texts: list[str], index: Ints, name: pl.Series, tail: pl.Series, lead: list[str]) -> pl.Series:
    """Fill the two slots of templates."""
    cut = [text.partition("{tail}") for text in texts]
    heads = [before.partition("{name}") for before, _, _ in cut]
    frame = pl.DataFrame(
        {
            "a": lookup([h[0] for h in heads], index),
            "named": pl.Series(np.array([bool(h[1]) for h in heads])[index]),
            "name": name,
            "b": lookup([h[2] + start for h, start in zip(heads, lead, strict=True)], index),
            "tail": tail,
            "c": lookup([after for _, _, after in cut], index),
        }
    )
    named = pl.concat_str(only("named", "<name>"))
    return filled(frame, "<a><named><b><tail><c>", named=named)


def said(languages: tuple[str, ...], language: Ints, choice: Ints, stops: Flags) -> pl.Series:
    """Return what contacts write, in their languages, escaped for JSON."""
    tables = [[*wording().replies[code], *wording().opt_outs[code]] for code in languages]
    starts = np.cumsum([0, *map(len, tables)])[:-1]
    replies = np.array([len(wording().replies[code]) for code in languages])[language]
    stop_words = np.array([len(wording().opt_outs[code]) for code in languages])[language]
    index = starts[language] + np.where(stops, replies + choice % stop_words, choice % replies)
    return lookup([escaped(text) for table in tables for text in table], index)


def pressed(languages: tuple[str, ...], language: Ints, choice: Ints, stops: Flags) -> pl.Series:
    """Return the quick-reply buttons that contacts press, escaped for JSON."""
    texts = [escaped(text) for code in languages for text in wording().buttons[code]]
    return lookup(texts, language * 3 + np.where(stops, 2, choice % 2))
