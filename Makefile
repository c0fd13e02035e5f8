# Two commands are all that a user needs: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := src tests benchmarks scripts docs/hooks docs/tutorial.ipynb
# Two processes more than CPUs: many tests wait for processes that they start.
PROCESSES := $(shell expr `getconf _NPROCESSORS_ONLN` + 2)
PARALLEL := -n $(PROCESSES) --maxprocesses 4 --dist worksteal
# Where the tests with the marker "alone" are; the rest takes 10 s to collect.
ALONE := tests/system
# Markers of tests, registered in pyproject.toml. "alone": needs the machine to itself. "slow": takes more than
# two seconds with compiled kernels on two cores; a test by @pytest.mark.slow, a whole file by
# `pytestmark = pytest.mark.slow`. What remains should take less than 90 s; `make test-quick` prints the slowest.
QUICK := not alone and not slow

# Test files are rewritten by pytest once, not by each of its processes in each run.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-quick test-long lint docs release bench bench-full truth clean

demo: $(VENV)/qmac
	$(BIN)/qmac optimize --sample --windows 2:252

# Two stages: side by side, then those that fill memory, disks and CPUs, one by one.
test: $(VENV)/test
	$(BIN)/python -m pytest -q -m "not alone" $(PARALLEL)
	$(BIN)/python -m pytest -q -m alone $(ALONE)

test-quick: $(VENV)/test
	$(BIN)/python -m pytest -q -m "$(QUICK)" $(PARALLEL) --durations 10 --durations-min 2

test-long: $(VENV)/test
	$(BIN)/python -m pytest -q -m "not alone" $(PARALLEL) --hypothesis-profile long
	$(BIN)/python -m pytest -q -m alone $(ALONE) --hypothesis-profile long

lint: $(VENV)/lint
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q

# Source distribution and wheel in dist/, checked, and the quick tests against the installed wheel.
release: $(VENV)/release
	$(BIN)/python scripts/release.py --select "$(QUICK)"

bench: $(VENV)/bench
	$(BIN)/python -m benchmarks.suite

bench-full: $(VENV)/bench
	$(BIN)/python -m benchmarks.suite --full

# How often `qmac luck` finds what is not there, and what is, into docs/truth.md.
truth: $(VENV)/qmac
	$(BIN)/python -m benchmarks.truth

$(VENV)/qmac: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/test: $(VENV)/qmac
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[test]"
	touch $@

$(VENV)/docs: $(VENV)/qmac
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[docs]"
	touch $@

$(VENV)/release: $(VENV)/qmac
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[release]"
	touch $@

$(VENV)/bench: $(VENV)/qmac
	for contender in ray matplotlib vectorbt vectorbt-rust raptorbt backtesting; do \
		$(BIN)/python -m pip install -q -c constraints.txt $$contender || echo "$$contender cannot be installed"; done
	touch $@

$(VENV)/lint: $(VENV)/qmac
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[lint]"
	touch $@

clean:
	rm -rf $(VENV) site build dist src/*.egg-info
