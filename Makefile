# The same commands at home and in CI. Needs python3 >= 3.11 with venv, and make; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help setup setup-test demo test torture check coverage mutants bench lock clean

help:
	@echo "make demo [ARGS=\"--port 9000\"]  run everything on this machine"
	@echo "make test                       all tests, as CI runs them"
	@echo "make torture                    the faults of the reliability bar in full: hours"
	@echo "make check                      the inner loop: style, types, rings, fast tests"
	@echo "make coverage                   every branch of what decides over rights"
	@echo "make mutants [ARGS=--sample=20] breaks the same code in every way: do tests notice? an hour"
	@echo "make bench [ARGS=--quick]       measure, side by side with peers"

setup: $(VENV)/.runtime

$(BIN)/uv:
	@echo "Preparing $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit("Mandat needs Python 3.11 or newer; set PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(BIN)/uv
	@echo "Installing what Mandat runs on ..."
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements/runtime.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@

setup-test: $(VENV)/.test

$(VENV)/.test: requirements/test.txt $(VENV)/.runtime
	@echo "Installing what the tests need ..."
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements/test.txt
	@touch $@

$(VENV)/.fronts: requirements/fronts.txt $(VENV)/.test
	@echo "Installing the front proxies that the tests run ..."
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/fronts.txt
	@touch $@

demo: setup
	@$(BIN)/mandat demo $(ARGS)

check: setup-test
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pytest -q -n 2 -m "not demo and not browser and not clients and not fronts and not slow" $(ARGS)

test: $(VENV)/.fronts $(VENV)/.bench
	@sh tests/provide.sh
	@sh bench/provide.sh
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/lint-imports
	$(BIN)/mypy
	@$(MAKE) --no-print-directory coverage
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

coverage: setup-test
	$(BIN)/coverage run -m pytest -q -m "not slow and not hypothesis" tests/protocol tests/core tests/authority tests/enforcement/test_point.py
	$(BIN)/coverage report

torture: setup-test
	@sh tests/provide.sh
	MANDAT_TORTURE=full $(BIN)/pytest -q -s tests/torture $(ARGS)

$(VENV)/.mutants: requirements/mutants.txt $(VENV)/.test
	@echo "Installing what breaks the code ..."
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/mutants.txt
	@touch $@

mutants: $(VENV)/.mutants
	@$(BIN)/python tests/mutation/run.py $(ARGS)

$(VENV)/.bench: requirements/bench.txt $(VENV)/.runtime
	@echo "Installing the peers to measure against ..."
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/bench.txt
	@touch $@

bench: $(VENV)/.bench
	@sh bench/provide.sh
	@$(BIN)/python -m bench $(ARGS)

lock: $(BIN)/uv
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements/runtime.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml --group test -o requirements/test.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 --group fronts -o requirements/fronts.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 -c requirements/test.txt --group bench -o requirements/bench.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 -c requirements/test.txt --group mutants -o requirements/mutants.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache mutants .coverage
