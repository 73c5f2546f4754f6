"""What is generated from the contracts is in step with them, complete, and deterministic."""

from pathlib import Path

import pytest
import yaml

from pipelines.codegen.stored_columns import stored_columns
from pipelines.codegen.sync import generated_files, out_of_step, project_root, write
from pipelines.declarations.contract import Kind, load_contracts
from pipelines.declarations.errors import NoCheckoutError
from pipelines.declarations.policy import load_policy

SOURCES = "dbt_project/models/staging/_sources.yml"
DICTIONARY = "docs/data-dictionary.md"
RECORD = "docs/record-of-processing.md"


def generated() -> dict[str, str]:
    return generated_files(load_contracts(), load_policy())


def test_the_generated_files_of_this_checkout_are_in_step():
    assert out_of_step(project_root(), generated()) == (), "run `make sync`"


def test_a_missing_and_a_changed_file_are_found_and_mended(tmp_path: Path):
    files = generated()
    write(tmp_path, files)
    (tmp_path / DICTIONARY).unlink()
    (tmp_path / RECORD).write_text("by hand")

    assert out_of_step(tmp_path, files) == (DICTIONARY, RECORD)
    assert write(tmp_path, files) == (DICTIONARY, RECORD)
    assert out_of_step(tmp_path, files) == ()


def test_a_package_without_its_project_names_no_root(tmp_path: Path):
    with pytest.raises(NoCheckoutError, match="not installed from a checkout"):
        project_root(tmp_path / "site-packages" / "pipelines")


def test_a_store_view_is_described_column_by_column_in_its_order():
    for contract in load_contracts().values():
        partition = [("event_date", "date"), ("retention_days", "integer")]
        expected = [*contract.plan.stored_columns(), *(partition if contract.kind is Kind.EVENT else [])]

        assert [(column.name, column.type) for column in stored_columns(contract)] == expected


def test_dbt_reads_one_table_per_contract_from_the_views_in_memory():
    (source,) = yaml.safe_load(generated()[SOURCES])["sources"]

    assert (source["name"], source["database"], source["schema"]) == ("store", "memory", "store")
    assert [table["name"] for table in source["tables"]] == list(load_contracts())
    for table in source["tables"]:
        assert table["description"]
        for column in table["columns"]:
            assert column["description"]
            assert column["data_type"]
            assert column["config"]["meta"]["fideslang_category"]


def test_a_pseudonym_is_categorised_as_one_and_a_dropped_column_is_not_stored():
    stored = {column.raw: column for column in stored_columns(load_contracts()["app__contacts"])}

    assert stored["phone"].name == "contact_token"
    assert stored["phone"].category == "user.unique_id.pseudonymous"
    assert "first_name" not in stored


def test_the_dictionary_has_every_data_set_and_every_column_as_it_lands():
    sections = generated()[DICTIONARY].split("\n### ")[1:]

    for contract, section in zip(load_contracts().values(), sections, strict=True):
        assert section.startswith(f"{contract.source}\n")
        for name, column in contract.columns.items():
            assert f"| `{name}` | {column.type} | {column.treatment} |" in section


def test_the_record_names_window_basis_and_data_sets_of_every_category_in_use():
    record = generated()[RECORD]
    rules = load_policy().versions[-1].categories

    for contract in load_contracts().values():
        activity = record.split(f"\n### {contract.policy}\n")[1].split("\n### ")[0]
        assert contract.source in activity
        assert contract.subject in activity
        assert rules[contract.policy].purpose in activity
        assert f"Legal basis: {rules[contract.policy].legal_basis}" in activity
        assert f"{rules[contract.policy].window_days} days" in activity


def test_an_unsigned_legal_basis_is_said_so_on_the_record():
    assert "**Not confirmed yet by the privacy officer:**" in generated()[RECORD]
