"""How tritonserver is started in a container."""

import json

import pytest

from gsv_build.configs import write_configs
from gsv_build.deployment import PRESETS
from gsv_runtime.server import launch
from gsv_runtime.server.launch import container_command, container_environment
from gsv_runtime.server.triton_process import ServerFailed
from gsv_runtime.settings import STATE


@pytest.fixture(autouse=True)
def folder(tmp_path):
    (tmp_path / "var").mkdir()


def command_of(repository, **variables):
    """As in the container, where the state lies beside the repository."""
    return container_command(repository, container_environment(repository, {"GSV_ADMIN_KEY": "k", **variables}))


def test_container_loads_just_the_models_that_were_built(tmp_path):
    (tmp_path / "build.json").write_text(json.dumps({"models": ["tts", "t2s"], "facts": {}}))
    command = command_of(tmp_path)
    assert [flag for flag in command if flag.startswith("--load-model")] == ["--load-model=tts", "--load-model=t2s"]


@pytest.mark.parametrize(
    ("built", "environment", "message"), [(False, {"GSV_ADMIN_KEY": "k"}, "build"), (True, {}, "GSV_ADMIN_KEY")]
)
def test_container_refuses_to_start_without_a_build_or_a_key(tmp_path, built, environment, message):
    if built:
        (tmp_path / "build.json").write_text(json.dumps({"models": [], "facts": {}}))
    with pytest.raises(ValueError, match=message):
        container_command(tmp_path, container_environment(tmp_path, environment))


def test_a_workaround_that_is_switched_to_nowhere_keeps_the_container_from_starting(tmp_path):
    (tmp_path / "build.json").write_text(json.dumps({"models": [], "facts": {}}))
    with pytest.raises(ServerFailed, match="GSV_CANCEL_PAUSE is 'perhaps'; need 'on', 'off' or 'auto'"):
        command_of(tmp_path, GSV_CANCEL_PAUSE="perhaps")


@pytest.fixture
def built(tmp_path):
    """A repository as a container has it: with configurations, and nothing may be written there."""
    repository = tmp_path / "model_repository"
    for model in ("tts", "models", "t2s"):
        (repository / model / "1").mkdir(parents=True)
    write_configs(repository, PRESETS["cuda"])
    (repository / "build.json").write_text(json.dumps({"models": ["tts"], "facts": {}}))
    return repository


def test_what_the_operator_decides_reaches_the_models_of_a_container(built, tmp_path):
    own = (built / "tts" / "config.pbtxt").read_text()
    (tmp_path / "var" / "gsv.toml").write_text('model_memory = "8G"\n')
    command = command_of(built, GSV_CACHE_REDIS_URL="redis://cache:6379/0", GSV_MAX_STREAMS="40")
    served = tmp_path / "var" / "models"
    assert f"--model-repository={served}" in command
    tts = (served / "tts" / "config.pbtxt").read_text()
    assert 'string_value: "redis://cache:6379/0"' in tts
    assert 'key: "max_streams" value { string_value: "40" }' in " ".join(tts.split())
    assert '"8000000000"' in (served / "models" / "config.pbtxt").read_text()
    assert (built / "tts" / "config.pbtxt").read_text() == own


def test_without_settings_a_container_serves_what_was_built_and_keeps_its_state_beside_it(built, tmp_path):
    assert f"--model-repository={built}" in command_of(built)
    assert container_environment(built, {})[STATE] == str(tmp_path / "var")
    assert container_environment(built, {STATE: "/elsewhere"})[STATE] == "/elsewhere"


def test_a_setting_that_is_none_keeps_the_container_from_starting(built, monkeypatch):
    monkeypatch.setattr(launch.sys, "argv", ["launch", str(built)])
    monkeypatch.setenv("GSV_ADMIN_KEY", "k")
    monkeypatch.setenv("GSV_SLOTS", "many")
    with pytest.raises(SystemExit, match="GSV_SLOTS is 'many'; need"):
        launch.main()
