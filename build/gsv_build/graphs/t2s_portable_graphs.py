"""The T2S graphs in standard operators: prefill and decode step. Pure: the rows to append are given out.

Letters for axes as in `t2s_graphs`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gsv_build.graphs.t2s_graph import T2SGraph


class _PortableGraph(T2SGraph):
    """Those that give out the rows that they append."""

    def output_layers(self, name: str, rows: Sequence[str], num_rows: int | str) -> None:
        """Give out the rows of all layers as one tensor, `[layers, B, heads, num_rows, head_dim]`."""
        b = self.b
        joined = b.add("Concat", *(b.add("Unsqueeze", each, b.constant([0])) for each in rows), axis=0)
        shape: list[int | str] = [self.sizes.layers, "B", self.sizes.heads, num_rows, self.head_dim]
        b.output(name, joined, np.float32, shape)


class PrefillGraph(_PortableGraph):
    """Packed prompts to logits, keys and values; `modules.t2s.T2S.prefill` in standard operators."""

    name = "t2s_prefill"

    def build(self) -> None:
        """Add all nodes."""
        b, sizes = self.b, self.sizes
        phones, tokens = b.input("phones", np.int64, ["B", "L"]), b.input("tokens", np.int64, ["B", "L"])
        bert_features = b.input("bert_features", np.float32, ["B", "L", sizes.bert_dim])
        phone_lengths = b.add("Unsqueeze", b.input("phone_lengths", np.int64, ["B"]), b.constant([1]))
        lengths = b.add("Unsqueeze", b.input("lengths", np.int64, ["B"]), b.constant([1]))

        rows = b.add("Gather", b.add("Shape", phones), b.constant(1))
        index = b.add("Unsqueeze", b.add("Range", b.constant(0), rows, b.constant(1)), b.constant([0]))
        is_text = b.add("Less", index, phone_lengths)
        positions = b.add("Where", is_text, index, b.add("Sub", index, phone_lengths))
        bias = self._attention_bias(index, is_text, b.add("Less", index, lengths))

        x = self.embed_rows(phones, tokens, bert_features, is_text, positions)
        packed_shape = b.add("Concat", b.add("Shape", phones), b.constant([3 * sizes.hidden]), axis=0)
        keys: list[str] = []
        values: list[str] = []
        for layer in range(sizes.layers):
            qkv = b.add("Reshape", self.linear(x, f"layers.{layer}.qkv"), packed_shape)
            query, key, value = self.split_heads(qkv)
            keys.append(key)
            values.append(value)
            weights = b.add("Softmax", b.add("Add", self.scores(query, key), bias), axis=-1)
            attended = b.add("Transpose", b.add("MatMul", weights, value), perm=[0, 2, 1, 3])
            x = self.finish_layer(layer, x, self.flat_rows(attended))

        rows_shape = b.add("Concat", b.add("Shape", phones), b.constant([sizes.hidden]), axis=0)
        last = b.add("GatherND", b.add("Reshape", x, rows_shape), b.add("Sub", lengths, b.constant(1)), batch_dims=1)
        b.output("logits", self.linear(last, "head", bias=False), np.float32, ["B", sizes.vocabulary])
        self.output_rows(keys, values)

    def output_rows(self, keys: Sequence[str], values: Sequence[str]) -> None:
        """Give out what each layer appends to the cache, `[B, heads, L, head_dim]` each."""
        self.output_layers("keys", keys, "L")
        self.output_layers("values", values, "L")

    def _attention_bias(self, index: str, is_text: str, is_real: str) -> str:
        """`[B, 1, L, L]`: 0 where row i sees row j, else large and negative."""
        b = self.b
        causal = b.add("LessOrEqual", index, b.add("Transpose", index, perm=[1, 0]))
        seen = b.add("Or", b.add("Unsqueeze", is_text, b.constant([1])), causal)
        visible = b.add("And", seen, b.add("Unsqueeze", is_real, b.constant([1])))
        bias = b.add("Where", visible, b.constant(0.0, np.float32), b.constant(-1e4, np.float32))
        return b.add("Unsqueeze", bias, b.constant([1]))


class DecodeStepGraph(_PortableGraph):
    """One token per slot to logits and the rows to append; `modules.t2s.T2S.decode_step` in standard operators."""

    name = "t2s_decode_step"

    def build(self) -> None:
        """Add all nodes."""
        b, sizes = self.b, self.sizes
        tokens = b.input("tokens", np.int64, ["B"])
        positions = b.input("token_positions", np.int64, ["B"])
        lengths = b.add("Unsqueeze", b.input("lengths", np.int64, ["B"]), b.constant([1]))
        caches = [
            (
                b.input(f"key_cache_{layer}", np.float32, self.cache_shape()),
                b.input(f"value_cache_{layer}", np.float32, self.cache_shape()),
            )
            for layer in range(sizes.layers)
        ]
        capacity = b.add("Gather", b.add("Shape", caches[0][0]), b.constant(2))
        index = b.add("Unsqueeze", b.add("Range", b.constant(0), capacity, b.constant(1)), b.constant([0]))
        bias = b.add("Where", b.add("Less", index, lengths), b.constant(0.0, np.float32), b.constant(-1e4, np.float32))
        bias = b.add("Unsqueeze", bias, b.constant([1, 2]))

        x = self.embed_tokens(tokens, positions)
        keys: list[str] = []
        values: list[str] = []
        for layer, (key_cache, value_cache) in enumerate(caches):
            qkv = b.add("Unsqueeze", self.linear(x, f"layers.{layer}.qkv"), b.constant([1]))
            query, key, value = self.split_heads(qkv)
            keys.append(key)
            values.append(value)
            past = b.add("Add", self.scores(query, key_cache), bias)
            weights = b.add("Softmax", b.add("Concat", past, self.scores(query, key), axis=-1), axis=-1)
            of_past = b.add("Slice", weights, b.constant([0]), b.constant([-1]), b.constant([3]))
            of_new = b.add("Slice", weights, b.constant([-1]), b.constant([2**62]), b.constant([3]))
            attended = b.add("Add", b.add("MatMul", of_past, value_cache), b.add("Mul", of_new, value))
            x = self.finish_layer(layer, x, self.flat_rows(attended))

        b.output("logits", self.linear(x, "head", bias=False), np.float32, ["B", sizes.vocabulary])
        self.output_layers("new_keys", keys, 1)
        self.output_layers("new_values", values, 1)
