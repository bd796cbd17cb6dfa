# `make run` and `make test` are all the set-up there is; both prepare what they need. `make` lists the rest.
SHELL := /bin/bash
PYTHON := .venv/bin/python
UV_COMPILE := $(PYTHON) -m uv pip compile pyproject.toml --generate-hashes --no-emit-index-url -q

.DEFAULT_GOAL := help
.PHONY: help run test test-all check translations bench lock clean prepare-run prepare-test prepare-browser prepare-bench

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: prepare-run ## the whole portal with demo data and sandbox vendors; PORT=8080 chooses its port
	@exec $(PYTHON) manage.py up $(if $(PORT),--port $(PORT))

test: prepare-test prepare-browser ## the tests, without the slow ones
	@$(PYTHON) -m pytest -n 2 -m "not slow"

test-all: prepare-test prepare-browser ## every test
	@$(PYTHON) -m pytest -n 2

check: prepare-test ## lint, format, types, layers, Django's checks, missing migrations
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy .
	$(PYTHON) -c "from importlinter.cli import lint_imports_command; lint_imports_command()" --no-logo
	$(PYTHON) manage.py check
	$(PYTHON) manage.py makemigrations --check --dry-run

translations: prepare-test ## collect the customer's messages into the German catalogue and compile it
	@$(PYTHON) -m tests.i18n

bench: prepare-bench ## speed and memory against their limits
	@$(PYTHON) -m tests.benchmarks

lock: prepare-test ## pin pyproject.toml's dependencies again, with hashes
	$(UV_COMPILE) -o requirements.txt
	$(UV_COMPILE) --extra dev -c requirements.txt -o tests/requirements.txt
	$(UV_COMPILE) --extra dev --extra bench -c tests/requirements.txt -o tests/benchmarks/requirements.txt

clean: ## remove the environment and caches, but no data
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache staticfiles

prepare-run prepare-test prepare-browser prepare-bench: prepare-%:
	@.ci/prepare $*
