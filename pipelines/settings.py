"""Read settings from the environment; nothing else reads it."""

import os
from pathlib import Path

from warehouse.errors import HomeError
from warehouse.home import Home

HOME_VARIABLE = "WASMS_HOME"
AS_OF_VARIABLE = "WASMS_AS_OF"
DEFAULT_HOME = Path(".wasms")


def home_from_environment() -> Home:
    """Return the warehouse named by WASMS_HOME, else `.wasms` in the working directory.

    Raises:
        HomeError: The variable is set and empty: it would mean the working directory itself.
    """
    named = os.environ.get(HOME_VARIABLE)
    if named is not None and not named.strip():
        raise HomeError
    return Home(Path(named or DEFAULT_HOME).absolute())


def as_of_from_environment() -> str | None:
    """Return the clock named by WASMS_AS_OF (ISO 8601, UTC), for generated or old data; None = now."""
    return os.environ.get(AS_OF_VARIABLE)


def environment_with(**variables: str) -> dict[str, str]:
    """Return this process's environment and more variables, for a child process."""
    return {**os.environ, **variables}
