# Two commands for a newcomer, from an empty machine: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# A path entry instead of an import hook: else Python started beside a clone called `mecopt` takes the clone for the package.
EDITABLE := --config-settings editable_mode=compat --editable

.PHONY: demo test lint docs reproduce bench clean

$(VENV)/core: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(EDITABLE) .
	touch $@

$(VENV)/all: $(VENV)/core
	$(PIP) $(EDITABLE) '.[learn,scip,dev,docs]'
	touch $@

demo: $(VENV)/core  ## Draw instances, compare methods on them, and write out/report.html with its pictures.
	@echo "The first run compiles the kernels, which takes about half a minute; they are kept for later runs."
	$(BIN)/mecopt sample binary-offloading --preset heterogeneous --count 1000 --seed 0 -o out/slots.npz
	$(BIN)/mecopt solve out/slots.npz --index 0
	$(BIN)/mecopt compare out/slots.npz -o out/

test: $(VENV)/all  ## Run the whole test suite.
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/all  ## What CI checks beside the tests.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

docs: $(VENV)/all  ## Build the documentation into out/docs; a warning is an error.
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs out/docs
	@echo "out/docs/index.html"

bench: $(VENV)/all  ## Ratios against scipy SLSQP, cvxpy solvers, SCIP and HiGHS.
	$(BIN)/mecopt bench

reproduce: $(VENV)/all  ## The papers' evaluations, each claim judged, and the tests that take minutes.
	$(BIN)/mecopt reproduce 001 -o out/001
	$(BIN)/mecopt reproduce 003 -o out/003
	$(BIN)/mecopt reproduce 004 -o out/004
	$(BIN)/python -m pytest -m slow

clean:
	rm -rf $(VENV) out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find mecopt models learners -name __pycache__ -type d -prune -exec rm -rf {} +
