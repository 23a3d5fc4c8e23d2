"""Run the T2S graph on a CPU: one graph for both phases, its cache bound in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from gsv_runtime.graphs.session import open_session
from gsv_runtime.t2s.engine import KEY_AND_VALUE, Array, LogitsEngine, StepRow, pack_rows, read_capacity, warming_prompt
from gsv_runtime.t2s.paged_memory import PagedMemory
from gsv_runtime.t2s.request import Capacity, Prompt

_BLOCKED = np.float32(-1e4)


def pack_prompt(prompt: Prompt) -> dict[str, Array]:
    """Lay a prompt out as the graph takes it.

    Returns:
        Graph inputs; the attention bias lets text see all text, and a token all text and the tokens up to itself.
    """
    num_phones, rows = prompt.phones.size, prompt.rows
    index = np.arange(rows)
    is_text = index < num_phones
    visible = is_text[np.newaxis, :] | (index[np.newaxis, :] <= index[:, np.newaxis])
    return {
        **pack_rows(prompt),
        "is_text": is_text[np.newaxis],
        "positions": np.where(is_text, index, index - num_phones)[np.newaxis],
        "attention_bias": np.where(visible, np.float32(0), _BLOCKED)[np.newaxis, np.newaxis],
        "last_rows": np.array([rows - 1], dtype=np.int32),
        "total_rows": np.array(rows, dtype=np.int32),
        "scored_rows": np.array([rows - 1], dtype=np.int64),
    }


class CpuEngine(LogitsEngine):
    """The graph of both phases that `gsv_build.graphs.t2s_graphs` writes, run by ONNX Runtime on the CPU.

    One graph serves both phases, so that its weights are in memory once; the cache is bound as input and output of the
    same memory and appended to in place (docs/decisions/0005-t2s-graphs.md).
    """

    def __init__(
        self,
        graph: Path,
        slots: int,
        cache_rows: int,
        intra_op_threads: int,
        session_entries: Mapping[str, str] | None = None,
    ) -> None:
        """Load `graph` and reserve the cache; memory is taken as slots are written.

        Args:
            graph: its weight file lies beside it.
            slots: sequences that can be held.
            cache_rows: phones and tokens of each.
            intra_op_threads: threads of one operator.
            session_entries: as `open_session` takes them, for measurements.
        """
        self._session = open_session(graph, intra_op_threads, session_entries)
        self.capacity = read_capacity(self._session, slots, cache_rows)
        shapes = {value.name: value.shape for value in self._session.get_inputs()}
        _, heads, _, head_dim = shapes["key_cache_0"]
        self._layers = sum(name.startswith("key_cache_") for name in shapes)
        shape = (self._layers, slots, heads, cache_rows, head_dim)
        self._memory = {kind: PagedMemory(shape) for kind in KEY_AND_VALUE}
        self._cache = {kind: memory.array for kind, memory in self._memory.items()}
        self._no_bias = np.zeros((1, 1, 1, cache_rows + 1), dtype=np.float32)
        self._steps: dict[int, _StepBinding] = {}

    def prefill(self, slot: int, prompt: Prompt) -> Array:
        """Write a prompt to a slot; return `[V]` logits of the first token."""
        binding = _Binding(self._session, self._slot_views(slot, slot + 1), 1, self.capacity.vocabulary)
        for name, array in pack_prompt(prompt).items():
            binding.bind(name, array)
        return binding.run()[0]

    def decode_step(self, rows: Sequence[StepRow]) -> Array:
        """Append one token to each of slots 0 to n - 1; see `LogitsEngine.decode_step`."""
        binding = self._steps.get(len(rows))
        if binding is None:
            views = self._slot_views(0, len(rows))
            binding = _StepBinding(self._session, views, len(rows), self.capacity)
            self._steps[len(rows)] = binding
        return binding.step(rows, self._no_bias)

    def move(self, source: int, target: int, num_rows: int) -> None:
        """Copy the first rows of a slot to another."""
        for cache in self._cache.values():
            cache[:, target, :, :num_rows] = cache[:, source, :, :num_rows]

    def rest(self) -> None:
        """Give the cache back to the system, which hands out zeros where it is written again."""
        for memory in self._memory.values():
            memory.give_back()

    def warm_up(self) -> None:
        """Run both phases once in slot 0, so that the first request does not pay for first allocations."""
        self.prefill(0, warming_prompt(self.capacity))
        self.decode_step([StepRow(rows=1)])

    def _slot_views(self, start: int, stop: int) -> dict[str, Array]:
        """Slots start to stop - 1 of every layer, `[n, heads, cache_rows, head_dim]`, by the graph's input names."""
        return {
            f"{kind}_cache_{layer}": self._cache[kind][layer, start:stop]
            for kind in KEY_AND_VALUE
            for layer in range(self._layers)
        }


class _Binding:
    """Inputs and outputs of one call, without copies; keeps their memory alive."""

    def __init__(
        self, session: onnxruntime.InferenceSession, caches: dict[str, Array], rows: int, vocabulary: int
    ) -> None:
        self._session = session
        self._io = session.io_binding()
        self._alive: dict[str, object] = {}
        for name, cache in caches.items():
            value = self.bind(name, cache)
            self._io.bind_ortvalue_output(f"new_{name}", value)
        self._logits = np.zeros((rows, vocabulary), dtype=np.float32)
        self._alive["logits"] = value = onnxruntime.OrtValue.ortvalue_from_numpy(self._logits)
        self._io.bind_ortvalue_output("logits", value)

    def bind(self, name: str, array: Array) -> onnxruntime.OrtValue:
        """Bind an input to the memory of `array`, which must be contiguous."""
        value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
        self._alive[name] = (array, value)
        self._io.bind_ortvalue_input(name, value)
        return value

    def run(self) -> Array:
        """Run the graph; return the logits."""
        self._session.run_with_iobinding(self._io)
        return self._logits


class _StepBinding(_Binding):
    """A decode step over a fixed number of slots; its small inputs are rewritten in place."""

    def __init__(
        self, session: onnxruntime.InferenceSession, caches: dict[str, Array], rows: int, capacity: Capacity
    ) -> None:
        super().__init__(session, caches, rows, capacity.vocabulary)
        self._tokens = np.zeros((rows, 1), dtype=np.int64)
        self._positions = np.zeros((rows, 1), dtype=np.int64)
        self._last_rows = np.zeros(rows, dtype=np.int32)
        self._total = np.zeros((), dtype=np.int32)
        self.bind("tokens", self._tokens)
        self.bind("positions", self._positions)
        self.bind("last_rows", self._last_rows)
        self.bind("total_rows", self._total)
        self.bind("phones", np.zeros((rows, 1), dtype=np.int64))
        self.bind("bert_features", np.zeros((rows, 1, capacity.bert_dim), dtype=np.float32))
        self.bind("is_text", np.zeros((rows, 1), dtype=np.bool_))
        self.bind("scored_rows", np.arange(rows, dtype=np.int64))

    def step(self, rows: Sequence[StepRow], no_bias: Array) -> Array:
        """Run one step; `no_bias` is zeros, `[1, 1, 1, total rows or more]`."""
        self._tokens[:, 0] = [row.token for row in rows]
        self._positions[:, 0] = [row.token_position for row in rows]
        self._last_rows[:] = [row.rows for row in rows]
        self._total[...] = total = max(row.rows for row in rows) + 1
        self.bind("attention_bias", no_bias[..., :total])
        return self.run()
