import importlib
import json
import sys
from argparse import Namespace
from dataclasses import replace

import onnx
import pytest
from onnx import helper

from gsv_build import engines
from gsv_build.build_record import BuildRecord, built_digest
from gsv_build.deployment import PRESETS, ModelDeployment, Span
from gsv_build.engines import build_engines, graph_input_shapes, input_profiles, trtexec_arguments
from gsv_build.tensorrt_library import BuiltEngine, EngineFailed, TensorRT
from gsv_runtime import contract
from gsv_runtime.contract import MODELS

SIZES = {"ssl_dim": 768, "latent_dim": 192, "global_dim": 512, "bert_dim": 1024}
TENSORRT = PRESETS["tensorrt"]


def declared(model):
    """Shapes as the exporter declares them: one-letter axes vary."""
    return {tensor.name: [SIZES.get(axis, axis) for axis in tensor.axes] for tensor in model.inputs}


@pytest.mark.parametrize("model", [model for model in MODELS if model.graph], ids=lambda model: model.name)
def test_every_graph_has_a_profile_that_covers_its_inputs(model):
    how = TENSORRT.model(model)
    profiles = input_profiles(model, how, declared(model))
    assert profiles.keys() == {tensor.name for tensor in model.inputs}
    for low, opt, high in profiles.values():
        assert all(0 < a <= b <= c for a, b, c in zip(low, opt, high, strict=True))
        if model.batchable:
            assert (low[0], high[0]) == (1, how.max_batch_size)


def test_the_longest_sentence_fits_the_profiles():
    (_, _, tokens), (_, _, frames) = (
        input_profiles(contract.ACOUSTIC, TENSORRT.model(contract.ACOUSTIC), declared(contract.ACOUSTIC))[name]
        for name in ("semantic_tokens", "noise")
    )
    assert tokens[1] >= 1500
    assert frames[2] >= int(2 * 1500 / 0.5) + 1


def test_an_axis_without_sizes_is_an_error_that_names_it():
    with pytest.raises(EngineFailed, match="vocoder: latents varies along F"):
        input_profiles(contract.VOCODER, ModelDeployment(max_batch_size=8), declared(contract.VOCODER))


def test_profiles_are_told_in_trtexecs_words_and_half_precision_is_left_to_the_graph():
    how = ModelDeployment(max_batch_size=8, profile={"C": Span(3, 24, 512)})
    profiles = input_profiles(contract.BERT, how, declared(contract.BERT))
    assert trtexec_arguments(profiles) == [
        "--minShapes=bert_token_ids:1x3,character_lengths:1x1",
        "--optShapes=bert_token_ids:8x24,character_lengths:8x1",
        "--maxShapes=bert_token_ids:8x512,character_lengths:8x1",
        "--stronglyTyped",
    ]


def write_graph(path, operator="Relu", domain="", declared=(1, "N")):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(declared)) for name in ("audio_16k", "y")
    ]
    node = helper.make_node(operator, ["audio_16k"], ["y"], domain=domain)
    graph = helper.make_graph([node], "hubert", values[:1], values[1:])
    opsets = [helper.make_opsetid("", 18), *([helper.make_opsetid(domain, 1)] if domain else [])]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


@pytest.fixture
def repository(tmp_path):
    """A repository with one exported graph."""
    write_graph(tmp_path / "hubert" / "1" / "model.onnx")
    return tmp_path


@pytest.fixture
def finished(repository):
    """The same, with the record of a build that ended."""
    facts = {field: 0 for field in engines.CheckpointFacts.__dataclass_fields__}
    values = {"preset": "tensorrt", "t2s_precision": "fp32", "stages": {"hubert": "1"}, "models": ["hubert"]}
    (repository / "build.json").write_text(json.dumps(values | {"facts": facts}))
    return repository


def test_a_graphs_inputs_are_read_with_fixed_and_varying_axes(repository):
    assert graph_input_shapes(repository / "hubert" / "1" / "model.onnx") == {"audio_16k": [1, "N"]}


def test_without_tensorrt_the_command_fails_and_says_where_to_get_it(repository, caplog, monkeypatch):
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, None)
    assert engines.run(Namespace(repository=repository, print=False)) == 1
    assert "TensorRT is not installed" in caplog.text
    assert "docker compose run" in caplog.text
    assert "pip install tensorrt-rtx-cu13" in caplog.text


def test_trtexec_commands_can_be_printed_without_tensorrt(repository, capsys):
    assert engines.run(Namespace(repository=repository, print=True)) == 0
    assert "--minShapes=audio_16k:1x57600" in capsys.readouterr().out


def test_a_repository_without_graphs_says_to_build_first(tmp_path, caplog):
    assert engines.run(Namespace(repository=tmp_path, print=True)) == 1
    assert "make build PRESET=tensorrt" in caplog.text


class StubLibrary:
    """Builds at once, and remembers which timing cache it was given."""

    def __init__(self, name="tensorrt 11.1", target="NVIDIA L4", is_for_rtx=False):
        self.name, self.target, self.is_for_rtx = name, target, is_for_rtx
        self.built, self.caches = [], []

    def build(self, graph, profiles, timing_cache=b""):
        self.built.append((graph.parents[1].name, dict(profiles)))
        self.caches.append(timing_cache)
        return BuiltEngine(b"plan", b"learnt by " + self.name.encode())


def built_by(library, repository, deployment=TENSORRT):
    return build_engines(repository, deployment, BuildRecord.read(repository, "tensorrt"), library)


def test_an_engine_is_built_with_its_profile_and_recorded_and_appears_whole(repository):
    library = StubLibrary()
    assert built_by(library, repository) == ["hubert"]
    assert library.built == [("hubert", {"audio_16k": ((1, 57_600), (1, 89_600), (1, 169_600))})]
    folder = repository / "hubert" / "1"
    assert (folder / "model.plan").read_bytes() == b"plan"
    assert sorted(path.name for path in folder.iterdir()) == ["model.onnx", "model.plan"]
    record = BuildRecord.read(repository, "tensorrt")
    assert record.engines.keys() == {"hubert"}
    assert record.files == {"hubert": built_digest(folder)}


def test_an_engine_is_found_again_by_graph_profile_library_and_target(repository):
    assert built_by(StubLibrary(), repository) == ["hubert"]
    assert built_by(StubLibrary(), repository) == []
    assert built_by(StubLibrary(name="tensorrt 11.2"), repository) == ["hubert"]
    assert built_by(StubLibrary(target="NVIDIA H100"), repository) == ["hubert"]
    assert built_by(StubLibrary(target="NVIDIA H100"), repository) == []
    write_graph(repository / "hubert" / "1" / "model.onnx", operator="Abs")
    assert built_by(StubLibrary(target="NVIDIA H100"), repository) == ["hubert"]
    longer = replace(TENSORRT.model(contract.HUBERT), profile={"N": Span(57_600, 89_600, 200_000)})
    deployment = replace(TENSORRT, models={**TENSORRT.models, "hubert": longer})
    assert built_by(StubLibrary(target="NVIDIA H100"), repository, deployment) == ["hubert"]
    (repository / "hubert" / "1" / "model.plan").unlink()
    assert built_by(StubLibrary(target="NVIDIA H100"), repository, deployment) == ["hubert"]


def test_weights_beside_the_graph_belong_to_what_an_engine_is_found_by(repository):
    weights = repository / "hubert" / "1" / "model.onnx.data"
    weights.write_bytes(b"weights")
    built_by(StubLibrary(), repository)
    weights.write_bytes(b"other weights")
    assert built_by(StubLibrary(), repository) == ["hubert"]


def test_what_a_library_learnt_is_given_to_the_next_build_of_the_same_library_and_target_alone(repository):
    first, again, other = StubLibrary(), StubLibrary(), StubLibrary(name="tensorrt 11.2")
    built_by(first, repository)
    write_graph(repository / "hubert" / "1" / "model.onnx", operator="Abs")
    built_by(again, repository)
    built_by(other, repository)
    assert (first.caches, again.caches, other.caches) == ([b""], [b"learnt by tensorrt 11.1"], [b""])


def test_engines_that_were_built_before_one_failed_are_not_built_again(repository):
    write_graph(repository / "speech_tokenizer" / "1" / "model.onnx", declared=(1, 768, "F"))
    graph = repository / "speech_tokenizer" / "1" / "model.onnx"
    proto = onnx.load(graph)
    proto.graph.input[0].name = proto.graph.node[0].input[0] = "ssl_features"
    onnx.save(proto, graph)

    class Failing(StubLibrary):
        def build(self, graph, profiles, timing_cache=b""):
            if graph.parents[1].name == "speech_tokenizer":
                raise EngineFailed("no")
            return super().build(graph, profiles, timing_cache)

    with pytest.raises(EngineFailed):
        built_by(Failing(), repository)
    assert built_by(StubLibrary(), repository) == ["speech_tokenizer"]


def test_the_command_says_which_library_for_which_gpus_and_in_what_time_and_keeps_what_a_server_reads(
    finished, caplog, monkeypatch
):
    caplog.set_level("INFO")
    monkeypatch.setattr(engines.TensorRT, "find", StubLibrary)
    assert engines.run(Namespace(repository=finished, print=False)) == 0
    assert "library=tensorrt 11.1 for=NVIDIA L4" in caplog.text
    assert "engine built model=hubert s=" in caplog.text
    values = json.loads((finished / "build.json").read_text())
    assert (values["models"], values["stages"]) == (["hubert"], {"hubert": "1"})
    assert values["facts"]
    assert engines.run(Namespace(repository=finished, print=False)) == 0
    assert "all up to date" in caplog.text


def test_who_builds_with_tensorrt_for_rtx_hears_that_the_container_cannot_serve_it(repository, caplog):
    built_by(StubLibrary(name="tensorrt_rtx 1.7", is_for_rtx=True), repository)
    assert "Triton's TensorRT backend loads no engine of tensorrt_rtx 1.7" in caplog.text


@pytest.fixture
def rtx():
    pytest.importorskip("tensorrt_rtx", reason="needs the wheel tensorrt-rtx-cu13")
    return TensorRT(importlib.import_module("tensorrt_rtx"))


@pytest.mark.tensorrt
def test_tensorrt_for_rtx_builds_an_engine_without_a_gpu(rtx, repository):
    assert built_by(rtx, repository) == ["hubert"]
    assert (repository / "hubert" / "1" / "model.plan").stat().st_size > 1000
    assert built_by(rtx, repository) == []


@pytest.mark.tensorrt
def test_a_graph_that_tensorrt_refuses_is_named_with_its_words(rtx, repository):
    write_graph(repository / "hubert" / "1" / "model.onnx", operator="FusedConv", domain="com.microsoft")
    with pytest.raises(EngineFailed, match=r"cannot parse hubert/model.onnx: .*FusedConv"):
        built_by(rtx, repository)


class RecordingTensorRT:
    """Stands in for module `tensorrt`, which cannot be had here: records how it is asked to build."""

    __name__, __version__ = "tensorrt", "11.1"
    num_errors = 0

    def __init__(self, *flags):
        self.network_flags, self.shapes, self.caches, self.profiles = None, {}, [], []
        self.Logger = type("Logger", (), {"WARNING": 1, "__init__": lambda *_: None})
        self.NetworkDefinitionCreationFlag = type("Flags", (), dict(flags))

    def Builder(self, _log):  # noqa: N802
        return self

    def OnnxParser(self, _network, _log):  # noqa: N802
        return self

    def create_network(self, flags):
        self.network_flags = flags
        return self

    create_builder_config = create_optimization_profile = get_timing_cache = lambda self: self

    def parse_from_file(self, _path):
        return True

    def create_timing_cache(self, content):
        return None if content == b"of another version" else content or b"empty"

    def set_timing_cache(self, cache, ignore_mismatch):
        assert ignore_mismatch
        self.caches.append(cache)

    def serialize(self):
        return b"learnt"

    def set_shape(self, name, *shapes):
        self.shapes[name] = shapes

    def add_optimization_profile(self, profile):
        self.profiles.append(profile)

    def build_serialized_network(self, _network, _config):
        return b"plan"


@pytest.mark.parametrize(
    ("flags", "asked"), [([("STRONGLY_TYPED", 1)], 2), ([], 0)], ids=["tensorrt 10", "tensorrt 11"]
)
def test_networks_are_strongly_typed_where_that_is_a_choice_and_no_precision_is_set(flags, asked, repository):
    module = RecordingTensorRT(*flags)
    built = TensorRT(module).build(repository / "hubert" / "1" / "model.onnx", {"audio_16k": ((1, 1),) * 3})
    assert module.network_flags == asked
    assert built == BuiltEngine(b"plan", b"learnt")
    assert module.shapes == {"audio_16k": ((1, 1),) * 3}


def test_a_timing_cache_that_cannot_be_read_is_left_alone(repository):
    module = RecordingTensorRT()
    for cache in (b"good", b"of another version"):
        TensorRT(module).build(repository / "hubert" / "1" / "model.onnx", {}, cache)
    assert module.caches == [b"good", b"empty"]
