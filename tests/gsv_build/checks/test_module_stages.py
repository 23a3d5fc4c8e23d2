"""The pipeline over PyTorch modules of small size."""

import numpy as np
import pytest
import torch

from gsv_build.checks.module_stages import ModuleStages, Networks
from gsv_build.size_presets import network_sizes
from gsv_build.torch_engine import TorchEngine
from gsv_runtime import contract
from gsv_runtime.speech_request import Sampling
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s.engine import StepRow
from gsv_runtime.t2s.request import Prompt
from gsv_runtime.versions import ModelVersion

pytestmark = pytest.mark.slow

GREEDY = {"top_k": [1], "top_p": [1.0], "temperature": [1.0], "repetition_penalty": [1.35], "seed": [7]}
SIZES = network_sizes(ModelVersion.V2_PRO, "small")


@pytest.fixture(scope="module")
def networks():
    return Networks.seeded(SIZES)


@pytest.fixture
def stages(networks):
    return ModuleStages(networks, text_frontend=lambda **asked: {"asked": asked})


def prompt():
    generator = np.random.default_rng(3)
    features = generator.standard_normal((SIZES.t2s.bert_dim, 9)).astype(np.float32)
    return {
        "phones": generator.integers(0, 322, 9),
        "bert_features": features,
        "prompt_tokens": generator.integers(0, 1024, 12),
    }


def test_text_goes_to_the_front_end_that_was_given(stages):
    assert stages.call(contract.TEXT_FRONTEND, text="hello") == {"asked": {"text": "hello"}}


def test_every_graph_of_the_version_is_there(networks):
    assert set(networks.graphs()) == {model.name for model in contract.MODELS if model.graph}
    assert "bert" not in Networks(networks.t2s, networks.sovits).graphs()


def test_graph_outputs_carry_the_contracts_names_and_shapes(stages):
    audio = np.random.default_rng(0).standard_normal((1, 16_000)).astype(np.float32)
    features = stages.call(contract.HUBERT, audio_16k=audio)["ssl_features"]
    tokens = stages.call(contract.SPEECH_TOKENIZER, ssl_features=features)["prompt_tokens"]
    assert features.shape == (1, SIZES.sovits.ssl_dim, 49)
    assert tokens.shape == (1, 24)


def test_tokens_do_not_depend_on_how_many_are_asked_for_at_once(stages):
    def pull(count):
        sequence_id, tokens, reason = stages.new_sequence_id(), [], ""
        first = prompt() | GREEDY
        while len(tokens) < 24 and not reason:
            call = SequenceCall(sequence_id, start=not tokens)
            answer = stages.call(contract.T2S, sequence=call, max_new_tokens=[count], **first)
            tokens += answer["semantic_tokens"].tolist()
            first, reason = {}, answer["finish_reason"][0]
        stages.call(contract.T2S, sequence=SequenceCall(sequence_id, end=True), max_new_tokens=[0])
        return tokens[:24]

    assert pull(24) == pull(5)


def test_engine_steps_score_what_one_teacher_forced_pass_scores(networks):
    made = prompt()
    start = Prompt(**made, sampling=Sampling(1, 1.0, 1.0, 1.0, 0), max_tokens=50)
    engine = TorchEngine(networks.t2s)
    follow = [5, 900, 17]
    logits = [engine.prefill(0, start)]
    for step, token in enumerate(follow):
        row = StepRow(token, made["prompt_tokens"].size + step, start.rows + step)
        logits.append(engine.decode_step([row])[0].copy())
    tokens = torch.from_numpy(np.concatenate([made["prompt_tokens"], follow]))[None]
    phones, features = torch.from_numpy(made["phones"])[None], torch.from_numpy(made["bert_features"])[None]
    with torch.no_grad():
        whole = networks.t2s(phones, torch.tensor([9]), features, tokens, torch.tensor([tokens.shape[1]]))[0]
    np.testing.assert_allclose(np.stack(logits), whole[-4:].numpy(), atol=1e-4)
