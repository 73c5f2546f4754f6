"""Write Dagster's own settings into a warehouse."""

import json
from importlib.resources import files
from pathlib import Path

from warehouse.files import replace_text
from warehouse.home import Home

CONFIG = "dagster.yaml"


def write_instance_config(home: Home) -> Path:
    """Write `dagster.yaml` below the home's Dagster directory, whole; return its path."""
    home.create()
    path = home.dagster / CONFIG
    settings = (files("pipelines.orchestration") / CONFIG).read_text("utf-8")
    # A folder's name may need escapes between the quotes of YAML, which are those of JSON.
    replace_text(path, settings.replace("$dagster", json.dumps(str(home.dagster))[1:-1]))
    return path
