"""Build the folder of static pages: reports, dictionary, metrics, lineage, windows, and an index."""

import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb
from markupsafe import Markup

from pipelines.codegen.documents import window
from pipelines.codegen.stored_columns import stored_columns
from pipelines.declarations.contract import Contract
from pipelines.declarations.errors import PipelineError
from pipelines.declarations.metric import load_metrics, load_tables
from pipelines.declarations.policy import Policy
from pipelines.marts.release_report import ATTACKS, UTILITY, noted
from pipelines.metrics.question import answering, askable
from pipelines.pages import pages
from pipelines.reports.answers import GROUPS, frames_of, platform_frames, published
from pipelines.reports.lineage import LAYERS, Lineage, layer_of, load_lineage
from pipelines.reports.page import page
from pipelines.reports.parts import Grid
from pipelines.reports.period import Span
from pipelines.reports.report import PLATFORM_TITLE, span_of
from warehouse.files import fsync_directory, leftovers_of, state_of
from warehouse.ledger.ledger import Ledger

# Says that a folder is ours to replace.
MARK = ".wasms-portal"
INDEX, PLATFORM = "index.html", "platform.html"
_GENERAL = "workspaces"


class NotAPortalError(PipelineError):
    """A folder holds something else."""

    def __init__(self) -> None:
        super().__init__(
            "The folder of --output holds other files, and a portal replaces a folder as a whole. Name a "
            "new or an empty folder."
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One page, or one thing on a page, that the index finds."""

    kind: str
    title: str
    address: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """One page of tables: ``lead`` says what they are, ``steps`` are drawn above them."""

    address: str
    title: str
    lead: str
    grids: Sequence[Grid]
    steps: Sequence[tuple[str, int]] = ()


class ReplacedMeanwhileError(PipelineError):
    """The published copy is another than when the pages were begun."""

    def __init__(self) -> None:
        super().__init__(
            "The published copy was replaced while the pages were made. The old pages stay. Run it again."
        )


class Portal(NamedTuple):
    """What was built: so many pages, of a period."""

    pages: int
    span: Span


def build_portal(
    copy: Path,
    folder: Path,
    *,
    contracts: Mapping[str, Contract],
    policy: Policy,
    ledger: Ledger | None = None,
) -> Portal | None:
    """Write all pages of the last complete month to a new folder, then put it in the place of the old one.

    The page of a workspace holds rows of that workspace and numbers of the platform. The index lists all
    workspaces: the folder as a whole is for those who may see every published number.

    Args:
        copy: The published copy.
        ledger: Knows how the last release was attacked, and what it lost; without it, pages say neither.

    Returns:
        None where no day is published; then nothing is written.

    Raises:
        NotAPortalError: The folder holds something that is no portal.
        ReplacedMeanwhileError: Pages may hold names that are published no more.
    """
    before = state_of(copy)
    with duckdb.connect(copy, read_only=True) as connection:
        connection.execute("set python_enable_replacements = false")
        connection.execute("set enable_external_access = false")
        span = span_of(connection, None)
        if span is None:
            return None
        with replaced(folder) as new:
            references = _references(connection, contracts, policy)
            count = _write_all(connection, new, span, [*references, *(_releases(ledger) if ledger else ())])
            if state_of(copy) != before:
                raise ReplacedMeanwhileError
        return Portal(count, span)


def _write_all(
    connection: duckdb.DuckDBPyConnection,
    new: Path,
    span: Span,
    references: Iterable[Reference],
) -> int:
    entries = [*_reports(connection, new, span)]
    for each in references:
        entries += _write_reference(new, each)
    index = [astuple(entry) for entry in entries]
    _write(new / INDEX, "index.html.j2", title="WaSMS analytics", span=span, entries=entries, index=index)
    return sum(1 for _ in new.rglob("*.html"))


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Yield a new folder; on success it takes the place of ``folder``, else nothing changes. One at a time.

    Raises:
        NotAPortalError: ``folder`` holds something that is no portal.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise NotAPortalError
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in leftovers_of(folder):
        shutil.rmtree(left)
    name = f".{folder.name}.{secrets.token_hex(8)}"
    new, old = folder.with_name(f"{name}.new.tmp"), folder.with_name(f"{name}.old.tmp")
    try:
        new.mkdir(mode=0o700)
        (new / MARK).touch()
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        fsync_directory(folder.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _reports(connection: duckdb.DuckDBPyConnection, folder: Path, span: Span) -> Iterator[Entry]:
    found = published(connection, span)
    html = page(platform_frames(connection, span), found, title=PLATFORM_TITLE, is_platform=True)
    (folder / PLATFORM).write_text(html, "utf-8")
    yield Entry("Report", PLATFORM_TITLE, PLATFORM, span.title)
    (folder / _GENERAL).mkdir()
    alone = {key: frames for key, frames in frames_of(connection, span).items() if key not in GROUPS}
    for key in sorted(alone, key=found.label):
        # A key is of hex digits, and no path.
        address = f"{_GENERAL}/{key}.html"
        (folder / address).write_text(page(alone[key], found, title=found.label(key)), "utf-8")
        yield Entry("Workspace", found.label(key), address, f"{span.title} {key}")


def _references(
    connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract], policy: Policy
) -> Iterator[Reference]:
    lineage = load_lineage()
    yield Reference(
        "dictionary.html",
        "Data dictionary",
        "Every published table and column, as the database itself describes them.",
        tables(connection),
    )
    yield Reference(
        "metrics.html", "Metrics", "Numbers by name, as wasms metrics query takes them.", metrics()
    )
    yield Reference(
        "lineage.html",
        "Lineage",
        "From the fields of raw files to published tables. Fields that are dropped are never stored.",
        [*reached(lineage), *fields(contracts, lineage)],
        _steps(lineage, contracts),
    )
    yield Reference(
        "retention.html",
        "Retention",
        "How long rows about people stay. wasms retention report proves that none stays longer.",
        windows(contracts, policy),
    )


def _releases(ledger: Ledger) -> Iterator[Reference]:
    """Yield how the last release was attacked and what it lost, as it was found then."""
    attacks = "Before the last release, all that was new was attacked together."
    utility = "How far published numbers of the last days are from true ones; errors of rates in points."
    for name, title, lead in ((ATTACKS, "Attacks", attacks), (UTILITY, "Utility", utility)):
        if report := noted(ledger, name):
            made = f"Made {report.made_at.replace('T', ' ')} UTC, about {report.first} to {report.last}."
            grids = [Grid(report.headings, report.rows, title)]
            yield Reference(f"{title.lower()}.html", title, f"{lead} {made}", grids)


def _write_reference(folder: Path, page: Reference) -> Iterator[Entry]:
    _write(
        folder / page.address,
        "tables.html.j2",
        title=page.title,
        lead=page.lead,
        grids=page.grids,
        steps=page.steps,
    )
    yield Entry("Page", page.title, page.address, page.lead)
    for grid in page.grids:
        text = " ".join(str(row[0]) for row in grid.rows)
        yield Entry(page.title, grid.caption, f"{page.address}#{anchor(grid)}", text)


def anchor(grid: Grid) -> str:
    """Return the name by which an address finds a table of a page."""
    return grid.caption.split(":")[0].replace(" ", "-")


def tables(connection: duckdb.DuckDBPyConnection) -> list[Grid]:
    """Return the published tables with their columns."""
    said = dict(
        connection.execute(
            "select table_name, comment from duckdb_tables() union all select view_name, comment from "
            "duckdb_views() "
            "where not internal"
        ).fetchall()
    )
    columns: dict[str, list[tuple[str, str, str]]] = {}
    for table, *column in connection.execute(
        "select table_name, column_name, lower(data_type), coalesce(comment, '') from duckdb_columns() "
        "where not internal order by schema_name = 'cubes', table_name, column_index"
    ).fetchall():
        columns.setdefault(table, []).append(tuple(column))
    return [
        Grid(("Column", "Type", "Meaning"), rows, f"{name}: {said.get(name) or ''}".rstrip(": "))
        for name, rows in columns.items()
    ]


def metrics() -> list[Grid]:
    """Return all metrics: unit, formula, what they can be split by, meaning."""
    rows = [
        (
            name,
            metric.unit,
            metric.formula,
            ", ".join(
                sorted({c for table in answering(metric, load_tables()) for c in askable(metric, table)})
            ),
            metric.description,
        )
        for name, metric in load_metrics().items()
    ]
    return [Grid(("Metric", "Unit", "Formula", "Can be split by", "Meaning"), rows, "All metrics")]


def reached(lineage: Lineage) -> list[Grid]:
    """Return what each mart is made of, layer by layer."""
    layers = list(dict.fromkeys(layer for layer in LAYERS.values() if layer != LAYERS["mart_"]))[::-1]
    rows = []
    for mart in sorted(name for name in lineage.parents if name.startswith("mart_")):
        made_of = lineage.ancestors(mart)
        by_layer = (sorted(name for name in made_of if layer_of(name) == layer) for layer in layers)
        rows.append((mart, *map(", ".join, by_layer), ", ".join(sorted(lineage.data_sets(mart)))))
    return [Grid(("Mart", *layers, "Data sets"), rows, "Marts: what each is made of")]


def fields(contracts: Mapping[str, Contract], lineage: Lineage) -> list[Grid]:
    """Return each field of raw files: its treatment, where it is stored, the marts its data set reaches."""
    grids = []
    for name, contract in contracts.items():
        stored = stored_columns(contract)
        rows = [
            (
                raw,
                column.handling,
                ", ".join(s.name for s in stored if s.raw == raw) or "not stored",
                column.description,
            )
            for raw, column in contract.columns.items()
        ]
        reaches = ", ".join(lineage.marts_of(name)) or "no mart"
        grids.append(
            Grid(
                ("Field", "Treatment", f"Column of stg_{name}", "Meaning"), rows, f"{name}: reaches {reaches}"
            )
        )
    return grids


def windows(contracts: Mapping[str, Contract], policy: Policy) -> list[Grid]:
    """Return each data set with its window."""
    rules = policy.versions[-1].categories
    rows = [
        (name, contract.policy.value, window(rules[contract.policy]), rules[contract.policy].legal_basis)
        for name, contract in contracts.items()
    ]
    return [Grid(("Data set", "Category", "Window", "Legal basis"), rows, "Windows by data set")]


def _steps(lineage: Lineage, contracts: Mapping[str, Contract]) -> Sequence[tuple[str, int]]:
    """Return the layers and how many tables each has, for the drawing."""
    counts = dict.fromkeys(LAYERS.values(), 0)
    for name in lineage.parents:
        if layer := layer_of(name):
            counts[layer] += 1
    return [("Data sets", len(contracts)), *counts.items()]


def _write(path: Path, template: str, **values: object) -> None:
    html = pages().get_template(template).render(anchor=anchor, break_=Markup("_<wbr>"), **values)
    path.write_text(html, "utf-8")
