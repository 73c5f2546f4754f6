"""Write the variables of the dbt project: each is declared elsewhere, `make sync` copies it for dbt."""

import re
from collections.abc import Mapping

from pipelines.declarations.calendar import CLOSING_MARGIN_DAYS
from pipelines.declarations.contract import Contract, lateness_days
from pipelines.declarations.policy import Policy

# Rows of message logs that are joined at once.
ROWS_AT_ONCE = 4_000_000

_DO_NOT_EDIT = (
    "Generated from pipelines/policy.yml, the contracts and Python constants by `make sync`; do not edit."
)
_BLOCK = re.compile(r"^vars:\n(?: +.*\n)+", re.MULTILINE)


def dbt_variables(contracts: Mapping[str, Contract], policy: Policy) -> Mapping[str, int]:
    """Return name → value of each variable."""
    return {
        **policy.disclosure.model_dump(),
        "lateness_days": lateness_days(contracts),
        "closing_margin_days": CLOSING_MARGIN_DAYS,
        "rows_at_once": ROWS_AT_ONCE,
    }


def dbt_project(text: str, variables: Mapping[str, int]) -> str:
    """Return the text of `dbt_project.yml` with these variables in place of its own."""
    lines = [f"# {_DO_NOT_EDIT}", *(f"{name}: {value}" for name, value in variables.items())]
    return _BLOCK.sub("vars:\n" + "".join(f"  {line}\n" for line in lines), text)
