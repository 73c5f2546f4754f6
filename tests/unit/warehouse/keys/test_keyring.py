"""Keys are random, bound to their purpose and name, wrapped, and gone when destroyed."""

import stat

import pytest

from warehouse.errors import KeyringError
from warehouse.keys.keyring import KeyRing, Purpose


def test_a_key_is_made_once_and_survives_a_restart(home):
    made = KeyRing(home.keys).get(Purpose.PSEUDONYM, "ws_a")

    assert KeyRing(home.keys).find(Purpose.PSEUDONYM, "ws_a") == made
    assert len(made) == 32


@pytest.mark.parametrize(
    ("purpose", "name"),
    [
        (Purpose.PSEUDONYM, "ws_b"),
        (Purpose.PSEUDONYM, "WS_A"),
        (Purpose.SURROGATE, "ws_a"),
        (Purpose.PARQUET, "ws_a"),
    ],
)
def test_no_two_purposes_or_names_share_a_key(keyring, purpose, name):
    assert keyring.get(purpose, name) != keyring.get(Purpose.PSEUDONYM, "ws_a")


def test_a_name_never_becomes_a_path(home, keyring):
    keyring.get(Purpose.PSEUDONYM, "../../outside")

    assert all(path.is_relative_to(home.keys) for path in home.root.rglob("*.key"))


def test_files_are_for_their_owner_only_and_hold_no_key_in_clear(home, keyring):
    key = keyring.get(Purpose.PARQUET, "message_log.2026-03.90")

    files = [path for path in home.keys.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert key not in path.read_bytes()
        assert key.hex().encode() not in path.read_bytes()


def test_a_destroyed_key_is_gone_from_disk_and_memory(home, keyring):
    keyring.get(Purpose.PARQUET, "k")

    keyring.destroy(Purpose.PARQUET, "k")

    with pytest.raises(KeyringError, match="does not exist"):
        keyring.find(Purpose.PARQUET, "k")
    assert not list(home.keys.glob("parquet/*"))


def test_a_wrapped_key_cannot_pass_for_another(home):
    KeyRing(home.keys).get(Purpose.PSEUDONYM, "ws_a")
    KeyRing(home.keys).get(Purpose.PSEUDONYM, "ws_b")
    first, second = sorted(home.keys.glob("pseudonym/*.key"))
    first.write_bytes(second.read_bytes())

    ring = KeyRing(home.keys)

    failures = 0
    for name in ("ws_a", "ws_b"):
        try:
            ring.find(Purpose.PSEUDONYM, name)
        except KeyringError:
            failures += 1
    assert failures == 1


def test_a_lost_key_encryption_key_fails_closed(home):
    KeyRing(home.keys).get(Purpose.PSEUDONYM, "ws_a")
    (home.keys / "kek.json").unlink()

    with pytest.raises(KeyringError, match=r"kek\.json"):
        KeyRing(home.keys).get(Purpose.PSEUDONYM, "ws_new")


def test_what_is_sealed_can_be_read_replaced_and_destroyed(home):
    ring = KeyRing(home.keys)
    ring.seal(Purpose.REQUEST, "rq_a", b"first")
    ring.seal(Purpose.REQUEST, "rq_a", b"second")
    (path,) = (home.keys / "request").iterdir()

    assert (
        ring.unseal(Purpose.REQUEST, "rq_a")
        == KeyRing(home.keys).unseal(Purpose.REQUEST, "rq_a")
        == b"second"
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"second" not in path.read_bytes()

    path.with_name(f".{path.name}.0.tmp").write_bytes(path.read_bytes())  # as a kill leaves it
    ring.destroy(Purpose.REQUEST, "rq_a")
    assert list((home.keys / "request").iterdir()) == []
