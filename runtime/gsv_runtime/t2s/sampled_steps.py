"""Several decode steps with their draws on a GPU, one after the other, without the host between them.

A step of a GPU is shorter than its way to the host and back. The graph `t2s_decode_sample` draws its own token from
noise that is an input, and its outputs are the next step's inputs; so the host gives the noise of all steps at once and
reads their tokens at once. A slot that ends in the middle comes out inactive and is left alone by the steps after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from gsv_runtime.graphs.session import CPU, open_session
from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.engine import Array

_MOVED_ON: dict[str, type[np.generic]] = {  # what a step leaves to the next, with its type
    "tokens": np.int64,
    "token_positions": np.int64,
    "rows": np.int64,
    "active": np.bool_,
    "num_generated": np.int64,
    "present": np.bool_,
}
_TOLD: dict[str, type[np.generic]] = {"ended": np.bool_, "finite": np.bool_}
_FIXED: dict[str, type[np.generic]] = {
    "token_limits": np.int64,
    "top_k": np.int64,
    "top_p": np.float32,
    "temperature": np.float32,
    "repetition_penalty": np.float32,
}
_ANY_SAMPLING = Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.0, seed=0)
_WARM_RUNS = 3


@dataclass(frozen=True)
class SlotState:
    """What a slot's next draws depend on, beside its cache; an empty or paused slot is not active."""

    token: int = 0  # drawn last
    token_position: int = 0
    rows: int = 0  # written before this step
    active: bool = False
    num_generated: int = 0
    token_limit: int = 1
    present: Array | None = None  # [V] bool, tokens of the prompt and those generated
    sampling: Sampling = _ANY_SAMPLING


@dataclass(frozen=True)
class DrawnSteps:
    """What the steps drew: a row a step, a column a slot; `tokens` count where a slot was active and did not end."""

    tokens: Array  # [k, S] int64
    active: Array  # [k, S] bool, before the step
    ended: Array  # [k, S] bool: EOS, in an active slot
    finite: Array  # [k, S] bool


class SampledSteps:
    """`num_steps` steps over the slots of an engine."""

    def __init__(self, decode_sample: Path, engine: CudaEngine, num_steps: int, capture: bool = False) -> None:
        """Load the graph; the cache is the engine's.

        Args:
            decode_sample: graph; its weight file lies beside it.
            engine: holds the slots and fills them.
            num_steps: at once.
            capture: whether each step is launched as one CUDA graph.
        """
        self._device = engine.device
        self._slots, self._vocabulary = engine.capacity.slots, engine.capacity.vocabulary
        self._num_steps = num_steps
        options = {"enable_cuda_graph": "1"} if capture and self._device != CPU else None
        sizes = {"B": self._slots}
        self._session = open_session(decode_sample, 1, device=self._device, provider_options=options, sizes=sizes)
        self._states = [self._zeros(_MOVED_ON) for _ in range(num_steps + 1)]
        self._told = [self._zeros(_TOLD) for _ in range(num_steps)]
        self._fixed = self._zeros(_FIXED)
        self._noise = [self._value(np.zeros((self._slots, self._vocabulary), np.float32)) for _ in range(num_steps)]
        self._bindings = [self._bind(engine, step) for step in range(num_steps)]
        self._options = [_run_options(step, last=step == num_steps - 1) for step in range(num_steps)]

    def run(self, states: Sequence[SlotState], noise: Array) -> DrawnSteps:
        """Run the steps.

        Args:
            states: one for each slot. A paused one says how many rows it has: the one after them is written.
            noise: `[k, S, V]` float32 of `sampling.gumbel_noise`; rows of slots that are not active are not read.

        Returns:
            What was drawn.
        """
        for name, column in self._columns(states).items():
            (self._fixed if name in _FIXED else self._states[0])[name].update_inplace(column)
        for value, of_step in zip(self._noise, noise, strict=True):
            value.update_inplace(np.ascontiguousarray(of_step))
        for binding, options in zip(self._bindings, self._options, strict=True):
            self._session.run_with_iobinding(binding, options)
        return DrawnSteps(
            tokens=np.stack([after["tokens"].numpy() for after in self._states[1:]]),
            active=np.stack([before["active"].numpy() for before in self._states[:-1]]),
            ended=np.stack([told["ended"].numpy() for told in self._told]),
            finite=np.stack([told["finite"].numpy() for told in self._told]),
        )

    def warm_up(self) -> None:
        """Run until the steps are captured, before any slot is filled: the first row of each is written."""
        noise = np.zeros((self._num_steps, self._slots, self._vocabulary), np.float32)
        for _ in range(_WARM_RUNS):
            self.run([SlotState()] * self._slots, noise)

    def _columns(self, states: Sequence[SlotState]) -> dict[str, Array]:
        nothing = np.zeros(self._vocabulary, np.bool_)
        columns = {
            "tokens": [state.token for state in states],
            "token_positions": [state.token_position for state in states],
            "rows": [state.rows for state in states],
            "active": [state.active for state in states],
            "num_generated": [state.num_generated for state in states],
            "present": [nothing if state.present is None else state.present for state in states],
            "token_limits": [state.token_limit for state in states],
            **{name: [getattr(state.sampling, name) for state in states] for name in _FIXED if name != "token_limits"},
        }
        return {name: np.array(column, dtype={**_MOVED_ON, **_FIXED}[name]) for name, column in columns.items()}

    def _bind(self, engine: CudaEngine, step: int) -> onnxruntime.IOBinding:
        io = self._session.io_binding()
        for name, value in {**self._states[step], **self._fixed, "noise": self._noise[step]}.items():
            io.bind_ortvalue_input(name, value)
        engine.bind_caches(io, 0, self._slots)
        for name, value in self._states[step + 1].items():
            io.bind_ortvalue_output(f"next_{name}", value)
        for name, value in self._told[step].items():
            io.bind_ortvalue_output(name, value)
        return io

    def _zeros(self, dtypes: dict[str, type[np.generic]]) -> dict[str, onnxruntime.OrtValue]:
        shapes = {"present": (self._slots, self._vocabulary)}
        return {name: self._value(np.zeros(shapes.get(name, (self._slots,)), dtype)) for name, dtype in dtypes.items()}

    def _value(self, array: Array) -> onnxruntime.OrtValue:
        return onnxruntime.OrtValue.ortvalue_from_numpy(array, *self._device)


def _run_options(step: int, last: bool) -> onnxruntime.RunOptions:
    """Each step is captured for itself, since it has memory of its own; the host waits for the last one only."""
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(step + 1))
    if not last:
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    return options
