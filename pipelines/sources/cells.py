"""Write the cells of tables in one form: numbers with a decimal point, days with the year first."""

import polars as pl
import pyarrow as pa

from anonymizers.treatments import ValueType
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


def regular(rows: pa.Table, contract: Contract, *, comma: bool) -> pa.Table:
    """Write the numbers and times of a table of texts in one form.

    Numbers get a decimal point and lose thousands separators. Days that begin with day or month are written
    in ISO 8601, if a day after the twelfth shows which of the two all days of the column begin with.
    What could be read in two ways stays as it is, and its row is rejected for it.

    Args:
        comma: Whether the file's separator says that its numbers have decimal commas.
    """
    types = {
        bare_name(column.heading or column.path or name): column.type
        for name, column in contract.columns.items()
    }
    for i, name in enumerate(rows.column_names):
        match types.get(bare_name(name)):
            case ValueType.DECIMAL | ValueType.DOUBLE:
                cells = _with_point(pl.Series(rows.column(i)), comma=comma)
            case ValueType.TIMESTAMP:
                cells = _year_first(pl.Series(rows.column(i)))
            case _:
                continue
        rows = rows.set_column(i, name, cells.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return rows


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
