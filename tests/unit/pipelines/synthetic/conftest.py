"""One small world, read by many tests."""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.synthetic import WorldSpec, WorldSummary, generate

SMALL = WorldSpec(workspaces=12, contacts=150, days=10, seed=7)


@dataclass(frozen=True)
class World:
    """Files of a world, read with the standard library."""

    root: Path
    spec: WorldSpec
    summary: WorldSummary

    def lines(self, feed: str) -> Iterator[tuple[Path, str]]:
        """Every line of a feed, with the file it stands in."""
        for path in sorted((self.root / feed).iterdir()):
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            yield from ((path, line) for line in content.decode().splitlines())

    def envelopes(self, feed: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Every envelope of a feed of JSON lines."""
        yield from ((path, json.loads(line)) for path, line in self.lines(feed))

    def table(self, entity: str) -> list[dict[str, Any]]:
        """All rows of a Parquet feed, file after file."""
        files = sorted((self.root / entity).iterdir())
        return pa.concat_tables([pq.read_table(file) for file in files]).to_pylist()

    def statuses(self) -> Iterator[tuple[Path, dict[str, Any], dict[str, Any]]]:
        """Every WhatsApp status with its file and envelope."""
        for path, envelope in self.envelopes("whatsapp"):
            for change in (c for entry in envelope["body"]["entry"] for c in entry["changes"]):
                yield from ((path, envelope, status) for status in change["value"].get("statuses", ()))


def digests_of(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def digests() -> Callable[[Path], dict[str, str]]:
    """Digest of each file below a folder."""
    return digests_of


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of twelve workspaces and ten days."""
    root = tmp_path_factory.mktemp("world")
    return World(root, SMALL, generate(root, SMALL))
