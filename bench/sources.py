"""Measure webhook parsing against a `json.loads` loop that gives the same columns, on one core.

    python -m bench.sources [--bodies 100000] [--threads 1]

The loop only reads the columns of one contract into tuples: no types, no checks, no other contract,
no count of unknown keys. Ratios are what counts; times are CPU seconds of this process.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pipelines.declarations.contract import contracts_of, load_contracts
from pipelines.sources import engine
from pipelines.sources.reading import read

RECEIVED_AT = datetime(2026, 3, 2)  # noqa: DTZ001 - naive is UTC here
_CONTRACTS = contracts_of("whatsapp", load_contracts())
_PATHS = [
    ["id"],
    ["status"],
    ["timestamp"],
    ["recipient_id"],
    ["recipient_user_id"],
    ["recipient_participant_id"],
    ["recipient_participant_user_id"],
    ["recipient_type"],
    ["biz_opaque_callback_data"],
    ["conversation", "id"],
    ["conversation", "origin", "type"],
    ["pricing", "billable"],
    ["pricing", "category"],
    ["pricing", "pricing_model"],
]


def webhook(number: int) -> bytes:
    status = {
        "id": f"wamid.bench{number:08d}",
        "status": ("sent", "delivered", "read")[number % 3],
        "timestamp": str(1_772_359_200 + number),
        "recipient_id": f"49155{number:08d}",
        "conversation": {
            "id": f"{number:032x}",
            "expiration_timestamp": "1772445600",
            "origin": {"type": "utility"},
        },
        "pricing": {"billable": True, "pricing_model": "CBP", "category": "utility"},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "49300000000", "phone_number_id": "1122334455667"},
        "contacts": [{"profile": {"name": "Bench Mark"}, "wa_id": f"49155{number:08d}"}],
        "statuses": [status],
    }
    changes = [{"value": value, "field": "messages"}]
    body = {"object": "whatsapp_business_account", "entry": [{"id": "5467539754836534", "changes": changes}]}
    return json.dumps(
        {"received_at": "2026-03-01T10:00:00Z", "channel": "whatsapp/1122334455667", "body": body}
    ).encode()


def loop(path: Path) -> int:
    """What a straightforward parser does, line by line."""
    rows = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            record = json.loads(line)
            for entry in record["body"]["entry"]:
                for change in entry["changes"]:
                    value = change["value"]
                    for status in value.get("statuses", ()):
                        row = [number, record["received_at"], record["channel"], entry["id"]]
                        row.append(value["metadata"]["phone_number_id"])
                        for path_ in _PATHS:
                            found = status
                            for key in path_:
                                found = found.get(key) if found else None
                            row.append(found)
                        rows.append(tuple(row))
    return len(rows)


def parsers(path: Path) -> int:
    """All five contracts of the feed, typed and checked."""
    return sum(batch.rows_read for batch in read(path, contracts=_CONTRACTS, received_at=RECEIVED_AT))


def measured(work: Callable[[Path], int], path: Path) -> tuple[float, float]:
    """Rows per CPU second and per second, best of three."""
    best: list[tuple[float, float]] = []
    for _ in range(3):
        cpu, wall = time.process_time(), time.perf_counter()
        rows = work(path)
        best.append((rows / (time.process_time() - cpu), rows / (time.perf_counter() - wall)))
    return max(best)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--bodies", type=int, default=100_000)
    options.add_argument("--threads", type=int, default=1)
    given = options.parse_args()
    engine.THREADS = given.threads
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "webhooks.jsonl"
        with path.open("wb") as file:
            file.writelines(webhook(number) + b"\n" for number in range(given.bodies))
        ours, reference = measured(parsers, path), measured(loop, path)
    print(f"{'':18}{'rows per CPU s':>16}{'rows per s':>14}")
    print(f"{'pipelines.sources':18}{ours[0]:>16,.0f}{ours[1]:>14,.0f}")
    print(f"{'json.loads loop':18}{reference[0]:>16,.0f}{reference[1]:>14,.0f}")
    print(f"{'ratio':18}{ours[0] / reference[0]:>16.2f}{ours[1] / reference[1]:>14.2f}")


if __name__ == "__main__":
    main()
