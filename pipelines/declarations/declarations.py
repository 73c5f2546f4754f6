"""Hold everything that is declared about one warehouse, by the project and by its site."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.declarations.contract import Contract, Kind, load_contracts
from pipelines.declarations.policy import Operational, Policy, load_policy
from warehouse.store.views import Schema, with_partition_columns
from warehouse.store.word_counts import Enough

if TYPE_CHECKING:
    from anonymizers.text.releasing_scrubber import ReleasingScrubber


@dataclass(frozen=True)
class Declarations:
    """Contracts, policy and how free text is anonymized; nothing of it changes while a process runs.

    Attributes:
        contracts: Data set → contract.
        recognizers_path: Where the site's own recognizers are, if it has any.
    """

    contracts: Mapping[str, Contract]
    policy: Policy
    recognizers_path: Path

    @cached_property
    def text(self) -> "ReleasingScrubber":
        """Return the free-text anonymizer; its word lists load with the first text.

        Raises:
            RecognizersError: The site's own recognizers do not load.
        """
        from pipelines.declarations.recognizers import text_scrubber

        return text_scrubber(self.recognizers_path)

    @cached_property
    def enough(self) -> Enough:
        """Return how often a word must have been counted to stay in free text."""
        from anonymizers.text.settings import load_settings

        counting = load_settings().counting
        return Enough(
            payers=counting.payers,
            months=counting.months,
            days=counting.days,
            kept_days=self.policy.operational_days[Operational.WORD_COUNTS],
        )

    @property
    def schemas(self) -> dict[str, Schema]:
        """Return data set → columns of its view, partition columns included."""
        return {name: view_schema(contract) for name, contract in self.contracts.items()}


def load_declarations(recognizers_path: Path) -> Declarations:
    """Load the project's contracts and policy.

    Raises:
        ContractError, PolicyError: A declaration does not load.
    """
    return Declarations(load_contracts(), load_policy(), recognizers_path)


def view_schema(contract: Contract) -> Schema:
    """Return the columns of the store view of one contract."""
    columns = contract.plan.stored_columns()
    return with_partition_columns(columns) if contract.kind is Kind.EVENT else columns
