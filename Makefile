# Two commands matter: `make run` and `make test`. Both build what they need first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARTEFACTS ?= artefacts
ROUNDS ?= 500
SEED ?= 1
LOCK_FLAGS := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
              --no-emit-index-url --no-emit-find-links --no-strip-extras --quiet

.DEFAULT_GOAL := help
.PHONY: help run test lint types imports unit postgres chaos demo lock vendor i18n clean

help: ## Show this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: $(VENV)/.run-ready ## Start Paraf on http://127.0.0.1:8000 (creates var/ the first time)
	@$(BIN)/paraf run

test: $(VENV)/.dev-ready lint types imports unit postgres ## Everything: lint, types, contracts, all tests

lint: $(VENV)/.dev-ready
	@echo "== ruff"; $(BIN)/ruff check .

types: $(VENV)/.dev-ready
	@echo "== mypy --strict"; $(BIN)/mypy

imports: $(VENV)/.dev-ready
	@echo "== import contracts"; $(BIN)/lint-imports --no-cache

unit: $(VENV)/.dev-ready
	@echo "== pytest (SQLite)"; PARAF_ARTEFACTS=$(ARTEFACTS) $(BIN)/pytest -n auto -q

postgres: $(VENV)/.dev-ready
	@echo "== pytest (the same suites on PostgreSQL)"
	@$(BIN)/python scripts/on_postgres.py $(BIN)/pytest -n auto -q tests/services tests/web tests/migrations

chaos: $(VENV)/.dev-ready ## Rehearse crashes: ROUNDS=500 SEED=1 (repeat one: ROUNDS=1 SEED=its own)
	@$(BIN)/python -m tests.chaos --rounds $(ROUNDS) --seed $(SEED)

demo: $(VENV)/.run-ready ## Draft, sign and verify 20 decrees into demo-out/
	@$(BIN)/paraf demo --count 20 --out demo-out

lock: $(VENV)/.dev-ready ## Renew requirements/*.lock from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --group build $(LOCK_FLAGS) -o requirements/run.lock
	@$(BIN)/uv pip compile pyproject.toml --group build --extra scale $(LOCK_FLAGS) -c requirements/run.lock \
	    -o requirements/scale.lock
	@$(BIN)/uv pip compile pyproject.toml --group build --group dev --extra scale --extra eutl $(LOCK_FLAGS) \
	    -c requirements/scale.lock -o requirements/dev.lock

vendor: $(VENV)/.dev-ready ## Refresh the vendored front-end files (needs npm)
	@$(BIN)/python scripts/refresh_vendor.py

i18n: $(VENV)/.dev-ready ## Extract messages, update and compile the catalogues
	@$(BIN)/python scripts/i18n.py

clean: ## Remove caches and the virtual environment (var/ stays)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis $(ARTEFACTS)

# A stamp is newer than its lock once that lock is installed; the editable install makes `paraf`.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "== creating $(VENV)"; $(PYTHON) -m venv $(VENV)

$(VENV)/.dev-ready: requirements/dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "== installing the locked dependencies (service and tests)"
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $(VENV)/.run-ready $@

$(VENV)/.run-ready: requirements/run.lock pyproject.toml | $(VENV)/bin/python
	@echo "== installing the locked dependencies"
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements/run.lock
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $@
