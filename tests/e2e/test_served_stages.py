"""What export and serving change: the same pipeline over the server's models and over PyTorch."""

import numpy as np
import pytest

from gsv_build import checkpoints
from gsv_build.checks.module_stages import ModuleStages, Networks
from gsv_build.checks.parity import snr_db
from gsv_build.checks.served_stages import ServedStages
from gsv_build.weights import find_weights
from gsv_runtime import contract
from gsv_runtime.errors import InternalError, InvalidRequest
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import ReferenceRequest, Sampling, SpeechRequest
from gsv_runtime.stages import SequenceCall
from gsv_runtime.tts.synthesis.pipeline import Pipeline
from gsv_runtime.voices.cloning import derive_voice


@pytest.fixture(scope="module")
def served(server):
    stages = ServedStages(f"127.0.0.1:{server.ports.grpc}", server.key)
    yield stages
    stages.close()


def module_stages(repository, served):
    files = find_weights(repository.parent / "weights")
    networks = Networks(
        checkpoints.load_t2s(files.t2s).module,
        checkpoints.load_sovits(files.sovits).module,
        checkpoints.load_hubert(files.hubert).module,
        checkpoints.load_bert(files.bert).module,
    )
    return ModuleStages(networks, lambda **asked: served.call(contract.TEXT_FRONTEND, **asked))


def speak(stages, facts, audio):
    voice = derive_voice(ReferenceRequest(audio, "What a fine day it is.", "en", False), stages, facts)
    sampling = Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.35, seed=3)
    request = SpeechRequest("Good 早上。", "auto", None, None, 1.0, sampling, 0.5, 0.0, "cut5", "float32")
    chunks = list(Pipeline(facts, 25).speak(request, voice, stages))
    return np.concatenate([chunk.waveform for chunk in chunks])


def test_speech_through_the_server_is_that_of_the_modules(repository, served, make_recording):
    facts, audio = CheckpointFacts.from_repository(repository), make_recording()
    ours = speak(served, facts, audio)
    assert snr_db(ours, speak(module_stages(repository, served), facts, audio)) >= 60


def test_the_tts_model_gives_what_the_pipeline_gives_over_the_same_stages(repository, served, client, make_recording):
    """So parity of the pipeline over served stages (`gsv_build parity --server`) is parity of `tts`."""
    facts, audio = CheckpointFacts.from_repository(repository), make_recording()
    spoken = {"text": "Good 早上。", "language": "auto", "top_k": 1, "seed": 3, "pause_s": 0.0, "streaming": "off"}
    reference = {"reference_audio": audio, "prompt_text": "What a fine day it is.", "prompt_language": "en"}
    (chunk,), error = client.say(spoken | reference)
    assert error is None
    ours = speak(served, facts, audio)
    assert chunk.waveform.size == ours.size
    assert snr_db(chunk.waveform, ours) >= 60


def test_a_refusal_of_the_server_is_raised(repository, served):
    bert_dim = CheckpointFacts.from_repository(repository).bert_dim
    prompt = {"phones": [99_999], "bert_features": np.zeros((bert_dim, 1)), "prompt_tokens": []}
    call = SequenceCall(served.new_sequence_id(), start=True, end=True)
    with pytest.raises(InvalidRequest, match="phones holds 99999"):
        served.call(contract.T2S, sequence=call, max_new_tokens=[3], **prompt)


def test_what_triton_itself_refuses_is_an_internal_error(served):
    stray = SequenceCall(served.new_sequence_id(), end=True)
    with pytest.raises(InternalError, match=r"stage t2s: .*START"):
        served.call(contract.T2S, sequence=stray, max_new_tokens=[0])
