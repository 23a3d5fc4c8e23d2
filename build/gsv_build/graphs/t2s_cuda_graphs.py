"""Write the T2S graphs that ONNX Runtime runs on a GPU: a prefill that fills a slot, and a step of all slots.

On a GPU GroupQueryAttention takes half precision only, and no attention bias. A decode step needs none; a prefill does,
since text sees all of the text, so it is written out in standard operators. The cache is float16, all else float32
(docs/decisions/0022-t2s-on-a-gpu.md). Both read the weight file of `t2s_graphs`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from gsv_build.graphs.t2s_graph import FusedT2SGraph
from gsv_build.graphs.t2s_portable_graphs import PrefillGraph


class CudaPrefillGraph(PrefillGraph):
    """Packed prompts to logits and whole slots of the cache, whose rows beyond the prompt are zeros."""

    name = "t2s_cuda_prefill"

    def output_rows(self, keys: Sequence[str], values: Sequence[str]) -> None:
        """Give out whole slots."""
        b, zero = self.b, self.b.constant([0])
        cache_rows = b.input("cache_rows", np.int64, [1])
        rows = b.add("Gather", b.add("Shape", keys[0]), b.constant([2]))
        pads = b.add("Concat", *[zero] * 6, b.add("Sub", cache_rows, rows), zero, axis=0)
        for kind, of_layers in (("key", keys), ("value", values)):
            for layer, each in enumerate(of_layers):
                padded = b.add("Pad", b.add("Cast", each, to=TensorProto.FLOAT16), pads)
                b.output(f"new_{kind}_cache_{layer}", padded, np.float16, self.cache_shape())


class CudaDecodeStepGraph(FusedT2SGraph):
    """One token for every slot, appended to the cache in place; no shape is computed, so that it can be captured."""

    name = "t2s_cuda_decode_step"

    def build(self) -> None:
        """Add all nodes."""
        b, sizes = self.b, self.sizes
        tokens, positions = b.input("tokens", np.int64, ["B"]), b.input("token_positions", np.int64, ["B"])
        last_rows = b.input("last_rows", np.int32, ["B"])  # index of the row that this step writes
        total = b.input("total_rows", np.int32, [])  # rows of the longest sequence, or more; in the host's memory
        x = self.embed_tokens(tokens, positions)
        for layer in range(sizes.layers):
            qkv = b.add("Unsqueeze", self.linear(x, f"layers.{layer}.qkv"), b.constant([1]))
            qkv = b.add("Cast", qkv, to=TensorProto.FLOAT16)
            attended = self.attend_in_place(layer, qkv, np.float16, [last_rows, total])
            attended = b.add("Cast", b.add("Squeeze", attended, b.constant([1])), to=TensorProto.FLOAT)
            x = self.finish_layer(layer, x, attended)
        b.output("logits", self.linear(x, "head", bias=False), np.float32, ["B", sizes.vocabulary])
