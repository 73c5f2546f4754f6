"""The ledger's connections: many may begin at once, and each sees what was committed."""

import os
import shutil
import sqlite3
import time
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest

from warehouse.errors import FormatError
from warehouse.ledger.file import FORMAT
from warehouse.ledger.ledger import Ledger

AT_ONCE = 4


def opened(path: Path, at: float) -> None:
    while time.monotonic() < at:
        pass
    Ledger(path)


def test_a_new_ledger_may_be_opened_by_many_processes_at_once(tmp_path: Path):
    context = get_context("fork")
    for number in range(10):
        path, at = tmp_path / f"{number}.sqlite", time.monotonic() + 0.03
        processes = [context.Process(target=opened, args=(path, at)) for _ in range(AT_ONCE)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()

        assert [process.exitcode for process in processes] == [0] * AT_ONCE


def test_within_a_transaction_others_and_itself_read_what_was_there_before(ledger):
    with ledger.transaction() as connection:
        connection.execute("replace into meta values ('generation', '7')")
        inside = ledger.generation()

    assert (inside, ledger.generation()) == (0, 7)


def test_a_ledger_that_somebody_put_back_is_the_one_that_is_read(ledger, home):
    ledger.mark_demo()
    ledger.checkpoint()
    backup = shutil.copy(home.ledger_path, home.root / "backup.sqlite")
    ledger.log_access("since the backup")

    for path in home.data.glob("ledger.sqlite*"):
        path.unlink()
    os.replace(backup, home.ledger_path)  # noqa: PTH105

    assert ledger.is_demo()
    assert ledger.read("select * from access_log") == []


def test_a_process_that_was_forked_is_refused_the_ledger_of_its_parent(ledger):
    ledger.mark_demo()

    child = os.fork()
    if child == 0:
        try:
            ledger.log_access("a child")
        except RuntimeError:
            os._exit(7)
        os._exit(0)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.parametrize("other", [0, 1, FORMAT + 1])
def test_a_ledger_of_another_version_is_refused_and_not_changed(tmp_path, other):
    path = tmp_path / "ledger.sqlite"
    Ledger(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma user_version = {other}")

    with pytest.raises(FormatError, match=f"has format {other}"):
        Ledger(path)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (other,)
