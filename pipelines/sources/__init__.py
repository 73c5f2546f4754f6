"""Parsers: from the sources' real formats to typed Arrow tables, a bounded batch at a time."""

from pipelines.sources.batch import ParsedBatch
from pipelines.sources.reading import read, read_records

__all__ = ["ParsedBatch", "read", "read_records"]
