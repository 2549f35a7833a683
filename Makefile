# Every target sets up what it needs: a virtual environment in .venv, made once and again when pyproject.toml changes.
# Needs Python 3.11 or newer and make. Another interpreter: make PYTHON=python3.12 test

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo test test-all lint bench clean

help:
	@echo "make demo      develop a generated scene into demo-output/"
	@echo "make test      the tests of every commit"
	@echo "make test-all  and the long ones"
	@echo "make lint      ruff and mypy"
	@echo "make bench     speed on this machine, against LibRaw"
	@echo "make clean     remove what the other targets made"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

demo: $(READY)
	$(BIN)/isp demo -o demo-output --overwrite

# a file of tests stays in one process: what it compiles and photographs serves all of its tests
PARALLEL := -n logical --maxprocesses 4 --dist loadfile

test: $(READY)
	$(BIN)/python -m pytest $(PARALLEL) -m "not full"

test-all: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/python -m ruff check
	$(BIN)/python -m mypy

bench: $(READY)
	$(BIN)/isp bench reference --megapixels 12,48 --against libraw
	$(BIN)/isp bench natural --megapixels 12,48

clean:
	rm -rf .venv build demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
