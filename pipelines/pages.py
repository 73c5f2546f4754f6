"""Render HTML pages that load nothing from elsewhere, all in one look."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from warehouse.files import replace_text


def write_page(path: Path, template: str, **values: object) -> None:
    """Render a template into a file, which is replaced as a whole."""
    replace_text(path, pages().get_template(template).render(**values))


@cache
def pages() -> Environment:
    """Return the environment of all templates; every value is escaped, a missing one is an error.

    Kept, so that a template of many pages is compiled once.
    """
    return Environment(
        loader=PackageLoader("pipelines", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
