"""PyTorch to ONNX: the same numbers at every length, names and axes of the contract, pure graphs."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from gsv_build import export
from gsv_build.checkpoints.keys_s2 import SovitsModules
from gsv_build.deployment import PRESETS
from gsv_build.export import ExportFailed, export_graph
from gsv_build.graphs.half_precision import FLOAT32_PARTS, to_precision
from gsv_build.graphs.purity import impurities
from gsv_build.sizes import SovitsSizes
from gsv_build.tensorrt_library import TensorRT
from gsv_runtime import contract
from gsv_runtime.versions import ModelVersion

from ..small_repositories import built_weights, graph_of

pytestmark = pytest.mark.slow

STAGES = {
    "quantizer": contract.SPEECH_TOKENIZER,
    "reference_encoder": contract.REFERENCE_ENCODER,
    "acoustic": contract.ACOUSTIC,
    "vocoder": contract.VOCODER,
}
BY_STAGE = pytest.mark.parametrize("stage", STAGES)


class Exported:
    """Networks and the graphs that were exported from them."""

    def __init__(self, modules: SovitsModules, sizes: SovitsSizes, path: Callable[[str], Path]) -> None:
        self.modules, self.sizes, self.path = modules, sizes, path

    def run(self, stage: str, *inputs: Tensor) -> Tensor:
        session = onnxruntime.InferenceSession(self.path(stage), providers=["CPUExecutionProvider"])
        names = [tensor.name for tensor in STAGES[stage].inputs]
        feeds = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return torch.from_numpy(np.asarray(session.run(None, feeds)[0]))

    def error(self, stage: str, *inputs: Tensor) -> float:
        with torch.no_grad():
            expected = getattr(self.modules, stage)(*inputs)
        result = self.run(stage, *inputs)
        assert result.shape == expected.shape
        return float((result - expected).abs().max())


@pytest.fixture(scope="module")
def exported() -> Exported:
    """A small v2ProPlus model; the build exports its graphs."""
    version = ModelVersion.V2_PRO_PLUS
    sovits = built_weights(version).sovits
    return Exported(sovits.module, sovits.sizes, lambda stage: graph_of(version, STAGES[stage].name))


@BY_STAGE
def test_graphs_carry_the_contracts_names_types_and_axes(exported: Exported, stage: str) -> None:
    graph = onnx.load(exported.path(stage)).graph
    for values, tensors in ((graph.input, STAGES[stage].inputs), (graph.output, STAGES[stage].outputs)):
        assert [value.name for value in values] == [tensor.name for tensor in tensors]
        for value, tensor in zip(values, tensors, strict=True):
            assert value.type.tensor_type.elem_type == {"FP32": 1, "INT64": 7}[tensor.dtype]
            for dimension, axis in zip(value.type.tensor_type.shape.dim, tensor.axes, strict=True):
                if export.is_dynamic(axis):
                    assert dimension.dim_param == axis
                else:
                    assert dimension.dim_value > 0


@BY_STAGE
def test_graphs_are_pure_and_hold_no_trace_of_the_builder(exported: Exported, stage: str) -> None:
    proto = onnx.load(exported.path(stage))
    assert impurities(proto) == []
    onnx.checker.check_model(proto, full_check=True)
    assert b"/gsv_build/" not in proto.SerializeToString()


@pytest.fixture(scope="module")
def exported_v1(tiny_sovits: Any, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A tiny v1 model; each graph is exported when it is first asked for."""
    # Two upsamplings, one residual block and one layer keep the export short; the operators are the same.
    changes = {"upsample_rates": (4, 2), "upsample_kernels": (8, 2), "resblock_kernels": (3,), "layers": 1}
    sizes = tiny_sovits.sizes(ModelVersion.V1, **changes, resblock_dilations=((1, 3),), flow_layers=1)
    modules = tiny_sovits.modules(ModelVersion.V1, sizes)
    axes = {"latent_dim": sizes.latent, "global_dim": sizes.global_dim, "ssl_dim": sizes.ssl_dim}
    folder = tmp_path_factory.mktemp("v1")

    @cache
    def path(stage: str) -> Path:
        target = folder / stage / "model.onnx"
        return export_graph(getattr(modules, stage), STAGES[stage], target, axes, ("speaker_embedding",))

    return Exported(modules, sizes, path)


@pytest.mark.tensorrt
@BY_STAGE
@pytest.mark.parametrize("networks", [pytest.param("exported_v1", marks=pytest.mark.slow), "exported"])
def test_graphs_of_v1_and_v2proplus_are_read_by_tensorrts_own_parser_at_both_precisions(
    request: pytest.FixtureRequest, tmp_path: Path, networks: str, stage: str
) -> None:
    trt = pytest.importorskip("tensorrt_rtx", reason="needs the wheel tensorrt-rtx-cu13")
    library, path = TensorRT(trt), request.getfixturevalue(networks).path(stage)
    half = onnx.load(path)
    to_precision(half, PRESETS["tensorrt"].precision_of(STAGES[stage]), FLOAT32_PARTS.get(STAGES[stage].name, ()))
    onnx.save(half, tmp_path / "half.onnx")
    for graph in (path, tmp_path / "half.onnx"):
        assert library.parse(trt.Builder(library.log), graph).num_layers > 0


@pytest.mark.parametrize(
    ("tokens", "phones", "frames"),
    [((1,), (1,), (2,)), ((2,), (5,), (9,)), ((40,), (3,), (80,)), ((3, 12, 7), (9, 2, 30), (6, 17, 14))],
)
def test_the_acoustic_graph_computes_what_the_module_computes(
    exported: Exported, tiny_sovits: Any, tokens: tuple[int, ...], phones: tuple[int, ...], frames: tuple[int, ...]
) -> None:
    batch = tiny_sovits.acoustic_batch(exported.sizes, tokens, phones, frames)
    assert exported.error("acoustic", *batch) < 1e-4


@pytest.mark.parametrize("frames", [(1,), (2,), (31,), (5, 1, 12)])
def test_the_vocoder_graph_computes_what_the_module_computes(
    exported: Exported, tiny_sovits: Any, frames: tuple[int, ...]
) -> None:
    latents = torch.randn(len(frames), exported.sizes.latent, max(frames))
    condition = torch.randn(len(frames), exported.sizes.global_dim)
    assert exported.error("vocoder", latents, tiny_sovits.column(*frames), condition) < 1e-5


@pytest.mark.parametrize("frames", [2, 3, 150])
def test_the_reference_graphs_compute_what_the_modules_compute(exported: Exported, frames: int) -> None:
    speaker = torch.randn(1, contract.SPEAKER_EMBEDDING_DIM)
    assert exported.error("reference_encoder", torch.rand(1, contract.SPECTROGRAM_BINS, frames), speaker) < 1e-4
    assert exported.error("quantizer", torch.randn(1, exported.sizes.ssl_dim, frames)) == 0.0


def test_a_padded_batch_through_the_graphs_gives_what_single_calls_give(exported: Exported, tiny_sovits: Any) -> None:
    batch = tiny_sovits.acoustic_batch(exported.sizes, (4, 9), (8, 3), (8, 15))
    latents = exported.run("acoustic", *batch)
    waveform = exported.run("vocoder", latents, batch[7], batch[4])
    samples_per_frame = math.prod(exported.sizes.upsample_rates)
    for row, frames in enumerate((8, 15)):
        alone = tiny_sovits.acoustic_row(batch, row)
        single = exported.run("acoustic", *alone)
        torch.testing.assert_close(latents[row, :, :frames], single[0], atol=1e-4, rtol=1e-4)
        heard = exported.run("vocoder", single, alone[7], alone[4])
        torch.testing.assert_close(waveform[row, : frames * samples_per_frame], heard[0], atol=1e-4, rtol=1e-4)


class Chooser(nn.Module):
    """Has a shape that depends on what is in the input."""

    def forward(self, ssl_features: Tensor) -> Tensor:
        return torch.nonzero(ssl_features[0, 0] > 0.0).transpose(0, 1)


def test_a_module_without_a_pure_graph_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ExportFailed, match="NonZero has a shape that depends on data"):
        export_graph(Chooser(), contract.SPEECH_TOKENIZER, tmp_path / "model.onnx", {"ssl_dim": 4})


def test_an_axis_of_unknown_size_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportFailed, match="ssl_features has axes \\['ssl_dim'\\]"):
        export_graph(nn.Identity(), contract.SPEECH_TOKENIZER, tmp_path / "model.onnx", {})


def test_heavy_weights_lie_in_one_file_beside_the_graph(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "EXTERNAL_DATA_BYTES", 100)
    path = tmp_path / "1" / "model.onnx"
    export_graph(exported.modules.quantizer, contract.SPEECH_TOKENIZER, path, {"ssl_dim": exported.sizes.ssl_dim})
    assert sorted(file.name for file in path.parent.iterdir()) == ["model.onnx", "model.onnx.data"]
    features = torch.randn(1, exported.sizes.ssl_dim, 12)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    result = torch.from_numpy(session.run(None, {"ssl_features": features.numpy()})[0])
    assert torch.equal(result, exported.modules.quantizer(features))


def test_exports_share_the_exporters_table_of_operators_and_nobody_else_does() -> None:
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    def read() -> ONNXRegistry:
        with export._shared_registry():
            return ONNXRegistry().from_torchlib(opset_version=export.OPSET)

    own = ONNXRegistry.from_torchlib
    assert read() is read()
    assert ONNXRegistry.from_torchlib == own
