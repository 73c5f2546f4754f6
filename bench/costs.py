"""Measure what single commands cost: start-up, a query, a run with nothing to do, a day, a small file.

    python -m bench.costs --days 30
    python -m bench.costs --days 60 --against ../other-checkout/.venv/bin/wasms

CPU seconds of whole processes, user and system, the median of some runs. The reference, in the same run: the
commands of another checkout, each on a copy of one warehouse that it brought up to date itself; without one,
plain Python and plain DuckDB.
"""

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

from pipelines.synthetic import WorldSpec, generate
from warehouse.home import Home

HERE = Path(sys.executable).with_name("wasms")
# About 11,000 rows a day.
CONTACTS, TAIL_DAYS = 760, 10
DUCKDB = "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True).sql(sys.argv[2]))"
QUERY = "select count(*) from mart_platform_daily"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=30, help="Age of the warehouse.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--against", type=Path, help="`wasms` of another checkout.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        world, last = _world(root / "world", given.days)
        peers = [HERE, *([given.against.absolute()] if given.against else [])]
        measured = [_measured(wasms, root, world, last, given.repeats) for wasms in peers]
        home = root / "0-old"
        floors = {
            "--help": _cpu([sys.executable, "-c", "import typer"], given.repeats),
            "sql": _cpu([sys.executable, "-c", DUCKDB, str(Home(home).published_path), QUERY], given.repeats),
        }
    for name, seconds in measured[0].items():
        other = measured[1][name] if given.against else floors.get(name)
        print(f"{name:24}{seconds:8.2f} s" + (f"{other:10.2f} s{seconds / other:9.2f}x" if other else ""))


def _world(folder: Path, days: int) -> tuple[Path, date]:
    spec = WorldSpec(workspaces=12, contacts=CONTACTS, days=days + TAIL_DAYS, seed=7)
    generate(folder, spec)
    return folder, spec.start + timedelta(days=days)


def _measured(wasms: Path, root: Path, world: Path, last: date, repeats: int) -> dict[str, float]:
    """Make a warehouse that has taken in all days but the last, and time commands on copies of it."""
    number = len(list(root.glob("*-old")))
    old, new = root / f"{number}-old", root / f"{number}-new"
    _put(world, old, lambda day: day < last)
    _run(wasms, "run", "--as-of", str(last), home=old)
    _put(world, old, lambda day: day == last)
    tomorrow = str(last + timedelta(days=1))

    def copied_anew() -> None:
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(old, new)

    campaigns = min((world / "app" / "campaigns").iterdir(), key=lambda path: path.stat().st_size)
    small = ["ingest", "app/campaigns", str(campaigns), "--keep", "--as-of", tomorrow]
    return {
        "--help": _cpu([wasms, "--help"], repeats),
        "sql": _cpu([wasms, "sql", QUERY, "--home", old], repeats),
        "metrics query": _cpu(
            [wasms, "metrics", "query", "delivery_rate", "--by", "week", "--home", old], repeats
        ),
        "ingest one small file": _cpu([wasms, *small, "--home", new], repeats, before=copied_anew),
        "a day of 11,000 rows": _cpu(
            [wasms, "run", "--as-of", tomorrow, "--home", new], repeats, before=copied_anew
        ),
        "a run with nothing to do": _cpu([wasms, "run", "--as-of", tomorrow, "--home", new], repeats),
    }


def _put(world: Path, home: Path, wanted: Callable[[date], bool]) -> None:
    for path in world.rglob("*.*"):
        if path.is_file() and wanted(date.fromisoformat(path.name[:10])):
            target = Home(home).inbox / path.relative_to(world)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def _run(wasms: Path, *arguments: str, home: Path) -> None:
    subprocess.run([wasms, *arguments, "--home", home], check=False, stdout=subprocess.DEVNULL)


def _cpu(command: Sequence[str | Path], repeats: int, *, before: Callable[[], None] = lambda: None) -> float:
    """Median of the CPU seconds of some runs of a command."""
    seconds = []
    for _ in range(repeats):
        before()
        start = _children()
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # 3: some records wait in quarantine.
        assert done.returncode in (0, 3), command
        seconds.append(_children() - start)
    return statistics.median(seconds)


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
