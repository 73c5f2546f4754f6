"""`wasms contract`: results on stdout, problems on stderr, and no value of a sample in either."""

import base64
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import Result

from pipelines.declarations.contract import load_contracts, parse_contract
from pipelines.declarations.errors import ContractError
from tests.support.commands import run_wasms

PEOPLE = [
    ("Margaret Thistlewood", "margaret@thistlewood.example", "+4915902000417"),
    ("Oliver Ashgrove", "oliver@ashgrove.example", "+4915902000418"),
]
CANARIES = [value for person in PEOPLE for value in person] + ["Thistlewood", "15902000417", "Ashgrove"]


def wasms_contract(*arguments: str) -> Result:
    return run_wasms("contract", *arguments)


def sample_csv(directory: Path, header: str = "Customer Id,name,email,phone,total,ordered_at,note") -> Path:
    path = directory / "orders.csv"
    rows = (
        f"{i},{name},{email},{phone},10.50,2026-05-01T10:00:00Z,{name} asked to be called again this evening"
        for i, (name, email, phone) in enumerate(PEOPLE)
    )
    path.write_text("\n".join((header, *rows)))
    return path


def leaks(text: str) -> list[str]:
    encoded = [base64.b64encode(canary.encode()).decode().rstrip("=") for canary in CANARIES]
    return [canary for canary in (*CANARIES, *encoded) if canary in text]


def test_list_names_every_contract_with_kind_category_and_landing():
    result = wasms_contract("list")

    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()][1:] == list(load_contracts())
    assert "app__contacts               entity  contact      app/contacts/*" in result.stdout


def test_show_gives_treatment_and_stored_columns():
    result = wasms_contract("show", "app__contacts")

    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["phone", "pseudonymize", "contact_token"] in lines
    assert ["first_name", "drop", "-"] in lines


@pytest.mark.parametrize("command", ["show", "check"])
def test_an_unknown_name_is_wrong_usage(command: str):
    result = wasms_contract(command, "app__contact")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("No contract named 'app__contact'. Did you mean 'app__contacts' ")


@pytest.mark.parametrize(("arguments", "count"), [((), len(load_contracts())), (("app__contacts",), 1)])
def test_check_is_silent_about_what_is_in_order(arguments: tuple[str, ...], count: int):
    result = wasms_contract("check", *arguments)

    assert (result.exit_code, result.stdout) == (0, f"{count} contract(s) in order.\n")


def test_new_infers_types_suggests_with_a_reason_and_leaves_every_decision_open(tmp_path: Path):
    result = wasms_contract("new", str(sample_csv(tmp_path)))

    assert result.exit_code == 0
    columns = yaml.safe_load(result.stdout)["columns"]
    assert {name: column["type"] for name, column in columns.items()} == {
        "customer_id": "bigint",
        "name": "varchar",
        "email": "varchar",
        "phone": "varchar",
        "total": "decimal",
        "ordered_at": "timestamp",
        "note": "varchar",
    }
    assert {column["treatment"] for column in columns.values()} == {"TODO"}
    assert columns["customer_id"]["path"] == "Customer Id"
    suggestions = [line.strip() for line in result.stdout.splitlines() if "# Suggested: " in line]
    assert suggestions[1].startswith("# Suggested: drop. Because: NAME in 100% of 2 values;")
    assert suggestions[2].startswith(
        "# Suggested: pseudonymize (identity: email). Because: EMAIL_ADDRESS in 100%"
    )
    assert "PHONE_NUMBER in 100%" in suggestions[3]
    assert suggestions[4] == "# Suggested: keep. Because: decimal without a finding."
    assert suggestions[6].startswith("# Suggested: scrub_text. Because: NAME in 100% of 2 values")


def test_a_draft_does_not_load(tmp_path: Path):
    text = wasms_contract("new", str(sample_csv(tmp_path))).stdout

    with pytest.raises(ContractError, match=r"columns\.email\.treatment"):
        parse_contract(text, name="shop__orders")


def test_a_draft_takes_the_name_of_its_file_and_never_replaces_one(tmp_path: Path):
    output = tmp_path / "shop__orders.yml"

    first = wasms_contract("new", str(sample_csv(tmp_path)), "--output", str(output))
    second = wasms_contract("new", str(sample_csv(tmp_path)), "--output", str(output))

    assert (first.exit_code, second.exit_code) == (0, 2)
    assert yaml.safe_load(output.read_text())["source"] == "shop__orders"


def test_no_value_of_the_sample_is_in_the_draft_or_the_output(tmp_path: Path):
    output = tmp_path / "shop__orders.yml"

    result = wasms_contract("new", str(sample_csv(tmp_path)), "--output", str(output))

    assert result.exit_code == 0
    assert leaks(result.stdout + result.stderr + output.read_text()) == []


def test_the_twin_a_draft_that_quoted_one_value_would_be_caught(tmp_path: Path):
    text = wasms_contract("new", str(sample_csv(tmp_path))).stdout

    careless = text.replace("NAME in 100% of 2 values", f"NAME, e.g. {PEOPLE[0][0]}")

    assert leaks(careless) == ["Margaret Thistlewood", "Thistlewood"]


def test_json_lines_are_read_inside_their_envelope_and_nested_values_are_json(tmp_path: Path):
    path = tmp_path / "orders.jsonl"
    body = {"eMail": PEOPLE[0][1], "paid": True, "address": {"lines": [PEOPLE[0][0]]}, "count": 3}
    path.write_text(json.dumps({"received_at": "2026-05-01T00:00:00Z", "channel": "shop/1", "body": body}))

    result = wasms_contract("new", str(path))

    draft = yaml.safe_load(result.stdout)
    assert draft["reader"] == "json"
    assert {name: column["type"] for name, column in draft["columns"].items()} == {
        "e_mail": "varchar",
        "paid": "boolean",
        "address": "json",
        "count": "bigint",
    }
    assert leaks(result.stdout) == []


def test_parquet_types_are_taken_from_the_file(tmp_path: Path):
    path = tmp_path / "orders.parquet"
    name, email, _ = PEOPLE[0]
    pq.write_table(
        pa.table({"buyer_name": [name], "email": [email], "weight": [1.5], "opened": [None]}), path
    )

    result = wasms_contract("new", str(path))

    columns = yaml.safe_load(result.stdout)["columns"]
    assert [column["type"] for column in columns.values()] == ["varchar", "varchar", "double", "varchar"]
    assert leaks(result.stdout) == []


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "orders.csv",
            f"{PEOPLE[0][0]},{PEOPLE[0][1]},{PEOPLE[0][2]}\n1,2,3\n",
            "the name of column 1, 2, 3 may be data",
        ),
        ("orders.csv", f"ashgrove\nashgrove\n{PEOPLE[1][0]}\n", "the name of column 1 may be data"),
        ("orders.csv", f"name,email\n{PEOPLE[0][0]}\n", "row 2 has 1 cells, the header 2"),
        ("orders.csv", f"name,name\n{PEOPLE[0][0]},x\n", "two columns have one name"),
        ("orders.csv", f'name\n"{PEOPLE[0][0]}', "cannot be read (Error)"),
        ("orders.csv", "name,email\n", "has no rows"),
        ("orders.jsonl", f'{{"name": "{PEOPLE[0][0]}', "cannot be read (JSONDecodeError)"),
        ("orders.jsonl", f'"{PEOPLE[0][0]}"', "line 1 is not a JSON object"),
        ("orders.parquet", f"PAR1{PEOPLE[0][0]}", "cannot be read (ArrowInvalid)"),
        ("orders.xlsx", PEOPLE[0][0], "not a .csv, .jsonl or .parquet file"),
    ],
)
def test_a_broken_sample_fails_with_its_place_and_without_its_values(
    tmp_path: Path, name: str, content: str, reason: str
):
    path = tmp_path / name
    path.write_text(content)

    result = wasms_contract("new", str(path))

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"{name}: ")
    assert reason in result.stderr
    assert leaks(result.stderr) == []


def test_a_sample_that_does_not_exist_is_wrong_usage():
    assert wasms_contract("new", "missing.csv").exit_code == 2
