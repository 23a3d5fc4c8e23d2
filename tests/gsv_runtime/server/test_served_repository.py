"""The repository that is served has the operator's settings; the one that was built is never written."""

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from gsv_build.configs import write_configs
from gsv_build.deployment import PRESETS
from gsv_runtime.server.operator_settings import settings_of
from gsv_runtime.server.served_repository import require_this_version, served_repository, with_values
from gsv_runtime.server.triton_process import ServerFailed
from gsv_runtime.settings import T2SSettings, TtsSettings, parse
from gsv_runtime.t2s.launch_shapes import LaunchShapes


@pytest.fixture
def repository(tmp_path):
    built = tmp_path / "model_repository"
    write_configs(built, PRESETS["cpu"])
    (built / "build.json").write_text("{}")
    for model in ("tts", "t2s"):
        (built / model / "1").mkdir()
        (built / model / "1" / "model.py").write_text("code")
    return built


def config(repository, model):
    text = (repository / model / "config.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def parameters(parsed):
    return {name: value.string_value for name, value in parsed.parameters.items()}


def test_where_nothing_is_decided_the_built_repository_is_served(repository, tmp_path):
    assert served_repository(repository, tmp_path / "var", settings_of({})) == repository
    assert served_repository(repository, tmp_path / "var", settings_of({"GSV_LOG_FORMAT": "json"})) == repository


def test_settings_are_in_the_configuration_that_is_served_and_all_else_is_a_link(repository, tmp_path):
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    decided = settings_of({"GSV_SLOTS": "20", "GSV_MAX_STREAMS": "7", "GSV_CACHE_REDIS_URL": 'redis://:a"b\\c@h/0'})
    served = served_repository(repository, tmp_path / "var", decided)
    assert served == tmp_path / "var" / "models"
    t2s, tts = config(served, "t2s"), config(served, "tts")
    assert (t2s.max_batch_size, t2s.sequence_batching.oldest.max_candidate_sequences) == (20, 20)
    assert parse(T2SSettings, parameters(t2s)).slots == 20
    settings = parse(TtsSettings, parameters(tts))
    assert (settings.max_streams, settings.t2s_slots) == (7, 20)
    assert settings.cache_redis_url == 'redis://:a"b\\c@h/0'
    assert (served / "t2s" / "1" / "model.py").read_text() == "code"
    assert (served / "build.json").read_text() == "{}"
    assert before == {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    assert not (served / "models.json").exists()
    (repository / "models.json").write_text("added while it serves")
    assert (served / "models.json").read_text() == "added while it serves"


@pytest.mark.parametrize("slots", [3, 16, 100])
def test_a_gpu_is_told_launches_up_to_all_of_its_slots(tmp_path, slots):
    built = tmp_path / "model_repository"
    write_configs(built, PRESETS["cuda"])
    (built / "build.json").write_text("{}")
    served = served_repository(built, tmp_path / "var", settings_of({"GSV_SLOTS": str(slots)}))
    settings = parse(T2SSettings, parameters(config(served, "t2s")))
    assert LaunchShapes.parse(settings).spans[-1] == settings.slots == slots


def test_settings_that_are_taken_back_leave_no_folder(repository, tmp_path):
    served_repository(repository, tmp_path / "var", settings_of({"GSV_SLOTS": "20"}))
    assert served_repository(repository, tmp_path / "var", settings_of({})) == repository
    assert not (tmp_path / "var" / "models").exists()


def test_what_a_configuration_has_not_is_left_out():
    assert with_values('name: "bert"', {"slots": "3", "max_batch_size": "3"}) == 'name: "bert"'


@pytest.mark.parametrize("preset", PRESETS)
def test_a_repository_of_this_version_has_every_tensor_whatever_runs_its_models(tmp_path, preset):
    write_configs(tmp_path, PRESETS[preset])
    require_this_version(tmp_path)


@pytest.mark.parametrize(("model", "tensor"), [("t2s", "unheard"), ("tts", "word_faults")])
def test_a_repository_that_was_built_before_a_tensor_was_added_is_to_be_built_again(repository, model, tensor):
    path = repository / model / "config.pbtxt"
    path.write_text(path.read_text().replace(f'name: "{tensor}"', 'name: "another"'))
    with pytest.raises(ServerFailed, match=f"{model} has no {tensor}; run `make build` again"):
        require_this_version(repository)
