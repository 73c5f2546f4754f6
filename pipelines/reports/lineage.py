"""Trace every published table back to the data sets and fields that it is made of, from dbt's files."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from pipelines.codegen.model_sql import DBT_PROJECT
from pipelines.declarations.cube import load_cubes

_REF = re.compile(r"\bref\(\s*'(\w+)'\s*\)")
_SOURCE = re.compile(r"\bsource\(\s*'\w+'\s*,\s*'(\w+)'\s*\)")
_MACRO = re.compile(r"\{%-?\s*macro (\w+)\(.*?\{%-?\s*endmacro", re.DOTALL)
_CALL = re.compile(r"\b(\w+)\(")
_CUBE = re.compile(r"\bcube\('(\w+)'\)")

# Prefix of a model → its layer, from raw to published.
LAYERS = {
    "stg_": "Staging",
    "int_": "Intermediate",
    "fct_": "Facts",
    "dim_": "Facts",
    "slice_": "Slices",
    "cube_": "Cubes",
    "mart_": "Marts",
}


@dataclass(frozen=True, slots=True)
class Lineage:
    """The models by name, and what each reads at once.

    Attributes:
        sources: Model → data sets of the store that it reads itself.
    """

    parents: Mapping[str, frozenset[str]]
    sources: Mapping[str, frozenset[str]]

    def ancestors(self, model: str) -> frozenset[str]:
        """Return every model that a model is made of."""
        found: set[str] = set()
        waiting = [model]
        while waiting:
            new = self.parents.get(waiting.pop(), frozenset()) - found
            found |= new
            waiting += new
        return frozenset(found)

    def data_sets(self, model: str) -> frozenset[str]:
        """Return the data sets that a model is made of."""
        of = (model, *self.ancestors(model))
        return frozenset().union(*(self.sources.get(each, frozenset()) for each in of))

    def marts_of(self, data_set: str) -> list[str]:
        """Return the marts that a data set reaches."""
        return sorted(
            name for name in self.parents if name.startswith("mart_") and data_set in self.data_sets(name)
        )


def layer_of(model: str) -> str:
    """Return the layer of a model; empty for what is in none, such as a seed."""
    return next((layer for prefix, layer in LAYERS.items() if model.startswith(prefix)), "")


@cache
def load_lineage() -> Lineage:
    """Read the models of dbt's project; macros count for the models that call them."""
    macros = _macros(path.read_text("utf-8") for path in sorted((DBT_PROJECT / "macros").rglob("*.sql")))
    parents, sources = {}, {}
    for path in sorted((DBT_PROJECT / "models").rglob("*.sql")):
        text = _with_macros(path.read_text("utf-8"), macros)
        facts = {load_cubes()[name].facts for name in _CUBE.findall(text) if name in load_cubes()}
        parents[path.stem] = frozenset(_REF.findall(text)) | facts
        sources[path.stem] = frozenset(_SOURCE.findall(text))
    return Lineage(parents, sources)


def _macros(texts: Iterable[str]) -> dict[str, str]:
    return {found[1]: found[0] for text in texts for found in _MACRO.finditer(text)}


def _with_macros(text: str, macros: Mapping[str, str]) -> str:
    """Return a text and the texts of all macros that it calls, also by others."""
    called: set[str] = set()
    whole, new = text, {name for name in _CALL.findall(text) if name in macros}
    while new:
        called |= new
        added = "\n".join(macros[name] for name in sorted(new))
        whole += f"\n{added}"
        new = {name for name in _CALL.findall(added) if name in macros} - called
    return whole
