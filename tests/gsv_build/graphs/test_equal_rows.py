"""A vocoder for rows of one length makes what the one with masks makes; other graphs are left alone."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from gsv_build.export import export_graph
from gsv_build.graphs.equal_rows import for_equal_rows
from gsv_build.graphs.precision import Precision
from gsv_build.graphs.purity import impurities
from gsv_build.modules.light_vocoder import LightVocoder
from gsv_build.modules.vocoder import Vocoder
from gsv_build.sizes import LightVocoderSizes, ModelVersion, SovitsSizes
from gsv_runtime import contract
from gsv_runtime.graphs.vocoder_spectrum import VOCODER_SPECTRUM

NEAR_DB = 100
SIZES = {"latent_dim": 8, "global_dim": 6}
# Rates and kernels of the demo voice, where they do not divide each other, and of the official v2.
DEMO = {"upsample_rates": (5, 4, 4, 8), "upsample_kernels": (11, 8, 8, 16), "upsample_channels": 64}
DEMO |= {"resblock_kernels": (3,), "resblock_dilations": ((1, 3, 9),)}
OFFICIAL = {"upsample_rates": (10, 8, 2, 2, 2), "upsample_kernels": (16, 16, 8, 2, 2), "upsample_channels": 64}


def exported(path, sizes, precision=Precision.FP32):
    torch.manual_seed(3)
    module = Vocoder(SovitsSizes(version=ModelVersion.V2, latent=8, global_dim=6, **sizes))
    return onnx.load(export_graph(module, contract.VOCODER, path / "model.onnx", SIZES, precision=precision))


@pytest.fixture(scope="module", params=[DEMO, OFFICIAL], ids=["demo", "official"])
def graphs(request, tmp_path_factory):
    graph = exported(tmp_path_factory.mktemp("vocoder"), request.param)
    return graph, for_equal_rows(graph)


def inputs(rows, frames, heard):
    random = np.random.default_rng(frames)
    return {
        "latents": random.standard_normal((rows, 8, frames)).astype(np.float32),
        "frame_lengths": np.full((rows, 1), heard, np.int64),
        "global_condition": random.standard_normal((rows, 6)).astype(np.float32),
    }


def waveform(graph, given):
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["waveform"], given)[0]


@pytest.mark.parametrize(("rows", "frames", "heard"), [(1, 1, 1), (1, 23, 23), (1, 40, 33), (3, 12, 12), (2, 16, 9)])
def test_it_makes_the_same_waveform_without_masks(graphs, rows, frames, heard):
    masked, unmasked = graphs
    given = inputs(rows, frames, heard)
    expected, made = waveform(masked, given), waveform(unmasked, given)
    assert made.shape == expected.shape == (rows, frames * contract.SAMPLES_PER_FRAME)
    error = np.square(made - expected).sum() / np.square(expected).sum()
    assert -10 * np.log10(error) >= NEAR_DB
    assert not made[:, heard * contract.SAMPLES_PER_FRAME :].any()


def test_it_is_a_valid_and_pure_graph_of_the_same_inputs_and_outputs(graphs):
    masked, unmasked = graphs
    onnx.checker.check_model(unmasked, full_check=True)
    assert impurities(unmasked) == []
    assert unmasked.graph.input == masked.graph.input
    assert unmasked.graph.output == masked.graph.output


def test_no_product_with_a_mask_and_no_transposed_convolution_is_left(graphs):
    masked, unmasked = (
        {kind: sum(node.op_type == kind for node in graph.graph.node) for kind in ("Less", "ConvTranspose", "Mul")}
        for graph in graphs
    )
    assert min(masked.values()) > 0
    assert unmasked == {"Less": 0, "ConvTranspose": 0, "Mul": 1}  # the product counts samples of the padding


def test_graphs_of_another_kind_are_left_alone(tmp_path):
    assert for_equal_rows(exported(tmp_path, DEMO, Precision.FP16)) is None
    light = LightVocoder(LightVocoderSizes(latent=8, global_dim=6, channels=16, expanded=32, blocks=1))
    path = export_graph(light, VOCODER_SPECTRUM, tmp_path / "spectrum.onnx", SIZES)
    assert for_equal_rows(onnx.load(path)) is None
