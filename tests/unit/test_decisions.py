"""Every decision has a record of the same form, a row in the table, and links to what it replaces."""

import re
from pathlib import Path

import pytest

from pipelines.codegen.sync import project_root

FOLDER = project_root() / "docs/decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
LINK = r"\[\d{4}\]\((\d{4}-[a-z0-9-]+\.md)\)"
STATUS = re.compile(rf"accepted|superseded (in part )?by {LINK}(, {LINK})*")


def title(path: Path) -> str:
    return path.read_text("utf-8").partition("\n")[0].removeprefix(f"# {path.name[:4]}. ")


def field(path: Path, name: str) -> str:
    found = re.search(rf"^{name}: (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def linked(text: str) -> list[str]:
    return [found[1] for found in re.finditer(LINK, text)]


def test_records_are_numbered_without_a_gap():
    numbers = [path.name.partition("-")[0] for path in RECORDS]

    assert len(numbers) > 70
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_a_title_a_date_a_status_and_three_parts(path: Path):
    parts = re.split(r"^## (.+)\n", path.read_text("utf-8"), flags=re.MULTILINE)

    assert parts[0].startswith(f"# {path.name[:4]}. ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", field(path, "Date"))
    assert STATUS.fullmatch(field(path, "Status"))
    assert parts[1::2] == ["Context", "Choice", "Price"]
    assert all(text.strip() for text in parts[2::2])


def test_every_record_is_in_the_table_with_its_title_and_status():
    table = re.findall(
        rf"^\| {LINK} \| (.+) \| (.+) \|$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE
    )

    assert table == [(path.name, title(path), field(path, "Status")) for path in RECORDS]


@pytest.mark.parametrize("part", ["", " in part"], ids=["whole", "in part"])
def test_what_is_superseded_and_what_supersedes_it_name_each_other(part: str):
    older = {(path.name, newer) for path in RECORDS for newer in superseded(path, part)}
    newer = {(old, path.name) for path in RECORDS for old in linked(field(path, f"Supersedes{part}"))}

    assert older
    assert older == newer
    assert all(old < new for old, new in older)


def superseded(path: Path, part: str) -> list[str]:
    status = field(path, "Status")
    return linked(status) if status.startswith(f"superseded{part} by ") else []


def test_every_link_leads_to_a_file():
    broken = [
        f"{path.name}: {target}"
        for path in FOLDER.glob("*.md")
        for target in re.findall(r"\]\(([^)#]+)", path.read_text("utf-8"))
        if not (FOLDER / target).is_file()
    ]

    assert broken == []
