"""Write the cells of tables in one form: numbers with a decimal point, days with the year first."""

import calendar
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from anonymizers.treatments import IdentityKind, ValueType
from pipelines.declarations.contract import Contract
from pipelines.sources.paths import bare_name

_DECIMAL_COMMA = r"^\s*[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+),[0-9]+(?:[eE][+-]?[0-9]{1,3})?\s*$"
# One comma and three digits after it: thousandths in one country, thousands in another.
_UNCLEAR_COMMA = r"^\s*[+-]?[1-9][0-9]{0,2},[0-9]{3}\s*$"
_COMMAS_OF_THOUSANDS = r"^\s*[+-]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+\s*$"
_DOTS_OF_THOUSANDS = r"^\s*[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+\s*$"
# France and Switzerland write thousands with narrow blanks or apostrophes.
_BLANKS_OF_THOUSANDS = r"^\s*[+-]?[0-9]{1,3}(?:[ \x{a0}\x{2009}\x{202f}'’][0-9]{3})+(?:[.,][0-9]+)?\s*$"
# `18.11.2026`, `11/18/2026 14:05`. With dots the day comes first, everywhere.
_DAY = r"^\s*([0-9]{1,2})([./-])([0-9]{1,2})[./-]([0-9]{4})(?:,?[ T]\s*([0-9].*))?$"
_NO_MONTH = 13
# Days of which digits alone do not say what is meant, or not to DuckDB: names of months, halves of a day,
# ISO 8601 without separators, and numbers of days as Excel holds them (of the years 2000 to 2099).
_SPELT = r"(?i)[a-z]{3}|[0-9]\s?[ap]\.?m\b|^\s*[0-9]{8}(?:T[0-9]{4,6}Z?)?\s*$|^\s*[0-9]{5}(?:\.[0-9]+)?\s*$"
_MONTHS = {name.lower(): month for month, name in enumerate(calendar.month_abbr) if name}
_MONTH = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_NAMED_DAY = re.compile(
    rf"^(?:[a-z]{{3,9}},? )?(?:(\d{{1,2}})[ -]{_MONTH},?[ -]((?:20)?\d\d)|{_MONTH} (\d{{1,2}}),? (20\d\d))"
    r"(?:,? (?:at )?|$)",
    re.IGNORECASE,
)
_HALF_DAY = re.compile(r"(\d{1,2})(:\d\d(?::\d\d(?:\.\d+)?)?)\s?([ap])\.?m\b\.?", re.IGNORECASE)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z?))?")
# JavaScript writes the zone's name behind its offset.
_GMT = re.compile(r"GMT([+-]\d{4})(?: \(.*\))?$")
_FIRST_OF_EXCEL, _LAST_OF_EXCEL = 36_526, 73_050
_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
# How databases and programs, and how spreadsheets write that there is no value: a token for it would make one
# person of many. Numbers and addresses without a person are counted where they are read.
NULLS = ("\\N", "NULL", "null", "None", "NaN", "nan", "NaT", "<NA>")
NO_VALUE = (
    *NULLS,
    *("N/A", "n/a", "-", "#N/A", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#DIV/0!", "#NULL!", "#ERROR!"),
    *("0000-00-00", "0000-00-00 00:00:00"),
)
_COUNTED = (IdentityKind.PHONE, IdentityKind.EMAIL)


def regular(rows: pa.Table, contract: Contract, *, comma: bool) -> pa.Table:
    """Write the names and cells of a table of texts in one form.

    A name is the declared one, also in other letters or with blanks in it (`Contact ID`). Numbers get a
    decimal point and lose thousands separators. Days that begin with day or month are written in ISO 8601, if
    the month has a name or a day after the twelfth shows which of the two all days of the column begin with.
    What could be read in two ways stays as it is, and its row is rejected for it.

    Args:
        comma: Whether the file's separator says that its numbers have decimal commas.
    """
    types = {column.path or name: column.type for name, column in contract.columns.items()}
    declared = {bare_name(column.heading or ""): column.path for column in contract.columns.values()}
    declared |= {bare_name(origin): origin for origin in types}
    rows = rows.rename_columns(_as_declared(rows.column_names, declared))
    for i, name in enumerate(rows.column_names):
        match types.get(name):
            case ValueType.DECIMAL | ValueType.DOUBLE:
                cells = _with_point(pl.Series(rows.column(i)), comma=comma)
            case ValueType.TIMESTAMP:
                cells = _year_first(_unspelt(pl.Series(rows.column(i))))
            case _:
                continue
        rows = rows.set_column(i, name, cells.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return rows


def _as_declared(names: list[str], declared: Mapping[str, str | None]) -> list[str]:
    found: list[str] = []
    for name in names:
        known = declared.get(bare_name(name)) or name
        # Of two columns of one name, the reader of the table says what becomes.
        found.append(name if known in names or known in found else known)
    return found


def without_words(rows: pa.Table, contract: Contract) -> pa.Table:
    """Return a table whose words for no value are empty texts."""
    counted = {c.path or name for name, c in contract.columns.items() if c.identity in _COUNTED}
    for i, field in enumerate(rows.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            words = pa.array(NULLS if field.name in counted else NO_VALUE, field.type)
            is_word = pc.is_in(rows.column(i), words)
            if pc.any(is_word).as_py():
                cells = pc.if_else(is_word, pa.scalar("", field.type), rows.column(i))
                rows = rows.set_column(i, field, cells)
    return rows


def _unspelt(texts: pl.Series) -> pl.Series:
    places = texts.str.contains(_SPELT).fill_null(value=False).arg_true()
    if places.is_empty():
        return texts
    return texts.scatter(places, pl.Series([_digits(text) for text in texts.gather(places)], dtype=pl.String))


def _digits(text: str) -> str:
    """Write a day and a time of it in digits; a text that is neither stays as it is."""
    written = text.strip()
    if _is_day_of_excel(written):
        moment = _DAY_ZERO + timedelta(seconds=round(float(written) * 86_400))
        return f"{moment:%Y-%m-%d %H:%M:%S}"
    if compact := _COMPACT.fullmatch(written):
        year, month, day, hour, minute, second, zone = compact.groups()
        return f"{year}-{month}-{day}" + (f" {hour}:{minute}:{second or '00'}{zone}" if hour else "")
    if named := _NAMED_DAY.match(written):
        day, month, year, *other = named.groups()
        month, day, year = (month, day, year) if day else other
        number = _MONTHS[month.lower()]
        time = written[named.end() :]
        written = f"20{year[-2:]}-{number:02}-{int(day):02} {time}".rstrip()
    return _GMT.sub(r"\1", _HALF_DAY.sub(_whole_day, written))


def _is_day_of_excel(text: str) -> bool:
    number = text.replace(".", "", 1)
    return number.isdecimal() and _FIRST_OF_EXCEL <= float(text) < _LAST_OF_EXCEL


def _whole_day(match: re.Match[str]) -> str:
    hour, rest, half = match.groups()
    return f"{int(hour) % 12 + (12 if half in 'pP' else 0):02}{rest}"


def _year_first(texts: pl.Series) -> pl.Series:
    if not texts.str.contains(_DAY).any():
        return texts
    first, second = (texts.str.extract(_DAY, group).cast(pl.Int8) for group in (1, 3))
    has_dots = texts.str.extract(_DAY, 2) == "."
    begins_with_day = bool((~has_dots & (first >= _NO_MONTH)).any())
    begins_with_month = bool((~has_dots & (second >= _NO_MONTH)).any())
    is_clear = has_dots | (begins_with_day != begins_with_month)
    day_first = has_dots | begins_with_day
    from_day, from_month = (
        texts.str.replace(_DAY, rf"${{4}}-{month_and_day} ${{5}}").str.strip_chars()
        for month_and_day in ("${3}-${1}", "${1}-${3}")
    )
    return pl.select(
        pl.when(is_clear & day_first).then(from_day).when(is_clear).then(from_month).otherwise(texts)
    ).to_series()


def _with_point(texts: pl.Series, *, comma: bool) -> pl.Series:
    has_blanks = texts.str.contains(_BLANKS_OF_THOUSANDS)
    if has_blanks.any():
        compact = texts.str.replace_all(r"[^0-9.,+-]", "")
        texts = pl.select(pl.when(has_blanks).then(compact).otherwise(texts)).to_series()
    has_comma = texts.str.contains(_DECIMAL_COMMA)
    if not comma:
        has_comma &= ~texts.str.contains(_UNCLEAR_COMMA)
    without_dots = texts.str.replace_all(".", "", literal=True)
    # Where one number has a decimal comma, the dots of the others are of thousands.
    thousands = texts.str.contains(_DOTS_OF_THOUSANDS) & bool(comma and has_comma.any())
    return pl.select(
        pl.when(has_comma)
        .then(without_dots.str.replace(",", ".", literal=True))
        .when(thousands)
        .then(without_dots)
        .when(texts.str.contains(_COMMAS_OF_THOUSANDS))
        .then(texts.str.replace_all(",", "", literal=True))
        .otherwise(texts)
    ).to_series()
