# Each target makes the environment it needs. PYTHON chooses the interpreter, ARGS adds options.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= runs/comparison
METHODS ?= nq,qcfs,direct,srp,cos,signed-if
# On digits a deep network shows what the methods differ in; other data sets have settings of their own.
DIGITS := --architectures resnet20 --seeds 0,1,2 --timesteps 1,2,4 --backends norse
JOBS   ?= $(shell getconf _NPROCESSORS_ONLN)
ARGS   ?=
# `whole` where the documentation is to link to the index and the curves beside it.
SITE    ?=
# What asv is to call this machine, instead of its host's name; and the commits that it measures.
MACHINE ?=
COMMITS ?= HEAD^!
ASV_RUN := $(BIN)/python -m benchmarks.runner $(if $(MACHINE),--machine $(MACHINE)) --show-stderr

.PHONY: help compare test doctor attack docs docs-tables lint bench bench-pair smoke bench-check peers pages html site check clean-tree clean

help: ## Say what each target does.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

compare: $(VENV)/installed ## Train, convert, evaluate and compare on digits; tables in OUT.
	$(BIN)/resnoise compare --methods $(METHODS) --jobs $(JOBS) --out $(OUT) \
	$(if $(findstring --dataset,$(ARGS)),,$(DIGITS)) $(ARGS)

test: $(VENV)/installed ## Run the tests, a file at a time on each processor, on eight at most.
	$(BIN)/python -m pytest --numprocesses $(JOBS) --maxprocesses 8 --dist loadfile $(ARGS)

docs-tables: $(VENV)/installed ## Write the tables of the documents from the results, and check their numbers.
	$(BIN)/python -m docs.networks
	$(BIN)/python -m docs.published
	$(BIN)/python -m docs.tables

docs: $(VENV)/installed ## Build the documentation as a site in .site/.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,docs]'
# Not --quiet, which hides warnings from --strict too, and so lets broken links pass.
	NO_MKDOCS_2_WARNING=1 RESNOISE_SITE=$(SITE) $(BIN)/python -m mkdocs build --strict $(ARGS)

doctor: $(VENV)/installed ## Say what this machine gives, and run the tests that need a GPU.
	$(BIN)/resnoise doctor $(ARGS); well=$$?; $(BIN)/python -m pytest -m cuda tests && exit $$well

attack: $(VENV)/installed ## Hostile inputs, kills and a full disk; ten minutes at most.
	$(BIN)/python -m tests.attack $(ARGS)

lint: $(VENV)/installed ## Check style and formatting.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(VENV)/installed clean-tree ## Run the asv suite on this commit, or on COMMITS=RANGE, as asv installs it.
	$(ASV_RUN) $(ARGS) $(COMMITS)

bench-pair: $(VENV)/installed clean-tree ## Run the asv suite on BASE=COMMIT and on this commit.
	@git rev-parse --verify --quiet "$(BASE)^{commit}" > /dev/null || { echo "error: expected \
	BASE=COMMIT to compare with, but got '$(BASE)'" >&2; exit 1; }
# A benchmark that fails on one commit must not cost the figures of the other.
	$(ASV_RUN) $(ARGS) $(BASE)^!; before=$$?; \
	$(ASV_RUN) $(ARGS) HEAD^! && exit $$before

smoke: $(VENV)/installed ## Run every benchmark once, briefly, in this environment; keep nothing.
	RESNOISE_SMOKE=1 $(ASV_RUN) --config asv.smoke.json --python=same --quick --dry-run $(ARGS)

bench-check: $(VENV)/installed ## Check that asv can read the suite.
	$(BIN)/asv check --python=same

peers: $(VENV)/installed ## Time this package beside its peers; needs a quiet machine.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,peers]'
	$(BIN)/python -m benchmarks.peers --out results/tables/speed $(ARGS)

html: $(VENV)/installed ## Write the curves over commits to .asv/html; `asv preview` shows them.
	$(BIN)/asv publish
	$(BIN)/python -m benchmarks.curves .asv/html

pages: $(VENV)/installed ## Write the page of each committed comparison to .pages/.
	tail -n +2 results/tables/references.csv | while IFS=, read -r table reference; do \
	$(BIN)/resnoise report results/tables/$$table --reference $$reference --out .pages/$$table || exit 1; done

site: ## Documentation, index of all rows and asv's curves as one site in .site/, for GitHub Pages.
	$(MAKE) docs SITE=whole
	$(MAKE) html
	$(BIN)/resnoise index results/tables --out .site/rows --docs ../
	rm -rf .site/asv && cp -r .asv/html .site/asv

check: $(VENV)/installed ## Compare with the reference, BASE=COMMIT or LIBRARY=REQUIREMENT; fail if worse.
	$(if $(LIBRARY),rm -rf .asv/library && $(BIN)/python -m pip install --quiet --no-deps --target .asv/library "$(LIBRARY)")
	$(BIN)/resnoise check $(if $(BASE),--base $(BASE)) $(if $(LIBRARY),--library .asv/library) \
	--html .asv/gate.html $(ARGS)

# asv installs commits: changes that are in none would be missing from the result. Of the suite it
# takes new files too; its results it changes itself.
clean-tree:
	@git diff --quiet HEAD -- . ':!results/asv' && test -z "$$(git status --porcelain benchmarks)" || \
	{ echo "error: expected a clean tree, since asv measures commits, \
	but some files differ from HEAD; commit or stash them first" >&2; exit 1; }

# Installed anew when the project's own requirements change.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,bench,test]'
	touch $@

clean: ## Remove the environment; runs and results stay.
	rm -rf $(VENV)
