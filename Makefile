# `make` tests and lints; `make help` lists the rest.

VENV   := .venv
PYTHON := $(VENV)/bin/python
# The tests run in one process for each core; `make test PYTEST="-n0 -x -k parser"` for one process and fewer tests.
PYTEST := -n auto

.DEFAULT_GOAL := all
.PHONY: all help setup test test-consumers lint types docs examples wheel bench grammar clean

# Mermaid is one script; npm fetches it, and nothing of it is run but in a browser.
MERMAID := node_modules/mermaid/dist/mermaid.min.js
MERMAID_VERSION := 11

all: test lint types  ## test, lint and check types (what `make` alone does)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.set-up  ## make .venv with everything needed to work on the program

$(VENV)/.set-up: pyproject.toml
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q -e ".[test,dev]"
	@touch $@

test: setup  ## run all tests, those in README, docs/ and examples/ included
	$(PYTHON) -m pytest $(PYTEST)

# The programs themselves are the system's: graphviz, chromium, texlive-latex-base and texlive-pictures on Debian.
test-consumers: $(VENV)/.consumers $(MERMAID)  ## test the exports with Graphviz, Mermaid, TeX, Chromium and nbformat
	BACKPROP_CONSUMERS=required $(PYTHON) -m pytest $(PYTEST) --dist loadfile tests/consumers

$(VENV)/.consumers: $(VENV)/.set-up
	$(VENV)/bin/pip install -q -e ".[test,consumers]"
	@touch $@

$(MERMAID):
	@command -v npm >/dev/null || { echo "npm is missing: it fetches mermaid" >&2; exit 1; }
	mkdir -p node_modules/mermaid
	cd node_modules && npm pack --silent mermaid@$(MERMAID_VERSION)
	tar -xzf node_modules/mermaid-$(MERMAID_VERSION).*.tgz -C node_modules/mermaid --strip-components=1 package/dist/mermaid.min.js
	rm node_modules/mermaid-$(MERMAID_VERSION).*.tgz

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
	rm -rf $(VENV) node_modules build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
