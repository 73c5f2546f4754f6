"""`wasms dev`: the environment of the UI's process, and that no other process gets it."""

import base64
import os
import signal
import sys
import threading
from datetime import datetime

import pytest

from pipelines.cli.dev import AlreadyOpenError, alone, child_environment, clock_of_demo, run_child
from pipelines.runtime import open_runtime
from warehouse.keys.keyring import Purpose

CLOCK = datetime.fromisoformat("2026-05-29T00:00:00")


def test_the_child_alone_learns_where_dagster_keeps_its_state(home):
    runtime = open_runtime(home)

    child = child_environment(runtime.store, "2026-05-29T00:00:00")

    assert child["DAGSTER_HOME"] == str(home.dagster)
    assert child["WASMS_HOME"] == str(home.root)
    assert child["WASMS_AS_OF"] == "2026-05-29T00:00:00"
    assert child["DAGSTER_REDACT_USER_CODE_ERRORS"] == "1"
    assert "DAGSTER_HOME" not in os.environ


def test_no_key_is_in_the_childs_environment(home):
    runtime = open_runtime(home)
    key = runtime.store.keyring.get(Purpose.DATABASE, "warehouse")

    child = " ".join(child_environment(runtime.store, None).values())

    assert key.hex() not in child
    assert base64.b64encode(key).decode() not in child
    assert str(home.keys) not in child


def test_the_clock_of_a_demo_stands_still_and_that_of_a_warehouse_goes_on(home):
    runtime = open_runtime(home)
    runtime.store.ledger.advance_clock(CLOCK)
    going_on = clock_of_demo(runtime.store)
    runtime.store.ledger.mark_demo()

    assert going_on is None
    assert clock_of_demo(runtime.store) == CLOCK.isoformat()


_WAITS = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
open(sys.argv[1], "w").close()
time.sleep(60)
"""


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_what_stops_dev_stops_its_child_and_is_waited_for(tmp_path, asked):
    """And is no failure, whatever the child makes of it."""

    def stop() -> None:
        while not (tmp_path / "ready").exists():
            pass
        os.kill(os.getpid(), asked)

    stopping = threading.Thread(target=stop)
    stopping.start()

    code = run_child([sys.executable, "-c", _WAITS, str(tmp_path / "ready")], dict(os.environ))

    stopping.join()
    assert code == 0


def test_a_child_that_ends_by_itself_gives_its_exit_code():
    assert run_child([sys.executable, "-c", "raise SystemExit(7)"], dict(os.environ)) == 7


def test_a_home_is_open_once(home):
    with alone(home), pytest.raises(AlreadyOpenError, match="Stop that one first"), alone(home):
        pass
    with alone(home):
        pass
