"""What docs/architecture.md names is there, and it names every room."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cli.app import commands
from pipelines.codegen.sync import project_root
from warehouse.home import Home

ROOT = project_root()
TEXT = (ROOT / "docs/architecture.md").read_text("utf-8")
PACKAGES = ("anonymizers", "pipelines", "warehouse")


def names() -> list[str]:
    """Everything in backticks outside of code blocks."""
    text = re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    return sorted(set(re.findall(r"`([^`]+)`", text)))


def definitions(module: Path) -> set[str]:
    """Functions and classes of a module, and methods as `Class.method`."""
    found = set()
    for node in ast.parse(module.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return found


def is_defined(name: str) -> bool:
    """Whether `package.module.function` is there."""
    parts = name.split(".")
    return any(
        ".".join(parts[cut:]) in definitions(module)
        for cut in range(1, len(parts))
        if (module := ROOT.joinpath(*parts[:cut]).with_suffix(".py")).is_file()
    )


def is_of_the_home(name: str) -> bool:
    """Whether a path below `.wasms` is one of a warehouse's own, or in its key folder."""
    home = Home(Path(".wasms"))
    properties = [place for place in vars(Home) if not place.startswith("__")]
    places = [path for place in properties if isinstance(path := getattr(home, place), Path)]
    return Path(name) in {home.root, home.keys / "kek.json", home.dbt_target.parent, *places}


def is_there(name: str) -> bool:
    """Whether what stands in backticks exists."""
    if name.startswith(".wasms"):
        return is_of_the_home(name)
    if name.startswith("wasms "):
        return name.split()[1] in commands()
    if name.startswith(tuple(f"{package}." for package in PACKAGES)):
        return is_defined(name)
    return (ROOT / name).exists()


def rooms() -> Iterator[str]:
    """Packages, and the folders that lie directly in them."""
    for package in PACKAGES:
        yield f"{package}/"
        for path in (ROOT / package).iterdir():
            # Of a room that was moved away, Python may have left its cache.
            if (
                path.is_dir()
                and any(each.is_file() for each in path.iterdir())
                and path.name != "__pycache__"
            ):
                yield f"{package}/{path.name}/"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pipelines.run.run", True),
        ("warehouse.ledger.ledger.Ledger.commit", True),
        ("pipelines.run.walk", False),
        ("pipelines.gone.run", False),
        ("pipelines/run.py", True),
        ("pipelines/gone/", False),
        (".wasms/data/store", True),
        (".wasms/data/gone", False),
        ("wasms retention plan", True),
        ("wasms gone", False),
    ],
)
def test_a_name_is_looked_up_where_it_belongs(name: str, expected: bool):
    assert is_there(name) is expected


def test_everything_the_page_names_exists():
    other = {"wasms", "--home", "WASMS_HOME", "make check"}

    assert [name for name in names() if name not in other and not is_there(name)] == []


def test_every_room_has_a_row():
    rows = re.findall(r"^\| `([^`]+/)` \| \S.*\.", TEXT, re.MULTILINE)

    assert sorted(set(rooms()) - set(rows)) == []
    assert sorted(name for name in rows if not (ROOT / name).is_dir()) == []
