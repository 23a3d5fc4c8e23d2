"""Write the T2S graphs for a GPU: prefill of a slot, decode step of slots, that step with its draw, copy of a slot.

Standard operators only, so that ONNX Runtime and TensorRT read the same files: opset 24's TensorScatter writes rows to
the cache, whose input and output are bound to the same memory, and Attention reads as many rows as were written
(docs/decisions/0023-one-standard-t2s-graph.md). Letters for axes as in `t2s_graphs`.

The products of a step are of the graphs' precision, and so are keys and values. In float32 stay the prefill, whose keys
and values every step of the sentence reads; embeddings and positions, of which few rows are read; the sums between
layers and their norms, where the rounding of 24 layers would add up; softmax, which Attention has in float32 inside;
and the head, because logits of 11 bits tie, and the token's number decides a tie.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from gsv_build.graphs.graph_builder import WeightFile
from gsv_build.graphs.precision import Precision
from gsv_build.graphs.sampling_graph import StepState, add_draw
from gsv_build.graphs.t2s_graph import T2SGraph
from gsv_build.sizes import T2SSizes

_FLOAT32 = ("phone_embedding.", "token_embedding.", "phone_position_", "token_position_", "position_", "head.")


def stays_float32(weight: str) -> bool:
    """Say whether a weight keeps its width."""
    return weight.startswith(_FLOAT32) or "_norm." in weight


class GpuT2SGraph(T2SGraph):
    """Those for a GPU, of one precision and one length of a slot: TensorRT writes to caches of known length only."""

    opset = 24

    def __init__(
        self, sizes: T2SSizes, weights: WeightFile, precision: Precision, cache: Precision, cache_rows: int
    ) -> None:
        super().__init__(sizes, weights)
        self.cache_rows = cache_rows
        self.precision, self.cache_precision = precision, cache

    def cast(self, value: str) -> str:
        """Go from float32 to the graph's precision."""
        return value if self.precision is Precision.FP32 else self.b.add("Cast", value, to=self.precision.onnx_type)

    def float32(self, value: str) -> str:
        """Go from the graph's precision to float32."""
        return value if self.precision is Precision.FP32 else self.b.add("Cast", value, to=TensorProto.FLOAT)

    def logits(self, x: str) -> str:
        """Score rows: `[rows, V]` from `[rows, hidden]`, in float32."""
        return self.linear(x, "head", bias=False)

    def finish_layer(self, layer: int, x: str, attended: str) -> str:
        """Close layer: `x` is `[rows, hidden]` float32, `attended` the same in the graph's precision."""
        prefix = f"layers.{layer}"
        change = self.float32(self.linear(attended, f"{prefix}.attention_output"))
        x = self.add_and_norm(x, change, f"{prefix}.attention_norm")
        expanded = self.b.add("Relu", self.linear(self.cast(x), f"{prefix}.expand"))
        change = self.float32(self.linear(expanded, f"{prefix}.contract"))
        return self.add_and_norm(x, change, f"{prefix}.feed_forward_norm")

    def write_cache(self, layer: int, key: str, value: str, rows: str) -> tuple[str, str]:
        """Write `[B, heads, L, head_dim]` keys and values to the layer's cache, from each slot's row `rows` on.

        Returns:
            The cache as it is now: an output of the graph, to be bound to the memory of the input.
        """
        written = []
        for kind, new in (("key", key), ("value", value)):
            cache = self.b.input(f"{kind}_cache_{layer}", self.cache_precision.dtype, self.cache_shape())
            name = f"new_{kind}_cache_{layer}"
            if self.cache_precision is not self.precision:
                new = self.b.add("Cast", new, to=self.cache_precision.onnx_type)
            self.b.add_many("TensorScatter", [name], cache, new, rows, axis=2, mode="linear")
            self.b.output(name, name, self.cache_precision.dtype, self.cache_shape())
            written.append(name)
        return written[0], written[1]


class PrefillGraph(GpuT2SGraph):
    """A packed prompt to logits and the first rows of a slot; `modules.t2s.T2S.prefill` for one sequence.

    In float32 but for the cache: every step of the sentence reads what it writes, and it is one call of thirty or more.
    """

    name = "t2s_prefill"
    batch = 1

    def build(self) -> None:
        """Add all nodes."""
        b, sizes = self.b, self.sizes
        phones, tokens = b.input("phones", np.int64, [1, "L"]), b.input("tokens", np.int64, [1, "L"])
        bert_features = b.input("bert_features", np.float32, [1, "L", sizes.bert_dim])
        phone_lengths, lengths = b.input("phone_lengths", np.int64, [1]), b.input("lengths", np.int64, [1])

        row_count = b.add("Shape", phones, start=1, end=2)
        stop = b.add("Squeeze", row_count, b.constant([0]))
        index = b.add("Unsqueeze", b.add("Range", b.constant(0), stop, b.constant(1)), b.constant([0]))
        is_text = b.add("Less", index, phone_lengths)
        positions = b.add("Where", is_text, index, b.add("Sub", index, phone_lengths))
        bias = self._attention_bias(index, is_text, b.add("Less", index, lengths))
        last = b.add("Sub", lengths, b.constant(1))

        x = self.embed_rows(phones, tokens, bert_features, is_text, positions)
        packed_shape = b.constant([1, -1, 3 * sizes.attention])
        for layer in range(sizes.layers):
            qkv = b.add("Reshape", self.linear(x, f"layers.{layer}.qkv"), packed_shape)
            query, key, value = self.split_heads(qkv)
            # Read from the cache, not from what is written to it: TensorRT needs to see which of the two comes first.
            written = self.write_cache(layer, key, value, b.constant([0]))
            key, value = (b.add("Slice", each, b.constant([0]), row_count, b.constant([2])) for each in written)
            if self.cache_precision is not Precision.FP32:
                key, value = (b.add("Cast", each, to=TensorProto.FLOAT) for each in (key, value))
            attended = self._attend(query, key, value, bias)
            if layer == sizes.layers - 1:  # nobody reads what the other rows of the last layer would become
                x, attended = (b.add("Gather", each, last) for each in (x, attended))
            x = self.finish_layer(layer, x, attended)
        b.output("logits", self.logits(x), np.float32, [1, sizes.vocabulary])

    def _attend(self, query: str, key: str, value: str, bias: str) -> str:
        """`[rows, attention]`; written out, for RTX 1.7 has no kernel for Attention with a mask in float32."""
        b = self.b
        query = b.add("Mul", query, b.constant(self.head_dim**-0.5, np.float32))
        scores = b.add("Add", b.add("MatMul", query, b.add("Transpose", key, perm=[0, 1, 3, 2])), bias)
        attended = b.add("MatMul", b.add("Softmax", scores, axis=-1), value)
        return self.flat_heads(b.add("Transpose", attended, perm=[0, 2, 1, 3]))

    def _attention_bias(self, index: str, is_text: str, is_real: str) -> str:
        """`[1, 1, L, L]` float32: 0 where row i sees row j, else large and negative."""
        b = self.b
        causal = b.add("LessOrEqual", index, b.add("Transpose", index, perm=[1, 0]))
        visible = b.add("And", b.add("Or", is_text, causal), is_real)
        bias = b.add("Where", visible, b.constant(0, np.float32), b.constant(-1e4, np.float32))
        return b.add("Unsqueeze", bias, b.constant([0, 1]))


class DecodeStepGraph(GpuT2SGraph):
    """One token for every slot, appended to the cache; `modules.t2s.T2S.decode_step`.

    No shape is computed, so that a step can be captured as a CUDA graph.
    """

    name = "t2s_decode_step"

    def build(self) -> None:
        """Add all nodes."""
        _tokens, _positions, _rows, logits = self.step()
        self.b.output("logits", logits, np.float32, ["B", self.sizes.vocabulary])

    def step(self) -> tuple[str, str, str, str]:
        """Add one step; return its inputs tokens, positions and rows, and the logits."""
        b, sizes = self.b, self.sizes
        tokens, positions, rows = (b.input(name, np.int64, ["B"]) for name in ("tokens", "token_positions", "rows"))
        written = b.add("Add", rows, b.constant(1))
        x = self.embed_tokens(tokens, positions)
        one_row = b.constant([0, sizes.heads, 1, self.head_dim])
        for layer in range(sizes.layers):
            names = [f"{each}_{layer}" for each in ("query", "key", "value")]
            parts = b.add_many("Split", names, self.linear(self.cast(x), f"layers.{layer}.qkv"), axis=1, num_outputs=3)
            query, key, value = (b.add("Reshape", part, one_row) for part in parts)
            key, value = self.write_cache(layer, key, value, rows)
            attended = b.add("Attention", query, key, value, "", "", "", written)
            x = self.finish_layer(layer, x, self.flat_heads(attended))
        return tokens, positions, rows, self.logits(x)


class DecodeSampleGraph(DecodeStepGraph):
    """The same step, and the draw of the next token: several steps run without the host between them."""

    name = "t2s_decode_sample"

    def build(self) -> None:
        """Add all nodes."""
        tokens, positions, rows, logits = self.step()
        add_draw(self.b, logits, self.sizes.vocabulary, StepState(tokens, positions, rows))


class MoveSlotGraph(GpuT2SGraph):
    """A slot's keys and values, handed out as they came in: bound to another slot's memory, that is a copy."""

    name = "t2s_move_slot"
    batch = 1

    def build(self) -> None:
        """Add all nodes."""
        for layer in range(self.sizes.layers):
            for kind in ("key", "value"):
                cache = self.b.input(f"{kind}_cache_{layer}", self.cache_precision.dtype, self.cache_shape())
                self.b.output(f"new_{cache}", cache, self.cache_precision.dtype, self.cache_shape())
