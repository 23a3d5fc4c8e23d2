"""Writes prompts to slots on a device, padded to one of a few lengths, each captured once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gsv_runtime.graphs.session import CPU, open_session
from gsv_runtime.t2s.engine import Array, pack_rows, read_capacity, warming_prompt
from gsv_runtime.t2s.request import Capacity, Prompt
from gsv_runtime.t2s.slot_memory import SlotMemory, reserve

_RUNS_BEFORE_CAPTURED = 3  # ONNX Runtime captures after it has run once or twice


def pack_padded(prompt: Prompt, rows: int | None = None) -> dict[str, Array]:
    """Lay a prompt out as the prefill graph takes it, which makes the rest from the lengths.

    Args:
        prompt: what is said, and in which voice.
        rows: of the graph's inputs; none: the prompt's own.
    """
    missing = (prompt.rows if rows is None else rows) - prompt.rows
    packed = {
        name: np.pad(array, [(0, 0), (0, missing), *([(0, 0)] * (array.ndim - 2))])
        for name, array in pack_rows(prompt).items()
    }
    return {
        **packed,
        "phone_lengths": np.array([prompt.phones.size], dtype=np.int64),
        "lengths": np.array([prompt.rows], dtype=np.int64),
    }


class PaddedPrefill:
    """Prefill of one slot of a memory, at one length."""

    def __init__(self, prefill: Path, memory: SlotMemory, slot: int, rows: int, capture: bool) -> None:
        """Load the graph for that length.

        Args:
            prefill: graph; its weight file lies beside it.
            memory: where the slot is.
            slot: the only one that is written; a captured graph knows one address.
            rows: of the prompts, padding included.
            capture: whether it is launched as one CUDA graph.
        """
        device = memory.device
        options = {"enable_cuda_graph": "1"} if capture and device != CPU else None
        self._session = open_session(prefill, 1, device=device, provider_options=options, sizes={"L": rows})
        self._rows = rows
        self._capacity = read_capacity(self._session, 1, memory.shape.rows)
        self._inputs = {name: reserve(array.shape, array.dtype.type, device) for name, array in self._warming().items()}
        self._logits = reserve((1, self._capacity.vocabulary), np.float32, device)
        self._io = self._session.io_binding()
        for name, value in self._inputs.items():
            self._io.bind_ortvalue_input(name, value)
        self._io.bind_ortvalue_output("logits", self._logits)
        memory.bind(self._io, slot)

    @property
    def capacity(self) -> Capacity:
        """What the graph can take, in one slot."""
        return self._capacity

    def run(self, prompt: Prompt) -> Array:
        """Write a prompt of at most that length; return `[V]` logits of the first token."""
        return self._run(pack_padded(prompt, self._rows))

    def warm_up(self) -> None:
        """Run until captured."""
        for _ in range(_RUNS_BEFORE_CAPTURED):
            self._run(self._warming())

    def _run(self, inputs: dict[str, Array]) -> Array:
        for name, array in inputs.items():
            self._inputs[name].update_inplace(np.ascontiguousarray(array))
        self._session.run_with_iobinding(self._io)
        return np.array(self._logits.numpy()[0])

    def _warming(self) -> dict[str, Array]:
        return pack_padded(warming_prompt(self._capacity), self._rows)
