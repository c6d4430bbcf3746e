# Everything here works on a machine with make and Python 3.11 or newer, in a virtual environment of its own.
.PHONY: demo test lint style format bench bench-peers simulate chaos docs clean
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
DEMO ?= mlops-demo
# More than there are cores: about a third of the tests' time is waiting.
TEST_PROCESSES ?= 3

.PHONY: help
help:
	@echo "make demo   a sample project, trained, served and watched, in the console"
	@echo "make test   linters, types, layers and all tests"
	@echo "make bench  the figures of benchmarks/RESULTS.md"
	@echo "make bench-peers  other tools, each in an environment of its own, for make bench to measure beside"
	@echo "make simulate  how often drift alarms falsely, and how often it is found, beside other tools' rules: 20 minutes"
	@echo "make chaos  400 rounds of processes that log and are killed, 100 of pipelines and 60 of deployments that are, and 10,000 bad requests"

demo: $(VENV)/.runtime
	@$(BIN)/mlops-console demo $(DEMO)

# mypy takes longer than the rest of lint together, and the tests need not wait for it: it runs beside them.
test: style
	@nice $(BIN)/mypy >$(VENV)/mypy.txt 2>&1 & types=$$!; \
	$(BIN)/pytest -n $(TEST_PROCESSES) --dist worksteal; tests=$$?; \
	wait $$types; types=$$?; \
	echo $(BIN)/mypy; cat $(VENV)/mypy.txt; \
	exit $$((tests || types))

lint: style
	$(BIN)/mypy

style: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.development
	$(BIN)/python -m mlops_console.tui.keys_page > docs/keys.md

bench: $(VENV)/.development
	$(BIN)/python benchmarks/run.py

bench-peers: $(VENV)/.development
	$(BIN)/python benchmarks/peers.py

simulate: $(VENV)/.development
	$(BIN)/python benchmarks/drift_alarms.py

chaos: $(VENV)/.development
	$(BIN)/python benchmarks/chaos.py
	$(BIN)/python benchmarks/pipeline_chaos.py
	$(BIN)/python benchmarks/sweep_chaos.py
	$(BIN)/python benchmarks/serving_chaos.py
	$(BIN)/pytest -n 2 -m long

clean:
	rm -rf $(VENV) .venv-peers build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/.runtime: pyproject.toml constraints.txt $(VENV)/.made
	@echo "Installing mlops-console into $(VENV) …"
	@$(PIP) -e .
	@touch $@

$(VENV)/.development: pyproject.toml constraints.txt $(VENV)/.made
	@echo "Installing mlops-console and its development tools into $(VENV) …"
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.runtime

$(VENV)/.made:
	@test -n "$(PYTHON)" || { \
		echo "mlops-console needs Python 3.11 or newer, and none was found: install it, or name it with 'make PYTHON=/path/to/python3'."; \
		exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "mlops-console needs Python 3.11 or newer, and $(PYTHON) is older: name a newer one with 'make PYTHON=/path/to/python3'."; \
		exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module: install it (Debian, Ubuntu: 'apt install python3-venv')."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@
