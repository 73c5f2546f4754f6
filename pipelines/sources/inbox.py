"""What lies in the inbox, in the order in which it must be loaded."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines.declarations.contract import Contract, Kind
from warehouse.retention.places import is_stray

# Channels resolve workspaces, settings choose windows, consents decide on usage events, workspaces tell where
# the numbers of contacts are dialled: before all else.
LOAD_FIRST = ("app/channels", "app/workspace_settings", "privacy/consents", "app/workspaces")

_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class Landed:
    """One file in the inbox.

    Attributes:
        arrival: The day in its name, else the day it was last written.
    """

    path: Path
    feed: str
    arrival: date


def feeds(contracts: Mapping[str, Contract]) -> dict[str, tuple[Contract, ...]]:
    """Feed → its contracts, in the order of loading: lookups, other entities, events."""
    grouped: dict[str, list[Contract]] = {}
    for contract in contracts.values():
        grouped.setdefault(contract.feed, []).append(contract)
    return {
        feed: tuple(grouped[feed]) for feed in sorted(grouped, key=lambda feed: _rank(feed, grouped[feed]))
    }


def landed_files(inbox: Path, contracts: Mapping[str, Contract]) -> list[Landed]:
    """Files waiting in the inbox, by arrival day, then in the order of loading, then by name.

    Hidden files (names that begin with a dot) are still being written and not there yet.
    """
    found = [
        Landed(path=path, feed=feed, arrival=_arrival(path))
        for feed in feeds(contracts)
        for path in sorted((inbox / feed).glob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]
    return sorted(found, key=lambda landed: landed.arrival)


def stray_files(inbox: Path, contracts: Mapping[str, Contract]) -> list[Path]:
    """Files in the inbox that lie in no feed's folder, so that nobody reads them; hidden ones apart."""
    names = feeds(contracts)
    found = inbox.rglob("*")
    return sorted(path for path in found if path.is_file() and is_stray(path, inbox=inbox, feeds=names))


def _rank(feed: str, contracts: Sequence[Contract]) -> tuple[int, str]:
    if feed in LOAD_FIRST:
        return LOAD_FIRST.index(feed), feed
    return len(LOAD_FIRST) + (contracts[0].kind is Kind.EVENT), feed


def _arrival(path: Path) -> date:
    if match := _DAY.search(path.name):
        try:
            return date.fromisoformat(match.group(1))
        except ValueError:
            pass
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
