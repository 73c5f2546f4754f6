"""Fixtures that every kind of test shares: a new home, and the real data where there is some."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from pipelines.reports.pdf import browser
from tests.support.homes import forget_older, kept_cache
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing
from warehouse.ledger.ledger import Ledger
from warehouse.store.connection import Engine

# Timings never decide a test: a busy machine is no counterexample. The same few examples each time; `make
# stress` tries many, and others each time.
settings.register_profile("wasms", deadline=None, max_examples=40, derandomize=True, database=None)
settings.register_profile("stress", deadline=None, max_examples=2_000)
# Where files are in memory, if the system has such a place and there is room: nothing waits for a disk there.
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 4 * 1024**3


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real-data",
        type=Path,
        default=None,
        help="Directory of real inputs (whatsapp/*.json, text/access_combined.log); without it tests skip.",
    )
    parser.addoption(
        "--browser",
        action="store_true",
        help="Open pages in Chromium and print them; needs chromium and pdftotext. Without it tests skip.",
    )
    parser.addoption(
        "--stress", action="store_true", help="Thousands of examples and hundreds of kills: `make stress`."
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("stress" if config.getoption("--stress") else "wasms")
    if not hasattr(config, "workerinput"):
        forget_older()
        if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.fixture(scope="session", autouse=True)
def _cache() -> Iterator[None]:
    """A cache directory of the tests' own: they leave nothing in the user's, and find nothing in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(kept_cache()))
        yield


@pytest.fixture
def stress(request: pytest.FixtureRequest) -> bool:
    """Whether there is time for many more examples than usual."""
    return bool(request.config.getoption("--stress"))


@pytest.fixture
def chromium(request: pytest.FixtureRequest) -> str:
    """The path of a browser; skips unless it is asked for, fails where it is asked for and not there."""
    if not request.config.getoption("--browser"):
        pytest.skip("needs --browser")
    return browser()


@pytest.fixture
def real_data(request: pytest.FixtureRequest) -> Path:
    """The directory of real inputs; skips where none is named."""
    directory: Path | None = request.config.getoption("--real-data")
    if directory is None:
        pytest.skip("needs --real-data DIR")
    return directory


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new warehouse home."""
    return Home(tmp_path / "home").create()


@pytest.fixture
def ledger(home: Home) -> Ledger:
    return Ledger(home.ledger_path)


@pytest.fixture
def engine(home: Home, keyring: KeyRing) -> Engine:
    return Engine(home.tmp, keyring)


@pytest.fixture
def keyring(home: Home) -> KeyRing:
    return KeyRing(home.keys)
