"""Sketches: a file that has a token is never left out, few others are opened, nothing outlives its file."""

from contextlib import closing
from datetime import date, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.declarations.contract import load_contracts
from pipelines.windows.inputs import tokens_of_people
from warehouse.keys.locks import writer_lease
from warehouse.ledger.batches import Commit
from warehouse.ledger.parts import Part
from warehouse.retention.verify_files import store_findings
from warehouse.store import sketches
from warehouse.store.housekeeping import remove_orphans, sweep
from warehouse.store.part_files import write_part
from warehouse.store.sketches import (
    CHARACTERS,
    bits_of,
    parts_naming,
    sketch_large_files,
    sketch_path,
    wrong_sketches,
)

SOURCE = "shop__orders"
DAYS = [date(2026, 3, day) for day in (1, 2, 3)]
AS_OF = datetime(2026, 3, 20)
# One token per file, and one that all have.
TOKENS = [f"{n:x}" * 32 for n in (10, 11, 12)]
SHARED = "f" * 32

texts = st.one_of(st.text(max_size=40), st.text("0123456789abcdef", min_size=32, max_size=32))


@pytest.fixture
def files(home, ledger, engine, monkeypatch):
    """Three files of two rows, of which sketches are made, however small they are."""
    monkeypatch.setattr(sketches, "FEWEST_ROWS", 1)
    parts = []
    with closing(engine.cursor()) as connection:
        for day, token in zip(DAYS, TOKENS, strict=True):
            template = Part(
                SOURCE,
                f"event_date={day}/retention_days=90",
                "log.2026-03.90",
                rows=2,
                batch_id=f"b{day.day}",
                event_date=day,
                retention_days=90,
            )
            query = (
                "select 'ws' as workspace_id, * from "
                f"(values ('{token}', '{SHARED}'), (null, '{SHARED}')) t(contact_token, message_token)"
            )
            parts.append(write_part(connection, template, query, home=home, engine=engine))
    ledger.commit(Commit("all", AS_OF, ledger.generation(), added=parts))
    return parts


@pytest.fixture
def sketch(home, ledger, engine):
    return lambda: sketch_large_files(home, ledger=ledger, engine=engine, sources=[SOURCE])


@pytest.fixture
def naming(home, ledger, engine):
    def find(*tokens):
        with closing(engine.cursor()) as connection:
            found = parts_naming(connection, ledger.live_parts(), tokens, home=home, engine=engine)
        return [part.event_date for part in found]

    return find


@given(st.lists(texts, min_size=1, max_size=20), st.data())
def test_a_text_has_the_same_bits_alone_in_a_column_and_by_its_beginning(column, data):
    place = data.draw(st.integers(0, len(column) - 1))
    in_column = bits_of(pa.array([None, *column], pa.string()).slice(1))[place]

    assert bits_of(pa.array([column[place]])) == in_column
    assert bits_of(pa.array([column[place][:CHARACTERS]])) == in_column
    assert bits_of(pa.chunked_array([column[:place], column[place:]], pa.string()))[place] == in_column


@given(st.lists(st.integers(0, 2**32 - 1), max_size=50), st.lists(st.integers(0, 2**32 - 1), max_size=5))
def test_a_sketch_has_what_it_was_made_of_and_nothing_else(made_of, wanted):
    tokens = pa.array([f"{bits:08x}{'0' * 24}" for bits in made_of], pa.string())
    bits = sketches._distinct(bits_of(tokens))

    assert bits.tolist() == sorted(set(made_of))
    assert sketches._has_any(bits, bits_of(pa.array([f"{n:08x}" for n in wanted], pa.string()))) == bool(
        set(made_of) & set(wanted)
    )


def test_only_files_that_have_a_token_are_opened(files, sketch, naming):
    assert naming(TOKENS[1]) == DAYS

    assert sketch() == len(DAYS)

    assert naming(TOKENS[1]) == [DAYS[1]]
    assert naming(TOKENS[0], TOKENS[2][:CHARACTERS]) == [DAYS[0], DAYS[2]]
    assert naming(SHARED) == DAYS
    assert naming("9" * 32) == naming() == []
    assert sketch() == 0


def test_a_file_without_a_sketch_is_opened(files, sketch, naming, home):
    sketch()
    sketch_path(home, files[1]).unlink()

    assert naming("9" * 32) == [DAYS[1]]


def test_a_sketch_is_asked_once_for_the_same_tokens_and_again_when_it_was_made_anew(
    files, sketch, naming, home, monkeypatch
):
    sketch()
    assert naming(TOKENS[1]) == [DAYS[1]]
    monkeypatch.setattr(sketches, "_has_any", lambda *_: True)
    assert naming(TOKENS[1]) == [DAYS[1]]

    sketch_path(home, files[0]).unlink()
    sketch()

    assert naming(TOKENS[1]) == DAYS[:2]


def test_small_files_get_no_sketch(files, sketch, monkeypatch):
    monkeypatch.setattr(sketches, "FEWEST_ROWS", 3)
    assert sketch() == 0


def test_every_column_that_names_a_person_is_in_the_sketch():
    named = {name for contract in load_contracts().values() for name in tokens_of_people(contract)}
    assert all(name.endswith("_token") for name in named)


def test_a_sketch_goes_with_its_file_and_what_a_crash_left_is_swept(files, sketch, home, ledger, keyring):
    sketch()
    gone, *_ = files
    left = sketch_path(home, gone).with_name(".part-sketch1-ab.sketch.tmp")
    left.touch()
    with writer_lease(home.locks, "sketch1"):
        assert remove_orphans(home, ledger=ledger) == 0
    assert remove_orphans(home, ledger=ledger) == 1
    assert not list(store_findings(home, ledger, files))

    ledger.commit(Commit("gone", AS_OF, ledger.generation(), removed={gone: "expired"}))
    sweep(home, ledger=ledger, keyring=keyring)

    assert not (home.data / gone.path).parent.exists()
    assert len(list(home.store.rglob("*.sketch"))) == len(files) - 1


def test_a_sketch_whose_file_went_is_an_orphan(files, sketch, home, ledger):
    sketch()
    stray = sketch_path(home, files[0]).with_name("part-b9-ab.sketch")
    sketch_path(home, files[0]).rename(stray)

    assert [finding.count for finding in store_findings(home, ledger, files)] == [1]
    assert remove_orphans(home, ledger=ledger) == 1
    assert not stray.exists()


def test_a_sketch_cannot_be_read_without_the_key_of_its_file(files, sketch, home):
    sketch()
    content = b"".join(path.read_bytes() for path in home.store.rglob("*.sketch"))
    assert content
    assert not any(bytes.fromhex(token[:CHARACTERS])[::-1] in content for token in [*TOKENS, SHARED])


@pytest.mark.parametrize("how", ["of another file", "cut off"])
def test_a_wrong_sketch_is_found(files, sketch, home, engine, how):
    sketch()
    assert wrong_sketches(home, engine=engine, parts=files) == 0
    one, other = (sketch_path(home, part) for part in files[:2])

    one.write_bytes(other.read_bytes() if how == "of another file" else other.read_bytes()[:-9])

    assert wrong_sketches(home, engine=engine, parts=files) == 1
