"""Read CSV files as programs and spreadsheets write them, whatever their encoding, separator and quotes."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from pipelines.declarations.contract import Contract
from pipelines.sources.batch import rejections, stacked
from pipelines.sources.cells import regular
from pipelines.sources.errors import UNNAMED, UnreadableFileError
from pipelines.sources.looks import is_utf_8, looks_like
from pipelines.sources.records import BLANKS, MAX_RECORD_BYTES, Records, records_of
from pipelines.sources.streams import BrokenStreamError, blocks
from pipelines.sources.tables import MAX_COLUMNS, TableBatch

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MAX_HEADER_BYTES = 1 << 20
# Excel writes and reads a first line that names the separator; saved again, it may be filled up with them.
_SEP_LINE = re.compile(r'\s*"?sep=((?!")[!-/:-@[-`{-~\t])\1*"?[ \t]*\n', re.IGNORECASE)
# Spreadsheets keep digits from becoming a number by a formula that gives a text, `="0151"`; and who writes
# for them keeps a text from becoming a formula by an apostrophe, `'+49151`.
_TEXT_FORMULA = r'^="([^"]*)"$'
_APOSTROPHE = r"^'([=+\-@](?s:.*))$"
_MARKS = ['="', "'=", "'+", "'-", "'@"]
# A letter beyond ASCII beside one of ASCII, or a euro or a firm blank behind a digit, as Windows-1252 writes
# them, and any character as UTF-8 does.
_WINDOWS = re.compile(rb"[A-Za-z][\xc0-\xfe]|[\xc0-\xfe][A-Za-z]|[0-9 ][\x80\xa0]")
_UTF_8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """Say how a CSV file is written, by its first lines.

    Attributes:
        separator: One character.
        names: The header's cells.
        header_ends: Line on which the header ends.
    """

    separator: str
    names: tuple[str, ...]
    header_ends: int


class Quoting:
    r"""Find where the rows of a CSV file end, and which cells a row has.

    By RFC 4180 a quoted cell may hold line ends, and a quote within it is doubled. Files also come with
    quotes in cells that are not quoted (`12" pizza`), with quotes that are not doubled (`"12" pizza"`) or
    escaped as MySQL does (`"12\" pizza"`), and with blanks in front of a quoted cell. Those are understood
    within one line only: a quote that nothing closes must not swallow the rows below it.
    """

    def __init__(self, separator: str, columns: int) -> None:
        self._separator, self._columns = separator, columns
        sep = r"\t" if separator == "\t" else re.escape(separator)
        plain, opened = rf'[^"{sep}\n]*', r'"[^"]*+(?:""[^"]*+)*+'
        cell = rf'(?:{opened}"|{plain}+)'
        row = rf"{cell}(?:{sep}{cell}){{{columns - 1}}}"
        unfinished = rf'(?:{cell}{sep}){{0,{columns - 1}}}+(?:{opened}"?|{plain}+)'
        line = r"[^\n]*+"
        self._rows = re.compile(rf"({row}(?=\n)|{unfinished}\Z|{line})(?:\n|\Z)".encode())
        self._last_rows = re.compile(rf"({row}(?=\n|\Z)|{line})(?:\n|\Z)".encode())
        end = rf"(?={sep}|\Z)"
        undoubled = rf' *"((?:[^"]|""|"(?!{sep}|\Z))*+)"{end}| *"(.*?)"{end}'
        doubled = rf' *"((?:[^"]|"")*+)"{end}'
        escaped = rf' *"((?:[^"\\]|\\.)*+)"{end}'
        # Cells as they stand: of those that begin with a quote, the ones in which quotes come in pairs.
        literal = rf'((?!")[^{sep}]*|[^"{sep}]*(?:"[^"{sep}]*"[^"{sep}]*)*){end}'
        self._readings = tuple(
            (re.compile(rf"(?:{quoted}|{literal})({sep}|\Z)", re.DOTALL), quote)
            for quoted, quote in ((undoubled, '""'), (doubled, '""'), (escaped, '\\"'))
        )
        # For polars, whose expressions know no possessive repetition.
        any_cell = rf'(?:"[^"]*(?:""[^"]*)*"|{plain})'
        self.regular = rf"\A{any_cell}(?:{sep}{any_cell})*\z"

    def split(self, data: bytes) -> list[bytes]:
        """Cut at the end of each row; the last piece is the beginning of the next row."""
        if b'"' not in data:
            return data.split(b"\n")
        pieces = _pieces(self._rows, data)
        while len(pieces[-1]) > MAX_RECORD_BYTES and b"\n" in pieces[-1]:
            first, _, rest = pieces.pop().partition(b"\n")
            pieces += [first, *_pieces(self._rows, rest)]
        return pieces

    def split_last(self, data: bytes) -> list[bytes]:
        """Cut what is left at the end of the file: nothing closes a quote that is open there."""
        return _pieces(self._last_rows, data)

    def repaired(self, line: str) -> str | None:
        """Return a line in the quotes of RFC 4180; None if it is no row of this table."""
        for reading, quote in self._readings:
            cells = _cells(reading, line, quote=quote)
            if len(cells) == self._columns:
                return self._separator.join('"' + cell.replace('"', '""') + '"' for cell in cells)
        return None


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file with a header."""

    path: Path
    contract: Contract

    def batches(self) -> Iterator[TableBatch]:
        stream = _utf8_lines(blocks(self.path))
        last = 0
        try:
            if not (head := _head(stream)).strip():
                return
            dialect = self._dialect(head)
            quoting = Quoting(dialect.separator, len(dialect.names))
            for records in records_of(
                chain([head], stream),
                split=quoting.split,
                split_last=quoting.split_last,
                source=self.contract.source,
            ):
                last = records.last
                yield self._parsed(records, dialect, quoting)
        except BrokenStreamError as error:
            raise self._unreadable(str(error), last) from None

    def _dialect(self, head: bytes) -> Dialect:
        """Choose the separator under which most columns of the header are declared; then most columns."""
        text = head[:_MAX_HEADER_BYTES].decode(errors="replace")
        above = 0
        separators = tuple(_SEPARATORS)
        if sep_line := _SEP_LINE.match(text):
            separators, above = (sep_line[1],), sep_line[0].count("\n")
            text = text[sep_line.end() :]
        declared = {column.path or name for name, column in self.contract.columns.items()}
        headers = {separator: _header(text, separator) for separator in separators}
        separator = max(
            headers, key=lambda s: (len(declared.intersection(headers[s][0])), len(headers[s][0]))
        )
        names, lines = headers[separator]
        # A null byte ends a name where libraries hand it on.
        if not 0 < len(names) <= MAX_COLUMNS or any("\0" in name for name in names):
            raise self._unreadable("the CSV header cannot be read", 1)
        column_names(names, source=self.contract.source)
        return Dialect(separator, names, above + lines)

    def _parsed(self, records: Records, dialect: Dialect, quoting: Quoting) -> TableBatch:
        below = pc.field("record") > dialect.header_ends
        # Spreadsheets fill a sheet up with rows of nothing but separators.
        nothing = pl.col("text").str.strip_chars(BLANKS + dialect.separator) == ""
        lines = pl.DataFrame(records.text.filter(below)).filter(~nothing)
        lines, unclosed = _with_regular_quotes(lines, quoting)
        rows, wrong = self._rows(lines["text"], dialect)
        bad = pl.concat([unclosed, lines["record"].filter(wrong)]).sort().to_arrow()
        rejected = records.rejected.filter(below)
        unusable = pa.concat_arrays([rejected["record"].combine_chunks(), bad])
        source = self.contract.source
        return TableBatch(
            rows.add_column(0, "_record", lines["record"].filter(~wrong).to_arrow()),
            stacked([rejected, rejections(bad, source=source, reason="malformed_row")]),
            records.payloads.filter(pc.is_in(records.payloads["record"], value_set=unusable)),
            self._form(dialect),
        )

    def _form(self, dialect: Dialect) -> str:
        separator = _SEPARATORS.get(dialect.separator, dialect.separator)
        looks = f" The file looks like {looks_like(self.path)}." if len(dialect.names) == 1 else ""
        return (
            f"It was read as {len(dialect.names)} column(s) separated by {separator}, named by its first row."
            f"{looks}"
        )

    def _rows(self, lines: pl.Series, dialect: Dialect) -> tuple[pa.Table, pl.Series]:
        """Return the cells of lines, and which lines have too few or too many."""
        names = column_names(dialect.names, source=self.contract.source)
        broken: set[int] = set()
        shorter: dict[int, str] = {}

        def set_aside(row: pyarrow.csv.InvalidRow) -> str:
            broken.add(row.number)
            text = lines[row.number - 1]
            # Cells without a value and without a name above them are nothing.
            added = dialect.separator * (row.actual_columns - row.expected_columns)
            if added and text.endswith(added):
                shorter[row.number - 1] = text.removesuffix(added)
            return "skip"

        content = "\n".join(lines).encode()
        types = dict.fromkeys(names, pa.string())
        if lines.is_empty():
            return pa.schema(types.items()).empty_table(), pl.Series([], dtype=pl.Boolean)
        try:
            rows = pyarrow.csv.read_csv(
                io.BytesIO(content),
                # One block: a row may be as large as a record may be.
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False, block_size=len(content) + 1, column_names=names
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=set_aside
                ),
                convert_options=pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=False),
            )
        except pa.ArrowException as error:
            raise self._unreadable(f"not a readable CSV file ({type(error).__name__})", 1) from None
        if shorter:
            return self._rows(lines.scatter([*shorter], [*shorter.values()]), dialect)
        is_broken = pl.Series([i in broken for i in range(1, len(lines) + 1)], dtype=pl.Boolean)
        return self._as_meant(rows, lines, dialect), is_broken

    def _as_meant(self, rows: pa.Table, lines: pl.Series, dialect: Dialect) -> pa.Table:
        """Return the cells without what was added for spreadsheets; numbers and days in one form."""
        if lines.str.contains_any(_MARKS).any():
            cells = pl.all().str.replace(_TEXT_FORMULA, "$1").str.replace(_APOSTROPHE, "$1")
            rows = pl.DataFrame(rows).select(cells).to_arrow(compat_level=pl.CompatLevel.oldest())
        return regular(without_unnamed(rows), self.contract, comma=dialect.separator == ";")

    def _unreadable(self, reason: str, record: int) -> UnreadableFileError:
        return UnreadableFileError(self.contract.source, reason, record=record)


def column_names(header: Sequence[str], *, source: str) -> list[str]:
    """Return the names in a header's cells; columns without one get names that no contract declares.

    Raises:
        UnreadableFileError: Two columns have one name.
    """
    names = [name.strip() or f"{UNNAMED}{i}" for i, name in enumerate(header)]
    if len(set(names)) < len(names):
        raise UnreadableFileError(source, "two of its columns have one name", record=0)
    return names


def without_unnamed(rows: pa.Table) -> pa.Table:
    """Leave out columns that have neither a name nor a value, as spreadsheets add them on the right."""
    unnamed = [name for name in rows.column_names if name.startswith(UNNAMED)]
    return rows.drop([name for name in unnamed if not pc.any(pc.greater(rows[name], "")).as_py()])


def _with_regular_quotes(lines: pl.DataFrame, quoting: Quoting) -> tuple[pl.DataFrame, pl.Series]:
    """Return lines in the quotes of RFC 4180, and the records of those that cannot be read as a row."""
    texts = lines["text"]
    is_odd = texts.str.contains('"', literal=True) & ~texts.str.contains(quoting.regular)
    at = is_odd.arg_true()
    repaired = pl.Series([quoting.repaired(text) for text in texts.gather(at)], dtype=pl.String)
    lines = lines.with_columns(texts.scatter(at, repaired)) if len(at) else lines
    return lines.drop_nulls("text"), lines.filter(pl.col("text").is_null())["record"]


def _pieces(pattern: re.Pattern[bytes], data: bytes) -> list[bytes]:
    pieces: list[bytes] = pattern.findall(data)
    # Behind a last line that no line end follows, the pattern finds an empty one.
    if sum(map(len, pieces)) + len(pieces) - 1 > len(data):
        pieces.pop()
    return pieces


def _cells(reading: re.Pattern[str], line: str, *, quote: str) -> list[str]:
    """Return the cells of a line, in which a quote is written in some way; none if it cannot be read."""
    cells = []
    position = 0
    while match := reading.match(line, position):
        *quoted, literal, end = match.groups()
        found = next((cell for cell in quoted if cell is not None), None)
        cells.append(literal if found is None else found.replace(quote, '"'))
        if not end:
            return cells
        position = match.end()
    return []


def _utf8_lines(stream: Iterator[bytes]) -> Iterator[bytes]:
    """Return the stream in UTF-8 with one kind of line end. Invalid text stays so; its row is rejected."""
    first = next(stream, b"")
    encoding, errors = _encoding(first)
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    lines = io.IncrementalNewlineDecoder(decoder, translate=True)
    for block in chain([first], stream):
        yield lines.decode(block).encode(errors=errors)
    try:
        yield lines.decode(b"", final=True).encode(errors=errors)
    except UnicodeDecodeError:
        raise BrokenStreamError("its UTF-16 is cut off") from None


def _encoding(head: bytes) -> tuple[str, str]:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "surrogatepass"
    match [byte == 0 for byte in head[:2]]:
        case [False, True]:
            return "utf-16-le", "surrogatepass"
        case [True, False]:
            return "utf-16-be", "surrogatepass"
    # As Excel writes in the west of Europe; of a file in UTF-8, a broken character costs its row alone.
    is_windows = not is_utf_8(head) and len(_WINDOWS.findall(head)) > len(_UTF_8.findall(head))
    return "cp1252" if is_windows else "utf-8", "surrogateescape"


def _head(stream: Iterator[bytes]) -> bytes:
    """Read the beginning of a stream: at least the header, and a line above it."""
    head = b""
    while head.strip().count(b"\n") < 2 and len(head) < MAX_RECORD_BYTES and (block := next(stream, b"")):
        head += block
    return head


def _header(text: str, separator: str) -> tuple[tuple[str, ...], int]:
    """Return the first row that is not empty, and the line on which it ends."""
    rows = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    try:
        names = next((row for row in rows if any(map(str.strip, row))), [])
    except csv.Error:
        return (), 0
    return tuple(map(str.strip, names)), rows.line_num
