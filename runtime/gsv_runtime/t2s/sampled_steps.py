"""Several decode steps with their draws on a GPU, one after the other, without the host between them.

A step of a GPU is shorter than its way to the host and back. The graph `t2s_decode_sample` draws its own token from
noise that is an input, and its outputs are the next step's inputs; so the host gives the noise of all steps at once and
reads their tokens at once. A slot that ends in the middle comes out inactive and is left alone by the steps after.
The host has work of its own while steps run: it draws the noise of the next launch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from gsv_runtime.graphs.session import CPU, open_session
from gsv_runtime.t2s.engine import Array, DrawnSteps, SlotState, read_capacity
from gsv_runtime.t2s.slot_memory import SlotMemory, reserve

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
_RUNS_BEFORE_CAPTURED = 3


class SampledSteps:
    """Steps over the first slots of a memory."""

    def __init__(
        self, decode_sample: Path, memory: SlotMemory, span: int, most_steps: int, capture: bool = False
    ) -> None:
        """Load the graph.

        Args:
            decode_sample: graph; its weight file lies beside it.
            memory: holds the slots.
            span: how many of them a step runs.
            most_steps: of one launch.
            capture: whether each step is launched as one CUDA graph.
        """
        self._device, self._span = memory.device, span
        options = {"enable_cuda_graph": "1"} if capture and self._device != CPU else None
        sizes = {"B": span}  # nothing is left to compute on the host then, which a captured step could not
        self._session = open_session(decode_sample, 1, device=self._device, provider_options=options, sizes=sizes)
        self._vocabulary = read_capacity(self._session, span, memory.shape.rows).vocabulary
        self._states = [self._zeros(_MOVED_ON) for _ in range(most_steps + 1)]
        self._told = [self._zeros(_TOLD) for _ in range(most_steps)]
        self._fixed = self._zeros(_FIXED)
        self._noise = [reserve((span, self._vocabulary), np.float32, self._device) for _ in range(most_steps)]
        self._bindings = [self._bind(memory, step) for step in range(most_steps)]
        self._queued = [_run_options(step, wait=False) for step in range(most_steps)]
        self._waited_for = [_run_options(step, wait=True) for step in range(most_steps)]

    def run(
        self, states: Sequence[SlotState], noise: Array, meanwhile: Callable[[], None] = lambda: None
    ) -> DrawnSteps:
        """Run steps.

        Args:
            states: one for each slot. A paused one says how many rows it has: the one after them is written.
            noise: `[k, S, V]` float32 of `sampling.gumbel_noise`, for as many steps; rows of slots that are not active
                are not read.
            meanwhile: called when all steps but the last have been queued.

        Returns:
            What was drawn.
        """
        for name, column in self._columns(states).items():
            (self._fixed if name in _FIXED else self._states[0])[name].update_inplace(column)
        steps, last = len(noise), len(noise) - 1
        for value, of_step in zip(self._noise, noise, strict=False):
            value.update_inplace(np.ascontiguousarray(of_step))
        for step in range(last):
            self._session.run_with_iobinding(self._bindings[step], self._queued[step])
        meanwhile()
        self._session.run_with_iobinding(self._bindings[last], self._waited_for[last])
        return DrawnSteps(
            tokens=np.stack([after["tokens"].numpy() for after in self._states[1 : 1 + steps]]),
            active=np.stack([before["active"].numpy() for before in self._states[:steps]]),
            ended=np.stack([told["ended"].numpy() for told in self._told[:steps]]),
            finite=np.stack([told["finite"].numpy() for told in self._told[:steps]]),
        )

    def warm_up(self) -> None:
        """Run until every step is captured, before any slot is filled: the first row of each is written."""
        noise = np.zeros((len(self._noise), self._span, self._vocabulary), np.float32)
        for _ in range(_RUNS_BEFORE_CAPTURED):
            self.run([SlotState()] * self._span, noise)

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

    def _bind(self, memory: SlotMemory, step: int) -> onnxruntime.IOBinding:
        io = self._session.io_binding()
        for name, value in {**self._states[step], **self._fixed, "noise": self._noise[step]}.items():
            io.bind_ortvalue_input(name, value)
        memory.bind(io, 0, self._span)
        for name, value in self._states[step + 1].items():
            io.bind_ortvalue_output(f"next_{name}", value)
        for name, value in self._told[step].items():
            io.bind_ortvalue_output(name, value)
        return io

    def _zeros(self, dtypes: dict[str, type[np.generic]]) -> dict[str, onnxruntime.OrtValue]:
        shapes = {"present": (self._span, self._vocabulary)}
        return {name: reserve(shapes.get(name, (self._span,)), dtype, self._device) for name, dtype in dtypes.items()}


def _run_options(step: int, wait: bool) -> onnxruntime.RunOptions:
    """Each step is captured for itself, since it has memory of its own; the host waits for the last one only."""
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(step + 1))
    if not wait:
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    return options
