# Two commands are all that a user needs: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := src tests benchmarks docs/hooks docs/tutorial.ipynb

.PHONY: demo test test-long lint docs bench bench-full clean

demo: $(VENV)/qmac
	$(BIN)/qmac optimize --sample --windows 2:252

test: $(VENV)/test
	$(BIN)/python -m pytest -q

test-long: $(VENV)/test
	$(BIN)/python -m pytest -q --hypothesis-profile long

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
	$(BIN)/python -m pip install -q -c constraints.txt -e .
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
