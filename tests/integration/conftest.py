"""Fixtures of the real graph: an empty warehouse that knows dbt's project, and one with a day in it."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pipelines.marts.build import build
from pipelines.marts.dbt_runs import parse
from pipelines.orchestration.keys import day_range
from pipelines.orchestration.schedules import next_slices
from pipelines.runtime import open_runtime
from tests.support.homes import kept
from tests.support.orchestra import (
    CLOSED,
    TAKEN_IN,
    Orchestra,
    opened,
    put_channel,
    put_messages,
    remembering,
)
from warehouse.home import Home


@pytest.fixture(scope="session")
def empty() -> Home:
    """A warehouse that knows the dbt project, with all tables and no row in them."""

    def make(home: Home) -> None:
        runtime = open_runtime(home)
        parse(home)
        build(*runtime, from_day=date(2026, 5, 1), to_day=date(2026, 4, 30))
        runtime.store.engine.release()

    return kept("empty", make)


@pytest.fixture(scope="session")
def once(empty: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Taken in on the next day, built when the day had closed."""

    def make(home: Home) -> None:
        with opened(empty, tmp_path_factory.mktemp("once")) as orchestra:
            put_channel(orchestra.home)
            put_messages(orchestra.home)
            assert orchestra.run("ingest", at=TAKEN_IN).success
            days = next_slices(orchestra.at(CLOSED))
            assert days is not None
            assert orchestra.run("marts", at=CLOSED, tags=day_range(*days)).success
        shutil.move(orchestra.home.root, home.root)

    return kept("once", make)


@pytest.fixture
def orchestra(empty: Home, tmp_path: Path) -> Iterator[Orchestra]:
    """Nothing taken in yet."""
    with remembering(empty, tmp_path) as orchestra:
        yield orchestra


@pytest.fixture
def built(once: Home, tmp_path: Path) -> Iterator[Orchestra]:
    """A day in the cubes, and a Dagster that knows nothing of it."""
    with remembering(once, tmp_path) as orchestra:
        yield orchestra


@pytest.fixture
def recorded(once: Home, tmp_path: Path) -> Iterator[Orchestra]:
    """A day in the cubes, and Dagster's records of it, on disk."""
    with opened(once, tmp_path) as orchestra:
        yield orchestra
