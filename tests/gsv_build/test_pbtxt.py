import re

import numpy as np
import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInstanceGroup

from gsv_build.configs import drifted, rendered, write_configs
from gsv_build.deployment import PRESETS, Runtime, with_frontend
from gsv_build.pbtxt import CheckpointSizes, render
from gsv_runtime import contract, settings
from gsv_runtime.contract import MODELS
from gsv_runtime.text.sentences import BERT_ROWS

AXES = {"ssl_dim": 768, "bert_dim": 1024, "latent_dim": 192, "global_dim": 512}
BOTH = [(model, deployment) for deployment in PRESETS.values() for model in MODELS]
NAMES = [f"{deployment.preset}-{model.name}" for model, deployment in BOTH]


def parse(model, deployment, sizes=None):
    return text_format.Parse(render(model, deployment, sizes), ModelConfig())


@pytest.mark.parametrize(("model", "deployment"), BOTH, ids=NAMES)
def test_what_is_rendered_parses_back_to_the_contract(model, deployment):
    config = parse(model, deployment)
    assert config.name == model.name
    assert config.model_transaction_policy.decoupled == model.decoupled
    in_python = deployment.model(model).runtime is Runtime.PYTHON
    inputs = model.call_inputs if in_python else model.inputs
    for tensors, parsed in ((inputs, config.input), (model.outputs, config.output)):
        assert [tensor.name for tensor in tensors] == [each.name for each in parsed]
        for tensor, each in zip(tensors, parsed, strict=True):
            axes = tensor.axes[1:] if tensor.axes[0] == "B" else tensor.axes
            assert list(each.dims) == [axis if isinstance(axis, int) else -1 for axis in axes]
            assert DataType.Name(each.data_type) == f"TYPE_{tensor.dtype}"
    how = deployment.model(model)
    assert config.max_batch_size == how.max_batch_size
    assert (config.max_batch_size > 0) == (model.batchable or model.sequence)
    (group,) = config.instance_group
    assert ModelInstanceGroup.Kind.Name(group.kind) == ("KIND_GPU" if how.on_gpu else "KIND_CPU")


@pytest.mark.parametrize(("model", "deployment"), BOTH, ids=NAMES)
def test_no_queue_policy_and_no_priorities_which_would_stall_the_batcher(model, deployment):
    batching = parse(model, deployment).dynamic_batching
    assert batching.priority_levels == 0
    assert not batching.HasField("default_queue_policy")
    assert not batching.priority_queue_policy


@pytest.mark.parametrize("deployment", PRESETS.values(), ids=PRESETS)
def test_parameters_come_back_as_the_settings_that_were_deployed(deployment):
    for model in MODELS:
        deployed = deployment.model(model).settings
        parsed = {key: value.string_value for key, value in parse(model, deployment).parameters.items()}
        if deployed is None:
            assert not parsed
        else:
            assert settings.parse(type(deployed), parsed) == deployed


@pytest.mark.parametrize("deployment", PRESETS.values(), ids=PRESETS)
def test_t2s_queues_exactly_the_sequences_beyond_its_slots(deployment):
    config = parse(contract.T2S, deployment)
    slots = deployment.model(contract.T2S).settings.slots
    assert config.sequence_batching.oldest.max_candidate_sequences == slots == config.max_batch_size
    names = {control.name for control in config.sequence_batching.control_input}
    assert names == {contract.SEQUENCE_START, contract.SEQUENCE_END, contract.SEQUENCE_ID}
    assert all(each.allow_ragged_batch for each in config.input)


@pytest.mark.parametrize("preset", ["onnx", "tensorrt"])
def test_a_checkpoints_sizes_replace_open_axes_and_leave_out_what_its_graph_lacks(preset):
    sizes = CheckpointSizes(AXES, frozenset({"speaker_embedding"}))
    config = parse(contract.REFERENCE_ENCODER, PRESETS[preset], sizes)
    assert [each.name for each in config.input] == ["linear_spectrogram"]
    assert list(config.output[0].dims) == [1, 512]
    assert list(parse(contract.ACOUSTIC, PRESETS[preset], sizes).input[5].dims) == [192, -1]


def test_warm_up_requests_name_a_file_for_each_input_without_the_batch_axis():
    inputs = {"latents": np.zeros((1, 192, 50), np.float32), "frame_lengths": np.full((1, 1), 50)}
    sizes = CheckpointSizes(AXES, warm_ups={"vocoder": inputs})
    (warm_up,) = parse(contract.VOCODER, PRESETS["tensorrt"], sizes).model_warmup
    assert warm_up.batch_size == 1
    assert {name: list(each.dims) for name, each in warm_up.inputs.items()} == {
        "latents": [192, 50],
        "frame_lengths": [1],
    }
    assert all(each.input_data_file == name for name, each in warm_up.inputs.items())
    assert not parse(contract.VOCODER, PRESETS["cpu"], sizes).model_warmup


def test_graph_runtimes_get_no_field_that_only_the_python_backend_knows():
    for model in MODELS:
        for deployment in PRESETS.values():
            text = render(model, deployment)
            if deployment.model(model).runtime is not Runtime.PYTHON:
                assert not re.search("optional|ragged|parameters", text)


def test_every_preset_says_how_each_model_is_run():
    for deployment in PRESETS.values():
        assert deployment.models.keys() == {model.name for model in MODELS}


def test_drift_is_found_and_named(tmp_path):
    write_configs(tmp_path, PRESETS["cpu"])
    assert drifted(tmp_path, PRESETS["cpu"]) == []
    (tmp_path / "bert" / "config.pbtxt").write_text(rendered(PRESETS["cpu"])["bert"].replace("4", "5"))
    (tmp_path / "tts" / "config.pbtxt").unlink()
    assert drifted(tmp_path, PRESETS["cpu"]) == ["tts", "bert"]


@pytest.mark.parametrize("deployment", PRESETS.values(), ids=PRESETS)
def test_every_preset_takes_as_many_bert_rows_as_a_request_brings(deployment):
    assert deployment.model(contract.BERT).max_batch_size >= BERT_ROWS


@pytest.mark.parametrize("frontend", ["improved", "upstream"])
def test_the_front_end_chosen_at_build_time_is_a_parameter_of_the_model(frontend):
    rendered = render(contract.TEXT_FRONTEND, with_frontend(PRESETS["cpu"], frontend))
    config = text_format.Parse(rendered, ModelConfig())
    assert config.parameters["frontend"].string_value == frontend
