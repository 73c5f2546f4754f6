"""Only what passed its tests is published."""

import pytest

from warehouse.errors import UnsoundMartsError
from warehouse.keyring import KeyRing
from warehouse.ledger import Ledger
from warehouse.publish import publish


def test_marts_that_did_not_pass_are_not_published(home):
    Ledger(home.ledger_path).set_unsound_marts({"cube_cells_hold_eleven_contacts"})

    with pytest.raises(UnsoundMartsError, match="cube_cells_hold_eleven_contacts"):
        publish(home, keyring=KeyRing(home.keys))

    assert not home.published_path.exists()
