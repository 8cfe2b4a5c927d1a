# `make` tests and lints; `make help` lists the rest.

VENV   := .venv
PYTHON := $(VENV)/bin/python
# The tests run in one process for each core; `make test PYTEST="-n0 -x -k parser"` for one process and fewer tests.
PYTEST := -n auto

.DEFAULT_GOAL := all
.PHONY: all help setup test lint types docs examples wheel bench grammar clean

all: test lint types  ## test, lint and check types (what `make` alone does)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.set-up  ## make .venv with everything needed to work on the program

$(VENV)/.set-up: pyproject.toml
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q -e ".[test,dev]"
	@touch $@

test: setup  ## run all tests, those in README, docs/ and examples/ included
	$(PYTHON) -m pytest $(PYTEST)

lint: setup  ## check style and formatting
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types: setup  ## check types
	$(PYTHON) -m mypy

docs: setup  ## write the generated pages and blocks again
	$(PYTHON) docs/write.py
	$(PYTHON) docs/readme.py

examples: setup  ## write the expected output in examples/ again; read the difference before you keep it
	$(PYTHON) examples/write.py

wheel: setup  ## build wheel and source archive in dist/
	$(PYTHON) -m build

bench: setup  ## run all benchmarks and write their figures into benchmarks/README.md
	$(VENV)/bin/pip install -q -e ".[bench]"
	$(PYTHON) benchmarks/run.py --write

grammar: setup  ## compile grammar/equation.lark to grammar/equation.tables.json
	$(PYTHON) -m backprop.grammar_tables

clean:  ## remove everything that can be made again
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
