# Everything runs from .venv, which the first target that needs it makes: `make demo` on a fresh
# clone is enough. Packages come from the index your pip is configured for, checked against hashes.

PYTHON ?= python3.11
# E.g. --browser: needs Chromium and pdftotext.
TEST_OPTIONS ?=
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
# The lock is complete, so pip need not resolve (`--no-deps`), and nothing outside of it is fetched. Doubly
# quiet: pip's warnings are about the reader's own configuration of pip; its errors are still shown.
PIP := $(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-deps
INSTALL := $(PIP) --require-hashes
EDITABLE := $(PIP) --no-build-isolation --editable .
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --extra ui --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --no-header

.DEFAULT_GOAL := help
# The two halves of `make check` take as long as each other, so both are run at once.
MAKEFLAGS += --jobs=2
.PHONY: help demo dev test stress check check-python check-sql sync docs format lock clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Invent raw files, turn them into published numbers, print the largest campaigns.
	$(BIN)/wasms demo

dev: $(RUNTIME) ## Open the Dagster UI on localhost.
	$(BIN)/wasms dev

# In the order of the folders: the slow files of tests/integration begin, and many short ones fill the end.
test: $(DEV) ## Run all tests.
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(TEST_OPTIONS)

stress: $(DEV) ## Test hard: 4,500 state machines, 830 kills, a whole year, 2,000 examples of each property (hours).
	$(BIN)/pytest --stress --timeout 0 -s tests/stress tests/integration/test_retention_machine.py \
		tests/integration/test_verify_machine.py tests/integration/test_retention_year.py \
		tests/integration/test_requests.py tests/integration/test_requests_machine.py \
		tests/integration/test_main_job.py
	$(BIN)/pytest --stress --timeout 0 -n auto --dist loadfile tests/unit

check: check-python check-sql ## Check format, lint, types, import rules, SQL, and that generated files are up to date.

check-python: $(DEV) ## Check format, lint, types and import rules of Python.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check-sql: $(DEV) ## Check the SQL of models, and that generated files are up to date.
	$(BIN)/sqlfluff lint --nocolor --disable-progress-bar dbt_project/models
	$(BIN)/wasms sync --check

sync: $(RUNTIME) ## Write the files that are generated from declarations: dbt models and docs pages.
	$(BIN)/wasms sync

docs: sync ## Write the generated pages and list what there is to read.
	@ls docs/*.md

format: $(DEV) ## Format Python and SQL, fix what the linters can fix.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --nocolor --disable-progress-bar dbt_project/models

lock: $(DEV) ## Pin every package by version and hash again, from pyproject.toml.
	$(LOCK) --output-file requirements/runtime.txt
	$(LOCK) --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt

clean: ## Remove .venv and every cache; data in .wasms stays.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "Installing requirements/runtime.txt (about a minute)"
	@$(INSTALL) -r requirements/runtime.txt
	@$(EDITABLE)
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME) | $(BIN)/python
	@echo "Installing requirements/dev.txt"
	@$(INSTALL) -r requirements/dev.txt
	@touch $@
