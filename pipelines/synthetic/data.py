"""Read the YAML files of this folder: the texts and figures that the generated world is made of."""

from importlib.resources import files
from typing import TypeVar

from pipelines.declarations import strict_yaml

T = TypeVar("T")


def read(name: str, kind: type[T]) -> T:
    """Read one file of this folder as ``kind``.

    Raises:
        ValueError: It is not of this kind; names each problem.
    """
    text = (files("pipelines.synthetic") / f"{name}.yml").read_bytes()
    return strict_yaml.parse(text, kind, failure=lambda problems: ValueError(f"{name}.yml: {problems}"))
