"""Fixtures of the real graph: an empty warehouse that knows dbt's project, and one with a day in it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pipelines.conventions import day_range
from pipelines.marts import build, parse
from pipelines.schedules import next_slices
from tests.support.homes import prepared
from tests.support.orchestra import (
    CLOSED,
    TAKEN_IN,
    Orchestra,
    opened,
    put_channel,
    put_messages,
)
from warehouse.home import Home


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An empty warehouse that knows the dbt project."""
    home = Home(tmp_path_factory.mktemp("parsed") / "home").create()
    parse(home)
    return home


@pytest.fixture(scope="session")
def empty(parsed: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A warehouse with all tables and no row in them: dbt takes a quarter of a minute to make them."""
    with prepared(parsed, tmp_path_factory.mktemp("empty")) as runtime:
        build(runtime, from_day=date(2026, 5, 1), to_day=date(2026, 4, 30))
    return runtime.home


@pytest.fixture(scope="session")
def once(parsed: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Taken in on the next day, built when the day had closed."""
    with opened(parsed, tmp_path_factory.mktemp("once")) as orchestra:
        put_channel(orchestra.home)
        put_messages(orchestra.home)
        assert orchestra.run("ingest", at=TAKEN_IN).success
        days = next_slices(orchestra.at(CLOSED))
        assert days is not None
        assert orchestra.run("marts", at=CLOSED, tags=day_range(*days)).success
        return orchestra.home


@pytest.fixture
def orchestra(parsed: Home, tmp_path: Path) -> Iterator[Orchestra]:
    with opened(parsed, tmp_path) as orchestra:
        yield orchestra


@pytest.fixture
def built(once: Home, tmp_path: Path) -> Iterator[Orchestra]:
    with opened(once, tmp_path) as orchestra:
        yield orchestra
