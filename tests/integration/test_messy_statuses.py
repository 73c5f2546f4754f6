"""Facts about messages do not depend on the order, number or files in which the reports on them arrive.

Thousands of messages go through ingestion in the providers' own formats, in several arrangements of the same
reports, and must come out as the same rows of `fct_messages`: those of an oracle that never saw the SQL.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import duckdb
import polars as pl
import pytest

from anonymizers.identity import normalise
from anonymizers.tokens import token
from anonymizers.treatments import IdentityKind
from pipelines.codegen.model_sql import DBT_PROJECT
from pipelines.declarations.contract import Contract, contracts_of, load_contracts
from pipelines.ingestion.ingest import ingest_file
from pipelines.ingestion.options import Options
from pipelines.runtime import Runtime, open_runtime
from pipelines.windows.completeness import store_tables
from tests.support.homes import copied, prepared
from tests.support.messy_messages import WORKSPACE, File, Story, in_order, shuffled, stories
from tests.support.messy_oracle import Oracle, is_message
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing, Purpose
from warehouse.store.session import open_session

AS_OF = datetime(2026, 6, 10)
MESSAGES = 2_400
FACTS = "warehouse.restricted.fct_messages"

Row = dict[str, Any]


@pytest.fixture(scope="module")
def base(empty: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A warehouse without rows, but with all views and with the key of the workspace."""
    with prepared(empty, tmp_path_factory.mktemp("base")) as runtime:
        runtime.store.keyring.get(Purpose.PSEUDONYM, WORKSPACE)
    return runtime.store.home


@pytest.fixture(scope="module")
def drawn() -> list[Story]:
    return stories(Random(20260428), MESSAGES)


@pytest.fixture(scope="module")
def arranged(
    base: Home, drawn: list[Story], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Runtime]:
    """Ingest files into a copy of the empty warehouse."""

    def ingested(files: Sequence[File], *, contracts: Mapping[str, Contract] | None = None) -> Runtime:
        folder = tmp_path_factory.mktemp("arranged")
        runtime = open_runtime(copied(base, folder))
        if contracts:
            runtime = runtime._replace(declarations=replace(runtime.declarations, contracts=contracts))
        for file in files:
            landed = folder / file.feed.replace("/", "-") / file.name
            landed.parent.mkdir(exist_ok=True)
            landed.write_text(file.text, "utf-8")
            result = ingest_file(
                *runtime,
                landed,
                contracts=contracts_of(file.feed, runtime.declarations.contracts),
                options=Options(as_of=AS_OF, workspace=WORKSPACE),
            )
            assert {count.outcome for count in result.counts} <= {"kept", "duplicate"}, result.counts
        return runtime

    return ingested


@pytest.fixture(scope="module")
def ordered(arranged: Callable[..., Runtime], drawn: list[Story]) -> Runtime:
    return arranged(in_order(drawn))


@pytest.fixture(scope="module")
def mixed(arranged: Callable[..., Runtime], drawn: list[Story]) -> Runtime:
    return arranged(shuffled(drawn, Random(1), parts=2))


@contextmanager
def session(runtime: Runtime) -> Iterator[duckdb.DuckDBPyConnection]:
    schemas, tables = runtime.declarations.schemas, store_tables(*runtime)
    with open_session(runtime.store.home, schemas=schemas, tables=tables, read_only=True) as connection:
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, table: str = FACTS) -> list[Row]:
    result = connection.execute(f"from {table} order by contact_token, message_token")
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def facts(runtime: Runtime) -> list[Row]:
    with session(runtime) as connection:
        return rows(connection)


def differences(one: Sequence[Row], other: Sequence[Row]) -> dict[str, tuple[int, Any, Any]]:
    """Column → how many rows differ in it, and the values of the first of them."""
    found: dict[str, tuple[int, Any, Any]] = {}
    for a, b in zip(one, other, strict=True):
        for name in a:
            if a[name] != b[name]:
                count, *first = found.get(name, (0, a[name], b[name]))
                found[name] = (count + 1, first[0], first[1])
    return found


def test_every_arrangement_of_the_same_reports_gives_the_same_rows(arranged, drawn, ordered, mixed):
    many_files = arranged(shuffled(drawn, Random(2), parts=4))

    expected = facts(ordered)

    assert len(expected) == sum(map(is_message, drawn))
    assert differences(expected, facts(mixed)) == {}
    assert differences(expected, facts(many_files)) == {}


def test_the_rows_are_those_of_an_oracle_that_never_saw_the_sql(drawn, mixed):
    key = KeyRing(mixed.store.home.keys).get(Purpose.PSEUDONYM, WORKSPACE)

    def tokens(kind: IdentityKind) -> Callable[[str], str]:
        return lambda value: token(normalise(pl.Series([value]), kind=kind)[0], kind=kind, key=key)

    with (DBT_PROJECT / "seeds" / "provider_error_codes.csv").open(encoding="utf-8") as file:
        classes = {(row["provider"], row["error_code"]): row["error_class"] for row in csv.DictReader(file)}
    oracle = Oracle(tokens(IdentityKind.PHONE), tokens(IdentityKind.WHATSAPP_USER), classes)
    of_message, of_contact = tokens(IdentityKind.MESSAGE), tokens(IdentityKind.PHONE)
    found = facts(mixed)
    by_message = {row["message_token"]: row for row in found}
    # A message that no provider took is known by its outbox row; here each has a contact of its own.
    by_contact = {row["contact_token"]: row for row in found}

    actual, expected = [], []
    for story in filter(is_message, drawn):
        refused = bool(story.queued) and story.queued[0].message_id is None
        row = (
            by_contact[of_contact(story.queued[0].recipient)]
            if refused
            else by_message[of_message(story.message_id)]
        )
        actual.append({name: value for name, value in row.items() if name != "message_token"})
        expected.append(oracle.facts(story))

    assert set(actual[0]) == set(expected[0])
    assert differences(actual, expected) == {}


def test_the_stories_hold_what_makes_statuses_messy(drawn):
    def count(condition: Callable[[Story], bool]) -> int:
        return sum(map(condition, drawn))

    def statuses(story: Story) -> list[str]:
        return [r.status for r in sorted(story.reports, key=lambda r: r.at or r.received_at)]

    def is_before(story: Story, one: str, other: str) -> bool:
        names = statuses(story)
        return one in names and other in names and names.index(one) < names.index(other)

    cases = {
        "a status before sent": lambda s: is_before(s, "delivered", "sent") or is_before(s, "read", "sent"),
        "read without delivered": lambda s: "read" in statuses(s) and "delivered" not in statuses(s),
        "failed, then delivered": lambda s: is_before(s, "failed", "delivered"),
        "pricing on several statuses": lambda s: sum(r.billable is not None for r in s.reports) > 1,
        "a price that came later": lambda s: len({r.price for r in s.reports if r.kind == "export"}) > 1,
        "a clock hours off": lambda s: any(
            r.at and abs(r.at - r.received_at) > timedelta(hours=3) for r in s.reports
        ),
        "a status of the next month": lambda s: (
            len({(r.at or r.received_at).month for r in s.reports} | {q.queued_at.month for q in s.queued})
            > 1
        ),
        "no outbox row": lambda s: not s.queued and is_message(s),
        "a receipt of no known message": lambda s: not is_message(s),
        "no report": lambda s: not s.reports,
        "two outbox rows": lambda s: len(s.queued) > 1,
        "the same status twice": lambda s: len(statuses(s)) > len(set(statuses(s))),
    }

    assert {name: n for name, case in cases.items() if (n := count(case)) < 25} == {}


@pytest.mark.parametrize(
    ("merged", "spoiled"),
    [
        # The first that is read, the last that is read, and any one of the rows: each depends on the order.
        (r"min\((CASE\s+WHEN \(\(events\.status = 'delivered'\)\) THEN)", r"first(\1"),
        (r"min\((CASE\s+WHEN \(\(events\.status = 'sent'\)\) THEN)", r"last(\1"),
        (r"bool_or\(\(events\.status = 'delivered'\)\)", r"first((events.status = 'delivered'))"),
        (r"max\((events\.price_amount)\)", r"first(\1)"),
    ],
)
def test_twin_a_merge_that_takes_rows_as_they_come_is_found(ordered, mixed, merged, spoiled):
    results = []
    for runtime in (ordered, mixed):
        with session(runtime) as connection:
            ((text,),) = connection.execute(
                "select sql from duckdb_views() "
                "where database_name = 'warehouse' and view_name = 'fct_messages'"
            ).fetchall()
            query, changes = re.subn(merged, spoiled, text[text.index(" AS ") + 4 :].rstrip(";"))
            # Of all days, and of the days that are asked for.
            assert changes == 2, text
            connection.execute("set threads = 1")
            results.append(rows(connection, f"({query})"))

    assert differences(*results)


@pytest.mark.parametrize(
    ("source", "identity"),
    [
        ("twilio__statuses", ("message_id", "status")),
        ("twilio__messages", ("message_id", "status")),
    ],
)
def test_twin_an_identity_that_leaves_out_what_counts_is_found(arranged, drawn, ordered, source, identity):
    contracts = dict(load_contracts())
    contracts[source] = contracts[source].model_copy(update={"primary_key": identity})

    spoiled = arranged(shuffled(drawn, Random(1), parts=2), contracts=contracts)

    assert differences(facts(ordered), facts(spoiled))
