"""Read what dbt's files say of published tables, so that the database can say it too."""

from collections.abc import Mapping

import yaml

from pipelines.codegen.model_sql import DBT_PROJECT


def descriptions() -> Mapping[str, Mapping[str, str]]:
    """Return table → column → description; under the empty name stands what the table is."""
    found = {}
    for folder in ("cubes", "marts", "published"):
        for path in sorted((DBT_PROJECT / "models" / folder).glob("*.yml")):
            # libyaml: dbt reads the same files with it.
            for model in yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)["models"]:
                columns = {column["name"]: column["description"] for column in model["columns"]}
                found[model["name"]] = {"": model["description"], **columns}
    return found
