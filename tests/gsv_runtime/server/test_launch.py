"""How tritonserver is started in a container."""

import json

import pytest

from gsv_runtime.server.launch import container_command


def test_container_loads_just_the_models_that_were_built(tmp_path):
    (tmp_path / "build.json").write_text(json.dumps({"models": ["tts", "t2s"], "facts": {}}))
    command = container_command(tmp_path, {"GSV_ADMIN_KEY": "k"})
    assert [flag for flag in command if flag.startswith("--load-model")] == ["--load-model=tts", "--load-model=t2s"]


@pytest.mark.parametrize(
    ("built", "environment", "message"), [(False, {"GSV_ADMIN_KEY": "k"}, "build"), (True, {}, "GSV_ADMIN_KEY")]
)
def test_container_refuses_to_start_without_a_build_or_a_key(tmp_path, built, environment, message):
    if built:
        (tmp_path / "build.json").write_text(json.dumps({"models": [], "facts": {}}))
    with pytest.raises(ValueError, match=message):
        container_command(tmp_path, environment)


def test_a_workaround_that_is_switched_to_nowhere_keeps_the_container_from_starting(tmp_path):
    (tmp_path / "build.json").write_text(json.dumps({"models": [], "facts": {}}))
    with pytest.raises(ValueError, match="GSV_CANCEL_PAUSE is 'perhaps'; need on, off or auto"):
        container_command(tmp_path, {"GSV_ADMIN_KEY": "k", "GSV_CANCEL_PAUSE": "perhaps"})
