"""What every command and asset works with: contracts, policy, keys, ledger, one home."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pipelines.contract import Contract, Kind, load_contracts
from pipelines.policy import Operational, Policy, load_policy
from warehouse.connection import Engine
from warehouse.home import Home
from warehouse.housekeeping import destroy_orphan_keys, remove_orphans
from warehouse.keyring import KeyRing
from warehouse.ledger import Ledger
from warehouse.reading import CachedReader
from warehouse.retention.databases import remove_leftovers
from warehouse.views import Schema, with_partition_columns
from warehouse.word_counts import Enough

if TYPE_CHECKING:
    from anonymizers.text.releasing_scrubber import ReleasingScrubber


@dataclass(frozen=True)
class Runtime:
    """The parts of one warehouse, put together once per process."""

    home: Home
    contracts: Mapping[str, Contract]
    policy: Policy
    keyring: KeyRing
    ledger: Ledger
    engine: Engine

    @cached_property
    def text(self) -> "ReleasingScrubber":
        """The free-text scrubber of this warehouse.

        Raises:
            RecognizersError: The site's own do not load.
        """
        from pipelines.recognizers import text_scrubber

        return text_scrubber(self.home)

    @cached_property
    def enough(self) -> Enough:
        """How often a word must have been counted to stay in free text."""
        from anonymizers.text.settings import load_settings

        counting = load_settings().counting
        return Enough(
            payers=counting.payers,
            months=counting.months,
            days=counting.days,
            kept_days=self.policy.operational_days[Operational.WORD_COUNTS],
        )

    @cached_property
    def reader(self) -> CachedReader:
        """Reads the small data sets that ingestion looks things up in."""
        return CachedReader(self.home, ledger=self.ledger, engine=self.engine)

    @property
    def schemas(self) -> dict[str, Schema]:
        """Data set → columns of its view, partition columns included."""
        return {name: view_schema(contract) for name, contract in self.contracts.items()}


def view_schema(contract: Contract) -> Schema:
    """Columns of the store view of one contract."""
    columns = contract.plan.stored_columns()
    return with_partition_columns(columns) if contract.kind is Kind.EVENT else columns


def open_runtime(home: Home) -> Runtime:
    """Open a warehouse; makes its directories and ledger where there are none, sweeps orphans.

    Raises:
        ContractError, PolicyError: A declaration does not load.
    """
    home.create()
    keyring = KeyRing(home.keys)
    ledger = Ledger(home.ledger_path)
    remove_orphans(home, ledger=ledger)
    destroy_orphan_keys(home, ledger=ledger, keyring=keyring)
    remove_leftovers(home)
    return Runtime(
        home=home,
        contracts=load_contracts(),
        policy=load_policy(),
        keyring=keyring,
        ledger=ledger,
        engine=Engine(home.tmp, keyring),
    )
