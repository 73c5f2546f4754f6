"""Render the SQL of the project's models without dbt, for rows in no store, such as invented worlds.

Renders the files of `dbt_project` by plain Jinja, with what dbt would bring said by hand. dbt itself builds
the same files (`pipelines.marts.build`); tests/integration/test_marts.py shows that both give the same SQL.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path

import jinja2
import yaml

from pipelines.codegen.cubes import declared
from pipelines.declarations.cube import load_cubes

# Variables by which sums are exact: the most active contact bounds nobody.
UNBOUNDED = {"bounding_rank": 1}
# No policy may have this base: nothing is rounded.
UNROUNDED = {"rounding_base": 1}
DBT_PROJECT = Path(__file__).parents[2] / "dbt_project"
_SOURCES = {
    "outbox": "int_outbox_messages",
    "events": "int_message_events_unioned",
    "inbound": "int_inbound_messages_unioned",
    "opt_outs": "int_opt_outs_unioned",
    "clicks": "int_link_clicks",
}
SLICE_SOURCES = {
    "outbox": "slice_outbox",
    "events": "slice_events",
    "inbound": "slice_inbound",
    "opt_outs": "slice_opt_outs",
    "clicks": "slice_link_clicks",
}


class ModelSql:
    """Renders models and macros; every relation goes by its bare name.

    Attributes:
        variables: The project's, but for those given.
        bounds: Kind of slice (`day`, `month`, `all`) → its first and last day; all days where it is missing.
    """

    def __init__(self, **variables: int) -> None:
        """Take the project's variables, but for those given."""
        self.bounds: Mapping[str, tuple[date, date]] = {}
        self.variables: Mapping[str, int] = {**project_variables(), **variables}
        self._context: Mapping[str, Callable[..., object]] = {
            "ref": lambda name: f'"{name}"',
            "config": lambda **_: "",
            "slices": lambda _column: {},
            "cube_declarations": lambda: {cube.cube: declared(cube) for cube in load_cubes().values()},
            "stored_sources": lambda: _SOURCES,
            "slice_sources": lambda: SLICE_SOURCES,
            "slice_from": lambda period: self.bounds[period][0] if period in self.bounds else None,
            "slice_to": lambda period: self.bounds[period][1] if period in self.bounds else None,
        }

    def render(self, text: str, **variables: int) -> str:
        """Render a query with macros as plain SQL, with the project's variables but for those given."""
        known = {**self.variables, **variables}
        return _template(text).render(self._context, var=known.__getitem__)

    def model(self, name: str) -> str:
        """Render a model of the project as plain SQL."""
        return self.render(next(DBT_PROJECT.glob(f"models/*/{name}.sql")).read_text("utf-8"))


@cache
def project_variables() -> Mapping[str, int]:
    """Return the variables of the dbt project."""
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text("utf-8"))
    return dict(project["vars"])


@cache
def _template(text: str) -> jinja2.Template:
    """Return a query with macros, compiled."""
    jinja, imports = _macros()
    return jinja.from_string(imports + text)


@cache
def _macros() -> tuple[jinja2.Environment, str]:
    """Return Jinja with the project's macros, compiled once, and what a query says to have them all."""
    files = sorted(path for path in DBT_PROJECT.glob("macros/**/*.sql") if _is_plain(path))
    macros = "\n".join(path.read_text("utf-8") for path in files)
    jinja = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 (SQL)
        loader=jinja2.DictLoader({"macros": macros}),
    )
    names = ", ".join(re.findall(r"{%-? macro (\w+)", macros))
    return jinja, f"{{% from 'macros' import {names} with context %}}\n"


def _is_plain(path: Path) -> bool:
    """Return whether a macro file renders outside dbt."""
    text = path.read_text("utf-8")
    return "return(" not in text and "{% test" not in text
