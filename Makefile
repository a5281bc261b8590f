# Reproduce every paper: `make`. Check the suite: `make test`. Everything else: `make help`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := all

PYTHON ?= python3
PRESET ?= default
DEVICE ?= auto
JOBS   ?=
GPU_JOBS ?=
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SITE_READY := $(VENV)/.ready-report
TEST_READY := $(VENV)/.ready-browser
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable
PAPERS := $(patsubst replicate/papers/%/paper.toml,%,$(wildcard replicate/papers/*/paper.toml))
RUN    := $(BIN)/replicate run --preset $(PRESET) --device $(DEVICE) $(if $(JOBS),--jobs $(JOBS)) $(if $(GPU_JOBS),--gpu-jobs $(GPU_JOBS))
# one computing thread per process: workers share the cores, and sums keep their order
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: all smoke $(PAPERS) test pytest nbval lint types data-test lab tables figures report export notebooks compare snapshot data bench clean distclean setup lock help

all: $(READY)  ## run every notebook at PRESET (default), write results/, print the scorecard
	@$(RUN) all

smoke: $(READY)  ## the same at PRESET=smoke: minutes become seconds
	@$(RUN) all --preset smoke

$(PAPERS): $(READY)  ## <slug>: run one paper
	@$(RUN) $@

test: pytest nbval  ## set up, then pytest, then nbval over every notebook

pytest: $(TEST_READY)  ## the tests alone
	@$(ONE_THREAD) $(BIN)/pytest -n 2 --dist loadfile -q

nbval: $(READY)  ## every notebook against its stored outputs
	@$(ONE_THREAD) $(BIN)/pytest -n 2 --dist loadfile -q -p no:cacheprovider --nbval --nbval-current-env \
	  --nbval-cell-timeout=120 --nbval-sanitize-with tests/nbval_sanitize.cfg notebooks/

lint: $(READY)  ## ruff: rules and format
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .

types: $(TEST_READY)  ## mypy over the package
	@$(BIN)/mypy

data-test: $(READY)  ## tests that need the mirror of real data ($REPLICATE_DATA)
	@$(ONE_THREAD) $(BIN)/pytest -n 2 --dist loadfile -q -m data

lab: $(READY)  ## JupyterLab, opened at notebooks/index.ipynb
	@$(BIN)/jupyter lab --notebook-dir=. notebooks/index.ipynb $(if $(filter 0,$(shell id -u)),--allow-root)

tables: all  ## bring results up to date and list the tables
	@$(BIN)/replicate report --preset $(PRESET) --show tables

figures: all  ## bring results up to date and list the figures
	@$(BIN)/replicate report --preset $(PRESET) --show figures

report: all $(SITE_READY)  ## bring results up to date and write results/PRESET/site/
	@$(BIN)/replicate report --preset $(PRESET) --show pages

export: all $(SITE_READY)  ## bring results up to date and write each as an RO-Crate, results/PRESET/export/
	@$(BIN)/replicate export all --preset $(PRESET)

notebooks: $(READY)  ## write the outputs stored with the notebooks anew (preset smoke)
	@$(BIN)/replicate notebooks all

compare: $(READY)  ## this machine's results against results/reference/
	@$(BIN)/replicate compare all --preset $(PRESET)

snapshot: $(READY)  ## keep this machine's results as results/reference/PRESET/
	@$(BIN)/replicate snapshot all --preset $(PRESET)

data: $(READY)  ## fetch and verify every data set that can be had
	@$(BIN)/replicate data fetch all

bench: $(READY)  ## timings against what a user would use instead
	@for script in benchmarks/*.py; do echo "== $$script"; $(ONE_THREAD) $(BIN)/python $$script; done

clean:  ## remove this machine's results (the snapshot and the cache of units stay)
	@find results -mindepth 1 -maxdepth 1 ! -name reference ! -name README.md -exec rm -rf {} +

distclean: clean  ## remove the cache, downloads and the environment too
	@rm -rf .cache data/cache $(VENV)

setup: $(READY)  ## create .venv with the pinned environment

$(READY): pyproject.toml constraints.txt
	@echo "setting up $(VENV) (a few minutes the first time)"
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python 3.11 to 3.13 is needed, {sys.version.split()[0]} found: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) '.[test]'
	@touch $@

$(SITE_READY): $(READY)
	@$(PIP) '.[report]'
	@touch $@

$(TEST_READY): $(READY)
	@$(PIP) '.[test,report,browser]'
	@touch $(SITE_READY) $@

lock: $(READY)  ## rewrite constraints.txt from what is installed (torch and its GPU libraries stay free)
	@$(BIN)/python -m replicate.lock > constraints.tmp && mv constraints.tmp constraints.txt

help:  ## this list
	@grep -hE '^[a-z$$()A-Z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^\$$\(PAPERS\)/<slug>/; s/:.*  ## (<slug>: )?/\t/' | \
	  while IFS=$$'\t' read -r target text; do printf '  make %-10s %s\n' "$$target" "$$text"; done
	@echo "  papers: $(PAPERS)"
	@echo "  options: PRESET=smoke|default|gpu|overnight|paper  JOBS=n  GPU_JOBS=n  DEVICE=auto|cpu|cuda  PYTHON=python3.12"
