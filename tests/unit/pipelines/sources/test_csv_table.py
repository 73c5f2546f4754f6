import csv
import io
import re
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.declarations.contract import contracts_of, load_contracts
from pipelines.sources import streams
from pipelines.sources.cells import NO_VALUE
from pipelines.sources.errors import MissingColumnsError, UndeclaredColumnsError, UnreadableFileError
from pipelines.sources.reading import read
from tests.unit.pipelines.sources.conftest import RECEIVED_AT, Result

NAMES = ["workspace_id", "contact_id", "first_name", "last_name", "updated_at"]
AT = "2026-03-01T10:00:00Z"


def lines(*rows: str, header: str = ",".join(NAMES), end: str = "\n") -> str:
    return end.join([header, *rows, ""])


def test_blanks_behind_the_separators_belong_to_no_name_and_no_quoted_cell(parse_file):
    text = ", ".join(f'"{name}"' for name in NAMES) + f'\n"w-1", "c-1", "Ann", "Doe, J", "{AT}"\n'

    (row,) = parse_file("app/contacts", "c.csv", text.encode()).rows("app__contacts")

    assert (row["contact_id"], row["last_name"]) == ("c-1", "Doe, J")


def test_the_separator_is_the_one_under_which_the_header_has_declared_columns(parse_file):
    for separator in ",;\t|":
        text = (
            separator.join(NAMES)
            + "\n"
            + separator.join(["w-1", "c-1", "", "a,b;c|d".replace(separator, ""), AT])
        )

        result = parse_file("app/contacts", "c.csv", text.encode())

        assert result.column("app__contacts", "last_name") == ["a,b;c|d".replace(separator, "")]


@pytest.mark.parametrize("name", ["c.csv", "c.tsv", "c.txt"])
def test_a_table_of_tabs_may_be_called_what_it_is(parse_file, name):
    text = lines("w-1\tc-1\t\t\t" + AT, header="\t".join(NAMES))

    assert parse_file("app/contacts", name, text.encode()).column("app__contacts", "contact_id") == ["c-1"]


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;;;", "\nsep=;"])
def test_excels_line_that_names_the_separator_is_no_row(parse_file, first):
    text = first + "\n" + lines("w-1;c-1;;Doe;" + AT, header=";".join(NAMES))

    (row,) = parse_file("app/contacts", "c.csv", text.encode()).rows("app__contacts")

    assert (row["last_name"], row["_record"]) == ("Doe", 3 + first.count("\n"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_encoding_and_the_line_ends_of_a_file_do_not_change_its_rows(parse_file, encoding, end):
    text = lines(f'w-1,c-1,,"Müller{end}é 😀",{AT}', f"w-1,c-2,,,{AT}", end=end)

    rows = parse_file("app/contacts", "c.csv", text.encode(encoding)).rows("app__contacts")

    assert [(r["contact_id"], r["last_name"]) for r in rows] == [("c-1", "Müller\né 😀"), ("c-2", None)]


def test_a_table_of_windows_is_read_and_a_broken_character_among_utf_8_costs_its_row(parse_file):
    text = lines(f"w-1,c-1,,Müller – „Spaß“ 5 €,{AT}", f"w-1,c-2,,Doe,{AT}")

    windows = parse_file("app/contacts", "c.csv", text.encode("cp1252"))
    broken = parse_file("app/contacts", "c.csv", text.encode().replace(b"Doe", b"D\xf6e"))

    blanks = parse_file("app/contacts", "c.csv", lines(f"w-1,c-1,,1\xa0000\xa0€,{AT}").encode("cp1252"))

    assert windows.column("app__contacts", "last_name") == ["Müller – „Spaß“ 5 €", "Doe"]
    assert blanks.column("app__contacts", "last_name") == ["1\xa0000\xa0€"]
    assert broken.column("app__contacts", "contact_id") == ["c-1"]
    assert broken.rejected == [(3, "invalid_utf8")]


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["18.11.2026", "5.6.2026 9:05"], ["2026-11-18T00:00", "2026-06-05T09:05"]),
        (["18/11/2026", "05/06/2026 09:05"], ["2026-11-18T00:00", "2026-06-05T09:05"]),
        (["11/18/2026", "05/06/2026"], ["2026-11-18T00:00", "2026-05-06T00:00"]),
        (["11/18/2026 2:05 PM", "05/06/2026 12:05:09 am"], ["2026-11-18T14:05", "2026-05-06T00:05:09"]),
        (["18-Nov-26", "Nov 6, 2026, 9:05 PM"], ["2026-11-18T00:00", "2026-11-06T21:05"]),
        (["Wed, 18 Nov 2026 09:05:00 GMT", "November 6, 2026"], ["2026-11-18T09:05", "2026-11-06T00:00"]),
        (["Wed Nov 18 2026 10:05:00 GMT+0100 (CET)", "6 May 2026"], ["2026-11-18T09:05", "2026-05-06T00:00"]),
        (
            ["46344.5", "20261118", "20261118T090500Z"],
            ["2026-11-18T12:00", "2026-11-18T00:00", "2026-11-18T09:05"],
        ),
        (["18-11-2026", "05.06.2026, 10:00:30"], ["2026-11-18T00:00", "2026-06-05T10:00:30"]),
        # Nothing shows which comes first, or two days contradict each other.
        (["05/06/2026", "2026-11-18"], [None, "2026-11-18T00:00"]),
        (["18/11/2026", "11/18/2026", "05/06/2026"], [None, None, None]),
        (["32.11.2026", "18.11.26"], [None, None]),
        (["18 Nob 2026", "12345", "20261332"], [None, None, None]),
    ],
)
def test_a_day_is_read_where_its_column_shows_what_comes_first(parse_file, cells, days):
    rows = [f'w-1,c-{i},,,"{cell}"' for i, cell in enumerate(cells)]

    result = parse_file("app/contacts", "c.csv", lines(*rows).encode())

    read = result.column("app__contacts", "updated_at")
    assert read == [datetime.fromisoformat(day) for day in days if day]
    bad = [(number, "invalid_value:updated_at") for number, day in enumerate(days, start=2) if not day]
    assert result.rejected == bad


def test_utf_16_that_breaks_off_is_refused_and_half_a_character_rejected_with_its_row(parse_file):
    text = lines(f"w-1,c-1,,Doe,{AT}", f"w-1,c-2,,X,{AT}", f"w-1,c-3,,Roe,{AT}").encode("utf-16")

    with pytest.raises(UnreadableFileError, match="UTF-16 is cut off"):
        parse_file("app/contacts", "c.csv", text[:-1])

    result = parse_file("app/contacts", "c.csv", text.replace(b"X\0", b"\x3d\xd8"))
    assert result.rejected == [(3, "invalid_utf8")]
    assert result.column("app__contacts", "contact_id") == ["c-1", "c-3"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('Doe "JD', 'Doe "JD'),
        ('Pizza 12"', 'Pizza 12"'),
        ('Jo "JJ" Doe', 'Jo "JJ" Doe'),
        ('"Jo ""JJ"" Doe"', 'Jo "JJ" Doe'),
        ('"Pizza 12" large"', 'Pizza 12" large'),
        ('"Pizza 12""', 'Pizza 12"'),
        ('"Jo" Doe', '"Jo" Doe'),
        ('"a, ""b"""', 'a, "b"'),
        ('"Doe "JD', '"Doe "JD'),
        (r'"Jo \"JJ\", Doe"', 'Jo "JJ", Doe'),
        ('  "a, ""b"""', 'a, "b"'),
        (r"\N", None),
        ("NULL", None),
        ("<NA>", None),
        ("Null", "Null"),
        ('"two\nlines"', "two\nlines"),
        ('"""two""\nlines, ""quoted"""', '"two"\nlines, "quoted"'),
        ('""', None),
        (" ", " "),
    ],
)
def test_a_quote_encloses_a_cell_only_where_the_cell_begins_and_ends_with_it(parse_file, cell, value):
    text = lines(f"w-1,c-1,,{cell},{AT}", f"w-1,c-2,,Roe,{AT}")

    result = parse_file("app/contacts", "c.csv", text.encode())

    assert result.column("app__contacts", "last_name") == [value, "Roe"]
    assert result.rejected == []


@pytest.mark.parametrize("below", ["Roe", '"Roe"', 'Roe "R', '"two\nlines"', '"Ro""e"'])
@pytest.mark.parametrize("open_cell", ['"Doe', '"Doe "J" D', '"', '"a "b", c"'])
@pytest.mark.parametrize("size", [7, 90, 1 << 20])
def test_a_quote_that_nothing_closes_costs_its_own_row_and_no_other(
    parse_file, monkeypatch, open_cell, below, size
):
    monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", size)
    text = lines(f"w-1,c-1,,{open_cell},{AT}", *(f"w-1,c-{i},,{below},{AT}" for i in range(2, 9)))

    result = parse_file("app/contacts", "c.csv", text.encode())

    assert result.rejected == [(2, "malformed_row")]
    assert result.payload(2).decode() == f"w-1,c-1,,{open_cell},{AT}"
    assert result.column("app__contacts", "contact_id") == [f"c-{i}" for i in range(2, 9)]


def test_a_quote_left_open_in_a_large_file_does_not_hold_all_that_follows(parse_file, monkeypatch):
    monkeypatch.setattr("pipelines.sources.csv_table.MAX_RECORD_BYTES", 1_000)
    monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", 5_000)
    many = [f"w-1,c-{i},,Roe,{AT}" for i in range(1_000)]

    result = parse_file("app/contacts", "c.csv", lines(f'w-1,c,,"Doe,{AT}', *many).encode())

    assert result.rejected == [(2, "malformed_row")]
    assert len(result.rows("app__contacts")) == 1_000
    assert max(batch.rows_read for batch in result.batches) < 200


def test_rows_of_nothing_but_separators_and_columns_without_name_and_value_are_nothing(parse_file):
    text = lines(f"w-1;c-1;;Doe;{AT};;", ";;;;;;", "", ";;;;;;", header=";".join([*NAMES, "", ""]))

    result = parse_file("app/contacts", "c.csv", text.encode())

    assert (result.rows_read, result.rejected) == (1, [])


def test_separators_too_many_behind_a_row_are_nothing_and_a_value_there_is_of_no_column(parse_file):
    rows = f"w-1,c-1,,Doe,{AT},,,", f'w-1,c-2,,"Doe, J",{AT},', f"w-1,c-3,,Doe,{AT},,x", f"w-1,c-4,,,{AT}"

    result = parse_file("app/contacts", "c.csv", lines(*rows).encode())

    assert result.column("app__contacts", "contact_id") == ["c-1", "c-2", "c-4"]
    assert result.column("app__contacts", "last_name") == ["Doe", "Doe, J", None]
    assert result.rejected == [(4, "malformed_row")]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('="004915550001"', "004915550001"),
        ('"=""0049, 15550001"""', "0049, 15550001"),
        ("'+4915550001", "+4915550001"),
        ("'=1", "=1"),
        ("'quoted'", "'quoted'"),
        ("=1+1", "=1+1"),
    ],
)
def test_what_spreadsheets_put_around_a_text_does_not_belong_to_it(parse_file, cell, value):
    result = parse_file("app/contacts", "c.csv", lines(f"w-1,c-1,,{cell},{AT}").encode())

    assert result.column("app__contacts", "last_name") == [value]


@pytest.mark.parametrize(
    "header", ["Workspace ID,Contact ID,First Name,last-name,Updated At", ",".join(NAMES).upper()]
)
def test_a_name_of_a_column_is_known_in_other_letters_too(parse_file, header):
    result = parse_file("app/contacts", "c.csv", f"{header}\nw-1,c-1,,Doe,1 Mar 2026\n".encode())

    assert result.column("app__contacts", "last_name") == ["Doe"]
    assert result.column("app__contacts", "updated_at") == [datetime(2026, 3, 1)]


@pytest.mark.parametrize("word", NO_VALUE)
def test_a_word_for_no_value_makes_no_contact_of_all_who_have_it(parse_file, word):
    result = parse_file(
        "app/contacts", "c.csv", lines(f"w-1,{word},,Doe,{AT}", f"w-1,c-2,,{word},{AT}").encode()
    )

    assert result.rejected == [(2, "missing_value:contact_id")]
    assert result.column("app__contacts", "last_name") == [None]


@pytest.mark.parametrize(
    ("separator", "cell", "amount"),
    [
        (";", "0,10", "0.1"),
        (";", "1.234,50", "1234.5"),
        (";", "-1.234.567,5", "-1234567.5"),
        (";", "1,234", "1.234"),
        (";", "0.10", "0.1"),
        (",", '"0,10"', "0.1"),
        (",", '"1,234.50"', "1234.5"),
        (",", '"0,125"', "0.125"),
        (",", '"1,234"', None),
        ("\t", "12,5", "12.5"),
        (",", "12.5", "12.5"),
        (";", "1,2,3", None),
        (";", "12,5 EUR", None),
        (";", "1\u202f234,50", "1234.5"),
        (";", "1'234.50", "1234.5"),
        (";", "7,5E-02", "0.075"),
    ],
)
def test_a_decimal_comma_is_read_where_it_can_be_nothing_else(parse_file, separator, cell, amount):
    names = ["workspace_id", "invoice_id", "amount", "currency", "issued_at", "updated_at"]
    text = separator.join(names) + "\n" + separator.join(["w-1", "i-1", cell, "EUR", AT, AT])

    result = parse_file("app/invoices", "i.csv", text.encode())

    assert result.column("app__invoices", "amount") == ([Decimal(amount)] if amount else [])
    assert result.rejected == ([] if amount else [(2, "invalid_value:amount")])


def test_beside_decimal_commas_dots_are_of_thousands(parse_file):
    names = "workspace_id;invoice_id;amount;currency;issued_at;updated_at"
    rows = [f"w-1;i-{i};{cell};EUR;{AT};{AT}" for i, cell in enumerate(["1.234", "1,5", "12.5"])]

    result = parse_file("app/invoices", "i.csv", lines(*rows, header=names).encode())

    assert result.column("app__invoices", "amount") == [Decimal(1234), Decimal("1.5"), Decimal("12.5")]


@pytest.mark.parametrize(
    ("header", "found", "missing"),
    [
        ("workspace_id;contact_id", "2 column(s) separated by semicolons", "updated_at"),
        ("workspace_id:contact_id:updated_at", "1 column(s) separated by commas", "contact_id, updated_at"),
        ("<html>", "named by its first row. The file looks like XML or HTML.", "updated_at"),
        ("sep=:\nworkspace_id:updated_at", "2 column(s) separated by :", "contact_id"),
    ],
)
def test_the_message_names_the_separator_found_and_the_columns_missing(parse_file, header, found, missing):
    with pytest.raises(MissingColumnsError, match=re.escape(missing)) as caught:
        parse_file("app/contacts", "c.csv", f"{header}\ncanary\n".encode())

    assert found in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n", lines(), "\ufeff" + lines()])
def test_a_file_without_rows_gives_none(parse_file, text):
    assert parse_file("app/contacts", "c.csv", text.encode()).rows_read == 0


def test_a_column_without_a_name_but_with_values_is_refused_as_what_it_is(parse_file):
    text = lines(f"0,w-1,c-1,,,{AT}", header=",".join(["", *NAMES]))

    with pytest.raises(UndeclaredColumnsError, match="without a name, perhaps an index"):
        parse_file("app/contacts", "c.csv", text.encode())


cells = st.text(
    st.sampled_from("ab\"',;|\t\n =\\é😀") | st.characters(codec="utf-8", exclude_characters="\0\r"),
    max_size=8,
).filter(lambda text: not re.match(r"'[=+\-@]|=\"[^\"]*\"\Z", text) and text not in NO_VALUE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(cells, cells), max_size=6),
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    size=st.sampled_from([5, 64, 1 << 24]),
)
@example([('"', '""\n')], ",", csv.QUOTE_ALL, "\n", "utf-8", 5)
def test_a_table_that_a_program_wrote_is_read_as_it_was(
    tmp_path, rows, separator, quoting, end, encoding, size
):
    text = io.StringIO()
    # Python does not quote a line end that is not the one between rows.
    quoting = csv.QUOTE_ALL if end == "\r" else quoting
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end)
    writer.writerow(NAMES)
    writer.writerows(["w-1", f"c-{i}", first, last, AT] for i, (first, last) in enumerate(rows))
    path = tmp_path / "c.csv"
    path.write_bytes(text.getvalue().encode(encoding))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(streams.blocks.__kwdefaults__, "size", size)
        contracts = contracts_of("app/contacts", load_contracts())
        result = Result(list(read(path, contracts=contracts, received_at=RECEIVED_AT)))

    assert result.rejected == []
    assert [(r["first_name"] or "", r["last_name"] or "") for r in result.rows("app__contacts")] == rows
    assert {r["updated_at"] for r in result.rows("app__contacts")} <= {datetime(2026, 3, 1, 10)}
