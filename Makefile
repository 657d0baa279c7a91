# `make` lists the targets. Needs Python 3.11 or newer with venv, and make.

VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PINNED := -c constraints.txt

# The newest Python that can make a virtual environment; `make PYTHON=...` overrides it.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
	  >/dev/null 2>&1 && echo $$python && break; done)

# Modules are compiled once, not by every process that the reports and the tests start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help report test lint lowest lab bench truth fuzz clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

report: $(VENV)/.installed ## simulate a sales pipeline and write its report to reports/
	$(BIN)/leakkit sample sample/
	$(BIN)/leakkit report sample/ --out reports/
	@echo "Report: $(CURDIR)/reports/index.html"

test: lint ## all checks and tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -rs $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev ## style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy leakkit tests conftest.py $(wildcard benchmarks)
	$(BIN)/lint-imports

lowest: $(VENV)/.installed-dev ## the same pages with the lowest versions that are allowed
	$(BIN)/python -m benchmarks.lowest

lab: $(VENV)/.installed ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks/

BENCHMARKS := river loading fixed spark batch deck rendering screen explore browser papermill killing

bench: $(VENV)/.installed-dev ## measure speed and memory; BENCH_ARGS=--write writes the page
	@missed=; for name in $(BENCHMARKS); do \
	  $(BIN)/python -m benchmarks.$$name $(BENCH_ARGS) || missed="$$missed $$name"; done; \
	  test -z "$$missed" || { echo "Missed a target, or failed:$$missed"; exit 1; }

truth: $(VENV)/.installed-dev ## compare findings with the planted truth, into docs/truth.md
	$(BIN)/python -m benchmarks.truth

fuzz: $(VENV)/.installed-dev ## all generated sources by two routes, random tables for 10 minutes, 20,000 mutated files, changed exports
	LEAKKIT_THOROUGH=1 $(BIN)/python -m pytest -q -n auto tests/test_second_route.py \
	  tests/test_second_measures.py tests/test_explaining.py tests/test_check.py \
	  tests/test_settled_deals.py tests/test_selected.py tests/test_straight.py \
	  tests/test_straight_queries.py tests/test_spark.py
	$(BIN)/python -m benchmarks.fuzz $(FUZZ_ARGS)
	$(BIN)/python -W ignore -m benchmarks.mutations $(MUTATION_ARGS)
	$(BIN)/python -W ignore -m benchmarks.same_meaning $(EXPORT_ARGS)

clean: ## remove all that make has made, the virtual environment included
	rm -rf $(VENV) sample build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache \
	  .import_linter_cache .hypothesis
	find reports -mindepth 1 ! -name .gitkeep -delete
	find leakkit tests benchmarks notebooks -depth \
	  \( -name __pycache__ -o -name .ipynb_checkpoints \) -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "leakkit needs Python 3.11 or newer with the module venv" \
	  "(on Debian: apt install python3-venv). Another one: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

# Both stamps are older than a changed pyproject.toml, and then the packages are brought up to it.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) $(PINNED) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) $(PINNED) -e '.[dev]'
	@touch $(VENV)/.installed $@
