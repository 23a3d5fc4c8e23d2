import json
from pathlib import Path

import pytest

from gsv_build.deployment import PRESETS
from gsv_runtime.settings import CheckpointFacts, OnnxStageSettings, T2SSettings, parse, read, state_of


def test_parameters_become_typed_fields():
    values = {"slots": "8", "cache_rows": "100", "intra_op_threads": "1", "idle_s": "2.5"}
    values |= {"device": "cuda", "engine": "fused", "cuda_graph": "true"}
    values |= {"spans": "1, 8", "prefill_rows": "100", "steps_per_launch": "4"}
    values |= {"repetition_window": "50", "repetition_least_distinct": "4"}
    values |= {"limit_tokens_per_phone": "12.0", "limit_tokens_at_least": "100"}
    assert parse(T2SSettings, values) == T2SSettings(
        slots=8,
        cache_rows=100,
        intra_op_threads=1,
        device="cuda",
        engine="fused",
        cuda_graph=True,
        spans="1, 8",
        prefill_rows="100",
        steps_per_launch=4,
        idle_s=2.5,
        repetition_window=50,
        repetition_least_distinct=4,
        limit_tokens_per_phone=12.0,
        limit_tokens_at_least=100,
    )


def test_parameters_are_read_from_what_triton_hands_over():
    values = {
        "intra_op_threads": "3",
        "device": "cuda",
        "shapes": "B1 F64",
        "engine": "openvino",
        "EXECUTION_ENV_PATH": "x",
    }
    config = {"parameters": {name: {"string_value": value} for name, value in values.items()}}
    assert read(OnnxStageSettings, {"model_config": json.dumps(config)}) == OnnxStageSettings(
        3, "cuda", "B1 F64", "openvino"
    )


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "missing: \\['device', 'engine', 'intra_op_threads', 'shapes'\\]"),
        ({"intra_op_threads": "2", "device": "cpu", "shapes": "", "threads": "1"}, "unknown: \\['threads'\\]"),
        ({"intra_op_threads": "two", "device": "cpu", "shapes": "", "engine": "openvino"}, "'two'; need int"),
    ],
)
def test_a_wrong_parameter_stops_the_model_with_its_name(values, told):
    with pytest.raises(ValueError, match=told):
        parse(OnnxStageSettings, values)


def test_a_repository_that_was_never_built_says_so(tmp_path):
    with pytest.raises(ValueError, match="make build"):
        CheckpointFacts.from_repository(tmp_path)


def test_all_that_a_server_keeps_lies_in_the_folder_that_it_was_told(tmp_path):
    repository = tmp_path / "model_repository"
    assert state_of(repository, {"GSV_STATE": "/srv/state"}) == Path("/srv/state")
    assert state_of(repository, {}) == tmp_path / "var"


def test_two_servers_of_one_repository_share_nothing_but_it(tmp_path):
    settings = PRESETS["cpu"].models["tts"].settings, PRESETS["cpu"].models["voices"].settings
    folders = {folder for one in settings for folder in (one.voices_directory, getattr(one, "cache_directory", ""))}
    states = [state_of(tmp_path / "model_repository", {"GSV_STATE": str(tmp_path / name)}) for name in ("a", "b")]
    for folder in folders - {""}:
        first, second = ((state / folder).resolve() for state in states)
        assert first.is_relative_to(states[0])
        assert second.is_relative_to(states[1])
