"""Panels of weights, unpacked again as the kernels read them."""

import json

import numpy as np
import pytest

from gsv_build.graphs.graph_builder import WeightFile
from gsv_build.graphs.graph_quantisation import T2SPrecision, quantise, restored
from gsv_runtime.model_files import T2S_TENSORS_FILE
from gsv_runtime.t2s.fused_library import AVX2, AVX512, BLOCK, FLOAT32, HALF
from gsv_runtime.t2s.packed_weights import StoredTensors, pack

OUTPUTS, INPUTS = 70, 96
PANELS = pytest.mark.parametrize("panel", [AVX512.panel, AVX2.panel])


def stored(folder, bits=32, **tensors):
    file = WeightFile(folder / "t2s.weights", {name.replace("__", "."): each for name, each in tensors.items()})
    file.write_index(folder / T2S_TENSORS_FILE, {"facts": {}, "bits": bits})
    return StoredTensors(folder)


def matrix():
    return np.random.default_rng(0).standard_normal((OUTPUTS, INPUTS)).astype(np.float32)


def test_the_index_finds_every_tensor_where_it_lies(tmp_path):
    tensors = {"a": matrix(), "b": np.arange(5, dtype=np.uint8)}
    found = stored(tmp_path, **tensors)
    for name, each in tensors.items():
        np.testing.assert_array_equal(found[name], each)
    assert "c" not in found
    assert json.loads((tmp_path / T2S_TENSORS_FILE).read_text())["file"] == "t2s.weights"


@PANELS
@pytest.mark.parametrize(
    ("kind", "weights"), [(HALF, matrix().astype(np.float16).astype(np.float32)), (FLOAT32, matrix())]
)
def test_weights_are_kept_in_half_precision_where_that_holds_them_exactly(tmp_path, kind, weights, panel):
    bias = np.arange(OUTPUTS, dtype=np.float32)
    packed = pack(stored(tmp_path, head__weight=weights, head__bias=bias), "head", panel)
    assert (packed.kind, packed.inputs, packed.outputs) == (kind, INPUTS, 128)
    unpacked = packed.weights.astype(np.float32).transpose(0, 2, 1).reshape(-1, INPUTS)
    np.testing.assert_array_equal(unpacked[:OUTPUTS], weights)
    assert not unpacked[OUTPUTS:].any()
    np.testing.assert_array_equal(packed.bias[:OUTPUTS], bias)


def test_weights_beyond_half_precision_stay_float32(tmp_path):
    weights = np.full((64, 32), 1e6, dtype=np.float32)
    assert pack(stored(tmp_path, head__weight=weights), "head", AVX2.panel).kind == FLOAT32


@PANELS
@pytest.mark.parametrize("precision", [T2SPrecision.INT8, T2SPrecision.INT4])
def test_blocks_hold_the_same_steps_and_scales_in_another_order(tmp_path, precision, panel):
    blocks = quantise(matrix(), precision)
    tensors = {
        "x__weight__values": blocks.values, "x__weight__scales": blocks.scales,
        "x__bias": np.zeros(OUTPUTS, dtype=np.float32),
    }  # fmt: skip
    packed = pack(stored(tmp_path, precision.bits, **tensors), "x", panel)
    steps = packed.weights
    if precision is T2SPrecision.INT4:
        steps = np.concatenate([steps & 15, steps >> 4], axis=2)
    zero = 1 << (precision.bits - 1)
    assert packed.scales is not None
    by_block = (steps.astype(np.float32) - zero) * packed.scales[:, :, None, :, None]  # [N/L, K/32, 8, L, 4]
    unpacked = by_block.transpose(0, 3, 1, 2, 4).reshape(-1, INPUTS)
    assert by_block.shape[1:4] == (INPUTS // BLOCK, 8, panel)
    np.testing.assert_array_equal(unpacked[:OUTPUTS], restored(blocks, INPUTS, precision))
