"""Killed at any moment, a deletion has happened or has not, to whoever looks; run again, it ends the same."""

import random
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import date

import pytest

from pipelines.retention.apply import apply_retention
from pipelines.retention.plan import plan_retention
from tests.support.due import (
    DUE_AT,
    Content,
    content,
    files_in_ledger,
    files_on_disk,
    reopened,
    warehouse_with_much_due,
)
from tests.support.kills import Moment, processes, run_and_kill, signs, step_reached
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing, Purpose
from warehouse.ledger.ledger import Ledger
from warehouse.retention import evidence, records
from warehouse.retention.plan import write_manifest

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class End:
    """What is left when all is done, apart from names that differ between any two runs."""

    rows: Content
    keys: Counter[str]
    tombstones: list[tuple[str, date, int]]
    horizons: dict[tuple[str, str], date]
    refused: dict[str, date]

    @classmethod
    def of(cls, home: Home) -> "End":
        ledger, keyring = Ledger(home.ledger_path), KeyRing(home.keys)
        assert files_on_disk(home) == files_in_ledger(home)
        assert records.pending(ledger) == []
        sealing = keyring.find(Purpose.LEDGER, "evidence")
        assert evidence.check_chain(ledger, key=sealing, anchor=home.keys / evidence.ANCHOR) == []
        assert not list(home.data.rglob("*.tmp"))
        return cls(
            content(home),
            Counter(path.parent.name for path in home.keys.rglob("*.key")),
            [(t.source, t.event_date, t.retention_days) for t in records.tombstones(ledger)],
            records.horizons(ledger),
            records.refused(ledger),
        )


def test_a_deletion_killed_at_any_moment_is_whole_or_not_begun_and_ends_the_same(tmp_path, stress):
    kills = 500 if stress else 8
    runtime = warehouse_with_much_due(tmp_path / "home")
    home = runtime.store.home
    plan = plan_retention(*runtime, as_of=DUE_AT).plan
    write_manifest(plan, home.manifests)
    before = content(home)
    generation, files = runtime.store.ledger.generation(), len(files_on_disk(home))
    context = processes()

    def apply(at: Home, moment: Moment | None) -> float:
        arguments = [
            "retention",
            "apply",
            "--plan",
            plan.hash,
            "--as-of",
            str(DUE_AT),
            "--home",
            str(at.root),
        ]
        return run_and_kill(context, arguments, home=at, moment=moment)

    def copy(name: str) -> Home:
        shutil.copytree(home.root, tmp_path / name)
        return Home(tmp_path / name)

    # The first process waits for the others' modules to load.
    apply(copy("first"), None)
    undisturbed = copy("undisturbed")
    duration = apply(undisturbed, None)
    expected = End.of(undisturbed)
    lost = before.keys() - expected.rows.keys()
    # Markers of deleted rows go too, which nobody sees.
    assert 0 < len(lost) <= plan.rows_gone
    chance, reached = random.Random(3), Counter[str]()
    # How long after the start, the first file written, the commit, the first file unlinked: each is shorter.
    parts = (1.0, 1 / 10, 1 / 100, 1 / 100)

    for number in range(kills):
        killed = copy("killed")
        step = number % len(parts)
        sign = signs(generation=generation, files=files)[step]
        apply(killed, Moment(chance.uniform(0, duration * parts[step]), sign))
        reached[step_reached(killed, generation=generation, files=files)] += 1
        seen = content(killed)
        # No reader ever meets a part of it.
        assert seen in (before, expected.rows), f"kill {number}: a partial state"

        apply_retention(*reopened(killed), as_of=DUE_AT)

        assert End.of(killed) == expected, f"kill {number}"
        shutil.rmtree(killed.root)
        if number % 50 == 49:
            print(f"{number + 1} kills: {dict(reached)}", flush=True)  # noqa: T201

    print(f"{kills} kills: {dict(reached)}")  # noqa: T201
    assert len(reached) >= (5 if stress else 3)
