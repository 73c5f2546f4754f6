"""Read what people and businesses of the generated world write, in its languages (`wording.yml`)."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from pipelines.synthetic.data import read
from pipelines.synthetic.randomness import Flags, Ints


@dataclass(frozen=True, slots=True)
class Archetype:
    """A kind of template that every business has in its own language."""

    name: str
    category: str
    has_link: bool
    weight: float
    texts: dict[str, str]


@dataclass(frozen=True)
class Wording:
    """All texts, by language.

    Attributes:
        buttons: Yes, no, no more messages.
        with_names: Names of campaigns that hold a person's name.
    """

    archetypes: tuple[Archetype, ...]
    replies: dict[str, tuple[str, ...]]
    opt_outs: dict[str, tuple[str, ...]]
    buttons: dict[str, tuple[str, str, str]]
    occasions: dict[str, tuple[str, ...]]
    reactions: tuple[str, ...]
    with_names: tuple[str, ...]

    @cached_property
    def marketing(self) -> tuple[int, ...]:
        """Return the places of the archetypes for marketing."""
        return tuple(i for i, a in enumerate(self.archetypes) if a.category == "marketing")

    @cached_property
    def service(self) -> tuple[int, ...]:
        """Return the places of all other archetypes."""
        return tuple(i for i, a in enumerate(self.archetypes) if a.category != "marketing")

    def kinds(self, templates: Ints) -> Ints:
        """Return the place of each template's archetype; templates count through all workspaces."""
        return templates % len(self.archetypes)

    def is_marketing(self, templates: Ints) -> Flags:
        """Return for each template whether it is for marketing."""
        return np.isin(self.kinds(templates), self.marketing)

    def has_link(self, templates: Ints) -> Flags:
        """Return for each template whether its text ends in a link."""
        return np.array([a.has_link for a in self.archetypes])[self.kinds(templates)]


@cache
def wording() -> Wording:
    """Read the file once."""
    return read("wording", Wording)
