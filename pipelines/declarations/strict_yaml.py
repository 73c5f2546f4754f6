"""Read the project's own YAML files, and say what is wrong with one without quoting its values."""

from collections.abc import Callable, Mapping
from importlib.resources.abc import Traversable
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

T = TypeVar("T")


class Strict(BaseModel):
    """A part of a declaration: an unknown field is an error, and errors quote no value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


# Makes the error to raise from a list of problems, one line each.
Failure = Callable[[list[str]], Exception]


def parse(text: str | bytes, kind: type[T], *, failure: Failure, context: object = None) -> T:
    """Read one document and validate it as ``kind``, a model or any other type.

    Raises:
        Exception: What ``failure`` makes of the problems.
    """
    return validate(load(text, failure=failure), kind, failure=failure, context=context)


def load(text: str | bytes, *, failure: Failure) -> object:
    """Read one document of plain data; bytes are UTF-8.

    Raises:
        Exception: What ``failure`` makes of the problem: no UTF-8, no YAML, more than plain data, or a
            mapping that names a key twice.
    """
    try:
        # Not libyaml: deeply nested lists would crash the process.
        document: object = YAML(typ="safe", pure=True).load(text if isinstance(text, str) else text.decode())
    except UnicodeDecodeError:
        raise failure(["not UTF-8"]) from None
    except YAMLError as error:
        raise failure([_problem(error)]) from None
    except (ValueError, RecursionError):  # a date of the thirteenth month; lists in lists in lists
        raise failure(["not plain YAML"]) from None
    return document


def validate(document: object, kind: type[T], *, failure: Failure, context: object = None) -> T:
    """Return a loaded document as ``kind``.

    Raises:
        Exception: What ``failure`` makes of the problems, each with its place.
    """
    try:
        return TypeAdapter(kind).validate_python(document, context=context)
    except ValidationError as error:
        raise failure(
            [
                f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            ]
        ) from None


def contents(folder: Traversable) -> Mapping[str, bytes]:
    """Return the content of each YAML file of a folder by name, sorted by file name."""
    paths = sorted((p for p in folder.iterdir() if p.name.endswith(".yml")), key=lambda path: path.name)
    return {path.name.removesuffix(".yml"): path.read_bytes() for path in paths}


def _problem(error: YAMLError) -> str:
    wrong = "a key is given twice" if isinstance(error, DuplicateKeyError) else "not valid YAML"
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    return wrong if mark is None else f"{wrong} (line {mark.line + 1})"
