"""What YAML files say is read once, and again when one of them changes."""

from datetime import date

import platformdirs
import pytest

from pipelines.declarations.contract import ContractError, load_contracts
from pipelines.declarations.cube import load_cubes
from pipelines.declarations.kept_documents import kept_documents
from pipelines.declarations.metric import load_composed

TEXTS = {"orders": b"treatment: drop\n", "carts": b"rows: [1, true, 1.5, null]\n"}
SAID = {"orders": {"treatment": "drop"}, "carts": {"rows": [1, True, 1.5, None]}}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return platformdirs.user_cache_path("wasms")


def read(texts):
    """What the texts say, and which of them were read."""
    loaded = []

    def failure(name):
        loaded.append(name)
        return lambda problems: ContractError(name, problems)

    return kept_documents(texts, kept_as="shop", failure=failure), loaded


def test_they_are_read_once_and_say_the_same_afterwards():
    assert read(TEXTS) == (SAID, ["orders", "carts"])
    assert read(TEXTS) == (SAID, [])


@pytest.mark.parametrize(
    "changed",
    [
        {"orders": b"treatment: keep\n"},
        {"baskets": b"treatment: drop\n"},
        {"orders": b"", "carts": TEXTS["orders"] + TEXTS["carts"]},
    ],
)
def test_all_are_read_again_when_one_changes(changed):
    read(TEXTS)

    documents, loaded = read(TEXTS | changed)

    assert loaded == list(TEXTS | changed)
    assert documents == read(TEXTS | changed)[0] != SAID


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}", b'{"made_of": 1}'])
def test_a_file_that_nobody_kept_is_not_used(cache, content):
    cache.mkdir()
    (cache / "shop.json").write_bytes(content)

    assert read(TEXTS) == (SAID, list(TEXTS))


def test_what_json_would_change_is_not_kept(cache):
    texts = {"dates": b"since: 2026-05-01\n", "numbers": b"1: one\n"}

    for name, text in texts.items():
        for _ in range(2):
            assert read({name: text})[1] == [name]
    assert read({"dates": texts["dates"]})[0] == {"dates": {"since": date(2026, 5, 1)}}
    assert not cache.exists()


def test_where_nothing_can_be_kept_they_are_read_every_time(cache):
    cache.write_bytes(b"in the way")

    for _ in range(2):
        assert read(TEXTS) == (SAID, list(TEXTS))


def test_an_error_passes_and_nothing_is_kept(cache):
    with pytest.raises(ContractError):
        read(TEXTS | {"torn": b"[1, 2"})

    assert not cache.exists()


@pytest.mark.parametrize("load", [load_contracts, load_cubes, load_composed])
def test_declarations_that_were_kept_are_those_of_the_files(cache, load):
    from_files = load.__wrapped__()

    assert len(list(cache.iterdir())) == 1
    assert load.__wrapped__() == from_files == load()
