"""The cache of all slots in a device's memory, bound to graphs where it lies, and copied from slot to slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime

from gsv_runtime.graphs.session import Device
from gsv_runtime.t2s.engine import KEY_AND_VALUE

_CACHE_TYPES: Mapping[str, type[np.generic]] = {"tensor(float16)": np.float16, "tensor(float)": np.float32}


@dataclass(frozen=True)
class CacheShape:
    """Keys, or values, of one slot; the graphs fix it."""

    layers: int
    heads: int
    rows: int
    head_dim: int
    dtype: type[np.generic]

    @classmethod
    def of(cls, session: onnxruntime.InferenceSession) -> CacheShape:
        """Read it from the inputs of a graph."""
        inputs = {value.name: value for value in session.get_inputs()}
        _, heads, rows, head_dim = inputs["key_cache_0"].shape
        layers = sum(name.startswith("key_cache_") for name in inputs)
        return cls(layers, heads, rows, head_dim, _CACHE_TYPES[inputs["key_cache_0"].type])

    @property
    def of_layer(self) -> tuple[int, int, int]:
        """Shape of one layer."""
        return self.heads, self.rows, self.head_dim


class SlotMemory:
    """`slots` of one shape: a block `[layers, slots, heads, rows, head_dim]` for keys and one for values."""

    def __init__(self, shape: CacheShape, slots: int, device: Device) -> None:
        """Reserve and zero it.

        Not what lay there: attention gives rows that were not written no weight, and nothing times NaN is NaN.
        """
        self.shape, self.device = shape, device
        self._slots = slots
        blocks = (shape.layers, slots, *shape.of_layer)
        self._cache = {
            kind: onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(blocks, shape.dtype), *device)
            for kind in KEY_AND_VALUE
        }

    def bind(self, io: onnxruntime.IOBinding, slot: int, num_slots: int = 1) -> None:
        """Bind so many slots from one on, as what is read and as what is written."""
        self.bind_inputs(io, slot, num_slots)
        self.bind_outputs(io, slot, num_slots)

    def bind_inputs(self, io: onnxruntime.IOBinding, slot: int, num_slots: int = 1) -> None:
        """Bind them as what is read."""
        for name, address in self._addresses(slot).items():
            io.bind_input(name, *self._at(address, num_slots))

    def bind_outputs(self, io: onnxruntime.IOBinding, slot: int, num_slots: int = 1) -> None:
        """Bind them as what is written."""
        for name, address in self._addresses(slot).items():
            io.bind_output(f"new_{name}", *self._at(address, num_slots))

    def _addresses(self, slot: int) -> dict[str, int]:
        """Where a slot's keys and values of every layer lie, by the graphs' names."""
        slot_bytes = int(np.prod(self.shape.of_layer)) * np.dtype(self.shape.dtype).itemsize
        return {
            f"{kind}_cache_{layer}": cache.data_ptr() + (layer * self._slots + slot) * slot_bytes
            for kind, cache in self._cache.items()
            for layer in range(self.shape.layers)
        }

    def _at(self, address: int, num_slots: int) -> tuple[object, ...]:
        return (*self.device, self.shape.dtype, (num_slots, *self.shape.of_layer), address)


class SlotCopier:
    """Copies whole slots: some 0.1 GB each at official size, which a GPU does in a fraction of a millisecond."""

    def __init__(self, move_slot: onnxruntime.InferenceSession, memory: SlotMemory) -> None:
        """Copy by a graph that hands its inputs out again."""
        self._memory, self._session = memory, move_slot

    def copy(self, source: int, target: int) -> None:
        """Copy one slot to another."""
        io = self._session.io_binding()
        self._memory.bind_inputs(io, source)
        self._memory.bind_outputs(io, target)
        self._session.run_with_iobinding(io)


def reserve(shape: Sequence[int], dtype: type[np.generic], device: Device) -> onnxruntime.OrtValue:
    """Memory of a device at a place that stays, for what a captured graph reads and writes."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, dtype), *device)
