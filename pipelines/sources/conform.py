"""From raw text to declared types: the one place where a value becomes valid, invalid or masked.

Every parser hands over its columns as text; here they are cast, all rows at once, by `type` and
`format`, and checked against `required`, `values` and `pattern`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import available_timezones

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from anonymizers.identity import NO_IDENTITY
from anonymizers.treatments import IdentityKind, ValueType
from pipelines.declarations.column import CHANNEL_ZONE, Column, Format
from pipelines.declarations.contract import Contract
from pipelines.sources.batch import NOT_NEEDED, REJECTED, in_order, rows_schema, says_zone
from pipelines.sources.staging import unix_time
from warehouse.store.connection import identifier, quoted

_EARLIEST, _LATEST = "timestamp '1970-01-01'", "timestamp '2200-01-01'"
_IDS = (IdentityKind.CONTACT, IdentityKind.MEMBER, IdentityKind.MESSAGE, IdentityKind.OUTBOX)
# Spreadsheets write booleans in the language of who uses them, pandas as floats where some are missing; all
# else is read as DuckDB does.
_TRUE = (
    *("1.0", "JA", "OUI", "SÍ", "SIM", "ON", "WAHR", "VRAI", "VERDADEIRO", "VERDADERO", "VERO", "WAAR"),
    *("PRAWDA", "DOĞRU", "ИСТИНА"),
)
_FALSE = (
    *("0.0", "NEIN", "NON", "NÃO", "NEE", "OFF", "FALSCH", "FAUX", "FALSO", "ONWAAR", "FAŁSZ", "YANLIŞ"),
    "ЛОЖЬ",
)
_INTEGER = r"\s*[+-]?[0-9]{1,18}(\.0*)?\s*"
# An offset after a time of day; `-18` at the end of a date is none.
_OFFSET = r":\d\d(\.\d+)?\s*(UTC|[Zz]|[+-]\d\d:?(\d\d)?)\s*$"
# .NET writes a blank before it, others leave the colon out, Java names the zone behind it.
_ODD_OFFSET = r"(:\d\d(?:\.\d+)?)\s*([+-]\d\d):?(\d\d)\s*(?:\[[^\]]*\])?$"
_ABSOLUTE = r"^[0-9]{15}[+-]$"
# Not `YYMMDDhhmm`: there are no more than 12 months.
_UNIX = r"^1[789](?:1[3-9]|[2-9][0-9])[0-9]{6}(?:[0-9]{3})?$"
# Of the years 2001 to 2033: other digits may be a day, or anything.
_EPOCH = r"^1[0-9]{9}([0-9]{3}){0,3}(\.[0-9]+)?$"
_DAY_FIRST = r"^[0-9]{2}[-/.][0-9]{2}[-/.][0-9]{4}"
_TWO_DIGITS_EACH = r"^[0-9]{2}[-/.][0-9]{2}[-/.][0-9]{2}[ T]"
# Twilio's addresses: https://www.twilio.com/docs/messaging/channels
_ADDRESS = r"^\s*(whatsapp|rcs|messenger):"
_NUMBER = r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*"


@dataclass(frozen=True, slots=True, repr=False)
class Conformed:
    """Typed rows of one contract, and what did not become one."""

    rows: pa.Table
    rejected: pa.Table
    masked: Mapping[str, int]
    dropped: Mapping[tuple[str, str], int]


def conform(engine: duckdb.DuckDBPyConnection, raw: str, contract: Contract) -> Conformed:
    """Cast and check rows.

    Args:
        raw: A query giving `_record`, `_received_at`, `_channel` and every contract column as text.

    Returns:
        Rows in their order, without those that lack a required value or carry one that is not of
        its type; those are rejected under the first reason in the order of the columns. An optional
        value outside its `values` or `pattern` is null, or what its column says, and counted; so is a phone
        number or e-mail address that identifies nobody, and an optional id that a spreadsheet shortened. An
        empty text counts as absent. Rows that are not needed are dropped before all else, and counted.
    """
    table = in_order(engine.execute(_query(raw, contract)).to_arrow_table(), "_record")
    reasons = table["_reason"]
    good = table if reasons.null_count == table.num_rows else table.filter(pc.is_null(reasons))
    rejected, dropped = _rejected(table, contract) if good is not table else (REJECTED.empty_table(), {})
    return Conformed(
        rows=good.select(rows_schema(contract).names).cast(rows_schema(contract)),
        rejected=rejected,
        masked=_masked(good, contract),
        dropped=dropped,
    )


def _query(raw: str, contract: Contract) -> str:
    columns = contract.columns
    texts = [f"nullif({identifier(name)}, '') as x{i}" for i, name in enumerate(columns)]
    casts = [f"{_cast(f'x{i}', c)} as c{i}" for i, c in enumerate(columns.values())]
    places = {name: i for i, name in enumerate(columns)}
    found = [
        f"coalesce({_value(i, c)}, {_value(places[c.or_else], c)}) as t{i}"
        if c.or_else
        else f"{_value(i, c)} as t{i}"
        for i, c in enumerate(columns.values())
    ]
    kept = [f"{_kept(i, c)} as {identifier(name)}" for i, (name, c) in enumerate(columns.items())]
    masks = [
        f"x{i} is not null and not ({_limits(f't{i}', c)}) as {identifier(_mask(name))}"
        for i, (name, c) in enumerate(columns.items())
        if _is_masked(c)
    ]
    zoned = [
        f"coalesce(regexp_matches(x{i}, {quoted(f'{_OFFSET}|{_ABSOLUTE}|{_UNIX}')}), false) "
        f"as {identifier(says_zone(name))}"
        for i, (name, c) in enumerate(columns.items())
        if c.zone == CHANNEL_ZONE
    ]
    unneeded = "".join(_unneeded(f"x{i}", c) for i, c in enumerate(columns.values()) if c.not_needed)
    faults = unneeded + " ".join(_fault(i, name, c) for i, (name, c) in enumerate(columns.items()))
    reason = f"case {faults} end" if faults.strip() else "null::varchar"
    head = "_record, _received_at, _channel"
    return (
        f"with raw as ({raw}), "
        f"texts as (select {', '.join([head, *texts])} from raw), "
        f"cast_ as (select *, {', '.join(casts)} from texts), "
        f"typed as (select *, {', '.join(found)} from cast_) "
        f"select {', '.join([head, *kept, *zoned, *masks, f'{reason} as _reason'])} from typed"
    )


def _kept(i: int, column: Column) -> str:
    if not _is_masked(column):
        return f"t{i}"
    otherwise = f"when x{i} is not null then {quoted(column.otherwise)} " if column.otherwise else ""
    return f"case when {_limits(f't{i}', column)} then t{i} {otherwise}end"


def _cast(text: str, column: Column) -> str:
    match column.type:
        case ValueType.VARCHAR:
            return _text(text, column)
        case ValueType.BIGINT:
            return (
                f"case when regexp_full_match({text}, {quoted(_INTEGER)}) then try_cast({text} as bigint) end"
            )
        case ValueType.DOUBLE:
            cast = f"try_cast({text} as double)"
            return f"case when {_is_number(text)} and isfinite({cast}) then {cast} end"
        case ValueType.DECIMAL:
            cast = f"case when {_is_number(text)} then try_cast(trim({text}) as decimal(18, 6)) end"
            return f"abs({cast})" if column.format is Format.NEGATIVE_AMOUNT else cast
        case ValueType.BOOLEAN:
            return _boolean(text)
        case ValueType.TIMESTAMP:
            zone = "UTC" if column.zone == CHANNEL_ZONE else column.zone
            return _timestamp(text, column.format or Format.ISO8601, zone)
        case ValueType.JSON:
            return f"case when json_valid({text}) then {text} end"


def _text(text: str, column: Column) -> str:
    match column.format:
        case Format.ADDRESS:
            return f"regexp_replace({text}, {quoted(_ADDRESS)}, '')"
        case Format.ADDRESS_CHANNEL:
            prefix = f"regexp_extract({text}, {quoted(_ADDRESS)}, 1)"
            return f"case when {prefix} = '' then 'sms' else {prefix} end"
        case Format.TIME_ZONE:
            zones = ", ".join(map(quoted, sorted(available_timezones())))
            return f"case when {text} in ({zones}) then {text} end"
        case _:
            if column.values or column.pattern:
                # A blank behind a word of a list is a slip that nobody sees.
                text = f"trim({text}, ' \t')"
            return _whole_number(text) if column.pattern or column.identity in _IDS else text


def _whole_number(text: str) -> str:
    """Return SQL of an id without the `.0` that pandas writes where others in its column are missing."""
    is_float = f"suffix({text}, '.0') and regexp_full_match({text}, '[0-9]+\\.0')"
    return f"case when {is_float} then {text}[:-3] else {text} end"


def _boolean(text: str) -> str:
    word = f"upper(trim({text}))"
    true, false = (f"{word} in ({', '.join(map(quoted, words))})" for words in (_TRUE, _FALSE))
    return f"case when {true} then true when {false} then false else try_cast(lower({word}) as boolean) end"


def _is_number(text: str) -> str:
    return f"regexp_full_match({text}, {quoted(_NUMBER)})"


def _timestamp(text: str, written: Format, zone: str) -> str:
    match written:
        case Format.UNIX_SECONDS:
            return unix_time(text)
        case Format.RFC2822:
            formats = "['%a, %d %b %Y %H:%M:%S %z', '%d %b %Y %H:%M:%S %z']"
            parsed = f"try_strptime(replace(trim({text}), 'GMT', '+0000'), {formats})"
            return f"coalesce(timezone('UTC', {parsed}), {_iso8601(text, zone)})"
        case Format.LOG:
            formats = "['%d/%b/%Y:%H:%M:%S %z', '%d/%b/%Y:%H:%M:%S.%f %z']"
            parsed = f"timezone('UTC', try_strptime({text}, {formats}))"
            days = ("%d-%b-%Y %H:%M:%S", "%d/%b/%Y:%H:%M:%S", "%d/%b/%Y %H:%M:%S")
            forms = ", ".join(quoted(f"{day}{fraction}") for day in days for fraction in ("", ".%f"))
            local = _to_utc(f"try_strptime({text}, [{forms}])", zone)
            return f"coalesce({parsed}, {_iso8601(text, zone)}, {local}, {unix_time(text)})"
        case Format.SMPP:
            return _smpp(text, zone)
        case _:
            return _iso8601(text, zone)


def _iso8601(text: str, zone: str) -> str:
    # A cast to plain timestamp would ignore the offset; ` +0100` is none for DuckDB, `+01:00` is.
    regular = f"regexp_replace({text}, {quoted(_ODD_OFFSET)}, '\\1\\2:\\3')"
    cast = f"coalesce(try_cast({text} as timestamptz), try_cast({regular} as timestamptz))"
    time = f"make_timestamp(epoch_us({cast}))"
    if zone != "UTC":
        naive = _to_utc(f"try_cast({text} as timestamp)", zone)
        time = f"case when regexp_matches({text}, {quoted(_OFFSET)}) then {time} else {naive} end"
    # Some exports write times as numbers.
    return f"coalesce({time}, case when regexp_matches({text}, {quoted(_EPOCH)}) then {unix_time(text)} end)"


def _smpp(text: str, zone: str) -> str:
    """`YYMMDDhhmm` by the specification; also with seconds, years of four digits, separators, fractions.

    Between separators of two digits each, the day may come first: the reading nearer to the receipt is right,
    for the other is years away.

    Two more forms say their own zone: Unix time, and the absolute time of SMPP 3.4, section 7.1.1, with a
    tenth of a second and quarter hours from UTC (`YYMMDDhhmmsstnnp`).
    """
    digits = f"regexp_replace(regexp_replace({text}, '(:[0-9]{{2}})[.,][0-9]+$', '\\1'), '[-/:. T]', '', 'g')"
    forms = ("['%y%m%d%H%M%S', '%y%m%d%H%M']", "['%d%m%y%H%M%S', '%d%m%y%H%M']")
    year_first, day_first = (f"try_strptime({digits}, {form})" for form in forms)
    is_nearer = f"abs(epoch({day_first} - _received_at)) < abs(epoch({year_first} - _received_at))"
    # Month 26 tells `20261118…`, a year of four digits, from the twentieth year.
    parsed = (
        f"case when regexp_matches({text}, {quoted(_TWO_DIGITS_EACH)}) "
        f"then case when {year_first} is null or {is_nearer} then {day_first} else {year_first} end "
        f"when regexp_matches({text}, {quoted(_DAY_FIRST)}) "
        f"then try_strptime({digits}, ['%d%m%Y%H%M%S', '%d%m%Y%H%M']) "
        f"when length({digits}) = 10 then try_strptime({digits}, '%y%m%d%H%M') "
        f"when length({digits}) = 12 then try_strptime({digits}, ['%y%m%d%H%M%S', '%Y%m%d%H%M']) "
        f"when length({digits}) in (14, 17) then try_strptime({digits}[:14], '%Y%m%d%H%M%S') end"
    )
    local = parsed if zone == "UTC" else _to_utc(parsed, zone)
    quarters = f"try_cast({text}[16:16] || {text}[14:15] as int)"
    absolute = f"try_strptime({text}[:12], '%y%m%d%H%M%S') - to_minutes(15 * {quarters})"
    unix = f"make_timestamp(try_cast({text}[:10] as bigint) * 1000000)"
    return (
        f"case when regexp_matches({text}, {quoted(_OFFSET)}) then {_iso8601(text, zone)} "
        f"when regexp_matches({text}, {quoted(_ABSOLUTE)}) then {absolute} "
        f"when regexp_matches({text}, {quoted(_UNIX)}) then {unix} "
        f"else {local} end"
    )


def _to_utc(local: str, zone: str) -> str:
    return f"make_timestamp(epoch_us(timezone({quoted(zone)}, {local})))"


def _value(i: int, column: Column) -> str:
    """The cast value of a column, if it may be one."""
    return f"case when {_in_range(i)} then c{i} end" if column.type is ValueType.TIMESTAMP else f"c{i}"


def _in_range(i: int) -> str:
    # `infinity` and 2099 alike must not live for ever; the finer rule needs the time of receipt.
    return f"coalesce(c{i} >= {_EARLIEST} and c{i} < {_LATEST}, false)"


def _fault(i: int, name: str, column: Column) -> str:
    whens = []
    if column.required:
        absent = f"t{i} is null and x{i} is null"
        whens.append(f"when {absent} then {quoted(f'missing_value:{name}')}")
    if column.type is not ValueType.VARCHAR or column.format:
        is_invalid = f"not {_in_range(i)}" if column.type is ValueType.TIMESTAMP else f"c{i} is null"
        whens.append(f"when x{i} is not null and {is_invalid} then {quoted(f'invalid_value:{name}')}")
    if _is_limited(column) and not _is_masked(column):
        whens.append(f"when not ({_limits(f't{i}', column)}) then {quoted(f'unexpected_value:{name}')}")
    return " ".join(whens)


def _unneeded(text: str, column: Column) -> str:
    kinds = ", ".join(map(quoted, column.not_needed))
    return f"when {text} in ({kinds}) then {quoted(NOT_NEEDED)} || {text} "


def _is_limited(column: Column) -> bool:
    return bool(column.values or column.pattern or column.identity in NO_IDENTITY)


def _is_masked(column: Column) -> bool:
    """Whether a value outside its limits is null, rather than its row rejected."""
    may_miss = column.identity in (IdentityKind.PHONE, IdentityKind.EMAIL)
    is_strict = column.values or column.pattern or (column.identity is not None and not may_miss)
    return _is_limited(column) and not (column.required and is_strict and not column.otherwise)


def _limits(text: str, column: Column) -> str:
    limits = []
    if column.values:
        limits.append(f"{text} in ({', '.join(map(quoted, column.values))})")
    if column.pattern:
        limits.append(f"regexp_full_match({text}, {quoted(column.pattern)})")
    if column.identity and (no_identity := NO_IDENTITY.get(column.identity)):
        limits.append(f"not regexp_matches({text}, {quoted(no_identity)})")
    return " and ".join(limits)


def _mask(name: str) -> str:
    return f"_mask:{name}"


def _rejected(table: pa.Table, contract: Contract) -> tuple[pa.Table, dict[tuple[str, str], int]]:
    """Rows with a reason: those that are rejected, and how many are dropped for each reason."""
    is_dropped = pc.starts_with(table["_reason"], NOT_NEEDED)
    reasons = table.filter(is_dropped)["_reason"].value_counts().to_pylist()
    bad = table.filter(pc.invert(is_dropped))
    source = pa.repeat(contract.source, bad.num_rows)
    return (
        pa.table([bad["_record"], source, bad["_reason"]], schema=REJECTED),
        {(contract.source, reason["values"]): reason["counts"] for reason in reasons},
    )


def _masked(rows: pa.Table, contract: Contract) -> dict[str, int]:
    counts = {
        f"{contract.source}.{name}": pc.sum(rows[_mask(name)]).as_py() or 0
        for name in contract.columns
        if _mask(name) in rows.column_names
    }
    return {name: count for name, count in counts.items() if count}
