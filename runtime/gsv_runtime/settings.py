"""What a running model reads: its own pbtxt parameters, and the facts of the checkpoint it was built from.

Each kind of model has one frozen dataclass without defaults: `deployment.py` writes the numbers, `pbtxt.py`
renders them as `parameters`, and `read` turns them back. Facts that a checkpoint decides (so that committed
config.pbtxt files cannot carry them) stand in `model_repository/build.json`, which `make build` writes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

BLS_THREADS = 64  # stage calls that one model may have in flight
ADMIN_KEY = "GSV_ADMIN_KEY"  # environment variable with the server's key
BUILD_FILE = "build.json"
# Parameter of a request in which our models show the server's key to those that answer them alone.
KEY_PARAMETER = "gsv_key"
# Parameter of a request that asks for a sign of life only; any model answers it at once, with no output.
PULSE_PARAMETER = "gsv_pulse"
LANGUAGES = "GSV_LANGUAGES"  # environment variable with the operator's setting of that name
STATE = "GSV_STATE"  # environment variable: folder of all that a server keeps; `server.local_server` sets it

# Who runs a graph: in float32, or with products in bfloat16.
GRAPH_ENGINES = ONNX_RUNTIME, OPENVINO, OPENVINO_BF16 = ("onnxruntime", "openvino", "openvino-bf16")
FUSED = "fused"  # who runs T2S's steps on a CPU: our own library, or ONNX Runtime
T2S_ENGINES = (ONNX_RUNTIME, FUSED)


@dataclass(frozen=True)
class TtsSettings:
    """Public model: how many requests are let in, and how they take turns at the stages."""

    max_streams: int  # requests that are answered at once; the next is refused
    max_start_s: float  # an interactive request that would start speaking later than this is refused
    max_batch_start_s: float  # a batch request
    min_stream_throughput: (
        float  # seconds of audio a second that each listener is to get, or the next is refused; 0: never
    )
    t2s_slots: int  # sentences that make tokens at once: the slots of t2s
    stage_slots: int  # calls that each other stage has at once, one batch at work and one ready
    tokens_per_call: int  # asked from t2s at once, when those of the first chunk are there
    tokens_ahead: int  # with so many waiting to be decoded, a request begins no further sentence
    first_chunk_tokens: int  # this and the next four are chunking.ChunkSchedule's
    max_chunk_tokens: int
    lookahead_tokens: int
    encoder_tokens: int
    window_bucket: int
    voices_directory: str  # relative to the server's state
    cache_memory_bytes: int  # of the first level; 0 is none
    cache_redis_url: str  # of the second, such as redis://host:6379/0; empty is none
    cache_ttl_s: float  # how long Redis keeps an entry
    cache_directory: str  # of the third, relative to the server's state; empty is none
    cache_disk_bytes: int


@dataclass(frozen=True)
class VoicesSettings:
    """Voice registration."""

    max_streams: int
    max_voices: int
    voices_directory: str  # relative to the server's state


@dataclass(frozen=True)
class FineTunesSettings:
    """Which fine-tunes stay loaded."""

    loaded_bytes: int  # of checkpoints, beside the first's; the least recently used go when one more would not fit
    patience_s: float  # after which a fine-tune that waits for room has one that is in use closed to newcomers


@dataclass(frozen=True)
class TextFrontendSettings:
    """How text is read."""

    frontend: str  # improved, or upstream for the phones that upstream would give


@dataclass(frozen=True)
class OnnxStageSettings:
    """A stage run by ONNX Runtime inside the Python backend."""

    intra_op_threads: int  # on a CPU
    device: str  # "cpu", or "cuda": the first that the process sees
    shapes: str  # captured at start on a GPU, as `shape_buckets.parse_shapes` reads them; empty: none, any shape runs
    engine: str  # of GRAPH_ENGINES; those of OpenVINO on a CPU


@dataclass(frozen=True)
class T2SSettings:
    """Continuous batching of text-to-semantic."""

    slots: int  # sequences that advance together; also max_batch_size and Triton's candidate sequences
    cache_rows: int  # phones and tokens that a slot can hold
    intra_op_threads: int  # on a CPU
    device: str  # "cpu", or "cuda": the first that the process sees
    engine: str  # of T2S_ENGINES, on a CPU; where it cannot run, ONNX Runtime does
    cuda_graph: bool  # whether each shape below is captured as CUDA graphs at start; these three are a GPU's
    spans: str  # slots that a launch runs, "1, 4, 16": the least that holds all who speak; the last: all slots
    prefill_rows: str  # phones and tokens that prompts are padded to, likewise; the last: cache_rows
    steps_per_launch: int  # decode steps with their draws between two looks of the host
    idle_s: float  # a sequence that is not asked for this long loses its slot
    repetition_window: int  # tokens watched for a loop; 0 lets loops run to the limit
    repetition_least_distinct: int  # fewer different tokens among them are a loop
    limit_tokens_per_phone: float  # a sentence that wants more has run away
    limit_tokens_at_least: int


Settings = TypeVar("Settings")

_PARSERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": {"true": True, "false": False}.__getitem__,
}


def read(kind: type[Settings], args: Mapping[str, str]) -> Settings:
    """Parse a model's parameters.

    Args:
        kind: the dataclass of this kind of model; each field is one parameter.
        args: what Triton hands to `initialize`.

    Raises:
        ValueError: a parameter is missing, unknown or not of its type.
    """
    config = json.loads(args["model_config"])
    values = {name: entry["string_value"] for name, entry in config.get("parameters", {}).items()}
    return parse(kind, values)


def parse(kind: type[Settings], values: Mapping[str, str]) -> Settings:
    """Parse parameter strings into `kind`; names in capitals belong to the Python backend and are skipped."""
    ours = {name: text for name, text in values.items() if not name.isupper()}
    types = {field.name: str(field.type) for field in fields(kind)}  # type: ignore[arg-type]
    if ours.keys() != types.keys():
        missing, surplus = sorted(types.keys() - ours.keys()), sorted(ours.keys() - types.keys())
        raise ValueError(
            f"{kind.__name__}: parameters missing: {missing}, unknown: {surplus}; run `python -m gsv_build configs`"
        )
    parsed: dict[str, Any] = {}
    for name, text in ours.items():
        try:
            parsed[name] = _PARSERS[types[name]](text)
        except (ValueError, KeyError):
            raise ValueError(f"{kind.__name__}.{name} is {text!r}; need {types[name]}") from None
    return kind(**parsed)


@dataclass(frozen=True)
class CheckpointFacts:
    """What the runtime must know of the checkpoint that the repository was built from."""

    version: str  # ModelVersion value: v1, v2, v2Pro, v2ProPlus
    weights_digest: str  # voices registered with other weights are refused
    latent_dim: int
    global_dim: int
    bert_dim: int
    has_bert: bool  # without BERT, Chinese is spoken with zero features
    bert_cls_id: int
    bert_sep_id: int
    flow_receptive_field_frames: int  # frames to each side that decide a latent frame, after the text encoder
    vocoder_receptive_field_frames: int  # and that decide a frame's samples

    @classmethod
    def from_repository(cls, repository: Path) -> CheckpointFacts:
        """Read them from `build.json` of a model repository.

        Raises:
            ValueError: there is none, or another version of this code wrote it.
        """
        facts = read_build(repository)["facts"]
        if facts.keys() != {field.name for field in fields(cls)}:
            raise ValueError(f"{repository.name} was built by another version; run `make build` again")
        return cls(**facts)


def read_build(repository: Path) -> dict[str, Any]:
    """Read `build.json`: preset, models, facts and stages.

    Raises:
        ValueError: the repository was never built, or its last build did not end.
    """
    path = repository / BUILD_FILE
    if not path.is_file():
        raise ValueError(f"{repository.name} has no {BUILD_FILE}; run `make build`")
    build: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if "facts" not in build:
        raise ValueError(f"the last build of {repository.name} did not end; run `make build` again")
    return build


def repository_of(args: Mapping[str, str]) -> Path:
    """The model repository that this model was loaded from (Triton gives the model's own directory)."""
    return Path(args["model_repository"]).parent


def languages_at_start(every: Iterable[str], environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Those of `every` that the operator wants loaded at start: all of them, unless said otherwise."""
    chosen = environment.get(LANGUAGES) or " ".join(every)
    return tuple(code for code in every if code in chosen.split())


def state_of(repository: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of all that this repository's server keeps (voices, cache, log); `var` beside it if none is named."""
    return Path(environment.get(STATE) or repository.parent / "var")
