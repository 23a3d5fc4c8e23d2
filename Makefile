# Every command a person types. `make` prints this help.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PRESET ?= cpu
ARGS ?=

.PHONY: help setup demo build up down logs test lint format bench eval train verify weights configs clean

help: ## print this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## create .venv with everything that builds, serves and tests

$(VENV)/.installed: requirements-dev.txt constraints.txt runtime/pyproject.toml build/pyproject.toml client/pyproject.toml loadtest/pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check torch -c constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch $@

lint: setup ## ruff, mypy, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy runtime/gsv_runtime build/gsv_build client/gsv_client loadtest/gsv_loadtest
	$(BIN)/lint-imports

format: setup ## rewrite the code in house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup ## every test that needs no GPU
	$(BIN)/pytest $(ARGS)
