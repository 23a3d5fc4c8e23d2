"""Runs T2S's graphs for a GPU step by step, with the logits to the host and the draw there.

What the served engine (`drawing_engine`) is compared with: `make verify` reads its logits, `make bench-gpu` its times.
Only ONNX Runtime knows whether its memory is a GPU's or the host's (docs/decisions/0022-t2s-on-a-gpu.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from gsv_runtime.graphs.session import Device, open_session
from gsv_runtime.t2s.engine import Array, LogitsEngine, StepRow, read_capacity, warming_prompt
from gsv_runtime.t2s.prefill import pack_padded
from gsv_runtime.t2s.request import Prompt
from gsv_runtime.t2s.slot_memory import CacheShape, SlotMemory, reserve

_WARM_STEPS = 3  # ONNX Runtime captures a step after it has run it once or twice


class CudaEngine(LogitsEngine):
    """A prefill that fills a slot and a step that runs all slots; an `engine.Engine`.

    A step has one shape, whoever speaks, so that it can be captured as a CUDA graph, and slots stay where they are.
    """

    rows_cost = False

    def __init__(
        self, prefill: Path, decode_step: Path, slots: int, cache_rows: int, device: Device, capture: bool = False
    ) -> None:
        """Load the graphs and reserve the cache.

        Args:
            prefill: graph; its weight file lies beside it.
            decode_step: likewise.
            slots: sequences that can be held.
            cache_rows: phones and tokens of each.
            device: where all of it lies and runs.
            capture: whether a step is launched as one CUDA graph.

        Raises:
            RuntimeError: ONNX Runtime has no provider for the device.
            ValueError: the graphs were written for slots of another length.
        """
        self._device = device
        self._prefill = open_session(prefill, 1, device=device)
        captured = {"enable_cuda_graph": "1"} if capture else None
        sizes = {"B": slots}  # nothing is left to compute on the host then, which a captured step could not
        self._decode_step = open_session(decode_step, 1, device=device, provider_options=captured, sizes=sizes)
        self.capacity = read_capacity(self._decode_step, slots, cache_rows)
        shape = CacheShape.of(self._decode_step)
        if shape.rows != cache_rows:
            raise ValueError(f"{decode_step.name} has slots of {shape.rows} rows, not {cache_rows}; build it again")
        self.memory = SlotMemory(shape, slots, device)
        self._step_values = {
            name: reserve((slots,), np.int64, device) for name in ("tokens", "token_positions", "rows")
        }
        self._logits = reserve((slots, self.capacity.vocabulary), np.float32, device)
        self._step_io = self._bind_step()

    @property
    def spans(self) -> Sequence[int]:
        """All slots."""
        return (self.capacity.slots,)

    def prefill(self, slot: int, prompt: Prompt) -> Array:
        """Write a prompt to a slot; return `[V]` logits of the first token."""
        io = self._prefill.io_binding()
        values = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), *self._device)
            for name, array in pack_padded(prompt).items()
        }
        for name, value in values.items():
            io.bind_ortvalue_input(name, value)
        logits = reserve((1, self.capacity.vocabulary), np.float32, self._device)
        io.bind_ortvalue_output("logits", logits)
        self.memory.bind(io, slot)
        self._prefill.run_with_iobinding(io)
        return np.array(logits.numpy()[0])

    def decode_step(self, rows: Sequence[StepRow]) -> Array:
        """Append one token to each slot: `rows` has one for every slot; see `LogitsEngine.decode_step`."""
        columns: Mapping[str, Array] = {
            "tokens": np.array([row.token for row in rows], dtype=np.int64),
            "token_positions": np.array([row.token_position for row in rows], dtype=np.int64),
            "rows": np.array([row.rows for row in rows], dtype=np.int64),
        }
        for name, column in columns.items():
            self._step_values[name].update_inplace(column)
        self._decode_step.run_with_iobinding(self._step_io)
        return np.array(self._logits.numpy())

    def move(self, source: int, target: int, num_rows: int) -> None:
        """Never asked for: there is one span."""
        raise NotImplementedError("slots of this engine stay where they are")

    def warm_up(self) -> None:
        """Run both phases, so that the first request does not pay for first allocations and the choice of kernels."""
        self.prefill(0, warming_prompt(self.capacity))
        for _ in range(_WARM_STEPS):
            self.decode_step([StepRow(rows=1)] * self.capacity.slots)

    def _bind_step(self) -> onnxruntime.IOBinding:
        io = self._decode_step.io_binding()
        for name, value in self._step_values.items():
            io.bind_ortvalue_input(name, value)
        self.memory.bind(io, 0, self.capacity.slots)
        io.bind_ortvalue_output("logits", self._logits)
        return io
