"""Closing: what is due goes, whatever else there is."""

from datetime import datetime, timedelta

from pipelines.closing import close_days
from pipelines.inbox import feeds
from pipelines.ingest import QUARANTINE, Options, ingest_file
from pipelines.runtime import open_runtime

ARRIVED = datetime.fromisoformat("2026-05-01T06:00:00")


def test_quarantine_of_several_files_expires_with_the_inbox_and_holds_nothing_up(home, tmp_path):
    runtime = open_runtime(home)
    contracts = feeds(runtime.contracts)["whatsapp"]
    for n in range(2):
        path = tmp_path / f"{n}.jsonl"
        path.write_text(f'{{"broken": {n}\n', "utf-8")
        ingest_file(runtime, path, contracts=contracts, options=Options(as_of=ARRIVED))

    closed = close_days(runtime, as_of=ARRIVED + timedelta(days=10))
    expired = close_days(runtime, as_of=ARRIVED + timedelta(days=runtime.policy.inbox_ttl_days))

    assert (closed.parts_compacted, closed.parts_expired) == (0, 0)
    assert (expired.parts_expired, expired.files_unlinked) == (2, 2)
    assert runtime.ledger.live_parts(QUARANTINE) == []
    assert not list(home.store.rglob("*.parquet"))
