import hmac

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizers import tokens
from anonymizers.tokens import Keyed, id_messages, identity_messages, token
from anonymizers.treatments import IdentityKind, KeyScope

KEYS = {"ws_one": b"1" * 32, "ws_two": b"2" * 32, "_platform": b"p" * 32}


def _tokens(values: list[str | None], *, kind: IdentityKind, workspace: str = "ws_one") -> list[str | None]:
    keyed = Keyed.of(pl.Series([workspace] * len(values), dtype=pl.String), keys=KEYS)
    return keyed.tokens(identity_messages(pl.Series(values, dtype=pl.String), kind=kind)).to_list()


@given(st.text(), st.sampled_from(IdentityKind), st.binary(min_size=32, max_size=64))
def test_a_column_of_tokens_equals_the_standard_librarys_hmac(value, kind, key):
    keyed = Keyed.of(pl.Series(["ws"]), keys={"ws": key})

    columnar = keyed.tokens(identity_messages(pl.Series([value]), kind=kind))[0]

    message = f"{kind.value}\x1f{value}".encode()
    assert columnar == hmac.new(key.hex().encode(), message, "sha256").hexdigest()[:32]
    assert columnar == token(value, kind=kind, key=key)


def test_null_has_no_token():
    assert _tokens(["+4915100000001", None], kind=IdentityKind.PHONE)[1] is None


def test_without_a_key_only_null_has_no_token():
    keyed = Keyed.of(pl.Series(["ws_gone"]), keys=KEYS)

    assert keyed.tokens(pl.Series([None], dtype=pl.String)).to_list() == [None]
    with pytest.raises(KeyError):
        keyed.tokens(pl.Series(["phone\x1f1"]))


def test_the_same_spelling_of_two_kinds_gives_two_tokens():
    found = {_tokens(["4915100000001"], kind=kind)[0] for kind in IdentityKind}

    assert len(found) == len(IdentityKind)


@pytest.mark.parametrize("user_id", ["DE.7000000001", "DE.ENT.7000000001"])
def test_a_user_id_in_a_numbers_place_has_the_token_of_the_user_id(user_id):
    of_user = _tokens([user_id], kind=IdentityKind.WHATSAPP_USER)

    assert _tokens([user_id], kind=IdentityKind.PHONE) == of_user
    assert [token(user_id, kind=IdentityKind.PHONE, key=KEYS["ws_one"])] == of_user
    assert _tokens([user_id], kind=IdentityKind.CONTACT) != of_user


def test_no_kind_of_identity_shares_the_token_space_of_row_ids():
    assert "id" not in {kind.value for kind in IdentityKind}
    assert not any("\x1f" in kind.value for kind in IdentityKind)


def test_the_same_identity_in_two_workspaces_gives_two_tokens():
    one = _tokens(["+4915100000001"], kind=IdentityKind.PHONE, workspace="ws_one")
    two = _tokens(["+4915100000001"], kind=IdentityKind.PHONE, workspace="ws_two")

    assert one != two


def test_a_platform_token_is_the_same_in_every_workspace():
    keyed = Keyed.of(pl.Series(["ws_one", "ws_two"]), keys=KEYS)

    messages = identity_messages(pl.Series(["12345", "12345"]), kind=IdentityKind.CHANNEL)

    assert keyed.tokens(messages, scope=KeyScope.PLATFORM).n_unique() == 1


def test_interleaved_workspaces_keep_their_order_and_their_keys():
    workspaces = [f"ws_{row * 7 % 5}" for row in range(200)]
    keys = {f"ws_{n}": bytes([n]) * 32 for n in range(5)}
    values = [None if row % 11 == 0 else f"value {row % 3}" for row in range(200)]

    keyed = Keyed.of(pl.Series(workspaces), keys=keys)
    found = keyed.tokens(identity_messages(pl.Series(values), kind=IdentityKind.CONTACT)).to_list()

    assert found == [
        None if value is None else token(value, kind=IdentityKind.CONTACT, key=keys[workspace])
        for workspace, value in zip(workspaces, values, strict=True)
    ]


def test_many_equal_values_are_hashed_once_with_the_same_result(monkeypatch):
    values = [f"value {row % 4}" for row in range(100)]
    one_by_one = _tokens(values, kind=IdentityKind.MEMBER)

    monkeypatch.setattr(tokens, "_ROWS_THAT_PAY", 10)

    assert _tokens(values, kind=IdentityKind.MEMBER) == one_by_one


_PART = st.none() | st.text(alphabet="ab:-1\x1f", max_size=4)


@given(st.lists(st.tuples(_PART, _PART, _PART), min_size=2, max_size=8, unique=True))
def test_no_two_different_keys_of_rows_read_alike(rows):
    columns = [pl.Series(part, dtype=pl.String) for part in zip(*rows, strict=True)]

    messages = id_messages(columns, source="shop__orders")

    assert messages.null_count() == 0
    assert messages.n_unique() == len(rows)


def test_the_same_key_in_two_data_sets_is_two_rows():
    part = pl.Series(["7"])

    assert id_messages([part], source="shop__orders")[0] != id_messages([part], source="shop__bills")[0]
