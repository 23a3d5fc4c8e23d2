"""Runs the T2S graphs for a GPU over slots of one cache in its memory.

Written for ONNX Runtime's CUDA provider and not run on one yet: no GPU was lent. The same code, graphs and bindings run
with their memory on the host, which is how they are tested (docs/decisions/0022-t2s-on-a-gpu.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from gsv_runtime.graphs.session import Device, open_session
from gsv_runtime.t2s.engine import KEY_AND_VALUE, Array, StepRow, pack_rows, read_capacity, warming_prompt
from gsv_runtime.t2s.request import Capacity, Prompt

_CACHE_TYPE = np.float16
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
        """
        self._device = device
        self._prefill = open_session(prefill, 1, device=device)
        captured = {"enable_cuda_graph": "1"} if capture else None
        self._decode_step = open_session(decode_step, 1, device=device, provider_options=captured)
        self._capacity = read_capacity(self._decode_step, slots, cache_rows)
        inputs = {value.name: value for value in self._decode_step.get_inputs()}
        self._layers = sum(name.startswith("key_cache_") for name in inputs)
        _, heads, _, head_dim = inputs["key_cache_0"].shape
        self._slot_shape = (heads, cache_rows, head_dim)
        shape = (self._layers, slots, *self._slot_shape)
        self._cache = {kind: self._empty(shape, _CACHE_TYPE) for kind in KEY_AND_VALUE}
        self._step_values = {
            "tokens": self._empty((slots,), np.int64),
            "token_positions": self._empty((slots,), np.int64),
            "last_rows": self._empty((slots,), np.int32),
        }
        self._logits = self._empty((slots, self._capacity.vocabulary), np.float32)
        self._step_io = self._bind_step()

    @property
    def capacity(self) -> Capacity:
        """What it can take."""
        return self._capacity

    def prefill(self, slot: int, prompt: Prompt) -> Array:
        """Write a prompt to a slot, and zeros after it; return `[V]` logits of the first token."""
        io = self._prefill.io_binding()
        packed = pack_padded(prompt) | {"cache_rows": np.array([self._capacity.cache_rows], dtype=np.int64)}
        values = {name: self._value(array) for name, array in packed.items()}
        for name, value in values.items():
            io.bind_ortvalue_input(name, value)
        logits = self._empty((1, self._capacity.vocabulary), np.float32)
        io.bind_ortvalue_output("logits", logits)
        for name, place in self._caches(slot).items():
            io.bind_output(f"new_{name}", *self._at(place, 1))
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
            "last_rows": np.array([row.rows for row in rows], dtype=np.int32),
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
        # Only the splitting of work depends on it, which a captured step cannot change: the most there can be.
        self._total = onnxruntime.OrtValue.ortvalue_from_numpy(np.array(self._capacity.cache_rows, dtype=np.int32))
        io.bind_ortvalue_input("total_rows", self._total)
        for name, place in self._caches(0).items():
            io.bind_input(name, *self._at(place, self._capacity.slots))
            io.bind_output(f"new_{name}", *self._at(place, self._capacity.slots))
        io.bind_ortvalue_output("logits", self._logits)
        return io

    def _caches(self, slot: int) -> dict[str, int]:
        """Addresses of a slot's keys and values in every layer, by the graphs' names."""
        slot_bytes = int(np.prod(self._slot_shape)) * np.dtype(_CACHE_TYPE).itemsize
        return {
            f"{kind}_cache_{layer}": cache.data_ptr() + (layer * self._capacity.slots + slot) * slot_bytes
            for kind, cache in self._cache.items()
            for layer in range(self._layers)
        }

    def _at(self, address: int, num_slots: int) -> tuple[object, ...]:
        """What binds `num_slots` of the cache from `address` on."""
        return (*self._device, _CACHE_TYPE, (num_slots, *self._slot_shape), address)

    def _empty(self, shape: Sequence[int], dtype: type[np.generic]) -> onnxruntime.OrtValue:
        return onnxruntime.OrtValue.ortvalue_from_shape_and_type(list(shape), dtype, *self._device)

    def _value(self, array: Array) -> onnxruntime.OrtValue:
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), *self._device)
