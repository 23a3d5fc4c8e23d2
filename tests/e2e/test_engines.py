"""NVIDIA's own parser and builder on the graphs of whole repositories, at the precision of preset `tensorrt`."""

import importlib

import onnx
import pytest

from gsv_build.build_record import BuildRecord
from gsv_build.deployment import PRESETS
from gsv_build.engines import build_engines, engine_models
from gsv_build.graphs.half_precision import FLOAT32_PARTS, to_precision
from gsv_build.tensorrt_library import TensorRT
from gsv_runtime.contract import MODELS
from gsv_runtime.versions import ModelVersion

from ..small_repositories import built_repository

TENSORRT = PRESETS["tensorrt"]
pytestmark = pytest.mark.tensorrt


@pytest.fixture(scope="module")
def library():
    pytest.importorskip("tensorrt_rtx", reason="needs the wheel tensorrt-rtx-cu13")
    return TensorRT(importlib.import_module("tensorrt_rtx"))


def at_half_precision(repository, target):
    """The graphs of a repository as the preset has them, which the export would write from the same modules."""
    for model in engine_models(TENSORRT, repository):
        proto = onnx.load(repository / model.name / "1" / "model.onnx")
        to_precision(proto, TENSORRT.precision_of(model), FLOAT32_PARTS.get(model.name, ()))
        folder = target / model.name / "1"
        folder.mkdir(parents=True)
        onnx.save(proto, folder / "model.onnx")
    return target


def test_every_engine_of_a_v2_repository_is_built(library, repository, tmp_path):
    graphs = at_half_precision(repository, tmp_path)
    needed = {model.name for model in MODELS if model.graph} - {"speaker_encoder"}
    record = BuildRecord("tensorrt")
    assert set(build_engines(graphs, TENSORRT, record, library)) == needed
    assert record.engines.keys() == needed
    assert all((graphs / name / "1" / "model.plan").stat().st_size > 10_000 for name in needed)


def test_every_graph_of_a_v2proplus_repository_is_read(library, tmp_path):
    graphs = at_half_precision(built_repository(ModelVersion.V2_PRO_PLUS), tmp_path)
    paths = sorted(graphs.glob("*/1/model.onnx"))
    assert {path.parents[1].name for path in paths} == {model.name for model in MODELS if model.graph}
    for path in paths:
        assert library.parse(library.module.Builder(library.log), path).num_layers > 0
