# Two commands are all that a user needs: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := src tests benchmarks docs/hooks docs/tutorial.ipynb
PARALLEL := -n auto --maxprocesses 4 --dist worksteal

.PHONY: demo test test-long lint docs bench bench-full clean

demo: $(VENV)/qmac
	$(BIN)/qmac optimize --sample --windows 2:252

# Two stages: side by side, then those that fill memory, disks and CPUs, one by one.
test: $(VENV)/test
	$(BIN)/python -m pytest -q -m "not alone" $(PARALLEL)
	$(BIN)/python -m pytest -q -m alone

test-long: $(VENV)/test
	$(BIN)/python -m pytest -q -m "not alone" $(PARALLEL) --hypothesis-profile long
	$(BIN)/python -m pytest -q -m alone --hypothesis-profile long

lint: $(VENV)/lint
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q

bench: $(VENV)/bench
	$(BIN)/python -m benchmarks.suite

bench-full: $(VENV)/bench
	$(BIN)/python -m benchmarks.suite --full

$(VENV)/qmac: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[report]"
	touch $@

$(VENV)/test: $(VENV)/qmac
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[test]"
	touch $@

$(VENV)/docs: $(VENV)/qmac
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[docs]"
	touch $@

$(VENV)/bench: $(VENV)/qmac
	for contender in matplotlib vectorbt vectorbt-rust raptorbt backtesting; do \
		$(BIN)/python -m pip install -q -c constraints.txt $$contender || echo "$$contender cannot be installed"; done
	touch $@

$(VENV)/lint: $(VENV)/qmac
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[lint]"
	touch $@

clean:
	rm -rf $(VENV) site build dist src/*.egg-info
