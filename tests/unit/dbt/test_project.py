"""The shape of the dbt project, read from its files."""

import csv
import re
from contextlib import closing

import duckdb
import pytest
import yaml

from pipelines.codegen.model_sql import DBT_PROJECT
from pipelines.codegen.staging import staging_files
from pipelines.declarations.contract import load_contracts
from pipelines.synthetic.journeys import TWILIO_FAILURES, WHATSAPP_FAILURES
from pipelines.synthetic.outbox import PROVIDERS, REJECTIONS
from warehouse.retention.account_end import Coarsened, coarsen_tables

STAGING = staging_files(load_contracts().values())
MODELS = sorted(DBT_PROJECT.glob("models/*/*.sql"))
ANONYMOUS = ("cubes", "published", "marts")


def described(path):
    (model,) = yaml.safe_load(path.with_suffix(".yml").read_text("utf-8"))["models"]
    return model


@pytest.mark.parametrize("path", sorted(STAGING))
def test_staging_models_are_in_step_with_the_contracts(path):
    assert (DBT_PROJECT.parent / path).read_text("utf-8") == STAGING[path], "run `make sync`"


def test_no_staging_model_outlives_its_contract():
    found = {str(path.relative_to(DBT_PROJECT.parent)) for path in DBT_PROJECT.glob("models/staging/stg_*")}

    in_memory = {
        f"dbt_project/models/staging/stg_{name}.{suffix}"
        for name in ("retention__months", "identity__contacts")
        for suffix in ("sql", "yml")
    }
    assert found == in_memory | set(STAGING)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_beside_each_model_lies_its_description(path):
    model = described(path)

    assert model["name"] == path.stem
    assert model["description"].startswith(("One row per", "Latest", "One row"))
    assert all(column["description"] and column["data_type"] for column in model["columns"])


@pytest.mark.parametrize(
    "path", [path for path in MODELS if path.parent.name in ANONYMOUS], ids=lambda path: path.stem
)
def test_anonymous_models_have_no_column_of_a_person(path):
    names = [column["name"] for column in described(path)["columns"]]

    assert [name for name in names if re.search(r"(_id|_token|contact|member)$", name)] == []


def test_marts_refer_to_cubes_and_published_dims_only():
    for path in DBT_PROJECT.glob("models/marts/*.sql"):
        referred = set(re.findall(r"ref\('([a-z_0-9]+)'\)", path.read_text("utf-8")))
        assert referred
        assert {name.split("_")[0] for name in referred} <= {"cube", "dim"}
        assert all(name.startswith(("cube_", "dim_published_")) for name in referred)


def test_of_every_cube_it_is_known_what_becomes_of_an_ended_workspace():
    with closing(duckdb.connect()) as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.cubes")
        cubes = list(DBT_PROJECT.glob("models/cubes/*.sql"))
        for path in cubes:
            columns = [f"{column['name']} {column['data_type']}" for column in described(path)["columns"]]
            connection.execute(f"create table warehouse.cubes.{path.stem} ({', '.join(columns)})")

        assert cubes
        assert coarsen_tables(connection, ["0" * 16], fewest_shown=5) == Coarsened()


def test_sources_are_read_by_staging_models_only():
    readers = {path.parent.name for path in MODELS if "source(" in path.read_text("utf-8")}

    assert readers == {"staging"}


SOURCES = {
    "smpp": r"SMPP 3\.4 specification Issue 1\.2; "
    r"(5\.1\.3 command_status|5\.2\.28 message_state and appendix B)",
    "twilio": r"Twilio: Error and Warning Dictionary; (\d+) \(https://www\.twilio\.com/docs/api/errors/\1\)",
    "whatsapp": r"WhatsApp Cloud API: Error codes; \w+ errors \(https://developers\.facebook\.com/\S+\)",
}


def error_codes():
    with (DBT_PROJECT / "seeds" / "provider_error_codes.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_error_code_is_listed_once_with_document_and_section():
    codes = error_codes()
    keys = [(row["provider"], row["error_code"]) for row in codes]

    assert len(keys) == len(set(keys))
    for row in codes:
        assert re.fullmatch(SOURCES[row["provider"]], row["source"]), row
        if row["provider"] == "twilio":
            assert f"errors/{row['error_code']})" in row["source"]


def test_every_class_of_failures_is_explained_and_used():
    (seed,) = yaml.safe_load((DBT_PROJECT / "seeds" / "provider_error_codes.yml").read_text("utf-8"))["seeds"]
    (column,) = [column for column in seed["columns"] if column["name"] == "error_class"]
    (test,) = column["data_tests"]
    accepted = set(test["accepted_values"]["arguments"]["values"])

    assert set(re.findall(r"`(\w+)`", column["description"])) == accepted
    assert {row["error_class"] for row in error_codes()} == accepted


def test_every_code_of_the_generated_world_has_a_class():
    known = {(row["provider"], row["error_code"]) for row in error_codes()}
    failures = {"whatsapp": WHATSAPP_FAILURES, "twilio": TWILIO_FAILURES}
    rejections = {PROVIDERS[number]: codes for number, codes in REJECTIONS.items()}

    made = {(p, str(c)) for by in (failures, rejections) for p, codes in by.items() for c in codes}

    assert made <= known
