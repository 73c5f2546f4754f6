"""Measure the generator of invented files beside a plain loop, in the same run.

The loop writes for each message a row of the outbox, and each status by `json.dumps`, one body each.
It writes one feed and one table; the generator writes all of them.

Usage: python bench/generate.py [--messages 500000] [--workspaces 20] [--contacts 1000] [--threads 1]
"""

import argparse
import base64
import csv
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--workspaces", type=int, default=20)
    parser.add_argument("--contacts", type=int, default=1_000)
    parser.add_argument("--threads", default="1")
    options = parser.parse_args()
    # Read by polars when it is imported, so before the world is.
    os.environ["POLARS_MAX_THREADS"] = options.threads
    from pipelines.synthetic import WorldSpec, generate

    print(f"{'work':34} {'messages/CPU s':>15} {'messages/s':>12} {'MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        loop = _loop(Path(folder), options.messages)
        spec = WorldSpec(
            workspaces=options.workspaces, contacts=options.contacts, messages=options.messages, seed=1
        )
        cpu, wall = time.process_time(), time.perf_counter()
        summary = generate(Path(folder) / "inbox", spec)
        speed = summary.messages / (time.process_time() - cpu)
        _print(
            "the world, all formats",
            speed,
            summary.messages / (time.perf_counter() - wall),
            summary.size_bytes,
        )
    records = sum(summary.records.values())
    print(f"\n{speed / loop:.1f} times the loop; {records / summary.messages:.1f} records per message")
    # Linux counts in kB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(f"peak memory {peak:,.0f} MB")


def _loop(folder: Path, messages: int) -> float:
    rng = random.Random(1)
    cpu, wall = time.process_time(), time.perf_counter()
    with (folder / "loop.jsonl").open("w") as bodies, (folder / "loop.csv").open("w") as table:
        outbox = csv.writer(table)
        for number in range(messages):
            phone = f"49151{rng.randrange(10_000_000):07}"
            frame = (
                b"\x1c\x18\x0c"
                + phone.encode()
                + b"\x15\x02\x00\x11\x18\x12"
                + rng.randbytes(9).hex().encode()
            )
            wamid = "wamid." + base64.b64encode(frame + b"\x00").decode()
            at = 1_778_500_000 + number
            outbox.writerow(
                ["ws_1", f"out_{number}", wamid, "cmp_1", "whatsapp", phone, f"Hallo {phone}!", at]
            )
            for status, share in (("sent", 1.0), ("delivered", 0.93), ("read", 0.7)):
                if rng.random() < share:
                    at += int(rng.expovariate(0.01))
                    bodies.write(json.dumps(_body(wamid, phone, status, at)) + "\n")
    speed = messages / (time.process_time() - cpu)
    size = sum(p.stat().st_size for p in folder.iterdir())
    _print("a loop, one feed, one table", speed, messages / (time.perf_counter() - wall), size)
    return speed


def _body(wamid: str, phone: str, state: str, at: int) -> dict[str, object]:
    status = {
        "id": wamid,
        "status": state,
        "timestamp": str(at),
        "recipient_id": phone,
        "pricing": {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "marketing"},
    }
    metadata = {"display_phone_number": "4915100000000", "phone_number_id": "632602147595915"}
    value = {
        "messaging_product": "whatsapp",
        "metadata": metadata,
        "contacts": [{"profile": {"name": "Anna Beispiel"}, "wa_id": phone}],
        "statuses": [status],
    }
    entry = {"id": "617510470095956", "changes": [{"value": value, "field": "messages"}]}
    body = {"object": "whatsapp_business_account", "entry": [entry]}
    return {"received_at": "2026-05-11T10:00:00.000Z", "channel": "whatsapp/632602147595915", "body": body}


def _print(work: str, cpu_speed: float, wall_speed: float, size_bytes: int) -> None:
    print(f"{work:34} {cpu_speed:>15,.0f} {wall_speed:>12,.0f} {size_bytes / 1e6:>8,.0f}")


if __name__ == "__main__":
    main()
