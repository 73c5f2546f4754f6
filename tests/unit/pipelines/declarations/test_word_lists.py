"""Word lists are kept as one file, which is used only if it is what would be read anew."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.text.lexicon import known_words
from anonymizers.text.settings import load_settings
from pipelines.declarations import word_lists
from pipelines.declarations.word_lists import kept_words

# Of one language, which is read faster.
SETTINGS = load_settings().model_copy(update={"languages": ("id",), "harmless": {}})
OTHERS = SETTINGS.model_copy(update={"harmless": {"id": frozenset(["zorblig"])}})


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    """Where the lists are kept; nothing is there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "wasms" / "word_lists.arrow.zst"


@pytest.fixture(scope="module")
def words() -> pl.DataFrame:
    return known_words(SETTINGS)


def is_used(file):
    """Whether the file is what it was after another reading."""
    before = file.stat()
    kept_words(SETTINGS)
    return (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_is_kept_is_what_was_read(file, words):
    first, second = kept_words(SETTINGS), kept_words(SETTINGS)

    assert first.equals(words)
    assert second.equals(words)
    assert second.schema == words.schema
    assert is_used(file)


def test_only_its_owner_may_see_the_directory(file):
    kept_words(SETTINGS)

    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_words_of_other_settings_are_read_anew(file):
    kept_words(SETTINGS)

    assert "zorblig" in kept_words(OTHERS)["word"]
    assert "zorblig" not in kept_words(SETTINGS)["word"]


@pytest.mark.parametrize("package", ["babel", "faker", "phonenumbers", "wordfreq"])
def test_words_of_other_packages_are_read_anew(package, file, monkeypatch):
    kept_words(SETTINGS)
    installed = word_lists.metadata.version
    monkeypatch.setattr(
        word_lists.metadata, "version", lambda name: "0" if name == package else installed(name)
    )

    assert not is_used(file)
    assert is_used(file)


def test_what_somebody_else_put_there_is_not_read(file, monkeypatch):
    kept_words(SETTINGS)
    monkeypatch.setattr(word_lists.os, "getuid", lambda: file.stat().st_uid + 1)

    assert not is_used(file)


@pytest.mark.parametrize(
    "broken",
    [b"", b"not what it was", lambda whole: whole[:-1], lambda whole: whole[:1000]],
    ids=["empty", "other", "without its end", "its beginning"],
)
def test_a_broken_file_is_read_anew(broken, file, words):
    kept_words(SETTINGS)
    file.write_bytes(broken if isinstance(broken, bytes) else broken(file.read_bytes()))

    assert kept_words(SETTINGS).equals(words)
    assert is_used(file)


@pytest.fixture(scope="module")
def whole(words, tmp_path_factory) -> tuple[Path, bytes]:
    """A file as it is kept, made of ``x``."""
    path = tmp_path_factory.mktemp("whole") / "words"
    word_lists._write(words, path, b"x")
    return path, path.read_bytes()


@given(data=st.data())
def test_no_bit_of_it_can_change_unnoticed(data, whole, words):
    path, content = whole
    at = data.draw(st.integers(0, 8 * len(content) - 1))
    changed = bytearray(content)
    changed[at // 8] ^= 1 << at % 8
    path.write_bytes(changed)

    try:
        found = word_lists._read(path, b"x")
    except word_lists.UNUSABLE:
        return
    assert found.equals(words)


def test_where_none_can_be_kept_the_lists_are_read(file, words):
    file.parent.write_text("no directory")

    assert kept_words(SETTINGS).equals(words)
    assert file.parent.read_text() == "no directory"


PROGRAM = """
import sys
from pathlib import Path
from pipelines.declarations.recognizers import text_scrubber
from warehouse.home import Home
scrubber = text_scrubber(Path("nowhere"))
assert scrubber.scrub(["Hi Anna, call 030 123456"]) == ["Hi <NAME>, call <PHONE_NUMBER>"]
print(*{name.split(".")[0] for name in sys.modules})
"""


def test_a_first_text_loads_neither_lists_nor_what_it_does_not_need(file):
    loaded = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
        ).stdout.split()
        for _ in range(2)
    ]

    assert file.exists()
    assert "wordfreq" in loaded[0]
    assert {"polars", "presidio_analyzer"} <= set(loaded[1])
    # A quarter of a second, which pyarrow takes wherever it is handed Python's own values.
    assert not {"faker", "pandas", "torch", "wordfreq"} & set(loaded[1])
