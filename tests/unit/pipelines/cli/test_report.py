import io

import pyarrow as pa
import pytest

from pipelines.cli.report import write_csv


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", '"\'=1+1"'),
        ('=HYPERLINK("x")', '"\'=HYPERLINK(""x"")"'),
        ("+4915550001", '"\'+4915550001"'),
        ("-1", '"\'-1"'),
        ("@sum", '"\'@sum"'),
        ("\t=1", '"\'\t=1"'),
        ("a=b", '"a=b"'),
        ("two\n=lines", '"two\n=lines"'),
        (None, ""),
    ],
)
def test_a_text_of_an_export_is_no_formula(text, cell, kind):
    sink = io.BytesIO()

    write_csv(pa.table({"x": pa.array([text], pa.string()).cast(kind)}), sink)

    assert sink.getvalue().decode() == f'"x"\n{cell}\n'


def test_the_numbers_of_an_export_stay_numbers():
    sink = io.BytesIO()

    write_csv(pa.table({"a": [-1], "b": [-0.5], "c": [True]}), sink)

    assert sink.getvalue() == b'"a","b","c"\n-1,-0.5,true\n'
