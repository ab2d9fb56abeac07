# Each target makes the environment it needs. PYTHON chooses the interpreter, ARGS adds options.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= runs/comparison
METHODS ?= nq,qcfs,srp,direct
JOBS   ?= $(shell getconf _NPROCESSORS_ONLN)
ARGS   ?=

.PHONY: compare test lint bench clean

compare: $(VENV)/installed ## Train, convert, evaluate and compare on digits; tables in $(OUT).
	$(BIN)/resnoise compare --methods $(METHODS) --jobs $(JOBS) --out $(OUT) $(ARGS)

test: $(VENV)/installed ## Run the tests.
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/installed ## Check style and formatting.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(VENV)/installed ## Run the asv suite on this commit, in this environment.
	$(BIN)/asv machine --yes
	$(BIN)/asv run --python=same --show-stderr $(ARGS)

# Installed anew when the project's own requirements change.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,bench,test]'
	touch $@

clean: ## Remove the environment; runs and results stay.
	rm -rf $(VENV)
