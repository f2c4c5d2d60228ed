# Every target sets up what it needs first: `make run` on a fresh clone is enough.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# A worker takes up to 3 GB; tests of one file share their fixtures; tests/conftest.py orders the files.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

# What tools/bootstrap.py decides must not be changed by a virtual environment that happens to be active.
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help setup run test test-slow check format results bench airflow flink spark lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv from the lock (PYTHON=... chooses the interpreter)
	@python=$$(PYTHON="$(PYTHON)" sh tools/find_python.sh) && "$$python" -m tools.bootstrap

run: setup ## run the penguin pipeline, from raw data to a pushed model
	@$(BIN)/mlpipe run penguin

test: setup ## the fast tests
	@$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

test-slow: setup ## the slow tests: whole pipelines
	@$(BIN)/python -m pytest $(PARALLEL) -m slow

check: setup ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

results: setup ## measure again and rewrite docs/results.md (ONLY="penguin taxi": some rows)
	@$(BIN)/python -m benchmarks.results $(ONLY)

bench: setup ## measure against stock TFX and rewrite benchmarks/README.md (ONLY="scale": some)
	@$(BIN)/python -m benchmarks.bench $(ONLY)

airflow: setup ## start Airflow on this machine with the DAG of penguin (PIPELINE=... PORT=...)
	@python=$$(PYTHON="$(PYTHON)" sh tools/find_python.sh) && "$$python" -m tools.airflow start $(PIPELINE) $(if $(PORT),--port $(PORT))

flink: setup ## start Flink on this machine with two task managers, and Beam's job server (PORT=... JOB_PORT=...)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tools.flink start $(if $(PORT),--port $(PORT)) $(if $(JOB_PORT),--job-port $(JOB_PORT))

spark: setup ## start Beam's job server for Spark on this machine (JOB_PORT=...)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tools.spark start $(if $(JOB_PORT),--job-port $(JOB_PORT))

lock: ## resolve setup.py again and rewrite requirements/*.lock (UPGRADE=1: newest versions)
	@python=$$(PYTHON="$(PYTHON)" sh tools/find_python.sh) && "$$python" -m tools.lock $(if $(UPGRADE),--upgrade)

clean: ## remove what set-up and the tools made (not .mlpipe: your runs)
	rm -rf $(VENV) .venv-airflow .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -type d -not -path './.mlpipe/*' -prune -exec rm -rf {} +
