"""NVIDIA's own parser and builder (TensorRT for RTX, which needs no GPU for this) on T2S's graphs."""

from collections import Counter

import pytest
import torch

from gsv_build.graphs.precision import Precision
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes

trt = pytest.importorskip("tensorrt_rtx", reason="needs the wheel tensorrt-rtx-cu13")

SIZES = T2SSizes(hidden=128, heads=4, layers=3, feed_forward=64, num_phones=20, vocabulary=33, bert_dim=12)
pytestmark = [pytest.mark.tensorrt, pytest.mark.slow]
LENGTHS = {"B": (4, 4, 4), "L": (2, 16, 64)}


@pytest.fixture(scope="module", params=Precision)
def files(request, tmp_path_factory):
    torch.manual_seed(0)
    return write_t2s_gpu_graphs(T2S(SIZES).eval(), tmp_path_factory.mktemp("t2s"), 64, request.param)


@pytest.mark.parametrize("name", ["prefill", "decode_step", "decode_sample"])
def test_a_graph_is_read_with_its_cache_in_place_and_becomes_an_engine(files, name):
    log = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    assert parser.parse_from_file(str(getattr(files, name))), [parser.get_error(i) for i in range(parser.num_errors)]
    layers = Counter(network.get_layer(index).type.name for index in range(network.num_layers))
    assert layers["KV_CACHE_UPDATE"] == 2 * SIZES.layers
    assert layers["ATTENTION_INPUT"] == (0 if name == "prefill" else SIZES.layers)
    profile, config = builder.create_optimization_profile(), builder.create_builder_config()
    for tensor in (network.get_input(index) for index in range(network.num_inputs)):
        axes = [tensor.get_dimension_name(axis) for axis in range(len(tensor.shape))]
        shapes = [
            [LENGTHS[axis][i] if size < 0 else size for axis, size in zip(axes, tensor.shape, strict=True)]
            for i in range(3)
        ]
        profile.set_shape(tensor.name, *shapes)
    config.add_optimization_profile(profile)
    assert builder.build_serialized_network(network, config) is not None
