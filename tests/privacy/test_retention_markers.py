"""What is deleted is in no file any more, however it is searched for; the same search found it before."""

import gzip
import os
import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.disclosure.surrogates import workspace_keys_of
from pipelines.marts import account_end
from pipelines.retention import apply as retention
from pipelines.retention.apply import apply_retention
from pipelines.runtime import open_runtime
from pipelines.windows.inputs import retention_inputs
from tests.support.due import DUE_AT, SPEC, content, warehouse_with_much_due
from tests.support.leaks import decrypted, find_leaks
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing, Purpose
from warehouse.ledger.ledger import Ledger
from warehouse.store.connection import add_parquet_keys, connect
from warehouse.store.housekeeping import Swept

pytestmark = pytest.mark.slow

MARKERS = 200
IN_FILES = 10


@dataclass(frozen=True)
class Marked:
    """A warehouse before a deletion.

    Attributes:
        rows: Keyed ids of rows that will be deleted; ``surrogates``: what stands for workspaces that end.
    """

    home: Home
    rows: tuple[str, ...]
    surrogates: tuple[str, ...]
    logged: tuple[str, ...]

    @property
    def markers(self) -> list[str]:
        return [*self.rows, *self.surrogates, *self.logged]

    def copy(self, root: Path) -> Home:
        shutil.copytree(self.home.root, root)
        return Home(root)


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Marked:
    """A world with marts, and with logs that are past their window."""
    root = tmp_path_factory.mktemp("marked")
    runtime = warehouse_with_much_due(root / "home", marts=True, spec=replace(SPEC, days=4, messages=400))
    shutil.rmtree(root / "home" / "world")
    before, home = content(runtime.store.home), runtime.store.home
    ended = sorted(retention_inputs(*runtime, as_of=DUE_AT).ended)
    surrogates = tuple(workspace_keys_of(runtime.store.keyring, ended))
    shutil.copytree(home.root, root / "after")
    apply_retention(*open_runtime(Home(root / "after")), as_of=DUE_AT)
    after = content(Home(root / "after"))
    logged = tuple(f"marker-{n:04}-{os.urandom(6).hex()}" for n in range(IN_FILES))
    _log(home, logged)
    gone = sorted({id_ for _, id_ in before.keys() - after.keys()})
    return Marked(home, tuple(gone[: MARKERS - len(surrogates) - IN_FILES]), surrogates, logged)


def _log(home: Home, markers: tuple[str, ...]) -> None:
    """Files of the kinds that a run leaves, older than any window of theirs."""
    old = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    places = (home.tmp, home.dbt_logs, home.dbt_target, home.dagster / "compute_logs" / "run", home.manifests)
    for number, marker in enumerate(markers):
        directory = places[number % len(places)]
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"left-{number}"
        text = f"row of {marker}\n".encode()
        path.write_bytes(gzip.compress(text) if number % 2 else text)
        os.utime(path, (old, old))


def found(home: Home, markers: list[str]) -> set[int]:
    return {int(leak.rpartition(" ")[2]) for leak in find_leaks(home, markers)}


def places(home: Home, markers: list[str]) -> set[str]:
    return {leak.rpartition(": ")[0] for leak in find_leaks(home, markers)}


def test_of_two_hundred_markers_of_deleted_rows_none_is_left_in_any_file(marked, tmp_path):
    assert len(set(marked.markers)) == MARKERS
    assert found(marked.home, marked.markers) == set(range(MARKERS))
    home = marked.copy(tmp_path / "home")

    apply_retention(*open_runtime(home), as_of=DUE_AT)

    assert places(home, marked.markers) == set()


def test_a_build_that_unlinks_nothing_is_caught(marked, tmp_path, monkeypatch):
    home = marked.copy(tmp_path / "home")
    monkeypatch.setattr(retention, "sweep", lambda *_args, **_kwargs: Swept(0, 0))

    apply_retention(*open_runtime(home), as_of=DUE_AT)

    assert len(found(home, list(marked.rows))) == len(marked.rows)


def test_a_build_that_leaves_free_blocks_in_the_warehouse_file_is_caught(marked, tmp_path, monkeypatch):
    home = marked.copy(tmp_path / "home")
    monkeypatch.setattr(account_end, "rewrite", lambda *_args, **_kwargs: None)

    apply_retention(*open_runtime(home), as_of=DUE_AT)

    assert places(home, list(marked.surrogates)) == {"warehouse.duckdb (every block decrypted)"}


def test_a_build_that_forgets_the_marts_is_caught(marked, tmp_path, monkeypatch):
    home = marked.copy(tmp_path / "home")
    monkeypatch.setattr(retention, "end_in_marts", lambda *_args, **_kwargs: None)

    apply_retention(*open_runtime(home), as_of=DUE_AT)

    assert any(place.startswith("warehouse.cubes") for place in places(home, list(marked.surrogates)))
    assert any(place.startswith("published") for place in places(home, list(marked.surrogates)))


def readable_in(backup: Home, home: Home) -> int:
    """Files of deleted state, in a copy made before, that the keys left afterwards still open."""
    keyring = KeyRing(home.keys)
    live = {part.path for part in Ledger(home.ledger_path).live_parts()}
    lost = [
        part
        for part in Ledger(backup.ledger_path).live_parts()
        if part.path not in live and part.event_date is None
    ]
    assert lost
    readable = [part for part in lost if keyring.has(Purpose.PARQUET, part.key_name)]
    with closing(connect(tmp=backup.tmp)) as connection:
        add_parquet_keys(connection, keyring, {part.key_name for part in readable})
        return sum(bool(decrypted(connection, backup.data / p.path, p.key_name)) for p in readable)


def test_a_copy_of_the_store_made_before_cannot_be_read_with_the_keys_that_are_left(
    marked, tmp_path, monkeypatch
):
    """And the twin: where keys are not destroyed, it can."""
    home, careless = marked.copy(tmp_path / "home"), marked.copy(tmp_path / "careless")

    apply_retention(*open_runtime(home), as_of=DUE_AT)
    monkeypatch.setattr(KeyRing, "destroy", lambda *_args: None)
    apply_retention(*open_runtime(careless), as_of=DUE_AT)

    assert readable_in(marked.home, home) == 0
    assert readable_in(marked.home, careless) > 0
