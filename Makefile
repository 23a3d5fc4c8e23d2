# Every command a person types. `make` prints this help.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PRESET ?= cpu
WEIGHTS ?= var/weights/random
ARGS ?=
# What the demo's reference clip says.
DEMO_PROMPT := She had a warm and steady voice, and she read the letter slowly, from the first line to the last.

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

build: setup ## export WEIGHTS=dir into model_repository/ for PRESET=cpu|onnx|tensorrt; skips what is up to date
	$(BIN)/python -m gsv_build build --preset $(PRESET) --weights $(WEIGHTS) $(ARGS)

weights: setup ## fetch the published checkpoints (several GB) into var/weights
	$(BIN)/python -m gsv_build weights $(ARGS)

verify: setup ## every stage of every version, PyTorch against ONNX, official sizes (ARGS="--size small" is quicker)
	$(BIN)/python -m gsv_build verify --json $(ARGS)

configs: setup ## render every config.pbtxt
	$(BIN)/python -m gsv_build configs $(ARGS)

up: setup ## start the local server on 127.0.0.1 and wait until it is ready
	$(BIN)/python -m gsv_build up $(ARGS)

down: setup ## stop it
	$(BIN)/python -m gsv_build down $(ARGS)

logs: setup ## print its log; ARGS=-f follows
	$(BIN)/python -m gsv_build logs $(ARGS)

demo: setup ## weights, build, server, three sentences to var/demo/, and where the time went
	@test -d $(WEIGHTS) || $(BIN)/python -m gsv_build random --size small --version v2 -o $(WEIGHTS)
	$(BIN)/python -m gsv_build build --preset cpu --weights $(WEIGHTS)
	$(BIN)/python -m gsv_build up
	GSV_URL=$${GSV_URL:-127.0.0.1:$${GSV_GRPC_PORT:-8001}} $(BIN)/python -m gsv_client.demo --reference tests/data/reference-slt.flac \
	  --prompt-text "$(DEMO_PROMPT)" --prompt-language en \
	  --weights-note "$(if $(findstring random,$(WEIGHTS)),random: what you hear is noise not speech,$(WEIGHTS))" $(ARGS)

eval: setup ## how well the demo voice speaks: 100 held-out sentences through the running server
	$(BIN)/python -m gsv_demo.evaluate $(ARGS)
