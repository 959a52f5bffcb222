# From a bare clone: `make demo` shows the library at work, `make test` runs the tests.
# Both make a virtual environment in .venv first; it is made anew only when dependencies change.

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet -c constraints.txt
PYTEST_ARGS ?=
# Two processes of tests; `make test JOBS=0` runs them in one.
JOBS ?= 2
BENCH_ARGS ?=

# The first interpreter that is new enough and can make environments; `make PYTHON=...` overrules.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 /usr/bin/python3; do \
	"$$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)

.PHONY: help venv peers test lint docs demo bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    evaluate several models on real and drifting streams, write a report"
	@echo "make test    run the tests"
	@echo "make lint    check style and types"
	@echo "make docs    build the documentation into docs/_build"
	@echo "make bench   measure against river and CapyMOA, on the same rows in the same run"
	@echo "make clean   remove what the commands above have made, the environment included"

venv: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11 or newer (make PYTHON=/path)"; exit 1; }
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) -e '.[dev,all]'
	@touch $@

peers: $(VENV)/.peers

$(VENV)/.peers: $(VENV)/.installed
	@echo "Installing the systems to compare with ..."
	@$(INSTALL) -e '.[peers]'
	@touch $@

test: venv
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(PYTEST_ARGS)

lint: venv
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: venv
	@$(BIN)/python -m sphinx -q -W -b html docs docs/_build
	@echo "docs/_build/index.html"

demo: venv
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh

bench: peers
	@$(BIN)/python -m benchmarks.throughput $(BENCH_ARGS)

clean:
	rm -rf $(VENV) build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis docs/_build docs/reference
	find onlineml tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +
