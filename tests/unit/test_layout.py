"""The house stays in order: who may import whom, what may be pinned, what every command owes its reader."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pipelines.codegen.sync import project_root

ROOT = project_root()
PACKAGES = ("anonymizers", "pipelines", "warehouse")
LOCKS = ("requirements/runtime.txt", "requirements/dev.txt")
# What `anonymizers` could not be given as an argument if it took it itself.
IMPURE_CALLS = {"open", "print", "input", "datetime.now", "datetime.today", "date.today", "datetime.utcnow"}
# Parts of addresses, so that this file does not hold what it forbids.
REGISTRIES = (
    "pypi." + "org",
    "python" + "hosted.org",
    "--index" + "-url",
    "--find" + "-links",
    "simple" + "/ ",
)
MACHINE_PATHS = ("/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/", "/wo" + "rk/", "C:" + "\\Users")


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def calls(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Call | ast.Attribute):
            yield ast.unparse(node.func if isinstance(node, ast.Call) else node)


def commands(command: Any, name: str) -> Iterator[tuple[str, str]]:
    """Name and help of every command below one; groups have `commands`."""
    children = getattr(command, "commands", {})
    for child, sub in children.items():
        yield from commands(sub, f"{name} {child}")
    if not children:
        yield name, command.help or ""


def every_command() -> list[tuple[str, str]]:
    from pipelines.cli.app import build_app

    return list(commands(typer.main.get_command(build_app()), "wasms"))


def test_the_import_rules_hold():
    program = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run([program, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


def test_anonymizers_ask_no_clock_no_disk_and_no_environment():
    found = {
        f"{module.relative_to(ROOT)}: {call}"
        for module in modules("anonymizers")
        for call in calls(module)
        if call in IMPURE_CALLS or call.startswith("os.environ")
    }

    assert found == set()


def test_only_the_settings_read_the_environment():
    readers = {
        str(module.relative_to(ROOT))
        for package in PACKAGES
        for module in modules(package)
        if any(call.startswith(("os.environ", "os.getenv")) for call in calls(module))
    }

    assert readers <= {"pipelines/settings.py"}


def test_every_package_has_a_directory_of_unit_tests():
    assert [package for package in PACKAGES if not (ROOT / "tests/unit" / package).is_dir()] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pinned_package_has_an_exact_version_and_a_hash(lock: str):
    text = (ROOT / lock).read_text("utf-8")
    entries = [entry for entry in re.split(r"\n(?=[A-Za-z])", text) if not entry.startswith("#")]

    loose = [entry.split()[0] for entry in entries if not re.match(r"[A-Za-z0-9._-]+==[^ ]+", entry)]
    unhashed = [entry.split()[0] for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)]

    assert len(entries) > 100
    assert (loose, unhashed) == ([], [])


def test_what_is_tested_is_what_is_run():
    runtime, dev = (
        set(re.findall(r"^([A-Za-z0-9._-]+==[^ ]+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE))
        for lock in LOCKS
    )

    assert runtime - dev == set()


def test_no_tracked_file_names_a_registry_or_a_machine():
    found = [
        f"{path.relative_to(ROOT)}: {part}"
        for path in tracked_files()
        for part in (*REGISTRIES, *MACHINE_PATHS)
        if part in path.read_bytes().decode("utf-8", "replace")
    ]

    assert found == []


def test_the_readme_shows_every_command():
    readme = (ROOT / "README.md").read_text("utf-8")

    assert [name for name, _ in every_command() if not re.search(rf"{re.escape(name)}\b", readme)] == []


def test_the_help_of_every_command_begins_with_a_sentence():
    first = {name: text.split("\n\n")[0].strip() for name, text in every_command()}

    assert len(first) > 4
    assert {name: text for name, text in first.items() if not text.endswith(".")} == {}


def test_every_target_of_the_makefile_says_what_it_does():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)

    assert [
        target for target in phony.split() if not re.search(rf"^{target}:.*## .+\.$", makefile, re.MULTILINE)
    ] == []
    assert {"demo", "test", "check", "sync", "dev", "docs"} <= set(phony.split())
