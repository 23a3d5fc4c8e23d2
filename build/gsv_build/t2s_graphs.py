"""Write the T2S graphs: portable prefill and decode step, and one for ONNX Runtime that serves both phases.

All three read one weight file, named after our state dict. The portable two use standard operators only and are
pure: the cache is read, and the rows to append are given out. The third appends in place with ONNX Runtime's
GroupQueryAttention and reads only what was written (docs/decisions/0005-t2s-graphs.md). At 8 bits it has a weight file
of its own (docs/decisions/0008-t2s-precision-and-spinning.md).

Axis letters: ``B`` sequences or slots, ``L`` packed rows (phones, then tokens, then padding), ``C`` rows that a cache
slot holds, ``V`` vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gsv_build.graph_builder import GraphBuilder, WeightFile
from gsv_build.graph_quantisation import BITS, BLOCK_VALUES, T2SPrecision, quantise
from gsv_build.modules.t2s import T2S, sinusoids
from gsv_build.sizes import T2SSizes
from gsv_runtime.model_files import (
    T2S_DECODE_STEP_FILE,
    T2S_GRAPH_FILE,
    T2S_INT8_WEIGHTS_FILE,
    T2S_PREFILL_FILE,
    T2S_WEIGHTS_FILE,
)

MICROSOFT = "com.microsoft"
POSITION_TABLE = "position_table"
LAYER_NORM_EPS = 1e-5
INT8_ACTIVATIONS = 4  # MatMulNBits's accuracy_level: inputs are rounded too, row by row and block by block


@dataclass(frozen=True)
class T2SFiles:
    """What `write_t2s_graphs` writes, all in one folder. Each graph carries its sizes as metadata."""

    engine: Path  # both phases, ONNX Runtime
    prefill: Path  # portable
    decode_step: Path  # portable
    weights: Path


def write_t2s_graphs(
    model: T2S, folder: Path, max_positions: int, precision: T2SPrecision = T2SPrecision.FP32
) -> T2SFiles:
    """Write the three graphs and their weights.

    Args:
        model: weights of every layer.
        folder: must exist.
        max_positions: rows of the table of positions: the longest text and the longest run of tokens.
        precision: of the graph for ONNX Runtime; the portable ones are float32.

    Returns:
        Paths of the four files.
    """
    tensors = {name: tensor.detach().float().cpu().numpy() for name, tensor in model.state_dict().items()}
    tensors[POSITION_TABLE] = sinusoids(torch.arange(max_positions), model.sizes.hidden).numpy()
    weights = WeightFile(folder / T2S_WEIGHTS_FILE, tensors)
    facts = {**asdict(model.sizes), "max_positions": max_positions}
    if precision is T2SPrecision.INT8:
        engine: _EngineGraph = _Int8EngineGraph(model.sizes, _int8_weights(folder, tensors))
    else:
        engine = _EngineGraph(model.sizes, weights)
    return T2SFiles(
        engine=engine.save(folder / T2S_GRAPH_FILE, facts),
        prefill=_PrefillGraph(model.sizes, weights).save(folder / T2S_PREFILL_FILE, facts),
        decode_step=_DecodeStepGraph(model.sizes, weights).save(folder / T2S_DECODE_STEP_FILE, facts),
        weights=weights.path,
    )


def _int8_weights(folder: Path, tensors: Mapping[str, NDArray[Any]]) -> WeightFile:
    """Write what the 8-bit graph needs: the matrices of the layers in blocks, everything else as it is."""
    written: dict[str, NDArray[Any]] = {}
    for name, tensor in tensors.items():
        if name.startswith("layers.") and tensor.ndim == 2:
            blocks = quantise(tensor)
            written |= {f"{name}.values": blocks.values, f"{name}.scales": blocks.scales}
        else:
            written[name] = tensor
    return WeightFile(folder / T2S_INT8_WEIGHTS_FILE, written)


class _T2SGraph:
    """Parts that the graphs share; rows are flat, `[B * L, hidden]`, between attentions."""

    name = "t2s"
    domains: tuple[str, ...] = ()

    def __init__(self, sizes: T2SSizes, weights: WeightFile) -> None:
        self.sizes = sizes
        self.head_dim = sizes.hidden // sizes.heads
        self.b = GraphBuilder(self.name, weights)

    def save(self, path: Path, facts: Mapping[str, object]) -> Path:
        self.build()
        return self.b.save(path, self.domains, facts)

    def build(self) -> None:
        raise NotImplementedError

    def linear(self, x: str, name: str, bias: bool = True) -> str:
        """`[rows, in]` to `[rows, out]` by the linear layer `name`."""
        inputs = [x, self.b.weight(f"{name}.weight")] + ([self.b.weight(f"{name}.bias")] if bias else [])
        return self.b.add("Gemm", *inputs, transB=1)

    def add_and_norm(self, x: str, change: str, name: str) -> str:
        """Normalise the sum of two `[rows, hidden]`."""
        gain, bias = self.b.weight(f"{name}.weight"), self.b.weight(f"{name}.bias")
        return self.b.add(
            "LayerNormalization", self.b.add("Add", x, change), gain, bias, axis=-1, epsilon=LAYER_NORM_EPS
        )

    def finish_layer(self, layer: int, x: str, attended: str) -> str:
        """Close layer: `x` and `attended` are `[rows, hidden]`."""
        prefix = f"layers.{layer}"
        x = self.add_and_norm(x, self.linear(attended, f"{prefix}.attention_output"), f"{prefix}.attention_norm")
        expanded = self.b.add("Relu", self.linear(x, f"{prefix}.expand"))
        return self.add_and_norm(x, self.linear(expanded, f"{prefix}.contract"), f"{prefix}.feed_forward_norm")

    def positioned(self, embedded: str, positions: str, kind: str) -> str:
        """Add the scaled encoding of `positions` to rows of the same leading shape."""
        encoding = self.b.add("Gather", self.b.weight(POSITION_TABLE), positions)
        return self.b.add("Add", embedded, self.b.add("Mul", encoding, self.b.weight(f"{kind}_position_scale")))

    def embed_tokens(self, tokens: str, positions: str) -> str:
        embedded = self.b.add("Gather", self.b.weight("token_embedding.weight"), tokens)
        return self.positioned(embedded, positions, "token")

    def embed_rows(self, phones: str, tokens: str, bert_features: str, is_text: str, positions: str) -> str:
        """Embed packed rows, `[B, L]` and `[B, L, bert_dim]`, to flat `[B * L, hidden]`."""
        flat = self.b.add("Reshape", bert_features, self.b.constant([-1, self.sizes.bert_dim]))
        projected = self.linear(flat, "bert_projection")
        looked_up = self.b.add("Gather", self.b.weight("phone_embedding.weight"), phones)
        text = self.b.add("Add", self.flat_rows(self.positioned(looked_up, positions, "phone")), projected)
        audio = self.flat_rows(self.embed_tokens(tokens, positions))
        return self.b.add("Where", self.b.add("Reshape", is_text, self.b.constant([-1, 1])), text, audio)

    def flat_rows(self, x: str) -> str:
        return self.b.add("Reshape", x, self.b.constant([-1, self.sizes.hidden]))

    def split_heads(self, qkv: str) -> tuple[str, str, str]:
        """`[B, L, 3 * hidden]` to queries, keys and values `[B, heads, L, head_dim]`."""
        shape = self.b.constant([0, 0, 3, self.sizes.heads, self.head_dim])
        split = self.b.add("Transpose", self.b.add("Reshape", qkv, shape), perm=[2, 0, 3, 1, 4])
        parts = [self.b.add("Gather", split, self.b.constant(i), axis=0) for i in range(3)]
        return parts[0], parts[1], parts[2]

    def scores(self, query: str, key: str) -> str:
        """Scaled `[B, heads, L, keys]`."""
        scaled = self.b.add("Mul", query, self.b.constant(self.head_dim**-0.5, np.float32))
        return self.b.add("MatMul", scaled, self.b.add("Transpose", key, perm=[0, 1, 3, 2]))

    def cache_shape(self) -> list[int | str]:
        return ["B", self.sizes.heads, "C", self.head_dim]


class _PrefillGraph(_T2SGraph):
    """Packed prompts to logits, keys and values; `modules.t2s.T2S.prefill` in standard operators."""

    name = "t2s_prefill"

    def build(self) -> None:
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
            keys.append(b.add("Unsqueeze", key, b.constant([0])))
            values.append(b.add("Unsqueeze", value, b.constant([0])))
            weights = b.add("Softmax", b.add("Add", self.scores(query, key), bias), axis=-1)
            attended = b.add("Transpose", b.add("MatMul", weights, value), perm=[0, 2, 1, 3])
            x = self.finish_layer(layer, x, self.flat_rows(attended))

        rows_shape = b.add("Concat", b.add("Shape", phones), b.constant([sizes.hidden]), axis=0)
        last = b.add("GatherND", b.add("Reshape", x, rows_shape), b.add("Sub", lengths, b.constant(1)), batch_dims=1)
        b.output("logits", self.linear(last, "head", bias=False), np.float32, ["B", sizes.vocabulary])
        shape: list[int | str] = [sizes.layers, "B", sizes.heads, "L", self.head_dim]
        b.output("keys", b.add("Concat", *keys, axis=0), np.float32, shape)
        b.output("values", b.add("Concat", *values, axis=0), np.float32, shape)

    def _attention_bias(self, index: str, is_text: str, is_real: str) -> str:
        """`[B, 1, L, L]`: 0 where row i sees row j, else large and negative."""
        b = self.b
        causal = b.add("LessOrEqual", index, b.add("Transpose", index, perm=[1, 0]))
        seen = b.add("Or", b.add("Unsqueeze", is_text, b.constant([1])), causal)
        visible = b.add("And", seen, b.add("Unsqueeze", is_real, b.constant([1])))
        bias = b.add("Where", visible, b.constant(0.0, np.float32), b.constant(-1e4, np.float32))
        return b.add("Unsqueeze", bias, b.constant([1]))


class _DecodeStepGraph(_T2SGraph):
    """One token per slot to logits and the rows to append; `modules.t2s.T2S.decode_step` in standard operators."""

    name = "t2s_decode_step"

    def build(self) -> None:
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
            keys.append(b.add("Unsqueeze", key, b.constant([0])))
            values.append(b.add("Unsqueeze", value, b.constant([0])))
            past = b.add("Add", self.scores(query, key_cache), bias)
            weights = b.add("Softmax", b.add("Concat", past, self.scores(query, key), axis=-1), axis=-1)
            of_past = b.add("Slice", weights, b.constant([0]), b.constant([-1]), b.constant([3]))
            of_new = b.add("Slice", weights, b.constant([-1]), b.constant([2**62]), b.constant([3]))
            attended = b.add("Add", b.add("MatMul", of_past, value_cache), b.add("Mul", of_new, value))
            x = self.finish_layer(layer, x, self.flat_rows(attended))

        b.output("logits", self.linear(x, "head", bias=False), np.float32, ["B", sizes.vocabulary])
        shape: list[int | str] = [sizes.layers, "B", sizes.heads, 1, self.head_dim]
        b.output("new_keys", b.add("Concat", *keys, axis=0), np.float32, shape)
        b.output("new_values", b.add("Concat", *values, axis=0), np.float32, shape)


class _EngineGraph(_T2SGraph):
    """Both phases for ONNX Runtime: rows of any number appended to cache slots in place.

    The caller gives what differs between the phases as data: which rows are text, their positions, the attention bias
    and which flat row of each sequence is scored. `key_cache_*` is bound to the same memory as `new_key_cache_*`.
    """

    name = "t2s"
    domains = (MICROSOFT,)

    def build(self) -> None:
        b, sizes = self.b, self.sizes
        phones, tokens = b.input("phones", np.int64, ["B", "L"]), b.input("tokens", np.int64, ["B", "L"])
        bert_features = b.input("bert_features", np.float32, ["B", "L", sizes.bert_dim])
        is_text, positions = b.input("is_text", np.bool_, ["B", "L"]), b.input("positions", np.int64, ["B", "L"])
        bias = b.input("attention_bias", np.float32, ["B_or_1", 1, "L", "total"])
        last_rows = b.input("last_rows", np.int32, ["B"])  # index of the last row in use after this call
        total = b.input("total_rows", np.int32, [])
        scored_rows = b.input("scored_rows", np.int64, ["B"])

        x = self.embed_rows(phones, tokens, bert_features, is_text, positions)
        packed_shape = b.add("Concat", b.add("Shape", phones), b.constant([3 * sizes.hidden]), axis=0)
        for layer in range(sizes.layers):
            cache = [b.input(f"{kind}_cache_{layer}", np.float32, self.cache_shape()) for kind in ("key", "value")]
            written = [f"new_{kind}_cache_{layer}" for kind in ("key", "value")]
            qkv = b.add("Reshape", self.linear(x, f"layers.{layer}.qkv"), packed_shape)
            attended, *_ = b.add_many(
                "GroupQueryAttention",
                [f"attended_{layer}", *written],
                *(qkv, "", "", *cache, last_rows, total, "", "", "", bias),
                domain=MICROSOFT,
                num_heads=sizes.heads,
                kv_num_heads=sizes.heads,
                causal=0,
            )
            for value in written:
                b.output(value, value, np.float32, self.cache_shape())
            attended = self.flat_rows(attended)
            if layer == sizes.layers - 1:  # nobody reads what the other rows of the last layer would become
                x, attended = (b.add("Gather", each, scored_rows) for each in (x, attended))
            x = self.finish_layer(layer, x, attended)
        b.output("logits", self.linear(x, "head", bias=False), np.float32, ["B", sizes.vocabulary])

    def add_and_norm(self, x: str, change: str, name: str) -> str:
        gain, bias = self.b.weight(f"{name}.weight"), self.b.weight(f"{name}.bias")
        return self.b.add("SkipLayerNormalization", x, change, gain, bias, domain=MICROSOFT, epsilon=LAYER_NORM_EPS)


class _Int8EngineGraph(_EngineGraph):
    """The same with the matrices of the layers at 8 bits; embeddings, norms, biases and the head stay float32."""

    def linear(self, x: str, name: str, bias: bool = True) -> str:
        if not name.startswith("layers."):
            return super().linear(x, name, bias)
        values, scales = (self.b.weight(f"{name}.weight.{part}") for part in ("values", "scales"))
        return self.b.add(
            "MatMulNBits",
            *(x, values, scales, "", "", self.b.weight(f"{name}.bias")),
            domain=MICROSOFT,
            K=self.inputs_of(name),
            N=self.b.weight_shape(values)[0],
            bits=BITS,
            block_size=BLOCK_VALUES,
            accuracy_level=INT8_ACTIVATIONS,
        )

    def inputs_of(self, name: str) -> int:
        """Columns of a layer's matrix, which the blocks no longer tell."""
        return self.sizes.feed_forward if name.endswith(".contract") else self.sizes.hidden
