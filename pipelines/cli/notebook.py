"""Define `wasms notebook`: a notebook with charts of the published marts."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import HomeOption, home_at
from pipelines.cli.reading import published_path
from pipelines.cli.report import OUT
from pipelines.declarations.disclosure import load_disclosure

_ENDING = ".py"


def notebook(
    file: Annotated[Path, typer.Argument(help="The notebook to write, e.g. campaigns.py.", dir_okay=False)],
    home: HomeOption = None,
) -> None:
    """Write a marimo notebook with charts of the published marts, to look at and to change.

    It is a Python file, and reads the published file where it lies now. An existing file is not overwritten.
    """
    import jinja2

    if file.suffix != _ENDING:
        raise typer.BadParameter(f"a notebook's name ends in {_ENDING}", param_hint="FILE")
    if file.exists():
        raise typer.BadParameter("there is a file of that name; choose another", param_hint="FILE")
    template = (files("pipelines.templates") / "notebook.py.j2").read_text("utf-8")
    values = {"path": json.dumps(str(published_path(home_at(home)))), "base": load_disclosure().rounding_base}
    rendered = jinja2.Template(template, keep_trailing_newline=True).render(values)
    file.write_text(rendered, "utf-8")
    OUT.print(f"Wrote {file}. `pip install marimo`, then `marimo edit {file}`.", highlight=False)
