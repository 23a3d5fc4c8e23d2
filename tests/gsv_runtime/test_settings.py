import json

import pytest

from gsv_runtime.settings import CheckpointFacts, OnnxStageSettings, T2SSettings, parse, read


def test_parameters_become_typed_fields():
    values = {"slots": "8", "cache_rows": "100", "intra_op_threads": "1", "idle_s": "2.5"}
    values |= {"device": "cuda", "cuda_graph": "true"}
    values |= {"repetition_window": "50", "repetition_least_distinct": "4"}
    values |= {"limit_tokens_per_phone": "12.0", "limit_tokens_at_least": "100"}
    assert parse(T2SSettings, values) == T2SSettings(
        slots=8,
        cache_rows=100,
        intra_op_threads=1,
        device="cuda",
        cuda_graph=True,
        idle_s=2.5,
        repetition_window=50,
        repetition_least_distinct=4,
        limit_tokens_per_phone=12.0,
        limit_tokens_at_least=100,
    )


def test_parameters_are_read_from_what_triton_hands_over():
    values = {"intra_op_threads": "3", "device": "cuda", "shapes": "B1 F64", "EXECUTION_ENV_PATH": "x"}
    config = {"parameters": {name: {"string_value": value} for name, value in values.items()}}
    assert read(OnnxStageSettings, {"model_config": json.dumps(config)}) == OnnxStageSettings(3, "cuda", "B1 F64")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "missing: \\['device', 'intra_op_threads', 'shapes'\\]"),
        ({"intra_op_threads": "2", "device": "cpu", "shapes": "", "threads": "1"}, "unknown: \\['threads'\\]"),
        ({"intra_op_threads": "two", "device": "cpu", "shapes": ""}, "'two'; need int"),
    ],
)
def test_a_wrong_parameter_stops_the_model_with_its_name(values, told):
    with pytest.raises(ValueError, match=told):
        parse(OnnxStageSettings, values)


def test_a_repository_that_was_never_built_says_so(tmp_path):
    with pytest.raises(ValueError, match="make build"):
        CheckpointFacts.from_repository(tmp_path)
