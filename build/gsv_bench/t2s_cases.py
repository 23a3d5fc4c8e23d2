"""T2S networks and prompts that benchmarks of T2S alone run on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gsv_build import checkpoints
from gsv_build.checks.module_stages import ModuleStages, Networks
from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs, write_t2s_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_build.stage_builds import Weights
from gsv_build.weights import find_weights
from gsv_runtime.graphs.session import Device
from gsv_runtime.speech_request import ReferenceRequest, Sampling
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.fused_engine import FusedEngine
from gsv_runtime.t2s.request import Prompt
from gsv_runtime.voices.cloning import derive_voice

PROMPT_PHONES, PROMPT_TOKENS = 60, 100
CACHE_ROWS = 512
SAMPLING = Sampling(top_k=15, top_p=1.0, temperature=1.0, repetition_penalty=1.35, seed=0)
_TEXTS = ("She sells fresh bread in the old market every morning.", "A cold wind came over the hills before the rain.")


@dataclass(frozen=True)
class T2SSide:
    """How T2S is run on a CPU.

    Attributes:
        precision: of its weights.
        fused: by the library of ours, else by ONNX Runtime.
        half_cache: keys and values in half precision; the library's own choice where not said.
    """

    precision: T2SPrecision
    fused: bool = False
    half_cache: bool | None = None

    @property
    def name(self) -> str:
        """For a table."""
        cache = {None: "", True: ", cache float16", False: ", cache float32"}[self.half_cache]
        return f"{'fused ' if self.fused else ''}{self.precision.value}{cache}"


@contextmanager
def engine_graph(module: T2S, precision: T2SPrecision) -> Iterator[Path]:
    """The graph that ONNX Runtime runs, in a folder that goes when the context ends."""
    with tempfile.TemporaryDirectory(prefix="gsv-bench-t2s-") as folder:
        yield write_t2s_graphs(module, Path(folder), CACHE_ROWS, T2SQuantisation(precision)).engine


def open_engine(module: T2S, side: T2SSide, slots: int, threads: int) -> CpuEngine | FusedEngine:
    """An engine as it is served; its graph is loaded and gone."""
    with engine_graph(module, side.precision) as graph:
        if side.fused:
            engine = FusedEngine(graph.parent, slots, CACHE_ROWS, threads, side.half_cache)
            engine.most_steps = 1  # so that a round is a step, whoever runs it
            return engine
        return CpuEngine(graph, slots, CACHE_ROWS, threads)


def open_cuda_engine(module: T2S, slots: int, device: Device, capture: bool) -> CudaEngine:
    """The engine of a GPU, as it is served there and warm; its graphs are loaded and gone."""
    with tempfile.TemporaryDirectory(prefix="gsv-bench-t2s-") as folder:
        files = write_t2s_gpu_graphs(module, Path(folder), CACHE_ROWS)
        engine = CudaEngine(files.prefill, files.decode_step, slots, CACHE_ROWS, device, capture)
    engine.warm_up()
    return engine


def never_end(module: T2S) -> None:
    """Make EOS never worth drawing: its logit is 0, below the best of a thousand."""
    with torch.no_grad():
        module.head.weight[-1] = 0


def random_prompt(sizes: T2SSizes, seed: int) -> Prompt:
    """A prompt of 60 phones and 100 tokens, drawn at random."""
    generator = np.random.default_rng(seed)
    return Prompt(
        phones=generator.integers(0, sizes.num_phones, PROMPT_PHONES),
        bert_features=generator.standard_normal((sizes.bert_dim, PROMPT_PHONES)).astype(np.float32),
        prompt_tokens=generator.integers(0, sizes.vocabulary - 1, PROMPT_TOKENS),
        sampling=SAMPLING,
        max_tokens=1,
    )


def spoken_prompts(weights_directory: Path) -> tuple[T2S, list[Prompt]]:
    """The T2S network of a voice model, and prompts of its references with sentences that it has not read."""
    from gsv_runtime.text.frontend import TextFrontend  # its libraries are not on every machine that measures

    weights = Weights(find_weights(weights_directory))
    hubert = checkpoints.load_hubert(weights.files.hubert).module
    frontend = TextFrontend(weights.sovits.sizes.version.symbols, None)
    stages = ModuleStages(
        Networks(weights.t2s.module, weights.sovits.module, hubert),
        lambda text, language, split_method: vars(frontend.process(text, language, split_method)),
    )
    folder = weights_directory / "references"
    prompts = []
    for each in json.loads((folder / "references.json").read_text(encoding="utf-8")):
        audio = (folder / each["audio"]).read_bytes()
        request = ReferenceRequest(audio, each["prompt_text"], each["prompt_language"], trim=False)
        voice = derive_voice(request, stages, weights.facts)
        for text in _TEXTS:
            phones = np.concatenate([voice.prompt_phones, frontend.process(text, "en", "none").phones])
            features = np.zeros((weights.facts.bert_dim, phones.size), dtype=np.float32)  # as English has
            prompts.append(Prompt(phones, features, voice.prompt_tokens, SAMPLING, max_tokens=1))
    return weights.t2s.module, prompts
