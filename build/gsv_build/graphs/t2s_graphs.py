"""Write the T2S graphs: one for ONNX Runtime on a CPU that serves both phases, and those for a GPU.

The first appends in place with ONNX Runtime's GroupQueryAttention and reads only what was written
(docs/decisions/0005-t2s-graphs.md); at 8 bits it has another weight file
(docs/decisions/0008-t2s-precision-and-spinning.md). Those for a GPU are in standard operators, for ONNX Runtime and
TensorRT (docs/decisions/0023-one-standard-t2s-graph.md), and share a weight file of their precision.

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

from gsv_build.graphs.graph_builder import WeightFile
from gsv_build.graphs.graph_quantisation import BLOCK_VALUES, T2SPrecision, T2SQuantisation, quantise
from gsv_build.graphs.precision import Precision
from gsv_build.graphs.t2s_gpu_graphs import (
    DecodeSampleGraph,
    DecodeStepGraph,
    MoveSlotGraph,
    PrefillGraph,
    stays_float32,
)
from gsv_build.graphs.t2s_graph import MICROSOFT, POSITION_TABLE, QUERY_SCALE, FusedT2SGraph
from gsv_build.modules.t2s import T2S, sinusoids
from gsv_build.sizes import T2SSizes
from gsv_runtime.model_files import (
    T2S_DECODE_SAMPLE_FILE,
    T2S_DECODE_STEP_FILE,
    T2S_GRAPH_FILE,
    T2S_MOVE_SLOT_FILE,
    T2S_PREFILL_FILE,
    T2S_TENSORS_FILE,
    T2S_WEIGHTS_FILE,
    t2s_gpu_weights_file,
    t2s_rounded_weights_file,
)

ROUNDED_ACTIVATIONS = 4  # MatMulNBits's accuracy_level: inputs are rounded too, row by row and block by block

_EXACT = T2SQuantisation()


@dataclass(frozen=True)
class T2SFiles:
    """What `write_t2s_graphs` writes into one folder. Each graph carries its sizes as metadata."""

    engine: Path  # both phases, ONNX Runtime on a CPU
    weights: Path


@dataclass(frozen=True)
class T2SGpuFiles:
    """What `write_t2s_gpu_graphs` writes into one folder. Each graph carries its sizes as metadata."""

    prefill: Path
    decode_step: Path
    decode_sample: Path
    move_slot: Path
    weights: Path  # of the steps; those of the prefill lie beside them


def write_t2s_graphs(model: T2S, folder: Path, max_positions: int, quantisation: T2SQuantisation = _EXACT) -> T2SFiles:
    """Write the graph for a CPU and its weights.

    Args:
        model: weights of every layer.
        folder: must exist.
        max_positions: rows of the table of positions: the longest text and the longest run of tokens.
        quantisation: of the matrices of the layers.

    Returns:
        Paths of the files.
    """
    tensors = _tensors(model, max_positions)
    tensors[QUERY_SCALE] = _query_scale(model.sizes)
    if quantisation.precision is T2SPrecision.FP32:
        weights = WeightFile(folder / T2S_WEIGHTS_FILE, tensors)
        engine = _EngineGraph(model.sizes, weights)
    else:
        weights = _rounded_weights(folder, tensors, quantisation)
        engine = _RoundedEngineGraph(model.sizes, weights, quantisation)
    facts = _facts(model, max_positions)
    weights.write_index(folder / T2S_TENSORS_FILE, {"facts": facts, "bits": quantisation.precision.bits})
    return T2SFiles(engine.save(folder / T2S_GRAPH_FILE, facts), weights.path)


def write_t2s_gpu_graphs(
    model: T2S, folder: Path, cache_rows: int, precision: Precision = Precision.FP16
) -> T2SGpuFiles:
    """Write the graphs for a GPU and their weights.

    Args:
        model: weights of every layer.
        folder: must exist.
        cache_rows: rows of a slot, which the graphs fix; likewise of the table of positions.
        precision: of the cache, and of weights and arithmetic of a step.

    Returns:
        Paths of the files.
    """
    exact = _tensors(model, cache_rows)
    narrow = {name: each if stays_float32(name) else each.astype(precision.dtype) for name, each in exact.items()}
    weights = WeightFile(folder / t2s_gpu_weights_file(precision.value), narrow)
    prefill_weights = weights
    if precision is not Precision.FP32:
        prefill_weights = WeightFile(folder / t2s_gpu_weights_file(Precision.FP32.value), exact)
    facts = {**_facts(model, cache_rows), "cache_rows": cache_rows, "precision": precision.value}
    prefill = PrefillGraph(model.sizes, prefill_weights, Precision.FP32, precision, cache_rows)
    decode_step, decode_sample, move_slot = (
        graph(model.sizes, weights, precision, precision, cache_rows)
        for graph in (DecodeStepGraph, DecodeSampleGraph, MoveSlotGraph)
    )
    return T2SGpuFiles(
        prefill=prefill.save(folder / T2S_PREFILL_FILE, facts),
        decode_step=decode_step.save(folder / T2S_DECODE_STEP_FILE, facts),
        decode_sample=decode_sample.save(folder / T2S_DECODE_SAMPLE_FILE, facts),
        move_slot=move_slot.save(folder / T2S_MOVE_SLOT_FILE, facts),
        weights=weights.path,
    )


def _tensors(model: T2S, max_positions: int) -> dict[str, NDArray[Any]]:
    """Collect the weights of the module and the table of positions, float32."""
    tensors = {name: tensor.detach().float().cpu().numpy() for name, tensor in model.state_dict().items()}
    return tensors | {POSITION_TABLE: sinusoids(torch.arange(max_positions), model.sizes.hidden).numpy()}


def _facts(model: T2S, max_positions: int) -> dict[str, object]:
    return {**asdict(model.sizes), "max_positions": max_positions}


def _query_scale(sizes: T2SSizes) -> NDArray[np.float32]:
    """What queries, keys and values are multiplied by, `[3 * attention]`, so that attention need not scale."""
    scale = np.ones(3 * sizes.attention, dtype=np.float32)
    scale[: sizes.attention] = sizes.head_dim**-0.5
    return scale


def _rounded_weights(folder: Path, tensors: Mapping[str, NDArray[Any]], quantisation: T2SQuantisation) -> WeightFile:
    """Write what the rounded graph needs: matrices of the layers in blocks, everything else as it is."""
    written: dict[str, NDArray[Any]] = {}
    for name, tensor in tensors.items():
        if tensor.ndim == 2 and not quantisation.keeps(name.removesuffix(".weight")):
            blocks = quantise(tensor, quantisation.precision)
            written |= {f"{name}.values": blocks.values, f"{name}.scales": blocks.scales}
        else:
            written[name] = tensor
    return WeightFile(folder / t2s_rounded_weights_file(quantisation.precision.value), written)


class _EngineGraph(FusedT2SGraph):
    """Both phases for ONNX Runtime on a CPU: rows of any number appended to cache slots in place.

    The caller gives what differs between the phases as data: which rows are text, their positions, the attention bias
    and which flat row of each sequence is scored. `key_cache_*` is bound to the same memory as `new_key_cache_*`.
    """

    name = "t2s"

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
        packed_shape = b.add("Concat", b.add("Shape", phones), b.constant([3 * sizes.attention]), axis=0)
        for layer in range(sizes.layers):
            # Scaled here: with a factor of its own attention leaves its fast path (decision 5).
            qkv = b.add("Mul", self.linear(x, f"layers.{layer}.qkv"), b.weight(QUERY_SCALE))
            qkv = b.add("Reshape", qkv, packed_shape)
            inputs = [last_rows, total, "", "", "", bias]
            attended = self.attend_in_place(layer, qkv, np.float32, inputs, causal=0, scale=1.0)
            attended = self.flat_heads(attended)
            if layer == sizes.layers - 1:  # nobody reads what the other rows of the last layer would become
                x, attended = (b.add("Gather", each, scored_rows) for each in (x, attended))
            x = self.finish_layer(layer, x, attended)
        b.output("logits", self.linear(x, "head", bias=False), np.float32, ["B", sizes.vocabulary])


class _RoundedEngineGraph(_EngineGraph):
    """The same with matrices of the layers at 8 or 4 bits; embeddings, norms, biases and the head stay float32."""

    def __init__(self, sizes: T2SSizes, weights: WeightFile, quantisation: T2SQuantisation) -> None:
        super().__init__(sizes, weights)
        self._quantisation = quantisation

    def linear(self, x: str, name: str, bias: bool = True) -> str:
        if self._quantisation.keeps(name):
            return super().linear(x, name, bias)
        values, scales = (self.b.weight(f"{name}.weight.{part}") for part in ("values", "scales"))
        return self.b.add(
            "MatMulNBits",
            *(x, values, scales, "", "", self.b.weight(f"{name}.bias")),
            domain=MICROSOFT,
            K=self.inputs_of(name),
            N=self.b.weight_shape(values)[0],
            bits=self._quantisation.precision.bits,
            block_size=BLOCK_VALUES,
            accuracy_level=ROUNDED_ACTIVATIONS,
        )

    def inputs_of(self, name: str) -> int:
        """Columns of a layer's matrix, which the blocks no longer tell."""
        own = {"contract": self.sizes.feed_forward, "attention_output": self.sizes.attention}
        return own.get(name.rpartition(".")[2], self.sizes.hidden)
