"""Render HTML pages that load nothing from elsewhere, all in one look."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def pages() -> Environment:
    """Return the environment of all templates; every value is escaped, a missing one is an error."""
    return Environment(
        loader=PackageLoader("pipelines", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
