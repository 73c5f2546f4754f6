import io
import zipfile
from datetime import datetime
from decimal import Decimal

import pytest

from pipelines.sources import xlsx_table
from pipelines.sources.errors import MissingColumnsError, UndeclaredColumnsError, UnreadableFileError
from tests.support.workbooks import sheet, workbook

NAMES = ["workspace_id", "contact_id", "phone", "is_opted_in", "updated_at"]
ROW = ["w-1", "c-1", "+4915550001", None, "2026-03-01T10:00:00Z"]


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("phone", 4915112345670.0, "4915112345670"),
        ("phone", "+4915112345670", "+4915112345670"),
        ("phone", '<c t="str"><f>"+49"&amp;"15550001"</f><v>+4915550001</v></c>', "+4915550001"),
        ("phone", '<c t="e"><f>1/0</f><v>#DIV/0!</v></c>', None),
        ("phone", "0049 1555\n0001", "0049 1555\n0001"),
        ("is_opted_in", '<c t="b"><v>1</v></c>', True),
        ("updated_at", '<c s="1"><v>46082.4375</v></c>', datetime(2026, 3, 1, 10, 30)),
        ("contact_id", 7.0, "7"),
    ],
)
def test_a_cell_is_read_as_the_text_that_it_is(parse_file, column, cell, value):
    row = [cell if name == column else kept for name, kept in zip(NAMES, ROW, strict=True)]

    result = parse_file("app/contacts", "c.xlsx", workbook(sheet([NAMES, row])))

    assert result.column("app__contacts", column) == [value]
    assert result.rejected == []


def test_a_bad_row_is_rejected_by_itself_and_kept_as_json(parse_file):
    bad = ["w-1", None, "canary", None, None]

    result = parse_file("app/contacts", "c.xlsx", workbook(sheet([NAMES, bad, [None, None], ROW])))

    assert result.rejected == [(2, "missing_value:contact_id")]
    assert b'"phone":"canary"' in result.payload(2)
    assert result.column("app__contacts", "_record") == [4]


@pytest.mark.parametrize(
    ("cell", "amount"), [(12.5, "12.5"), ("1.234,50", "1234.5"), ("0,10", "0.1"), (1e-6, "0.000001")]
)
def test_an_amount_is_a_number_or_a_text_with_a_comma(parse_file, cell, amount):
    names = ["workspace_id", "invoice_id", "amount", "currency", "issued_at", "updated_at"]
    row = ["w-1", "i-1", cell, "EUR", "2026-03-01", "2026-03-01"]

    result = parse_file("app/invoices", "i.xlsx", workbook(sheet([names, row])))

    assert result.column("app__invoices", "amount") == [Decimal(amount)]


def test_the_one_sheet_with_values_is_read_whatever_empty_ones_stand_beside_it(parse_file):
    table = sheet([NAMES, ROW])

    assert parse_file("app/contacts", "c.xlsx", workbook(sheet([]), table, sheet([]))).rows_read == 1
    with pytest.raises(UnreadableFileError, match="2 of its sheets have rows"):
        parse_file("app/contacts", "c.xlsx", workbook(table, table))


@pytest.mark.parametrize("name", ["c.csv", "c.xls", "c.txt"])
def test_a_workbook_is_read_whatever_it_is_called(parse_file, name):
    assert parse_file("app/contacts", name, workbook(sheet([NAMES, ROW]))).rows_read == 1


@pytest.mark.parametrize("rows", [[], [[]], [NAMES], [[*NAMES, None]], [NAMES, [None] * 5]])
def test_a_workbook_without_rows_gives_none(parse_file, rows):
    assert parse_file("app/contacts", "c.xlsx", workbook(sheet(rows))).rows_read == 0


def test_the_columns_of_a_sheet_are_checked_as_of_any_table(parse_file):
    with pytest.raises(MissingColumnsError, match=r"contact_id, updated_at.*sheet of 2 column"):
        parse_file("app/contacts", "c.xlsx", workbook(sheet([["workspace_id", "phone"], ["w-1", "canary"]])))
    with pytest.raises(UndeclaredColumnsError, match="without a name") as caught:
        parse_file("app/contacts", "c.xlsx", workbook(sheet([NAMES, [*ROW, "canary"]])))

    assert "canary" not in str(caught.value)


def test_a_value_in_the_far_corner_of_a_sheet_costs_a_message_and_no_memory(parse_file):
    far = sheet([NAMES, ROW, ['<c r="A1048576"><v>1</v></c>', '<c r="XFD1048576"><v>1</v></c>']])

    with pytest.raises(UnreadableFileError, match="1048576 rows by 16384 columns"):
        parse_file("app/contacts", "c.xlsx", workbook(far))


def test_a_workbook_that_unpacks_to_too_much_is_refused_also_if_it_says_otherwise(parse_file, monkeypatch):
    monkeypatch.setattr(xlsx_table, "MAX_UNPACKED_BYTES", 10_000)
    content = workbook(sheet([NAMES, ["x" * 20_000]]))

    with pytest.raises(UnreadableFileError, match="unpacks to more than"):
        parse_file("app/contacts", "c.xlsx", content)

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    with pytest.raises(UnreadableFileError, match="damaged"):
        parse_file("app/contacts", "c.xlsx", content.replace(size, (100).to_bytes(4, "little")))


@pytest.mark.parametrize("content", [b"", b"canary", b"PK\x03\x04canary", b"\xd0\xcf\x11\xe0 a password"])
def test_what_is_no_workbook_is_refused_without_showing_its_content(parse_file, content):
    with pytest.raises(UnreadableFileError, match="not a readable") as caught:
        parse_file("app/contacts", "c.xlsx", content)

    assert "canary" not in str(caught.value)


def test_a_workbook_whose_part_breaks_off_is_refused(parse_file):
    content = workbook(sheet([NAMES, ROW]))
    # The last part says that it begins thousands of bytes later, behind the end of the file.
    at = content.rindex(b"PK\3\4") + 29

    # Which of the two depends on what Python's patch release looks at.
    with pytest.raises(UnreadableFileError, match=r"not a readable|is damaged"):
        parse_file("app/contacts", "c.xlsx", content[:at] + b"\r" + content[at + 1 :])


@pytest.mark.parametrize("names", [["workspace_id", "workspace_id"], ["workspace_id", " workspace_id "]])
def test_two_columns_of_one_name_are_refused(parse_file, names):
    with pytest.raises(UnreadableFileError, match="two of its columns have one name"):
        parse_file("app/contacts", "c.xlsx", workbook(sheet([names, ["w-1", "w-2"]])))
    with pytest.raises(UnreadableFileError, match="two of its columns have one name"):
        parse_file("app/contacts", "c.csv", f"{','.join(names)}\nw-1,w-2\n".encode())


def test_null_bytes_in_a_header_are_refused(parse_file):
    with pytest.raises(UnreadableFileError, match="header cannot be read"):
        parse_file("app/contacts", "c.csv", b'a,"\0b","\0c"\n1,=2,3\n')
