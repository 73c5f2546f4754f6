"""A million numbers against what is published: a keyed surrogate is none of them, a plain hash is."""

import hashlib
from contextlib import closing

import duckdb
import phonenumbers
import polars as pl
import pytest

from pipelines.disclosure.attacks.dictionary import attack_with_dictionary, numbers_of
from pipelines.disclosure.surrogates import surrogate

NUMBERS = pl.Series([f"4915112345{n:03}" for n in range(1_000)])
NUMBER = "4915112345678"


@pytest.fixture
def publish():
    with closing(duckdb.connect()) as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.cubes")

        def attack(text):
            connection.execute("create or replace table warehouse.cubes.c (campaign_key varchar, n bigint)")
            connection.execute("insert into warehouse.cubes.c values ('all', 1), (?, 2)", [text])
            return attack_with_dictionary(connection, NUMBERS)

        yield attack


def test_what_stands_for_a_number_under_a_key_is_found_by_nobody(publish):
    result = publish(surrogate(b"k" * 32, "contact", NUMBER))
    assert (result.tried, result.findings) == (1_000, ())


@pytest.mark.parametrize(
    ("weakness", "text"),
    [
        ("the number itself", f"+{NUMBER}"),
        ("within a text", f"reply to {NUMBER} now"),
        ("a hash without a key", hashlib.sha256(NUMBER.encode()).hexdigest()),
        ("a short hash", hashlib.sha256(f"+{NUMBER}".encode()).hexdigest()[:16]),
        ("an old hash", hashlib.md5(NUMBER.encode(), usedforsecurity=False).hexdigest()),
        ("another old hash", hashlib.sha1(f"00{NUMBER}".encode(), usedforsecurity=False).hexdigest()),
    ],
)
def test_what_anybody_can_compute_from_a_number_is_found(weakness, text, publish):
    (finding,) = publish(text).findings
    assert (finding.cube, finding.column, finding.cells) == ("c", "campaign_key", 1), weakness
    assert NUMBER not in str(finding)


def test_the_numbers_are_of_the_right_countries():
    numbers = numbers_of(["DE", "BR", "SG", "unknown"], amount=3_000)
    assert len(numbers) == 3_000
    codes = {phonenumbers.parse(f"+{number}").country_code for number in numbers}
    assert codes == {49, 55, 65}
