# Two commands are enough: `make smoke` and `make test`. `make help` lists the others.
PYTHON ?= python3
CORES  ?= all
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.set-up
TRITON := $(VENV)/.triton
DOCS   := $(VENV)/.docs
PLUGIN := $(VENV)/.slurm
STUDY  ?= config/smoke.yaml
CLAIMS ?= config/claims.yaml
EXAMPLE ?= smoke
# Lowest accepted coverage of rankdet in percent, lines and branches. Measured: 92, without the tests in
# workflow, conformance and golden.
FLOOR  ?= 90
# Tests of a file run in the same process, several files at a time, the longest first (tests/conftest.py).
PARALLEL ?= -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# The GPU check. The wheels are for a machine without internet; its Python is 3.11 or 3.12.
PYTHON_VERSION ?= 3.12
WHEELS ?= .gpu-wheels
GPU    ?= --minutes 8

.DEFAULT_GOAL := help
# `docs` is also a folder.
.PHONY: help setup smoke claims docs test test-lowest test-cluster reliability coverage lint check-all example gpu-wheels gpu-check clean

help: ## list these commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## make the environment .venv, if it is missing or out of date

$(STAMP): pyproject.toml envs/constraints.txt
	@PYTHON="$(PYTHON)" VENV="$(VENV)" bash envs/set-up.sh
	@touch $@

# Tests of the fused kernels need Triton; PyTorch for CUDA brings it. 270 MB, and only for Linux.
$(TRITON): $(STAMP) envs/triton.txt
	@$(BIN)/python -c 'import triton' 2>/dev/null \
	  || $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r envs/triton.txt \
	  || echo "Triton cannot be installed here: tests of the fused kernels will be skipped"
	@touch $@

# The site of the documentation, pinned with everything else.
$(DOCS): $(STAMP) envs/docs.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c envs/constraints.txt -r envs/docs.txt
	@touch $@

docs: $(DOCS) ## build the documentation as a site that works without a server
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --clean
	@echo "site/index.html"

# Tests of a cluster need Snakemake's plugin for SLURM.
$(PLUGIN): $(STAMP) envs/slurm.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r envs/slurm.txt \
	  || echo "The plugin for SLURM cannot be installed here: tests of the cluster will be skipped"
	@touch $@

smoke: setup ## run the built-in study and print the path of the report
	@$(BIN)/rankdet plan --check --configfile $(STUDY)
	$(BIN)/snakemake --cores $(CORES) --configfile $(STUDY)

claims: setup ## run the study of the papers' claims (hours), and compare it with the newest committed results
	@$(BIN)/rankdet plan --check --configfile $(CLAIMS)
	$(BIN)/snakemake --cores $(CORES) --configfile $(CLAIMS)
	@record=$$(ls -d data/measured/claims-* 2>/dev/null | sort | tail -1); \
	  if [ -n "$$record" ]; then $(BIN)/rankdet agree claims "$$record"; \
	  else echo "There is no committed outcome in data/measured yet: rankdet record claims writes one"; fi

test: setup $(TRITON) ## run the tests (minutes)
	$(BIN)/python -m pytest -m 'not slow' $(PARALLEL)

test-cluster: setup $(PLUGIN) ## start a SLURM on this machine and run studies on it (root; tests/cluster/README.md)
	$(BIN)/python -m pytest -rs tests/cluster

reliability: setup $(PLUGIN) ## run the tests of damaged files, kills and other faults, and write docs/reliability.md
	$(BIN)/python -m pytest -q -m fault --reliability=docs/reliability.md tests

coverage: setup $(TRITON) ## run the tests with coverage; fails below the floor
	$(BIN)/python -m pytest -m 'not slow' $(PARALLEL) --cov --cov-report=term --cov-fail-under=$(FLOOR)

test-lowest: ## run the tests of the losses with the oldest versions of Python and PyTorch
	@PYTHON="$(PYTHON)" bash envs/test-lowest.sh

check-all: lint docs test-lowest $(TRITON) $(PLUGIN) ## lint and run all tests, also the slow ones, those of a cluster and those with the oldest versions
	$(BIN)/python -m pytest $(PARALLEL)

lint: setup ## check style, types, security, layers and the workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflows
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml rankdet workflows analysis
	$(BIN)/lint-imports

example: setup ## rebuild reports/example and its pictures from a finished smoke study (for a release)
	$(BIN)/rankdet report $(EXAMPLE) --out reports/example
	$(BIN)/python -m tests.report.pictures reports/example docs/images
	$(BIN)/python -m pytest -q tests/report/test_example.py

gpu-wheels: ## collect the packages that the GPU check needs on a machine without internet
	@PYTHON="$(PYTHON)" PYTHON_VERSION="$(PYTHON_VERSION)" WHEELS="$(WHEELS)" bash envs/gpu-wheels.sh

gpu-check: ## check one GPU in 8 minutes: losses, iterations, trainings (GPU=... for options)
	@PYTHON="$(PYTHON)" WHEELS="$(WHEELS)" bash envs/gpu-check.sh $(GPU)

clean: ## remove results and reports; keep the environment
	rm -rf results reports/html .snakemake .coverage .coverage.*
