"""Generate the page that draws published tables with their primary and foreign keys."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pipelines.codegen.documents import page, table
from pipelines.codegen.model_sql import DBT_PROJECT

DO_NOT_EDIT = "Generated from the YAML files of dbt_project/models by `make sync`; do not edit."
# Key of a table of names, by which others refer to it.
_NAMES = {
    "workspace_key": "dim_published_workspaces",
    "template_key": "dim_published_templates",
    "campaign_key": "dim_published_campaigns",
}
_FOLDERS = ("marts", "published", "cubes")
_SUFFIX = ".yml"


@dataclass(frozen=True)
class Relation:
    """A published table with what it says of its own keys.

    Attributes:
        types: Column → type, in order.
        primary: Columns that name a row.
    """

    name: str
    description: str
    types: Mapping[str, str]
    primary: tuple[str, ...]

    @property
    def foreign(self) -> Mapping[str, str]:
        """Return column → the table of names that it refers to."""
        return {key: names for key, names in _NAMES.items() if key in self.types and names != self.name}


def published_keys(generated: Mapping[str, str]) -> str:
    """Return the page (Markdown).

    Args:
        generated: Path → text of files that are about to be written, and count instead of those on disk.
    """
    relations = [*_relations(generated)]
    marts = [each for each in relations if each.name.startswith("mart_")]
    names = [each for each in relations if each.name in _NAMES.values()]
    of_campaigns = [each for each in marts if {"campaign_key", "template_key"} & {*each.foreign}]
    of_workspaces = [each for each in marts if each.foreign and each not in of_campaigns]
    workspaces = [each for each in names if not each.foreign]
    return page(
        "Published tables and their keys",
        DO_NOT_EDIT,
        "What names a row of each table (PK), and which key refers to which table of names (FK). Marts have "
        "the names beside the keys; join a table of names for what else it knows, such as the industry of a "
        "workspace. Groups (`other`, `former`, `none`) have no row there, so use a left join. What columns "
        "mean is written in the database itself. See [for analysts](analysts.md).",
        "## Campaigns and templates",
        _drawn([*names, *of_campaigns]),
        "## Workspaces",
        _drawn([*workspaces, *of_workspaces]),
        "## All tables",
        "Tables `cube_…` lie in the schema `cubes` and have rows of several levels; marts read them.",
        table(
            ("table", "primary key", "refers to", "rows"),
            [
                (
                    f"`{each.name}`",
                    ", ".join(f"`{column}`" for column in each.primary),
                    ", ".join(f"`{names}`" for names in each.foreign.values()) or "-",
                    each.description,
                )
                for each in relations
            ],
        ),
    )


def _relations(generated: Mapping[str, str]) -> Iterator[Relation]:
    """Yield marts, tables of names, and cubes, each by name."""
    root = DBT_PROJECT.parent
    for folder in _FOLDERS:
        prefix = f"{DBT_PROJECT.name}/models/{folder}/"
        on_disk = {str(path.relative_to(root)) for path in (root / prefix).glob(f"*{_SUFFIX}")}
        written = {path for path in generated if path.startswith(prefix) and path.endswith(_SUFFIX)}
        for path in sorted(on_disk | written):
            text = generated[path] if path in generated else (root / path).read_text("utf-8")
            for model in yaml.load(text, Loader=yaml.CSafeLoader)["models"]:
                types = {column["name"]: column["data_type"] for column in model["columns"]}
                yield Relation(model["name"], model["description"], types, tuple(_primary(model)))


def _primary(model: Mapping[str, Any]) -> Iterable[str]:
    """Return the columns that dbt's tests say name a row."""
    for test in model.get("data_tests", []):
        if "one_row_per" in test:
            return list(test["one_row_per"]["arguments"]["columns"])
    return [column["name"] for column in model["columns"] if "unique" in column.get("data_tests", [])]


def _drawn(relations: Sequence[Relation]) -> str:
    """Return a picture that GitHub draws: tables with the columns of their keys, and lines between them."""
    there = {each.name for each in relations}
    lines = ["erDiagram", "    direction LR"]
    for each in relations:
        lines.append(f"    {each.name} {{")
        for column in dict.fromkeys([*each.primary, *each.foreign]):
            marks = [mark for mark, of in (("PK", each.primary), ("FK", each.foreign)) if column in of]
            lines.append(f"        {each.types[column]} {column} {', '.join(marks)}")
        lines.append("    }")
    lines += [
        f"    {names} |o--o{{ {each.name} : {column}"
        for each in relations
        for column, names in each.foreign.items()
        if names in there
    ]
    return "\n".join(["```mermaid", *lines, "```"])
