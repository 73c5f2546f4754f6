"""Open a warehouse: load what is declared, open what is on disk."""

from typing import NamedTuple

from pipelines.declarations.declarations import Declarations, load_declarations
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing
from warehouse.ledger.ledger import Ledger
from warehouse.retention.databases import remove_leftovers
from warehouse.store.connection import Engine
from warehouse.store.housekeeping import destroy_orphan_keys, remove_orphans
from warehouse.store.store import Store


class Runtime(NamedTuple):
    """One opened warehouse, for commands and assets; functions take the part that they need."""

    declarations: Declarations
    store: Store


def open_runtime(home: Home) -> Runtime:
    """Open a warehouse: make its directories and ledger where there are none, remove what a crash left.

    Raises:
        ContractError, PolicyError: A declaration does not load.
    """
    home.create()
    runtime = runtime_of(home)
    remove_orphans(home, ledger=runtime.store.ledger)
    destroy_orphan_keys(home, ledger=runtime.store.ledger, keyring=runtime.store.keyring)
    remove_leftovers(home)
    return runtime


def runtime_of(home: Home) -> Runtime:
    """Open a warehouse as it lies there; nothing is swept.

    Raises:
        ContractError, PolicyError: A declaration does not load.
    """
    keyring = KeyRing(home.keys)
    return Runtime(
        declarations=load_declarations(home.recognizers_path),
        store=Store(
            home=home, keyring=keyring, ledger=Ledger(home.ledger_path), engine=Engine(home.tmp, keyring)
        ),
    )
