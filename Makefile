# Everything a developer types. `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
DOCS_STAMP := $(VENV)/.set-up-docs
# Processes that share the tests; tests/conftest.py says which of them stay together.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS)

.PHONY: help setup chaos test check format bench dist docs clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("raidstorm needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

setup: $(STAMP) ## set up .venv

chaos: $(STAMP) ## set up .venv and run the smoke suite
	$(BIN)/raidstorm run smoke

test: $(STAMP) ## set up .venv and run all tests
	$(PYTEST)

check: $(STAMP) ## format, lint, types, import contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST)

format: $(STAMP) ## let the formatter have its way
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## measure speed as ratios inside one run; prints JSON
	@$(BIN)/python -m benchmarks

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	touch $(DOCS_STAMP)

docs: $(DOCS_STAMP) ## build the documentation into site/; a dead link is an error
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

dist: $(STAMP) ## build wheel and sdist into dist/, and try them in a bare virtual environment
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --quiet
	$(BIN)/python -m pytest -q -m dist tests/test_dist.py

clean: ## remove .venv, caches, what was built, and kept runs
	rm -rf $(VENV) build dist site runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
