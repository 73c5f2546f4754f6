"""Define `wasms export`: the published marts as files, with what each column means beside them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from pipelines.cli.options import HomeOption, home_at
from pipelines.cli.reading import published_copy
from pipelines.cli.report import OUT, write_csv
from pipelines.declarations.errors import UnknownNameError
from warehouse.files import replacing
from warehouse.store.connection import identifier, number

DICTIONARY = "data-dictionary.csv"
_DICTIONARY = """
    select
        table_name as mart,
        column_name as column,
        lower(data_type) as type,
        columns.comment as meaning,
        views.comment as one_row
    from duckdb_columns() as columns
    inner join duckdb_views() as views on columns.table_name = views.view_name
    where columns.schema_name = 'main' and table_name in (select unnest(?))
    order by table_name, column_index"""


class FileFormat(StrEnum):
    """Formats of exported files."""

    PARQUET = "parquet"
    CSV = "csv"


def export(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder to write to; files of the same names are replaced.", file_okay=False),
    ],
    mart: Annotated[
        list[str] | None,
        typer.Option(help="Only this mart. May be given several times. Default: all.", show_default=False),
    ] = None,
    format_: Annotated[FileFormat, typer.Option("--format", help="Kind of file.")] = FileFormat.PARQUET,
    home: HomeOption = None,
) -> None:
    """Write the published marts to files, one each, and a data dictionary beside them.

    Each file is there whole, or as it was before.
    """
    with published_copy(home_at(home)) as connection:
        rows = connection.execute(
            "select view_name from duckdb_views() where schema_name = 'main' and not internal order by 1"
        ).fetchall()
        known = [name for (name,) in rows]
        wanted = sorted(set(mart)) if mart else known
        for name in wanted:
            if name not in known:
                raise UnknownNameError("mart", name, known)
        folder.mkdir(parents=True, exist_ok=True)
        written = sum(_write(connection, name, folder / f"{name}.{format_}", format_) for name in wanted)
        with replacing(folder / DICTIONARY) as path:
            write_csv(connection.execute(_DICTIONARY, [wanted]).to_arrow_table(), str(path))
    OUT.print(f"Wrote {len(wanted)} marts, {written:,} rows, and {DICTIONARY} to {folder}.", highlight=False)


def _write(connection: duckdb.DuckDBPyConnection, mart: str, target: Path, format_: FileFormat) -> int:
    relation = connection.sql(f"from {identifier(mart)} order by all")
    with replacing(target) as path:
        match format_:
            case FileFormat.PARQUET:
                relation.to_parquet(str(path), compression="zstd")
            case FileFormat.CSV:
                write_csv(relation.to_arrow_table(), str(path))
    return number(connection, f"select count(*) from {identifier(mart)}")
