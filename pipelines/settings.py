"""Settings from the environment; nothing else reads it."""

import os
from pathlib import Path

from warehouse.home import Home

HOME_VARIABLE = "WASMS_HOME"
DEFAULT_HOME = Path(".wasms")


def home_from_environment() -> Home:
    """The warehouse named by WASMS_HOME, else `.wasms` in the working directory."""
    return Home(Path(os.environ.get(HOME_VARIABLE, DEFAULT_HOME)).absolute())
