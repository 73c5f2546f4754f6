"""HTML pages that load nothing from elsewhere: one look for all of them."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def pages() -> Environment:
    """Where pages come from; every value is escaped, a missing one is an error."""
    return Environment(
        loader=PackageLoader("pipelines", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
