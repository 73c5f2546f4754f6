"""docs/how-to.md is carried out in a copy of the checkout, and shows what happens."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipelines.codegen.sync import project_root
from warehouse.home import Home

PAGE = project_root() / "docs/how-to.md"
# The warehouse that the page works with.
HOME = ".wasms-try"
NEEDED = ("anonymizers", "dbt_project", "docs", "pipelines", "tests", "warehouse", "pyproject.toml")
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "$ "


@dataclass(frozen=True)
class Section:
    title: str
    text: str

    @property
    def blocks(self) -> list[re.Match[str]]:
        return list(BLOCK.finditer(self.text))


@dataclass(frozen=True)
class Step:
    """A command, and lines to find in what it prints."""

    command: str
    shown: list[str] = field(default_factory=list)


def sections() -> list[Section]:
    first, *others = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return [Section("Start", first)] + [Section(text.partition("\n")[0], text) for text in others]


def steps(console: str) -> Iterator[Step]:
    for part in re.split(rf"^{re.escape(PROMPT)}", console, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield Step(command, shown)


@dataclass
class Checkout:
    """A copy of the checkout, and the environment of somebody who works in it."""

    root: Path
    environment: dict[str, str]

    def follow(self, section: Section) -> None:
        for block in section.blocks:
            kind, path, body = block.groups()
            if kind == "console":
                for step in steps(body):
                    self.run(step)
            elif kind == "diff":
                self.edit(body)
            else:
                assert f"`{path}`" in section.text[: block.start()], (
                    f"{path}: the text before does not name it"
                )
                (self.root / path).write_text(body, "utf-8")

    def run(self, step: Step) -> None:
        if step.command.startswith("export "):
            name, _, value = step.command.removeprefix("export ").partition("=")
            self.environment[name] = value
            return
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{step.command}\n{done.stdout}"
        assert_shows(done.stdout, step)

    def edit(self, body: str) -> None:
        for part in re.split(r"^\+\+\+ ", body, flags=re.MULTILINE)[1:]:
            path, *lines = part.splitlines()
            text = (self.root / path).read_text("utf-8")
            before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
            assert text.count(before) == 1, (
                f"{path}: the lines around an addition are not there once\n{before}"
            )
            after = "".join(f"{line[1:]}\n" for line in lines)
            (self.root / path).write_text(text.replace(before, after), "utf-8")


def assert_shows(output: str, step: Step) -> None:
    """Lines are there in their order, others between them; blanks count once, and `…` stands for anything."""
    lines = iter(" ".join(line.split()) for line in output.splitlines())
    for shown in step.shown:
        pattern = ".*".join(map(re.escape, " ".join(shown.split()).split("…")))
        assert any(re.fullmatch(pattern, line) for line in lines), (
            f"{step.command}\n{shown}\nnot in\n{output}"
        )


@pytest.fixture
def checkout(empty: Home, tmp_path: Path) -> Checkout:
    # Its tables are there, without a row: the page's first build has less to do.
    shutil.copytree(empty.root, tmp_path / HOME)
    for name in NEEDED:
        source = project_root() / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, tmp_path / name)
    # The page runs a pytest of its own, which must take nothing over from this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    # Wide, so that no table is cut.
    return Checkout(tmp_path, environment | {"PYTHONPATH": str(tmp_path), "COLUMNS": "200"})


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.title)
def test_a_section_has_something_to_carry_out(section: Section):
    assert any(block[1] == "console" and list(steps(block[3])) for block in section.blocks)


@pytest.mark.slow
def test_every_section_can_be_followed_after_the_ones_before_it(checkout: Checkout):
    for section in sections():
        checkout.follow(section)
