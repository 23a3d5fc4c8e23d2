"""Runs the T2S graphs for a GPU over slots of one cache in its memory.

Written for ONNX Runtime's CUDA provider and not run on one yet: no GPU was lent. The same code, graphs and bindings run
with their memory on the host, which is how they are tested (docs/decisions/0022-t2s-on-a-gpu.md, and
docs/decisions/0023-one-standard-t2s-graph.md for the graphs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from gsv_runtime.graphs.session import Device, open_session
from gsv_runtime.t2s.engine import KEY_AND_VALUE, Array, StepRow, pack_rows, read_capacity, warming_prompt
from gsv_runtime.t2s.request import Capacity, Prompt

_CACHE_TYPES = {"tensor(float16)": np.float16, "tensor(float)": np.float32}
_WARM_STEPS = 3  # ONNX Runtime captures a step after it has run it once or twice


def pack_padded(prompt: Prompt) -> dict[str, Array]:
    """Lay a prompt out as the prefill graph takes it, which makes the rest from the lengths."""
    return {
        **pack_rows(prompt),
        "phone_lengths": np.array([prompt.phones.size], dtype=np.int64),
        "lengths": np.array([prompt.rows], dtype=np.int64),
    }


class CudaEngine:
    """A prefill that fills a slot and a step that runs all slots; an `engine.Engine`.

    A step has one shape, whoever speaks: on a GPU sixteen rows take hardly longer than one, and a step that never
    changes can be captured as a CUDA graph. So slots stay where they are.
    """

    fixed_span = True

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
        self._capacity = read_capacity(self._decode_step, slots, cache_rows)
        inputs = {value.name: value for value in self._decode_step.get_inputs()}
        self._layers = sum(name.startswith("key_cache_") for name in inputs)
        _, heads, rows_there, head_dim = inputs["key_cache_0"].shape
        if rows_there != cache_rows:
            raise ValueError(f"{decode_step.name} has slots of {rows_there} rows, not {cache_rows}; build it again")
        self._cache_type = _CACHE_TYPES[inputs["key_cache_0"].type]
        self._slot_shape = (heads, cache_rows, head_dim)
        shape = (self._layers, slots, *self._slot_shape)
        # Zeros, not what lay there: attention gives rows that were not written no weight, and nothing times NaN is NaN.
        self._cache = {kind: self._value(np.zeros(shape, self._cache_type)) for kind in KEY_AND_VALUE}
        self._step_values = {
            "tokens": self._empty((slots,), np.int64),
            "token_positions": self._empty((slots,), np.int64),
            "rows": self._empty((slots,), np.int64),
        }
        self._logits = self._empty((slots, self._capacity.vocabulary), np.float32)
        self._step_io = self._bind_step()

    @property
    def device(self) -> Device:
        """Where all of it lies."""
        return self._device

    @property
    def capacity(self) -> Capacity:
        """What it can take."""
        return self._capacity

    def prefill(self, slot: int, prompt: Prompt) -> Array:
        """Write a prompt to a slot; return `[V]` logits of the first token."""
        io = self._prefill.io_binding()
        values = {name: self._value(array) for name, array in pack_padded(prompt).items()}
        for name, value in values.items():
            io.bind_ortvalue_input(name, value)
        logits = self._empty((1, self._capacity.vocabulary), np.float32)
        io.bind_ortvalue_output("logits", logits)
        self.bind_caches(io, slot, 1)
        self._prefill.run_with_iobinding(io)
        return np.array(logits.numpy()[0])

    def decode_step(self, rows: Sequence[StepRow]) -> Array:
        """Append one token to each slot.

        Args:
            rows: one for every slot; `CpuEngine.decode_step` says what those that do not advance give.

        Returns:
            `[slots, V]` float32 logits.
        """
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
        """Never asked for: `fixed_span`."""
        raise NotImplementedError("slots of this engine stay where they are")

    def warm_up(self) -> None:
        """Run both phases, so that the first request does not pay for first allocations and the choice of kernels."""
        self.prefill(0, warming_prompt(self._capacity))
        for _ in range(_WARM_STEPS):
            self.decode_step([StepRow(rows=1)] * self._capacity.slots)

    def _bind_step(self) -> onnxruntime.IOBinding:
        io = self._decode_step.io_binding()
        for name, value in self._step_values.items():
            io.bind_ortvalue_input(name, value)
        self.bind_caches(io, 0, self._capacity.slots)
        io.bind_ortvalue_output("logits", self._logits)
        return io

    def bind_caches(self, io: onnxruntime.IOBinding, slot: int, num_slots: int) -> None:
        """Bind the memory of so many slots from one on, as what is read and as what is written."""
        for name, place in self._caches(slot).items():
            io.bind_input(name, *self._at(place, num_slots))
            io.bind_output(f"new_{name}", *self._at(place, num_slots))

    def _caches(self, slot: int) -> dict[str, int]:
        """Addresses of a slot's keys and values in every layer, by the graphs' names."""
        slot_bytes = int(np.prod(self._slot_shape)) * np.dtype(self._cache_type).itemsize
        return {
            f"{kind}_cache_{layer}": cache.data_ptr() + (layer * self._capacity.slots + slot) * slot_bytes
            for kind, cache in self._cache.items()
            for layer in range(self._layers)
        }

    def _at(self, address: int, num_slots: int) -> tuple[object, ...]:
        """What binds `num_slots` of the cache from `address` on."""
        return (*self._device, self._cache_type, (num_slots, *self._slot_shape), address)

    def _empty(self, shape: Sequence[int], dtype: type[np.generic]) -> onnxruntime.OrtValue:
        return onnxruntime.OrtValue.ortvalue_from_shape_and_type(list(shape), dtype, *self._device)

    def _value(self, array: Array) -> onnxruntime.OrtValue:
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), *self._device)
