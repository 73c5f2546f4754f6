"""Parsers: from the sources' real formats to typed Arrow tables, a bounded batch at a time."""
