"""Read Excel workbooks (.xlsx): the one sheet that has values, each of them as text."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.parsers import expat

import fastexcel
import polars as pl

from pipelines.declarations.contract import Contract
from pipelines.sources.cells import regular
from pipelines.sources.csv_table import column_names, without_unnamed
from pipelines.sources.errors import UnreadableFileError
from pipelines.sources.tables import MAX_COLUMNS, TableBatch

# A workbook is unpacked and held as a whole, by a library that takes as much memory as there comes.
MAX_UNPACKED_BYTES = 512 << 20
# calamine makes a cell of 24 bytes for every place of the rectangle that has values in it: with one forgotten
# in the last corner of a sheet that would be 400 GB, and no exception but the end of the process.
MAX_CELLS = 40_000_000
_BATCH_ROWS = 32_768
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


@dataclass(frozen=True, slots=True)
class XlsxTable:
    """An Excel workbook: numbers as Excel holds them, dates in ISO 8601, formulas by their results."""

    path: Path
    contract: Contract

    def batches(self) -> Iterator[TableBatch]:
        try:
            self._check_promises()
            cells = self._cells()
        except UnreadableFileError:
            raise
        # A damaged workbook gets nearly any error out of these libraries, EOFError and zlib's own among them.
        except Exception as error:  # noqa: BLE001
            raise self._unreadable(f"not a readable .xlsx file ({type(error).__name__})") from None
        if cells.is_empty():
            return
        names = column_names([name or "" for name in cells.row(0)], source=self.contract.source)
        cells = cells.rename(dict(zip(cells.columns, names, strict=True))).with_row_index("_record", offset=1)
        # A row without any value is nothing, as a blank line is.
        rows = cells[1:].filter(pl.any_horizontal(pl.col(names).is_not_null()))
        for start in range(0, max(rows.height, 1), _BATCH_ROWS):
            part = rows.slice(start, _BATCH_ROWS).to_arrow(compat_level=pl.CompatLevel.oldest())
            yield TableBatch(
                regular(without_unnamed(part), self.contract, comma=False),
                form=f"It was read as a sheet of {len(names)} column(s), named by its first row.",
            )

    def _cells(self) -> pl.DataFrame:
        """Return the values of the one sheet that has any, its header included."""
        # By its name, calamine would take a workbook that is called `.xls` for an old one.
        reader = fastexcel.read_excel(self.path.read_bytes())
        sheets = [reader.load_sheet(name, header_row=None, dtypes="string") for name in reader.sheet_names]
        filled = [sheet for sheet in sheets if sheet.height]
        if len(filled) > 1:
            raise self._unreadable(f"{len(filled)} of its sheets have rows; keep one in a file")
        return filled[0].to_polars() if filled else pl.DataFrame()

    def _check_promises(self) -> None:
        with zipfile.ZipFile(self.path) as archive:
            if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise self._unreadable(f"it unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB")
            # Reads all parts: one that is larger than it says is found here.
            if archive.testzip() is not None:
                raise self._unreadable("a part of it is damaged")
            for part in archive.namelist():
                if part.lower().endswith(".xml"):
                    with archive.open(part) as file:
                        rows, columns = _extent(file)
                    if columns > MAX_COLUMNS or rows * columns > MAX_CELLS:
                        raise self._unreadable(f"a sheet has values in {rows} rows by {columns} columns")

    def _unreadable(self, reason: str) -> UnreadableFileError:
        return UnreadableFileError(self.contract.source, reason, record=0)


class _Places:
    """Find the rectangle in which a sheet has values, by the beginnings of its XML elements."""

    def __init__(self) -> None:
        self._row = self._column = 0
        self._first = (1 << 20, 1 << 20)
        self._last = (0, 0)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        match tag.rpartition(":")[2]:
            case "row":
                self._row, self._column = int(attributes.get("r", self._row + 1)), 0
            case "c":
                place = _PLACE.fullmatch(attributes.get("r", ""))
                self._column = _column_number(place[1]) if place else self._column + 1
                self._row = int(place[2]) if place else self._row
            case "v" | "is":
                self._first = (min(self._first[0], self._row), min(self._first[1], self._column))
                self._last = (max(self._last[0], self._row), max(self._last[1], self._column))

    def extent(self) -> tuple[int, int]:
        rows, columns = (last - first + 1 for first, last in zip(self._first, self._last, strict=True))
        return max(rows, 0), max(columns, 0)


def _extent(file: IO[bytes]) -> tuple[int, int]:
    places = _Places()
    parser = expat.ParserCreate()
    parser.StartElementHandler = places.start
    parser.ParseFile(file)
    return places.extent()


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
