"""Every component of every key: what is changed alone has to miss."""

import dataclasses

import numpy as np
import pytest

from gsv_runtime.speech_request import ReferenceRequest, Sampling, SpeechRequest
from gsv_runtime.text.sentences import ChineseRun, Sentence
from gsv_runtime.tts.reuse.keys import (
    ANY_SEED,
    WITHOUT_EFFECT,
    Fingerprints,
    SpeechParameters,
    audio_key,
    content_digest,
    stage_key,
    tokens_key,
    voice_key,
)
from gsv_runtime.tts.synthesis.chunking import WHOLE_SENTENCE, ChunkSchedule
from gsv_runtime.voices.store import Voice

SAMPLING = Sampling(top_k=15, top_p=1.0, temperature=1.0, repetition_penalty=1.35, seed=3)
SCHEDULE = ChunkSchedule(20, 80, 12, 250, 1)
PARAMETERS = SpeechParameters(SAMPLING, 99, 1.0, 0.5, SCHEDULE, retries=0, aligned=False)
RUN = ChineseRun(1, np.array([7, 8]), np.array([2, 1]))
SENTENCE = Sentence("ab", np.array([5, 6, 7, 8]), (RUN,))
VOICE = Voice(
    digest="d",
    weights_digest="w",
    prompt_text="hi",
    prompt_language="en",
    seconds=4.0,
    prompt_tokens=np.array([1, 2]),
    prompt_phones=np.array([3]),
    prompt_features=np.zeros((2, 1), np.float32),
    global_condition=np.ones((1, 4), np.float32),
)
BUILD = Fingerprints("text", "speech")
REFERENCE = ReferenceRequest(b"RIFF", "hi", "en", trim=False)

change = dataclasses.replace


def changed(thing, **fields):
    return change(thing, **fields)


def sampling(**fields):
    return changed(PARAMETERS, sampling=changed(SAMPLING, **fields))


def run(**fields):
    return changed(SENTENCE, runs=(changed(RUN, **fields),))


SPOKEN = {
    "normalised text": {"sentence": changed(SENTENCE, text="AB")},
    "phones": {"sentence": changed(SENTENCE, phones=np.array([5, 6, 7, 9]))},
    "number of phones": {"sentence": changed(SENTENCE, phones=np.array([5, 6, 7]))},
    "no Chinese": {"sentence": changed(SENTENCE, runs=())},
    "where Chinese begins": {"sentence": run(phone_start=2)},
    "Chinese characters": {"sentence": run(token_ids=np.array([7, 9]))},
    "phones of a character": {"sentence": run(word_to_phone=np.array([1, 2]))},
    "language": {"language": "zh"},
    "voice: prompt tokens": {"voice": changed(VOICE, prompt_tokens=np.array([1, 3]))},
    "voice: prompt phones": {"voice": changed(VOICE, prompt_phones=np.array([4]))},
    "voice: prompt features": {"voice": changed(VOICE, prompt_features=np.ones((2, 1), np.float32))},
    "voice: timbre": {"voice": changed(VOICE, global_condition=np.zeros((1, 4), np.float32))},
    "voice: prompt text": {"voice": changed(VOICE, prompt_text="ho")},
    "voice: prompt language": {"voice": changed(VOICE, prompt_language="zh")},
    "seed": {"parameters": changed(PARAMETERS, seed=100)},
    "any seed": {"parameters": changed(PARAMETERS, seed=ANY_SEED)},
    "top_k": {"parameters": sampling(top_k=14)},
    "top_p": {"parameters": sampling(top_p=0.9)},
    "temperature": {"parameters": sampling(temperature=0.9)},
    "repetition_penalty": {"parameters": sampling(repetition_penalty=1.0)},
    "retries": {"parameters": changed(PARAMETERS, retries=1)},
    "build": {"fingerprints": changed(BUILD, speech="other")},
    "aligned": {"parameters": changed(PARAMETERS, aligned=True)},
}
DECODED = {
    "speed": {"parameters": changed(PARAMETERS, speed=1.1)},
    "noise_scale": {"parameters": changed(PARAMETERS, noise_scale=0.4)},
    "whole sentences": {"parameters": changed(PARAMETERS, schedule=WHOLE_SENTENCE)},
    **{
        f"schedule: {field.name}": {"parameters": changed(PARAMETERS, schedule=changed(SCHEDULE, **{field.name: 7}))}
        for field in dataclasses.fields(ChunkSchedule)
    },
}


def spoken_key(make, **changes):
    given = {
        "sentence": SENTENCE,
        "language": "en",
        "voice": VOICE,
        "parameters": PARAMETERS,
        "fingerprints": BUILD,
        **changes,
    }
    return make(**given)


@pytest.mark.parametrize("changes", [*SPOKEN.values(), *DECODED.values()], ids=[*SPOKEN, *DECODED])
def test_audio_misses_when_one_component_is_another(changes):
    assert spoken_key(audio_key, **changes) != spoken_key(audio_key)


@pytest.mark.parametrize("changes", SPOKEN.values(), ids=SPOKEN)
def test_tokens_miss_when_one_component_is_another(changes):
    assert spoken_key(tokens_key, **changes) != spoken_key(tokens_key)


@pytest.mark.parametrize("changes", DECODED.values(), ids=DECODED)
def test_tokens_do_not_depend_on_how_they_are_decoded(changes):
    assert spoken_key(tokens_key, **changes) == spoken_key(tokens_key)


def test_tokens_that_may_be_drawn_again_depend_on_where_the_sentence_is_cut():
    mended, elsewhere = changed(PARAMETERS, retries=1), changed(SCHEDULE, first_tokens=7)
    other = changed(mended, schedule=elsewhere)
    assert spoken_key(tokens_key, parameters=mended) != spoken_key(tokens_key, parameters=other)


@pytest.mark.parametrize("make", [audio_key, tokens_key])
def test_a_voice_enters_by_its_content_not_by_what_it_is_called(make):
    renamed = changed(VOICE, digest="other", seconds=5.0)
    assert spoken_key(make, voice=renamed) == spoken_key(make)


def test_equal_values_in_other_objects_hit():
    again = changed(SENTENCE, phones=SENTENCE.phones.copy(), runs=(changed(RUN, token_ids=np.array([7, 8])),))
    assert spoken_key(audio_key, sentence=again, voice=changed(VOICE)) == spoken_key(audio_key)


@pytest.mark.parametrize(
    "other",
    [
        changed(REFERENCE, audio=b"RIFX"),
        changed(REFERENCE, prompt_text="ho"),
        changed(REFERENCE, prompt_language="zh"),
        changed(REFERENCE, trim=True),
        changed(REFERENCE, aux_audio=(b"RIFF",)),
    ],
    ids=["audio", "prompt_text", "prompt_language", "trim", "aux_audio"],
)
def test_a_derived_voice_misses_when_one_component_is_another(other):
    assert voice_key(other, BUILD) != voice_key(REFERENCE, BUILD)


def test_further_clips_enter_one_by_one_and_in_order():
    keys = {voice_key(changed(REFERENCE, aux_audio=clips), BUILD) for clips in ((b"ab",), (b"a", b"b"), (b"b", b"a"))}
    assert len(keys) == 3


def test_a_derived_voice_misses_with_another_build_or_front_end():
    assert voice_key(REFERENCE, changed(BUILD, speech="other")) != voice_key(REFERENCE, BUILD)


TEXT = {"text": "ab", "language": "en", "split_method": "cut5"}


@pytest.mark.parametrize(
    ("model", "inputs", "build"),
    [
        ("text_frontend", {**TEXT, "text": "ac"}, BUILD),
        ("text_frontend", {**TEXT, "language": "zh"}, BUILD),
        ("text_frontend", {**TEXT, "split_method": "cut0"}, BUILD),
        ("text_frontend", {**TEXT, "lexicon": "ab = cd"}, BUILD),
        ("text_frontend", TEXT, changed(BUILD, text="other")),
        ("bert", TEXT, BUILD),
    ],
    ids=["text", "language", "split_method", "lexicon", "front end's version", "model"],
)
def test_features_miss_when_one_component_is_another(model, inputs, build):
    assert stage_key(model, inputs, build) != stage_key("text_frontend", TEXT, BUILD)


def test_features_outlive_a_change_of_the_voice_models():
    assert stage_key("bert", TEXT, changed(BUILD, speech="other")) == stage_key("bert", TEXT, BUILD)


# Where each field of a request enters; a new field has to be put here or declared to be without effect.
ENTERS = {
    SpeechRequest: {
        "text": "features",
        "language": "features, spoken",
        "split_method": "features",
        "lexicon": "features",
        "reference": "voice",
        "sampling": "spoken",
        "speed": "decoded",
        "noise_scale": "decoded",
        "streaming": "decoded, as the schedule; spoken, where a take may be drawn again",
        "retries": "spoken",
        "timestamps": "decoded, as what is kept beside the audio",
    },
    Sampling: dict.fromkeys(["top_k", "top_p", "temperature", "repetition_penalty", "seed"], "spoken"),
    ReferenceRequest: dict.fromkeys(["audio", "prompt_text", "prompt_language", "trim", "aux_audio"], "voice"),
}


@pytest.mark.parametrize("kind", ENTERS)
def test_every_field_of_a_request_is_in_a_key_or_declared_to_be_without_effect(kind):
    names = [field.name for field in dataclasses.fields(kind)]
    assert sorted([*ENTERS[kind], *WITHOUT_EFFECT[kind]]) == sorted(names)


def test_every_tensor_of_a_voice_is_in_its_content():
    arrays = [field.name for field in dataclasses.fields(Voice) if isinstance(getattr(VOICE, field.name), np.ndarray)]
    assert sorted(arrays) == sorted(Voice.ARRAYS)


DISTINCT = [
    (),
    (None,),
    ("",),
    (b"",),
    ("1",),
    (b"1",),
    (1,),
    (1.0,),
    (True,),
    ((1,),),
    ((1, 1),),
    (1, 1),
    ("1", "1"),
    ("11", ""),
    ("", "11"),
    ({"a": 1},),
    ({"a": 1, "b": 2},),
    (["a", 1],),
    (np.array([1]),),
    (np.array([[1]]),),
    (np.array([1], np.int32),),
    (np.array([1.0], np.float32),),
    (np.zeros(0),),
    (np.zeros((0, 2)),),
]


def test_values_of_other_types_lengths_or_shapes_never_give_the_same_digest():
    assert len({content_digest(*values) for values in DISTINCT}) == len(DISTINCT)


def test_a_map_gives_the_same_digest_in_any_order_and_an_array_in_any_layout():
    assert content_digest({"a": 1, "b": 2}) == content_digest({"b": 2, "a": 1})
    array = np.arange(6).reshape(2, 3)
    assert content_digest(array) == content_digest(np.asfortranarray(array)) == content_digest(array.astype(">i8"))


def test_what_has_no_bytes_of_its_own_is_refused():
    with pytest.raises(TypeError, match="object cannot be part of a key"):
        content_digest(object())
    with pytest.raises(TypeError, match="ndarray cannot be part of a key"):
        content_digest(np.array(["a"], object))
