"""YAML as the project's own files are written, and what is wrong with one, without its values."""

from collections.abc import Hashable
from typing import Any

import yaml
from pydantic import ValidationError


class DuplicateKeyError(yaml.YAMLError):
    """A mapping names one key twice; plain YAML would silently keep the last."""


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            raise DuplicateKeyError
        return mapping


def load(text: str) -> object:
    """Read one document of plain data.

    Raises:
        yaml.YAMLError: It is not YAML, holds anything but plain data, or names a key twice.
    """
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)


def problems(error: yaml.YAMLError | ValidationError) -> list[str]:
    """What is wrong and where, one line each, without quoting a value."""
    if isinstance(error, yaml.YAMLError):
        return [_place(error)]
    return [
        f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg'].removeprefix('Value error, ')}"
        for e in error.errors()
    ]


def _place(error: yaml.YAMLError) -> str:
    if isinstance(error, DuplicateKeyError):
        return "a key is given twice"
    mark = getattr(error, "problem_mark", None)
    return "not valid YAML" if mark is None else f"not valid YAML (line {mark.line + 1})"
