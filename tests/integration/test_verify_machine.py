"""Whatever happens: verification finds exactly the rows that the oracle says must go, and after that none."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import Phase

from tests.integration.test_retention_machine import Retention, expected_decisions
from tests.support.machines import run_machine
from tests.support.oracle import Known
from tests.support.retention_world import COLUMNS, DATA_SETS, World, inputs_of
from warehouse.keys.keyring import KeyRing
from warehouse.retention.evidence import ANCHOR
from warehouse.retention.finding import Finding
from warehouse.retention.places import Windows
from warehouse.retention.verify import Scope, verify

FOR_EVER = 100_000


class Verification(Retention):
    """The same history; before and after each deletion everything is verified."""

    def __init__(self) -> None:
        super().__init__()
        # A new ledger beside old keys looks like one that was cut short, as it must.
        (self.world.home.keys / ANCHOR).unlink(missing_ok=True)

    def apply(self) -> None:
        stored = self.world.survivors()
        found = findings(self.world, at=self.now, known=self.known)

        super().apply()

        # What only changes its class stays where anybody may see it.
        kept = expected_decisions(self.oracle)
        due = sum(
            _kind(decision) != "class" or _kind(kept.get(row, "gone")) != "class"
            for row, decision in stored.items()
            if kept.get(row) != decision
        )
        assert sum(f.count for f in found if f.place in COLUMNS) == due
        assert findings(self.world, at=self.now, known=self.known) == []


def findings(world: World, *, at: datetime, known: Known) -> list[Finding]:
    windows = Windows(inbox=FOR_EVER, tmp=FOR_EVER, dbt=FOR_EVER, compute_logs=FOR_EVER, manifests=FOR_EVER)
    scope = Scope(
        inputs=inputs_of(known),
        data_sets=DATA_SETS,
        as_of=at,
        windows=windows,
        dagster_days=FOR_EVER,
        word_days=180,
        published_as=lambda _: None,
    )
    keyring = KeyRing(Path(world.home.keys))
    return list(
        verify(world.home, ledger=world.ledger, engine=world.engine, keyring=keyring, scope=scope).findings
    )


def _kind(decision: str) -> str:
    return decision.partition(" ")[0]


@pytest.mark.slow
def test_verification_finds_what_is_due_and_nothing_else(stress):
    run_machine(
        Verification,
        examples=500 if stress else 6,
        is_fixed=not stress,
        steps=15,
        # To shrink a failing history takes longer than to read it.
        phases=(Phase.generate,),
    )
