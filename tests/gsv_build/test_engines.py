import onnx
import pytest
from onnx import helper

from gsv_build import engines
from gsv_build.deployment import PRESETS, ModelDeployment, Span
from gsv_build.engines import EngineFailed, graph_input_shapes, input_profiles, trtexec_arguments
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


def test_profiles_are_told_in_trtexecs_words():
    how = ModelDeployment(max_batch_size=8, profile={"C": Span(3, 24, 512)})
    profiles = input_profiles(contract.BERT, how, declared(contract.BERT))
    assert trtexec_arguments(profiles, fp16=True) == [
        "--minShapes=bert_token_ids:1x3,character_lengths:1x1",
        "--optShapes=bert_token_ids:8x24,character_lengths:8x1",
        "--maxShapes=bert_token_ids:8x512,character_lengths:8x1",
        "--fp16",
    ]


@pytest.fixture
def repository(tmp_path):
    """A repository with one exported graph."""
    path = tmp_path / "hubert" / "1" / "model.onnx"
    path.parent.mkdir(parents=True)
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, "N"]) for name in ("audio_16k", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["audio_16k"], ["y"])], "hubert", values[:1], values[1:])
    onnx.save(helper.make_model(graph), path)
    return tmp_path


def test_a_graphs_inputs_are_read_with_fixed_and_varying_axes(repository):
    assert graph_input_shapes(repository / "hubert" / "1" / "model.onnx") == {"audio_16k": [1, "N"]}


def test_without_tensorrt_the_command_fails_and_says_where_to_get_it(repository, caplog, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", None)
    arguments = type("Arguments", (), {"repository": repository, "print": False})
    assert engines.run(arguments) == 1
    assert "TensorRT is not installed" in caplog.text
    assert "docker compose run" in caplog.text


def test_trtexec_commands_can_be_printed_without_tensorrt(repository, capsys):
    assert engines.run(type("Arguments", (), {"repository": repository, "print": True})) == 0
    assert "--minShapes=audio_16k:1x57600" in capsys.readouterr().out


def test_a_repository_without_graphs_says_to_build_first(tmp_path, caplog):
    assert engines.run(type("Arguments", (), {"repository": tmp_path, "print": True})) == 1
    assert "make build PRESET=tensorrt" in caplog.text


class RecordingTensorRT:
    """Stands in for the tensorrt module: records the profile, refuses to parse when told to."""

    def __init__(self, parses=True):
        self.parses, self.shapes, self.flags = parses, {}, []
        for name in ("Logger", "MemoryPoolType", "BuilderFlag"):
            setattr(self, name, type(name, (), {"WARNING": 1, "WORKSPACE": 2, "FP16": 3, "__init__": lambda *_: None}))

    def Builder(self, _log):  # noqa: N802
        return self

    def OnnxParser(self, _network, _log):  # noqa: N802
        return self

    def create_network(self, _flags):
        return self

    create_builder_config = create_optimization_profile = lambda self: self
    num_errors = 1

    def parse_from_file(self, _path):
        return self.parses

    def get_error(self, _index):
        return "no such operator"

    def set_memory_pool_limit(self, _pool, _size):
        pass

    def set_flag(self, flag):
        self.flags.append(flag)

    def set_shape(self, name, *shapes):
        self.shapes[name] = shapes

    def add_optimization_profile(self, profile):
        assert profile.shapes

    def build_serialized_network(self, _network, _config):
        return b"plan"


def test_an_engine_is_built_with_its_profile_and_appears_whole(repository, monkeypatch):
    trt = RecordingTensorRT()
    monkeypatch.setattr(engines, "load_tensorrt", lambda: trt)
    assert list(engines.build_engines(repository, TENSORRT)) == ["hubert"]
    assert trt.shapes == {"audio_16k": ((1, 57_600), (1, 89_600), (1, 169_600))}
    assert trt.flags == [3]
    assert (repository / "hubert" / "1" / "model.plan").read_bytes() == b"plan"
    assert sorted(path.name for path in (repository / "hubert" / "1").iterdir()) == ["model.onnx", "model.plan"]


def test_a_graph_that_tensorrt_refuses_is_named_with_its_words(repository, monkeypatch):
    monkeypatch.setattr(engines, "load_tensorrt", lambda: RecordingTensorRT(parses=False))
    with pytest.raises(EngineFailed, match=r"cannot parse hubert/model.onnx: no such operator"):
        list(engines.build_engines(repository, TENSORRT))
