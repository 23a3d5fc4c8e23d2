"""Runs T2S on a CPU with AVX-512 or AVX2: all layers of a step in one call of our own library, `_fused.c`.

ONNX Runtime runs some three hundred nodes a step, reads float32, and wakes its threads for each product. This engine
reads half precision as it was stored (`packed_weights`), lets its threads meet without sleeping, and has a cache whose
keys lie as they are read. It computes what the graph computes, in float32 or rounded as MatMulNBits rounds, from the
same weight file (docs/decisions/0033-a-fused-t2s-step.md).
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from gsv_runtime.model_files import T2S_TENSORS_FILE
from gsv_runtime.t2s import fused_library
from gsv_runtime.t2s.engine import DrawnSteps, LogitsEngine, SlotState, StepRow, warming_prompt
from gsv_runtime.t2s.fused_launch import MOST_STEPS, FusedLaunch, can_draw
from gsv_runtime.t2s.fused_library import BLOCK, GROUP, Layer, Network, Norm
from gsv_runtime.t2s.packed_weights import PackedLinear, StoredTensors, pack
from gsv_runtime.t2s.paged_memory import PagedMemory
from gsv_runtime.t2s.request import Capacity, Prompt
from gsv_runtime.tensors import Array

_LINEARS = ("qkv", "attention_output", "expand", "contract")
_NORMS = ("attention_norm", "feed_forward_norm")


def why_not_here(folder: Path) -> str:
    """Why the engine cannot run a network on this machine; empty if it can.

    Args:
        folder: of the graph and its weight file.
    """
    if reason := fused_library.why_none():
        return reason
    if not (folder / T2S_TENSORS_FILE).is_file():
        return f"there is no {T2S_TENSORS_FILE}; an older build wrote the graph"
    tensors = StoredTensors(folder)
    hidden, feed_forward = tensors.facts["hidden"], tensors.facts["feed_forward"]
    heads, head_dim = _heads(tensors.facts)
    in_part = tensors.bits != 32 and heads * head_dim % BLOCK  # of a block of rounded weights
    if hidden % GROUP or fused_library.fitting(head_dim) is None or feed_forward % BLOCK or in_part:
        return f"its sizes are odd: hidden {hidden}, {heads} heads of {head_dim}, feed-forward {feed_forward}"
    return ""


def _heads(facts: Mapping[str, int]) -> tuple[int, int]:
    """Heads of a layer and channels of each; pruned ones, which older builds do not tell of, have left theirs."""
    heads = facts["heads"]
    return heads, facts["hidden"] // (heads + facts.get("pruned_heads", 0))


class FusedEngine(LogitsEngine):
    """Both phases on the weights that lie beside the graph."""

    most_steps = MOST_STEPS

    def __init__(self, folder: Path, slots: int, cache_rows: int, threads: int, half_cache: bool | None = None) -> None:
        """Read the weights and reserve the cache; its memory is taken as slots are written.

        Args:
            folder: of the graph and its weight file.
            slots: sequences that can be held.
            cache_rows: phones and tokens of each.
            threads: that share a step.
            half_cache: whether keys and values are kept in half precision; default where weights are rounded.

        Raises:
            RuntimeError: the library cannot run here, or there is no memory; `why_not_here` says so before.
        """
        if reason := why_not_here(folder):
            raise RuntimeError(f't2s cannot run fused: {reason}; build without it: make build ARGS="--tune off"')
        tensors = StoredTensors(folder)
        facts = tensors.facts
        heads, head_dim = _heads(facts)
        library = fused_library.fitting(head_dim)
        assert library is not None  # or why_not_here would have said so
        self._library, self._panel = fused_library.load(library), library.panel
        self.capacity = Capacity(
            slots=slots,
            cache_rows=cache_rows,
            max_tokens=facts["max_tokens"],
            num_phones=facts["num_phones"],
            vocabulary=facts["vocabulary"],
            bert_dim=facts["bert_dim"],
            max_positions=facts["max_positions"],
        )
        self._embedding = _Embedding(tensors)
        self._layers = [_PackedLayer(tensors, f"layers.{index}", self._panel) for index in range(facts["layers"])]
        self._head = pack(tensors, "head", self._panel)
        blocks = -(-cache_rows // self._panel)
        dtype = np.float16 if (tensors.bits != 32 if half_cache is None else half_cache) else np.float32
        kept = PagedMemory((len(self._layers), slots, heads, blocks, head_dim, self._panel), dtype)
        read = PagedMemory((len(self._layers), slots, heads, blocks * self._panel, head_dim), dtype)
        self._memory, self._keys, self._values = (kept, read), kept.array, read.array
        self._of_c = (Layer * len(self._layers))(*(layer.as_c() for layer in self._layers))
        network = Network(
            num_layers=len(self._layers),
            hidden=facts["hidden"],
            heads=heads,
            head_dim=head_dim,
            half_cache=dtype is np.float16,
            slots=slots,
            cache_rows=blocks * self._panel,
            layers=self._of_c,
            head=self._head.as_c(),
            keys=self._keys.ctypes.data,
            values=self._values.ctypes.data,
        )
        self._steps: dict[int, _Rows] = {}  # by number of rows
        self._engine = self._library.gsv_fused_open(ctypes.byref(network), threads)
        if not self._engine:
            raise RuntimeError("no memory for the threads of t2s")
        weakref.finalize(self, self._library.gsv_fused_close, self._engine)

    def prefill(self, slot: int, prompt: Prompt) -> Array:
        """Write a prompt to a slot; return `[V]` logits of the first token."""
        phones, call = prompt.phones.size, _Rows(prompt.rows, 1, self._head.outputs)
        call.slots[:] = slot
        call.places[:] = np.arange(prompt.rows)
        np.maximum(call.places + 1, phones, out=call.visible)  # text sees all text; a token that, and up to itself
        return self._run(call, self._embedding.prompt(prompt))[0]

    def decode_step(self, rows: Sequence[StepRow]) -> Array:
        """Append one token to each of slots 0 to n - 1; see `LogitsEngine.decode_step`."""
        call = self._steps.get(len(rows))
        if call is None:
            call = self._steps[len(rows)] = _Rows(len(rows), len(rows), self._head.outputs)
            call.slots[:] = np.arange(len(rows))
        call.places[:] = [row.rows for row in rows]
        np.add(call.places, 1, out=call.visible)
        tokens, positions = [row.token for row in rows], [row.token_position for row in rows]
        return self._run(call, self._embedding.tokens(tokens, positions))

    def launch(self, states: Sequence[SlotState], noise: Array, meanwhile: Callable[[], None]) -> DrawnSteps:
        """Take steps, and draw, as many as take no longer than one of a large network; see `Engine.launch`."""
        if not can_draw(states):
            return super().launch(states, noise, meanwhile)
        launch = FusedLaunch(states, noise)
        of_c = launch.as_c(*self._embedding.of_tokens, self._head.outputs)
        steps = self._library.gsv_fused_launch(self._engine, ctypes.byref(of_c))
        if steps < 0:
            raise MemoryError(f"no memory for {len(states)} rows of t2s")
        return launch.drawn(steps)

    def move(self, source: int, target: int, num_rows: int) -> None:
        """Copy the first rows of a slot to another."""
        blocks = -(-num_rows // self._panel)
        self._keys[:, target, :, :blocks] = self._keys[:, source, :, :blocks]
        self._values[:, target, :, :num_rows] = self._values[:, source, :, :num_rows]

    def rest(self) -> None:
        """Give the cache back to the system, which hands out zeros where it is written again."""
        for memory in self._memory:
            memory.give_back()

    def warm_up(self) -> None:
        """Run both phases once in slot 0, so that the first request does not pay for first allocations."""
        self.prefill(0, warming_prompt(self.capacity))
        self.decode_step([StepRow(rows=1)])

    def _run(self, call: _Rows, x: Array) -> Array:
        """Put rows `[M, hidden]` through all layers; logits of the last `n`, `[n, V]`."""
        if self._library.gsv_fused_run(self._engine, *call.counts, x.ctypes.data, *call.addresses):
            raise MemoryError(f"no memory for {len(x)} rows of t2s")
        return call.logits[:, : self.capacity.vocabulary]


class _Rows:
    """What the library is given of M rows, and room for the logits of the last of them."""

    def __init__(self, rows: int, scored: int, outputs: int) -> None:
        self.slots, self.places, self.visible = (np.zeros(rows, dtype=np.int32) for _ in range(3))
        self.logits = np.empty((scored, outputs), dtype=np.float32)
        self.counts = rows, rows - scored
        arrays = self.slots, self.places, self.visible, self.logits
        self.addresses = tuple(each.ctypes.data for each in arrays)  # asked for once: a step is as short as asking


class _Embedding:
    """Rows of phones and tokens, as the first layer takes them."""

    def __init__(self, tensors: StoredTensors) -> None:
        self._phones, self._tokens = (np.array(tensors[f"{each}_embedding.weight"]) for each in ("phone", "token"))
        self._phone_scale, token_scale = (tensors[f"{each}_position_scale"].item() for each in ("phone", "token"))
        self._positions = np.array(tensors["position_table"])
        self._token_positions = np.float32(token_scale) * self._positions
        self._projection = np.array(tensors["bert_projection.weight"]).T
        self._bias = np.array(tensors["bert_projection.bias"])

    def tokens(self, tokens: Array | list[int], positions: Array | list[int]) -> Array:
        """`[M, hidden]` float32."""
        return self._tokens[tokens] + self._token_positions[positions]

    @property
    def of_tokens(self) -> tuple[Array, Array]:
        """What each token is, `[V, hidden]`, and what each position adds, `[P, hidden]`."""
        return self._tokens, self._token_positions

    def prompt(self, prompt: Prompt) -> Array:
        """Phones, then prompt tokens, `[M, hidden]` float32."""
        phones = self._phones[prompt.phones] + np.float32(self._phone_scale) * self._positions[: prompt.phones.size]
        phones += self._bias
        if prompt.bert_features.any():  # of languages without BERT they are zeros
            phones += np.asarray(prompt.bert_features, dtype=np.float32).T @ self._projection
        return np.concatenate([phones, self.tokens(prompt.prompt_tokens, np.arange(prompt.prompt_tokens.size))])


class _PackedLayer:
    """The arrays of one layer."""

    def __init__(self, tensors: StoredTensors, prefix: str, panel: int) -> None:
        self._linears: dict[str, PackedLinear] = {name: pack(tensors, f"{prefix}.{name}", panel) for name in _LINEARS}
        self._norms = {
            name: [np.array(tensors[f"{prefix}.{name}.{part}"]) for part in ("weight", "bias")] for name in _NORMS
        }

    def as_c(self) -> Layer:
        """For `_fused.h`; valid while this object lives."""
        linears = [self._linears[name].as_c(rectified=name == "expand") for name in _LINEARS]
        norms = [Norm(*(each.ctypes.data for each in self._norms[name])) for name in _NORMS]
        return Layer(*linears, *norms)
