# Two commands are enough: `make smoke` and `make test`. `make help` lists the rest.
PYTHON ?= python3
CORES  ?= all
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.set-up
STUDY  ?= config/smoke.yaml
EXAMPLE ?= smoke

.DEFAULT_GOAL := help
.PHONY: help setup smoke test lint check-all example clean

help: ## list these commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## make the environment in .venv (does nothing when it is up to date)

$(STAMP): pyproject.toml envs/constraints.txt
	@PYTHON="$(PYTHON)" VENV="$(VENV)" bash envs/set-up.sh
	@touch $@

smoke: setup ## run the built-in study and print the report's path
	$(BIN)/snakemake --cores $(CORES) --configfile $(STUDY)

test: setup ## the tests (minutes)
	$(BIN)/python -m pytest -m 'not slow'

check-all: lint ## everything, the long checks too
	$(BIN)/python -m pytest

lint: setup ## style, types, layers and the workflow's own lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflows
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/lint-imports

example: setup ## rebuild reports/example and its pictures from a finished smoke study (at a release)
	$(BIN)/rankdet report $(EXAMPLE) --out reports/example
	$(BIN)/python -m tests.report.pictures reports/example docs/images
	$(BIN)/python -m pytest -q tests/report/test_example.py

clean: ## remove results and reports (the environment stays)
	rm -rf results reports/html .snakemake
