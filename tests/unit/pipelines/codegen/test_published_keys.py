"""The picture of published tables shows the keys that dbt tests, and no line leads nowhere."""

import re

import pytest

from pipelines.codegen.cubes import cube_files
from pipelines.codegen.published_keys import published_keys
from pipelines.declarations.cube import load_cubes

FUNNEL = """
models:
- name: mart_{name}
  description: One row per shelf.
  data_tests:
  - one_row_per: {{arguments: {{columns: [shelf, workspace_key]}}}}
  columns:
  - {{name: shelf, data_type: varchar}}
  - {{name: workspace_key, data_type: varchar}}
"""


@pytest.fixture(scope="module")
def page():
    return published_keys(cube_files(load_cubes().values()))


def test_every_table_has_a_primary_key(page):
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE)

    assert {"mart_campaign_funnel", "dim_published_campaigns", "cube_campaign_daily"} <= {n for n, _ in rows}
    assert [name for name, primary in rows if not primary] == []


def test_every_line_of_a_picture_leads_from_a_table_to_a_table(page):
    for picture in re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL):
        tables = set(re.findall(r"^    (\w+) \{", picture, re.MULTILINE))
        lines = re.findall(r"^    (\w+) \|o--o\{ (\w+) : (\w+)$", picture, re.MULTILINE)

        assert lines
        assert {end for line in lines for end in line[:2]} == tables


def test_a_new_mart_is_in_the_picture(page):
    new = {"dbt_project/models/marts/mart_shelves.yml": FUNNEL.format(name="shelves")}

    drawn = published_keys({**cube_files(load_cubes().values()), **new})

    assert "mart_shelves" not in page
    assert "        varchar shelf PK\n        varchar workspace_key PK, FK\n" in drawn
    assert "    dim_published_workspaces |o--o{ mart_shelves : workspace_key\n" in drawn
    assert (
        "| `mart_shelves` | `shelf`, `workspace_key` | `dim_published_workspaces` | One row per shelf. |"
        in drawn
    )
