"""Tables of what a provider also gives as JSON, such as the CSV of Twilio's console: rows become records."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from pipelines.declarations.contract import Contract
from pipelines.sources.batch import PAYLOADS, in_pieces
from pipelines.sources.cells import without_words
from pipelines.sources.paths import bare_name, steps
from pipelines.sources.records import Records
from pipelines.sources.tables import TableBatch, TableSource


def table_records(table: TableSource, contract: Contract) -> Iterator[Records]:
    """Write the rows of a table as the JSON records of a contract whose rows are items of one list.

    Headings are the names of the JSON (`num_segments`) in any case and with anything between the words
    (`NumSegments`, `Num Segments`), or what the contract says; other columns keep their names, so that they
    are counted as undeclared.
    """
    (level,) = steps(contract.records)
    names = {bare_name(name): name for name in contract.ignored}
    for name, column in contract.columns.items():
        origin = column.path or name
        names |= {bare_name(origin): origin, bare_name(column.heading or origin): origin}
    for batch in table.batches():
        if batch.rows.num_rows or batch.rejected.num_rows:
            rows = without_words(batch.rows, contract)
            yield _records(replace(batch, rows=rows), names, level.name)


def _records(batch: TableBatch, names: dict[str, str], level: str) -> Records:
    numbers = batch.rows["_record"].cast(pa.int64()).combine_chunks()
    headings = [name for name in batch.rows.column_names if name != "_record"]
    keys = [names.get(bare_name(heading), heading) for heading in headings]
    # Of two columns of one name the first counts.
    keys = [key if key not in keys[:i] else f"{key} ({i + 1})" for i, key in enumerate(keys)]
    rows = batch.rows.select(headings).rename_columns(keys).to_pylist()
    texts = [json.dumps({level: [row]}) for row in rows]
    payloads = pa.table([numbers, pa.array(texts, pa.string()).cast(pa.large_binary())], schema=PAYLOADS)
    places = [*numbers.to_pylist(), *batch.rejected["record"].to_pylist()]
    return Records(
        text=pa.table([numbers, pa.array(texts, pa.large_string())], names=["record", "text"]),
        rejected=batch.rejected,
        payloads=pa.concat_tables([in_pieces(payloads), in_pieces(batch.raw)]),
        first=min(places),
        last=max(places),
    )
