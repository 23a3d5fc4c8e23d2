"""Opens a graph with ONNX Runtime, with the session options that every stage shares."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from gsv_runtime.tensors import Array

# How long a worker thread looks for work before it sleeps. A T2S step hands it work about 150 times, and waking it up
# takes tens of microseconds each time. Unlimited, as ONNX Runtime has it, two sessions on two cores take 5 to 8 times
# as long (docs/triton-findings.md, finding 16); this little cost sessions that run side by side nothing that could be
# measured (docs/decisions/0008-t2s-precision-and-spinning.md).
SPIN_US = 100
# TensorFloat-32 multiplies float32 with the 11 bits of half precision. What stays in float32 stays so because that is
# too little for it (docs/decisions/0025-half-precision-in-the-graph.md).
_EXACT = {"use_tf32": "0"}
# Sessions of one process share what a run takes and gives back. Weights lie outside it, so that they go with their
# session; a demo fine-tune took 11 MiB more than its weights without (docs/decisions/0029-weights-in-the-stages.md).
_SHARED_ARENA = {"session.use_env_allocators": "1", "session.use_device_allocator_for_initializers": "1"}


class Device(NamedTuple):
    """Where a graph's memory lies, in ONNX Runtime's words."""

    kind: str  # "cpu" or "cuda"
    number: int = 0

    @property
    def provider(self) -> str:
        """Who runs graphs there."""
        return f"{self.kind.upper()}ExecutionProvider"

    def is_here(self) -> bool:
        """Whether this ONNX Runtime was built with a provider for it; that it loads shows when a graph is opened."""
        return self.provider in onnxruntime.get_available_providers()


CPU, CUDA = Device("cpu"), Device("cuda")


def open_session(
    graph: Path,
    intra_op_threads: int,
    entries: Mapping[str, str] | None = None,
    device: Device = CPU,
    provider_options: Mapping[str, str] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> onnxruntime.InferenceSession:
    """Load `graph`.

    Args:
        graph: weight files lie beside it.
        intra_op_threads: threads of one operator.
        entries: entries of the session's configuration that replace ours, for measurements.
        device: where it runs.
        provider_options: of the device's execution provider.
        sizes: axis letter to the one size that it shall have; the graph is simplified for it.

    Raises:
        RuntimeError: ONNX Runtime cannot run on that device here; it would have gone to the CPU without a word.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    ours = {"session.intra_op.allow_spinning": "1", "session.intra_op.spin_duration_us": str(SPIN_US)}
    if device.kind == "cpu":
        _share_arena()
        ours |= _SHARED_ARENA
    for key, value in {**ours, **(entries or {})}.items():
        options.add_session_config_entry(key, value)
    for axis, size in (sizes or {}).items():
        options.add_free_dimension_override_by_name(axis, size)
    if device.kind == "cuda":
        options.log_severity_level = 3  # it warns of every shape that it computes on the CPU, on purpose
        _load_cuda_libraries()
    of_device = {"device_id": str(device.number), **_EXACT} if device.kind == "cuda" else {}
    chosen = [(device.provider, {**of_device, **(provider_options or {})})]
    if device.is_here():
        session = onnxruntime.InferenceSession(str(graph), options, providers=chosen)
        if device.provider in session.get_providers():
            return session
    raise RuntimeError(
        f"ONNX Runtime {onnxruntime.__version__} has no {device.provider} that works here; install onnxruntime-gpu, "
        f"the CUDA libraries that it needs and a driver, or choose device cpu (gsv-local --device cpu; "
        "at a server build/gsv_build/deployment.py)"
    )


class BadInput(ValueError):
    """ONNX Runtime cannot compute with an input; the message says why, without its own file names."""


class GraphSession(Protocol):
    """A loaded graph: ONNX Runtime's own session, or one that looks like it."""

    def get_inputs(self) -> Sequence[Any]:
        """Inputs, each with `name` and `shape`."""
        ...

    def run(self, output_names: Sequence[str], input_feed: Mapping[str, Array], run_options: Any = None) -> list[Array]:
        """Compute the outputs named."""
        ...


def run(
    session: GraphSession, outputs: Sequence[str], inputs: Mapping[str, Array], gives_back: bool = False
) -> list[Array]:
    """Compute a graph once.

    Args:
        session: the graph.
        outputs: names of what is wanted.
        inputs: name to array.
        gives_back: whether the memory is given back that it takes beyond what was taken at start.

    Raises:
        BadInput: an input holds an id that the graph lacks, or has a size that it cannot take.
    """
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4  # what is refused is raised; whoever asks for it shall not fill the log
    if gives_back:
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    try:
        values: list[Array] = session.run(list(outputs), dict(inputs), options)
    except InvalidArgument as refusal:
        found = re.search(r"idx=(-?\d+) must be within the inclusive range \[-?\d+,(\d+)\]", str(refusal))
        told = (
            f"it holds the id {found[1]}; need 0 to {found[2]}" if found else "an input has a size that the graph lacks"
        )
        raise BadInput(told) from None
    return values


@functools.cache
def _share_arena() -> None:
    """Make the memory that sessions on the CPU share; once in a process, as ONNX Runtime wants it."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(memory, None)


@functools.cache
def _load_cuda_libraries() -> None:
    """Load CUDA's libraries from their wheels, where they are installed: the loader does not look there itself."""
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
