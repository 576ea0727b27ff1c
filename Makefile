# Everything a developer types. `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Three stamps, each with more than the one before: what runs raidstorm, what tests it, what makes its documentation.
STAMP := $(VENV)/.set-up
DEV_STAMP := $(VENV)/.set-up-dev
DOCS_STAMP := $(VENV)/.set-up-docs
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt
# Processes that share the tests; tests/units.py says which tests stay together.
JOBS ?= 2
# They start hundreds of processes: each finds its modules compiled, also where the environment forbids to keep them so.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n $(JOBS) --durations=20

.PHONY: help setup chaos test check format bench dist docs clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("raidstorm needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	@echo 'raidstorm and its run-time packages are installed into $(VENV); this takes about 15 seconds.'
	$(PIP_INSTALL) --editable .
	touch $(STAMP)

$(DEV_STAMP): $(STAMP)
	@echo 'What the tests need is installed into $(VENV); this takes about 20 seconds.'
	$(PIP_INSTALL) --editable '.[dev]'
	touch $(DEV_STAMP)

setup: $(DEV_STAMP) ## set up .venv with everything the tests need

chaos: $(STAMP) ## set up .venv with what raidstorm needs to run, and run the smoke suite
	$(BIN)/raidstorm run smoke

test: $(DEV_STAMP) ## set up .venv and run all tests
	$(PYTEST)

check: $(DEV_STAMP) ## format, lint, types, import contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST)

format: $(DEV_STAMP) ## let the formatter have its way
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV_STAMP) ## measure speed as ratios inside one run; prints JSON
	@$(BIN)/python -m benchmarks

$(DOCS_STAMP): $(DEV_STAMP)
	@echo 'What the documentation needs is installed into $(VENV); this takes about 10 seconds.'
	$(PIP_INSTALL) --editable '.[docs]'
	touch $(DOCS_STAMP)

docs: $(DOCS_STAMP) ## build the documentation into site/; a dead link is an error
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

dist: $(DEV_STAMP) ## build wheel and sdist into dist/, and try them in a bare virtual environment
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --quiet
	$(BIN)/python -m pytest -q -m dist tests/test_dist.py

clean: ## remove .venv, caches, what was built, and kept runs
	rm -rf $(VENV) build dist site runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
