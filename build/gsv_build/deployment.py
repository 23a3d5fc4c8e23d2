"""How the repository is run: runtimes, batch sizes, instances, precision and engine profiles. The one place.

A preset is one `Deployment`. `pbtxt.py` renders config.pbtxt from it, `engines.py` the TensorRT profiles, so that
`max_batch_size` and the largest batch of an engine are the same number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from gsv_build.graphs.graph_quantisation import T2SQuantisation
from gsv_build.graphs.precision import Precision
from gsv_runtime.contract import FRAMES_PER_TOKEN, MODELS, TEXT_FRONTEND, Model
from gsv_runtime.graphs.shape_buckets import render_shapes
from gsv_runtime.settings import (
    BLS_THREADS,
    FUSED,
    ONNX_RUNTIME,
    FineTunesSettings,
    OnnxStageSettings,
    T2SSettings,
    TextFrontendSettings,
    TtsSettings,
    VoicesSettings,
)
from gsv_runtime.tensors import LARGEST


class Runtime(Enum):
    """Who runs a model."""

    PYTHON = "python"
    ONNX_RUNTIME = "onnxruntime"
    TENSORRT = "tensorrt"


@dataclass(frozen=True)
class Span:
    """Sizes of one axis that a TensorRT engine must take; `opt` is the one that it is tuned for."""

    min: int
    opt: int
    max: int


@dataclass(frozen=True)
class ModelDeployment:
    """How one model is run."""

    runtime: Runtime = Runtime.PYTHON
    on_gpu: bool = False
    instances: int = 1
    max_batch_size: int = 0  # rows of the largest batch; 0: the model is not batchable
    queue_delay_us: int = 0  # how long the first request of a batch waits for others
    settings: Any = None  # dataclass of gsv_runtime.settings, rendered as parameters
    profile: Mapping[str, Span] = field(default_factory=dict)  # axis letter to sizes, "B" left out

    @property
    def batch_span(self) -> Span:
        """Batch sizes of an engine: up to what Triton will form, and tuned for that."""
        return Span(1, self.max_batch_size, self.max_batch_size)


@dataclass(frozen=True)
class Deployment:
    """A preset."""

    preset: str
    precision: Precision  # of exported graphs
    models: Mapping[str, ModelDeployment]
    # Of T2S on a CPU; int8 is faster and changes tokens (docs/decisions/0008). None: as the weights directory says.
    t2s_quantisation: T2SQuantisation | None = None
    kept_float32: frozenset[str] = frozenset()  # models that do not run at `precision`

    def precision_of(self, model: Model) -> Precision:
        """Precision of a model's graph."""
        return Precision.FP32 if model.name in self.kept_float32 else self.precision

    def model(self, model: Model) -> ModelDeployment:
        """How `model` is run here."""
        return self.models[model.name]


_VOICES_DIRECTORY = "voices"
EDGE_MAX_WORDS = 50  # of one request, which a small device can speak while its listener waits


def _profile(model: str, **sizes: tuple[int, int]) -> Mapping[str, Span]:
    """Spans from the least and the usual size of each axis to the largest that the contract allows."""
    return {axis: Span(least, usual, LARGEST[model][axis]) for axis, (least, usual) in sizes.items()}


_PROFILES: Mapping[str, Mapping[str, Span]] = {
    "bert": _profile("bert", C=(3, 24)),
    "hubert": _profile("hubert", N=(57_600, 89_600)),
    "speech_tokenizer": _profile("speech_tokenizer", F=(179, 279)),
    "speaker_encoder": _profile("speaker_encoder", F=(298, 498)),
    "reference_encoder": _profile("reference_encoder", F=(150, 250)),
    "acoustic": _profile("acoustic", T=(1, 75), P=(1, 60), F=(2, 150)),
    "vocoder": _profile("vocoder", F=(2, 150)),
}

_CPU_THREADS, _CPU_SLOTS = 2, 12  # ten listeners at once each have a slot: decision 12
_GPU_SLOTS, _GPU_BATCH = 16, 8
_CACHE_ROWS = 2560
_CPU = Deployment(
    preset="cpu",
    precision=Precision.FP32,
    models={
        "tts": ModelDeployment(
            settings=TtsSettings(
                max_streams=BLS_THREADS,
                max_start_s=30.0,
                max_batch_start_s=120.0,
                min_stream_throughput=0.0,  # 1.2 where listeners shall hear no gap and be refused instead: decision 15
                t2s_slots=_CPU_SLOTS,
                stage_slots=2,
                tokens_per_call=5,
                tokens_ahead=100,
                first_chunk_tokens=20,
                max_chunk_tokens=160,
                lookahead_tokens=12,
                encoder_tokens=250,
                window_bucket=1,  # two cores gain nothing by batches
                voices_directory=_VOICES_DIRECTORY,
                cache_memory_bytes=256 * 2**20,  # half an hour of speech
                cache_redis_url="",  # one server, with nothing installed beside it
                cache_ttl_s=7 * 86_400.0,
                cache_directory="cache",
                cache_disk_bytes=2**30,  # two hours
            )
        ),
        "voices": ModelDeployment(
            settings=VoicesSettings(max_streams=8, max_voices=10_000, voices_directory=_VOICES_DIRECTORY)
        ),
        "models": ModelDeployment(settings=FineTunesSettings(loaded_bytes=4 * 2**30, patience_s=2.0)),
        "text_frontend": ModelDeployment(settings=TextFrontendSettings(frontend="improved")),
        "t2s": ModelDeployment(
            max_batch_size=_CPU_SLOTS,
            settings=T2SSettings(
                slots=_CPU_SLOTS,
                cache_rows=_CACHE_ROWS,
                intra_op_threads=_CPU_THREADS,
                device="cpu",
                engine=FUSED,
                cuda_graph=False,
                spans="",
                prefill_rows="",
                steps_per_launch=1,
                idle_s=60.0,
                repetition_window=100,  # 4 s, which no pause inside a sentence lasts
                repetition_least_distinct=8,
                limit_tokens_per_phone=12.0,  # speech has 1 to 4
                limit_tokens_at_least=100,
            ),
        ),
        **{
            model.name: ModelDeployment(
                # On two cores a vocoder batch is no faster than its rows, and padding adds work.
                max_batch_size=(1 if model.name == "vocoder" else 4) if model.batchable else 0,
                settings=OnnxStageSettings(intra_op_threads=_CPU_THREADS, device="cpu", shapes="", engine=ONNX_RUNTIME),
            )
            for model in MODELS
            if model.graph
        },
    },
)


# Shapes that acoustic model and vocoder are captured at; a chunk of the schedule and what lies around it fit one.
_CAPTURED_ROWS, _CAPTURED_TOKENS, _CAPTURED_PHONES = (1, 2, 4, 8), (32, 48, 80, 112, 176), 128
_CAPTURED_SHAPES: Mapping[str, str] = {
    "acoustic": render_shapes(
        _CAPTURED_ROWS,
        [{"T": tokens, "P": _CAPTURED_PHONES, "F": FRAMES_PER_TOKEN * tokens} for tokens in _CAPTURED_TOKENS],
    ),
    "vocoder": render_shapes(_CAPTURED_ROWS, [{"F": FRAMES_PER_TOKEN * tokens} for tokens in _CAPTURED_TOKENS]),
}
_CUDA_SLOTS = 64
# ONNX Runtime 1.31.1 with cuDNN 9.19 on an H100 finds no algorithm for the vocoder's dilated convolutions at float16
# (HEURISTIC_QUERY_FAILED; docs/benchmarks.md, "On an H100"). In preset cuda its products are TensorFloat-32 instead.
_NOT_HALF_ON_CUDA = frozenset({"vocoder"})


# Slots of a launch: a step of 64 takes 1.5 times one of 1 (docs/benchmarks.md, "On an H100"). A prompt is phones and
# tokens of a reference of 3 to 10 s, 75 to 250 of those, and the phones of a sentence.
_SPANS, _PREFILL_ROWS = (1, 4, 8, 16, 32, 64), (128, 192, 256, 384, 768, _CACHE_ROWS)


def _on_cuda(settings: T2SSettings, slots: int) -> T2SSettings:
    """T2S on a GPU: every shape captured at start, several steps with their draws a launch."""
    return replace(
        settings,
        slots=slots,
        device="cuda",
        cuda_graph=True,
        spans=", ".join(str(span) for span in _SPANS if span <= slots),
        prefill_rows=", ".join(map(str, _PREFILL_ROWS)),
        steps_per_launch=8,
    )


def _with_pip_alone() -> Deployment:
    """A GPU server without a container: the wheel's tritonserver, and every graph on ONNX Runtime's CUDA provider."""
    models = dict(_CPU.models)
    tts, t2s = models["tts"], models["t2s"]
    models["tts"] = replace(
        tts,
        settings=replace(
            tts.settings,
            max_start_s=5.0,
            t2s_slots=_CUDA_SLOTS,
            stage_slots=2 * _GPU_BATCH,
            tokens_per_call=11,  # two calls for a chunk of 20
            first_chunk_tokens=10,
            window_bucket=8,
            cache_memory_bytes=2**30,
            cache_disk_bytes=16 * 2**30,
        ),
    )
    settings = _on_cuda(t2s.settings, _CUDA_SLOTS)
    models["t2s"] = replace(t2s, max_batch_size=_CUDA_SLOTS, settings=settings)
    for model in MODELS:
        if model.graph:
            models[model.name] = ModelDeployment(
                max_batch_size=_GPU_BATCH if model.batchable else 0,
                settings=OnnxStageSettings(
                    intra_op_threads=_CPU_THREADS,
                    device="cuda",
                    shapes=_CAPTURED_SHAPES.get(model.name, ""),
                    engine=ONNX_RUNTIME,
                ),
            )
    return Deployment("cuda", Precision.FP16, models, kept_float32=_NOT_HALF_ON_CUDA)


def _on_gpu(preset: str, runtime: Runtime, precision: Precision = Precision.FP16) -> Deployment:
    """The CPU preset with every graph on a GPU runtime and larger batches. Not run here: no GPU.

    t2s stays in the Python backend, and runs on ONNX Runtime's CUDA provider (docs/decisions/0022-t2s-on-a-gpu.md).
    """
    models = dict(_CPU.models)
    t2s = models["t2s"]
    settings = _on_cuda(t2s.settings, _GPU_SLOTS)
    tts = replace(
        models["tts"].settings,
        max_start_s=5.0,
        t2s_slots=_GPU_SLOTS,
        stage_slots=2 * _GPU_BATCH,
        window_bucket=8,
        cache_memory_bytes=2**30,
        cache_redis_url="redis://redis:6379/0",  # docker-compose.yml starts it
        cache_disk_bytes=16 * 2**30,
    )
    models["tts"] = replace(models["tts"], settings=tts)
    models["t2s"] = replace(t2s, max_batch_size=_GPU_SLOTS, settings=settings)
    for model in MODELS:
        if model.graph:
            models[model.name] = ModelDeployment(
                runtime=runtime,
                on_gpu=True,
                max_batch_size=_GPU_BATCH if model.batchable else 0,
                queue_delay_us=1_000,
                profile=_PROFILES[model.name],
            )
    kept_float32 = _NOT_HALF_ON_CUDA if runtime is Runtime.ONNX_RUNTIME else frozenset[str]()
    return Deployment(preset, precision, models, kept_float32=kept_float32)


_EDGE_STREAMS = 4


def _on_a_small_device() -> Deployment:
    """The CPU preset for one person's device: a few streams, small caches, and files beside the repository.

    `python -m gsv_build bundle` writes it into a bundle, which the package gsv-local runs in one process.
    """
    models = dict(_CPU.models)
    tts, voices, t2s = models["tts"], models["voices"], models["t2s"]
    speech = replace(
        tts.settings,
        max_streams=_EDGE_STREAMS,
        t2s_slots=_EDGE_STREAMS,
        cache_memory_bytes=32 * 2**20,  # four minutes of speech
        cache_disk_bytes=256 * 2**20,
    )
    models["tts"] = replace(tts, settings=speech)
    kept = replace(voices.settings, max_streams=1, max_voices=1_000)
    models["voices"] = replace(voices, settings=kept)
    models["t2s"] = replace(t2s, max_batch_size=_EDGE_STREAMS, settings=replace(t2s.settings, slots=_EDGE_STREAMS))
    return replace(_CPU, preset="edge", models=models)


PRESETS: Mapping[str, Deployment] = {
    "cpu": _CPU,
    "edge": _on_a_small_device(),
    "cuda": _with_pip_alone(),
    "onnx": _on_gpu("onnx", Runtime.ONNX_RUNTIME),
    "tensorrt": _on_gpu("tensorrt", Runtime.TENSORRT),
}


def with_settings(deployment: Deployment, model: Model, **changes: Any) -> Deployment:
    """The deployment with other settings of one model."""
    changed = deployment.model(model)
    changed = replace(changed, settings=replace(changed.settings, **changes))
    return replace(deployment, models={**deployment.models, model.name: changed})


def with_frontend(deployment: Deployment, frontend: str) -> Deployment:
    """The deployment with text read as `frontend` says: ``improved`` or ``upstream``."""
    return with_settings(deployment, TEXT_FRONTEND, frontend=frontend)
