# Two commands: `make run` serves the sample application, `make test` runs every test. Both set up what they need.

PYTHON ?= python3
BIN    := .venv/bin
DB     ?= sqlite:///tidegate.db
PORT   ?= 8787
BUDGET ?= 120
NPM    := cd clients/typescript && npm

.DEFAULT_GOAL := help
.PHONY: help setup setup-node generate run test check format bench clean lock chaos simulate fuzz contract

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(BIN)/.ready ## create .venv with the locked packages and the `tidegate` command

$(BIN)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tidegate needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup-node: clients/typescript/node_modules/.ready

clients/typescript/node_modules/.ready: clients/typescript/package-lock.json
	$(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

generate: setup ## write generated/ from schema/
	$(BIN)/tidegate generate

run: setup ## migrate, seed sample rows and serve on http://127.0.0.1:8787
	@$(BIN)/tidegate migrate --seed --database $(DB)
	@exec $(BIN)/tidegate serve --dev --database $(DB) --port $(PORT)

test: setup setup-node ## run all tests: Python, TypeScript, a real browser
	$(NPM) run --silent build
	$(BIN)/pytest
	$(NPM) test --silent

check: setup setup-node ## format, lint, types, import contracts, generated files, tests
	$(BIN)/ruff format --check server clients/python tests
	$(BIN)/ruff check server clients/python tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/tidegate generate --check
	@tag=$$(git describe --tags --abbrev=0 2>/dev/null); \
	  if [ -n "$$tag" ]; then $(BIN)/tidegate check compat --against "$$tag"; else echo "no tag to compare the schema with yet"; fi
	$(NPM) run --silent check
	$(MAKE) test

format: setup setup-node ## format everything
	$(BIN)/ruff format server clients/python tests
	$(BIN)/ruff check --fix server clients/python tests
	$(NPM) run --silent format

bench: setup ## measure against websockets' own server in the same run
	$(BIN)/python -m tests.bench

fuzz: setup ## hold the readings of filters against each other on 20,000 pairs of a row and a filter, on each database
	FILTER_PAIRS=20000 $(BIN)/pytest -q tests/store/test_filters_property.py tests/store/postgres/test_postgres_filters.py

contract: setup ## prove the contract: generated messages for minutes (BUDGET=120), 20,000 payloads read twice, seeded faults
	$(BIN)/tidegate check contract --budget $(BUDGET)
	CONTRACT_SECONDS=$(BUDGET) CONTRACT_PAYLOADS=20000 $(BIN)/pytest -q -rP tests/contract/test_generated.py tests/contract/test_equivalence.py
	$(BIN)/pytest -q tests/contract/test_seeded_faults.py tests/contract/test_keywords.py tests/contract/test_differences.py

chaos: setup ## break things for SECONDS (60) on each database, or on DATABASE=sqlite|postgresql, and check everybody's history
	$(BIN)/python -m tests.chaos.histories --seconds $(or $(SECONDS),60) $(if $(DATABASE),--database $(DATABASE)) $(if $(SEED),--seed $(SEED))

simulate: setup ## try thousands of interleavings of snapshots, changes and resumption for SECONDS (60), from SEED on
	$(BIN)/python -m tests.simulate.run --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

lock: setup ## write requirements.lock anew from pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --extra dev \
	  --no-emit-find-links --no-emit-index-url --no-emit-trusted-host -o requirements.lock pyproject.toml

clean: ## remove what the other targets made
	rm -rf .venv dist clients/typescript/node_modules clients/typescript/dist .mypy_cache .ruff_cache .pytest_cache
	rm -f tidegate.db tidegate.db-wal tidegate.db-shm
