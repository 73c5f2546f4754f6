"""Measure the main job, from raw files to published marts: time per stage and peak memory.

    python bench/main_job.py --messages 1000000

The reference, in the same run: a plain Python loop that parses and pseudonymizes webhook bodies with
`json` and `hmac`, single-threaded; the ratio is status events per CPU second of ingestion against it.
"""

import argparse
import hashlib
import hmac
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from pipelines.synthetic import WorldSpec, generate
from warehouse.home import Home

REFERENCE_RECORDS = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--workspaces", type=int, default=50)
    parser.add_argument("--days", type=int, default=28)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        home = Home(Path(directory) / "home").create()
        started = time.perf_counter()
        spec = WorldSpec(
            workspaces=arguments.workspaces,
            contacts=max(arguments.messages // arguments.workspaces // 5, 20),
            days=arguments.days,
            messages=arguments.messages,
        )
        home.inbox.rmdir()
        world = generate(home.inbox, spec)
        print(
            f"generated {world.messages:,} messages, {sum(world.records.values()):,} rows, "
            f"{world.size_bytes / 1e9:.2f} GB in {time.perf_counter() - started:.0f} s"
        )
        reference = _reference_rate(home.inbox)
        as_of = (world.last_arrival_day + timedelta(days=3)).isoformat()
        wasms = [sys.executable, "-c", "from pipelines.cli.app import main; main()"]
        command = [*wasms, "run", "--as-of", as_of, "--home", str(home.root)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        output = process.stdout.read()
        usage = _wait(process)
        print(output)
    cpu = usage.ru_utime + usage.ru_stime
    rate = sum(world.records.values()) / cpu
    print(f"whole command: CPU {cpu:.0f} s, peak memory {usage.ru_maxrss / 1024:,.0f} MiB")
    print(f"rows per CPU second, everything included: {rate:,.0f}")
    print(f"reference loop, parsing and hashing only: {reference:,.0f} ({rate / reference:.2f}x)")


def _reference_rate(inbox: Path) -> float:
    """Status events per CPU second of a plain loop over the first webhook file."""
    path = max((inbox / "whatsapp").iterdir(), key=lambda p: p.stat().st_size)
    key, events = os.urandom(32), 0
    started = time.process_time()
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number == REFERENCE_RECORDS:
                break
            for entry in json.loads(line)["body"]["entry"]:
                for change in entry["changes"]:
                    for status in change["value"].get("statuses", []):
                        for value in (status["id"], status.get("recipient_id", ""), status["timestamp"]):
                            hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
                        events += 1
    return events / (time.process_time() - started)


def _wait(process: "subprocess.Popen[str]") -> resource.struct_rusage:
    _, status, usage = os.wait4(process.pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise SystemExit(f"the run ended with exit code {code}")
    return usage


if __name__ == "__main__":
    main()
