import dataclasses

import numpy as np
import pytest

from gsv_runtime.chunking import num_frames
from gsv_runtime.decoding import standard_noise
from gsv_runtime.errors import Cancelled, InternalError, InvalidRequest
from gsv_runtime.pipeline import Pipeline
from gsv_runtime.speech_request import Sampling, SpeechRequest
from gsv_runtime.voices import Voice

SAMPLING = Sampling(top_k=5, top_p=0.9, temperature=1.0, repetition_penalty=1.35, seed=11)


@pytest.fixture
def voice():
    return Voice(
        digest="d",
        weights_digest="w",
        prompt_text="",
        prompt_language="en",
        seconds=4.0,
        prompt_tokens=np.array([8, 9]),
        prompt_phones=np.array([1, 2, 3]),
        prompt_features=np.full((2, 3), 5, np.float32),
        global_condition=np.arange(4, dtype=np.float32)[np.newaxis],
    )


def ask(text="ab,cde", **changes):
    request = SpeechRequest(
        text=text,
        language="en",
        voice="v",
        reference=None,
        speed=1.0,
        sampling=SAMPLING,
        noise_scale=0.5,
        pause_s=0.1,
        split_method="cut5",
        encoding="float32",
    )
    return dataclasses.replace(request, **changes)


@pytest.fixture
def speak(facts, voice):
    def run(stages, is_cancelled=lambda: False, **changes):
        return list(Pipeline(facts, tokens_per_call=5).speak(ask(**changes), voice, stages, is_cancelled))

    return run


def test_each_sentence_is_a_chunk_and_only_the_last_says_so(speak, make_stages):
    chunks = speak(make_stages(), text="ab,cde,f")
    assert [(chunk.sentence_index, chunk.sentence, chunk.last) for chunk in chunks] == [
        (0, "ab", False),
        (1, "cde", False),
        (2, "f", True),
    ]


def test_the_pause_follows_every_sentence_but_the_last(speak, make_stages):
    first, last = speak(make_stages())
    assert first.waveform.size == 8 * 1280 + 3200
    assert not first.waveform[-3200:].any()
    assert last.waveform.size == 8 * 1280


def test_t2s_gets_the_prompt_once_before_the_target(speak, make_stages):
    stages = make_stages()
    speak(stages, text="ab")
    opening, following, closing = stages.inputs_of("t2s")
    assert opening["phones"].tolist() == [1, 2, 3, 97, 98]
    assert opening["prompt_tokens"].tolist() == [8, 9]
    assert opening["bert_features"].shape == (2, 5)
    assert following.keys() == closing.keys() == {"max_new_tokens"}


def test_a_sequence_is_started_once_and_ended_once(speak, make_stages):
    stages = make_stages()
    speak(stages, text="ab")
    assert [(call.start, call.end) for call in stages.sequences_of("t2s")] == [(1, 0), (0, 0), (0, 1)]


def test_a_client_that_leaves_frees_its_slot(speak, make_stages):
    stages = make_stages()
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        speak(stages, is_cancelled=lambda: next(answers))
    assert stages.sequences_of("t2s")[-1].end
    assert not stages.inputs_of("acoustic")


def test_a_stage_that_fails_frees_the_slot_and_keeps_its_own_error(speak, make_stages):
    def broken(_inputs, sequence):
        raise InternalError("end failed too" if sequence.end else "stage t2s failed")

    stages = make_stages(t2s=broken)
    with pytest.raises(InternalError, match="stage t2s failed"):
        speak(stages)
    assert stages.sequences_of("t2s")[-1].end


def test_the_acoustic_model_gets_target_phones_all_tokens_and_the_voice(speak, make_stages, voice):
    stages = make_stages()
    speak(stages, text="ab")
    (inputs,) = stages.inputs_of("acoustic")
    assert inputs["semantic_tokens"].tolist() == [[0, 1, 2, 3, 4, 0, 1, 2]]
    assert inputs["phones"].tolist() == [[97, 98]]
    assert (inputs["token_lengths"], inputs["phone_lengths"], inputs["frame_lengths"]) == (8, 2, 16)
    assert np.array_equal(inputs["global_condition"], voice.global_condition)


@pytest.mark.parametrize(("tokens", "speed", "frames"), [(75, 1.0, 150), (75, 1.5, 101), (75, 0.5, 301), (1, 2.0, 2)])
def test_frames_follow_upstreams_interpolation(tokens, speed, frames):
    assert num_frames(tokens, speed) == frames


def test_the_same_seed_gives_the_same_audio_and_another_seed_another(speak, make_stages):
    def audio(seed):
        chunks = speak(make_stages(), sampling=dataclasses.replace(SAMPLING, seed=seed))
        return np.concatenate([chunk.waveform for chunk in chunks])

    assert np.array_equal(audio(1), audio(1))
    assert not np.array_equal(audio(1), audio(2))


def test_sentences_get_different_noise(speak, make_stages):
    stages = make_stages()
    speak(stages, text="ab,ab")
    first, second = stages.inputs_of("acoustic")
    assert not np.array_equal(first["noise"], second["noise"])


def test_a_frames_noise_does_not_depend_on_how_many_follow():
    assert np.array_equal(standard_noise(3, 192, 40), standard_noise(3, 192, 90)[:, :40])


def test_noise_is_standard_normal():
    noise = standard_noise(1, 192, 2000)
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01


def test_noise_scale_zero_gives_no_noise(speak, make_stages):
    stages = make_stages()
    speak(stages, text="ab", noise_scale=0.0)
    assert not stages.inputs_of("acoustic")[0]["noise"].any()


def test_audio_above_full_scale_is_scaled_to_it(speak, make_stages):
    stages = make_stages(vocoder=lambda inputs, _: {"waveform": np.full((1, 640), -4.0)})
    (chunk,) = speak(stages, text="ab")
    assert np.abs(chunk.waveform).max() == 1.0


def test_audio_that_is_not_finite_is_an_error_not_silence(speak, make_stages):
    stages = make_stages(vocoder=lambda inputs, _: {"waveform": np.full((1, 640), np.nan)})
    with pytest.raises(InternalError, match="not finite"):
        speak(stages)


def test_a_text_without_sentences_is_refused(speak, make_stages):
    with pytest.raises(InvalidRequest, match="nothing that can be spoken"):
        speak(make_stages(), text=", ,")


def test_no_tokens_at_all_is_an_error_not_silence(speak, make_stages):
    empty = {"semantic_tokens": np.zeros(0, np.int64), "finish_reason": "eos"}
    with pytest.raises(InternalError, match="without a token"):
        speak(make_stages(t2s=lambda *_: empty))
