"""What the T2S graphs share: their layers, node by node. Letters for axes as in `t2s_graphs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gsv_build.graphs.graph_builder import GraphBuilder, WeightFile
from gsv_build.sizes import T2SSizes

MICROSOFT = "com.microsoft"
POSITION_TABLE = "position_table"
QUERY_SCALE = "query_scale"
LAYER_NORM_EPS = 1e-5


class T2SGraph:
    """Parts that the graphs share; rows are flat, `[B * L, hidden]`, between attentions."""

    name = "t2s"
    domains: tuple[str, ...] = ()
    opset = 20
    batch: int | str = "B"
    cache_rows: int | str = "C"

    def __init__(self, sizes: T2SSizes, weights: WeightFile) -> None:
        self.sizes = sizes
        self.head_dim = sizes.head_dim
        self.b = GraphBuilder(self.name, weights, self.opset)

    def save(self, path: Path, facts: Mapping[str, object]) -> Path:
        """Write the graph to `path` with `facts` as its metadata; return `path`."""
        self.build()
        return self.b.save(path, self.domains, facts)

    def build(self) -> None:
        """Add all nodes."""
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
        """Close layer: `x` is `[rows, hidden]`, `attended` `[rows, attention]`."""
        prefix = f"layers.{layer}"
        x = self.add_and_norm(x, self.linear(attended, f"{prefix}.attention_output"), f"{prefix}.attention_norm")
        expanded = self.b.add("Relu", self.linear(x, f"{prefix}.expand"))
        return self.add_and_norm(x, self.linear(expanded, f"{prefix}.contract"), f"{prefix}.feed_forward_norm")

    def positioned(self, embedded: str, positions: str, kind: str) -> str:
        """Add the scaled encoding of `positions` to rows of the same leading shape."""
        encoding = self.b.add("Gather", self.b.weight(POSITION_TABLE), positions)
        return self.b.add("Add", embedded, self.b.add("Mul", encoding, self.b.weight(f"{kind}_position_scale")))

    def embed_tokens(self, tokens: str, positions: str) -> str:
        """Embed tokens; the rows have the shape of `tokens`."""
        embedded = self.b.add("Gather", self.b.weight("token_embedding.weight"), tokens)
        return self.positioned(embedded, positions, "token")

    def embed_rows(self, phones: str, tokens: str, bert_features: str, is_text: str, positions: str) -> str:
        """Embed packed rows, `[B, L]` and `[B, L, bert_dim]`, to flat `[B * L, hidden]`."""
        flat = self.b.add("Reshape", bert_features, self.b.constant([-1, self.sizes.bert_dim]))
        projected = self.project_features(flat)
        looked_up = self.b.add("Gather", self.b.weight("phone_embedding.weight"), phones)
        text = self.b.add("Add", self.flat_rows(self.positioned(looked_up, positions, "phone")), projected)
        audio = self.flat_rows(self.embed_tokens(tokens, positions))
        return self.b.add("Where", self.b.add("Reshape", is_text, self.b.constant([-1, 1])), text, audio)

    def project_features(self, flat: str) -> str:
        """BERT features, `[rows, bert_dim]`, to `[rows, hidden]`."""
        return self.linear(flat, "bert_projection")

    def flat_rows(self, x: str) -> str:
        """Rows of any leading shape to `[rows, hidden]`."""
        return self.b.add("Reshape", x, self.b.constant([-1, self.sizes.hidden]))

    def flat_heads(self, attended: str) -> str:
        """What heads attended, of any leading shape, to `[rows, attention]`."""
        return self.b.add("Reshape", attended, self.b.constant([-1, self.sizes.attention]))

    def split_heads(self, qkv: str) -> tuple[str, str, str]:
        """`[B, L, 3 * attention]` to queries, keys and values `[B, heads, L, head_dim]`."""
        shape = self.b.constant([0, 0, 3, self.sizes.heads, self.head_dim])
        split = self.b.add("Transpose", self.b.add("Reshape", qkv, shape), perm=[2, 0, 3, 1, 4])
        parts = [self.b.add("Gather", split, self.b.constant(i), axis=0) for i in range(3)]
        return parts[0], parts[1], parts[2]

    def cache_shape(self) -> list[int | str]:
        """Shape of a layer's keys or values in the cache."""
        return [self.batch, self.sizes.heads, self.cache_rows, self.head_dim]


class FusedT2SGraph(T2SGraph):
    """Those for ONNX Runtime alone, with its own fused operators."""

    domains = (MICROSOFT,)

    def add_and_norm(self, x: str, change: str, name: str) -> str:
        """Normalise the sum of two `[rows, hidden]`."""
        gain, bias = self.b.weight(f"{name}.weight"), self.b.weight(f"{name}.bias")
        return self.b.add("SkipLayerNormalization", x, change, gain, bias, domain=MICROSOFT, epsilon=LAYER_NORM_EPS)

    def attend_in_place(
        self, layer: int, qkv: str, dtype: type[np.generic], inputs: Sequence[str], **attributes: float
    ) -> str:
        """Append the rows of packed `qkv` to the layer's cache, and attend; `[B, L, attention]`.

        Args:
            layer: whose cache; it becomes an input and an output of the graph, to be bound to the same memory.
            qkv: `[B, L, 3 * attention]`.
            dtype: of `qkv` and of the cache.
            inputs: those of GroupQueryAttention after the cache.
            attributes: of it, beside the numbers of heads.
        """
        b, heads = self.b, self.sizes.heads
        cache = [b.input(f"{kind}_cache_{layer}", dtype, self.cache_shape()) for kind in ("key", "value")]
        written = [f"new_{kind}_cache_{layer}" for kind in ("key", "value")]
        attended, *_ = b.add_many(
            "GroupQueryAttention",
            [f"attended_{layer}", *written],
            *(qkv, "", "", *cache, *inputs),
            domain=MICROSOFT,
            num_heads=heads,
            kv_num_heads=heads,
            **attributes,
        )
        for value in written:
            b.output(value, value, dtype, self.cache_shape())
        return attended
