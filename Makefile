# Two commands for a newcomer, from an empty machine: `make demo` and `make test`.

# Settings of the environment, which tools/environment.sh explains: make test PYTHON=python3.12 EXTRAS=scip
VENV ?= .venv
PYTHON ?=
EXTRAS ?= learn,scip,matlab,cluster
DEPENDENCIES ?= pinned

BIN := $(VENV)/bin
ENVIRONMENT = @VENV='$(VENV)' PYTHON='$(PYTHON)' EXTRAS='$(EXTRAS)' DEPENDENCIES='$(DEPENDENCIES)' sh tools/environment.sh

.PHONY: core all demo test lint docs reproduce bench bench-compare wheel clean

core:
	$(ENVIRONMENT) core

all:
	$(ENVIRONMENT) all

demo: core  ## Draw instances, compare methods on them, and write out/report.html with its pictures.
	$(BIN)/mecopt warm-up binary-offloading
	$(BIN)/mecopt sample binary-offloading --preset heterogeneous --count 1000 --seed 0 -o out/slots.npz
	$(BIN)/mecopt solve out/slots.npz --index 0
	$(BIN)/mecopt compare out/slots.npz -o out/

test: all  ## Run the whole test suite on up to four cores, file by file, the dearest ones first.
	$(BIN)/python -m pytest -m "not slow" --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: all  ## What CI checks beside the tests.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

docs: all  ## Build the documentation into out/docs; a warning is an error.
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs out/docs
	@echo "out/docs/index.html"

bench: all  ## Ratios against other solvers, called directly, by cvxpy and by Pyomo; each run is added to a file.
	$(BIN)/mecopt bench --history out/bench.jsonl

bench-compare: all  ## This tree beside another commit, call by call: make bench-compare BASE=REV
	@test -n '$(BASE)' || { echo 'make bench-compare BASE=REV: a commit, tag or branch' >&2; exit 2; }
	$(BIN)/python tools/bench_compare.py '$(BASE)' -o out/bench-compare.json

WHERE := $(if $(SCHEDULER),--scheduler '$(SCHEDULER)')

reproduce: all  ## The papers' evaluations, each claim judged, and the tests that take minutes; SCHEDULER=ADDRESS shares them.
	$(BIN)/mecopt reproduce 000 -o out/000 $(WHERE)
	$(BIN)/mecopt reproduce 001 -o out/001 $(WHERE)
	$(BIN)/mecopt reproduce 002 -o out/002 $(WHERE)
	$(BIN)/mecopt reproduce 003 -o out/003 $(WHERE)
	$(BIN)/mecopt reproduce 004 -o out/004 $(WHERE)
	$(BIN)/python -m pytest -m slow

wheel: core  ## A wheel of this platform with all kernels compiled, in dist/; takes minutes.
	$(BIN)/python tools/prebuilt.py

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find mecopt models learners -name __pycache__ -type d -prune -exec rm -rf {} +
