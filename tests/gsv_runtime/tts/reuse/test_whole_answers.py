"""Whole answers from memory: the same as what they were made of, under a key of all that decides them."""

import dataclasses
import sys

import numpy as np
import pytest

from gsv_runtime import contract
from gsv_runtime.cache.memory import Memory
from gsv_runtime.speech_request import ReferenceRequest, Sampling, SpeechRequest
from gsv_runtime.tensors import to_wire
from gsv_runtime.tts.reuse.whole_answers import WITHOUT_EFFECT, WholeAnswers, WireChunk, answer_key

from ...conftest import answer
from .speaking import SETTINGS, sources
from .test_keys import VOICE

SAMPLING = Sampling(top_k=15, top_p=1.0, temperature=1.0, repetition_penalty=1.35, seed=3)
REQUEST = SpeechRequest(
    text="ab",
    language="en",
    voice="ann",
    reference=None,
    speed=1.0,
    sampling=SAMPLING,
    noise_scale=0.5,
    pause_s=0.3,
    split_method="cut5",
    encoding="float32",
    streaming="chunk",
    cache="audio",
)

change = dataclasses.replace

# Another value for each field that is in the key; a new field has to be put here or declared to be without effect.
OTHERS = {
    "text": "ac",
    "language": "auto",
    "speed": 1.1,
    "sampling": change(SAMPLING, top_k=14),
    "noise_scale": 0.4,
    "pause_s": 0.2,
    "final_pause_s": 0.2,
    "split_method": "cut0",
    "encoding": "pcm16_base64",
    "streaming": "sentence",
    "lexicon": "ab x",
    "loudness": -16.0,
    "retries": 1,
    "timestamps": "word",
}
SAME = {
    "model": "ann",
    "voice": "another name",
    "reference": ReferenceRequest(b"RIFF", "hi", "en", trim=False),
    "priority": "batch",
    "deadline_s": 1.0,
    "cache": "off",
    "answer": "tokens",
    "known_voice": "a digest",
    "latent_kbit_s": 4.0,
}


def test_every_field_of_a_request_is_in_the_key_or_declared_to_be_without_effect():
    names = {field.name for field in dataclasses.fields(SpeechRequest)}
    assert OTHERS.keys() | WITHOUT_EFFECT.keys() == names
    assert SAME.keys() | {"seeded"} == WITHOUT_EFFECT.keys()  # which decides whether the seed is in the key
    assert all(getattr(REQUEST, name) != value for name, value in {**OTHERS, **SAME}.items())


@pytest.mark.parametrize("field", OTHERS)
def test_an_answer_misses_when_one_field_of_the_request_is_another(field):
    assert answer_key(change(REQUEST, **{field: OTHERS[field]}), VOICE) != answer_key(REQUEST, VOICE)


@pytest.mark.parametrize("field", dataclasses.fields(Sampling), ids=lambda field: field.name)
def test_an_answer_misses_when_one_sampling_parameter_is_another(field):
    other = change(REQUEST, sampling=change(SAMPLING, **{field.name: 7}))
    assert answer_key(other, VOICE) != answer_key(REQUEST, VOICE)


@pytest.mark.parametrize("field", SAME)
def test_an_answer_is_found_whatever_cannot_matter(field):
    assert answer_key(change(REQUEST, **{field: SAME[field]}), VOICE) == answer_key(REQUEST, VOICE)


@pytest.mark.parametrize(
    "other",
    [
        change(VOICE, prompt_tokens=np.array([1, 3])),
        change(VOICE, prompt_phones=np.array([4])),
        change(VOICE, prompt_features=np.ones((2, 1), np.float32)),
        change(VOICE, global_condition=np.zeros((1, 4), np.float32)),
        change(VOICE, prompt_text="ho"),
        change(VOICE, prompt_language="zh"),
    ],
    ids=["tokens", "phones", "features", "timbre", "text", "language"],
)
def test_an_answer_misses_with_another_voice(other):
    assert answer_key(REQUEST, other) != answer_key(REQUEST, VOICE)


def test_without_a_seed_any_take_will_do_but_not_one_of_a_seed():
    free = change(REQUEST, seeded=False)
    assert answer_key(free, VOICE) == answer_key(change(free, sampling=change(SAMPLING, seed=9)), VOICE)
    assert answer_key(free, VOICE) != answer_key(REQUEST, VOICE)


def on_the_wire(replies):
    """Each reply's tensors, bytes and all."""
    wires = [to_wire(contract.TTS, contract.TTS.outputs, reply) for reply in replies]
    return [{name: array.tolist() for name, array in wire.items()} for wire in wires]


@pytest.mark.parametrize("encoding", ["float32", "pcm16_base64"])
@pytest.mark.parametrize("streaming", ["chunk", "sentence", "off"])
def test_a_kept_answer_is_what_the_cache_gave(service, ask, make_stages, counts, streaming, encoding):
    first, second, third = (answer(service, ask(streaming=streaming, encoding=encoding), make_stages) for _ in range(3))
    assert on_the_wire(third) == on_the_wire(second)
    heard = ("waveform", "audio_base64", "sentence", "chunk_index", "sentence_index", "finish_reason", "final")
    for computed, kept in zip(on_the_wire(first), on_the_wire(third), strict=True):
        assert [kept[name] for name in heard] == [computed[name] for name in heard]
    assert counts.sums[("gsv_cache_hits_total", "memory", "answer")] == 1
    assert counts.sums[("gsv_chunks_total",)] == 3 * len(first)


def test_a_kept_answer_asks_for_no_sentence(service, ask, make_stages, counts):
    for _ in range(2):
        answer(service, ask(), make_stages)
    found = {kind: counts.sums[("gsv_cache_hits_total", "memory", kind)] for kind in ("features", "audio")}
    answer(service, ask(), make_stages)
    assert {kind: counts.sums[("gsv_cache_hits_total", "memory", kind)] for kind in found} == found


@pytest.mark.parametrize("level", ["off", "features", "tokens"])
def test_who_does_not_allow_audio_gets_no_answer(service, ask, make_stages, counts, level):
    for _ in range(2):
        answer(service, ask(), make_stages)
    assert set(sources(answer(service, ask(cache=level), make_stages))) == {"computed"}
    assert counts.sums[("gsv_cache_hits_total", "memory", "answer")] == 0


def test_an_answer_of_which_a_part_was_computed_is_not_kept(service, ask, make_stages, counts):
    answer(service, ask("ab"), make_stages)
    assert sources(answer(service, ask("ab,cde"), make_stages)) == ["memory", "computed"]
    assert counts.sums[("gsv_cache_written_bytes_total", "memory", "answer")] == 0


def test_an_answer_that_was_not_heard_to_its_end_is_not_kept(service, ask, make_stages, counts):
    answer(service, ask(), make_stages)
    job = service.admit(ask)
    replies = job.replies(make_stages, lambda: False)
    next(replies)
    replies.close()
    job.leave(None)
    assert counts.sums[("gsv_cache_written_bytes_total", "memory", "answer")] == 0


def test_a_server_without_memory_keeps_no_answers(start, ask, make_stages, counts):
    service = start(change(SETTINGS, cache_memory_bytes=0, cache_directory="cache", cache_disk_bytes=1 << 26))
    answer(service, ask(), make_stages)
    assert service.cache.flush(20)
    for _ in range(3):
        assert set(sources(answer(service, ask(), make_stages))) == {"disk"}
    assert counts.sums[("gsv_cache_misses_total", "memory", "answer")] == 0


def test_a_voice_registered_again_under_its_name_does_not_get_the_old_answer(service, register, make_stages):
    named = {"text": np.array(["ab"], object), "voice": np.array(["ann"], object), "seed": np.array([1])}
    register(0.3)
    _, _, again = (answer(service, named, make_stages) for _ in range(3))
    assert set(sources(again)) == {"memory"}
    register(0.2)
    assert set(sources(answer(service, named, make_stages))) == {"computed"}


def response(num_samples, sentence="A sentence of some length."):
    return WireChunk(
        to_wire(
            contract.TTS,
            contract.TTS.outputs,
            {
                "waveform": np.zeros(num_samples, np.float32),
                "audio_base64": "",
                "warnings": [],
                "sample_rate_hz": [32_000],
                "chunk_index": [0],
                "sentence_index": [0],
                "sentence": sentence,
                "timing_ms": "{}",
                "finish_reason": "eos",
                "final": [True],
                "source": "memory",
                "dropped": [],
                "words": [],
                "word_faults": [],
            },
        ),
        audio_s=num_samples / 32_000,
        finish_reason="eos",
    )


@pytest.mark.slow
def test_memory_stays_within_its_bound_under_ten_thousand_distinct_answers(figures):
    bound = 1 << 20
    memory = Memory(bound, figures)
    answers = WholeAnswers(memory, figures)
    for number in range(10_000):
        answers.keep(change(REQUEST, text=f"phrase {number}"), VOICE, [response(1000)] * 2, saved_s=1.0)
        assert memory.nbytes <= bound
    assert len(memory) > 50
    assert answers.find(change(REQUEST, text="phrase 9999"), VOICE) is not None
    assert answers.find(change(REQUEST, text="phrase 0"), VOICE) is None


def test_what_an_answer_made_needless_is_counted(figures):
    answers = WholeAnswers(Memory(1 << 20, figures), figures)
    answers.keep(REQUEST, VOICE, [response(1000)], saved_s=1.5)
    for _ in range(2):
        assert answers.find(REQUEST, VOICE).saved_s == 1.5
    assert figures("saved_seconds_total", kind="answer") == 3.0


def test_an_answer_bigger_than_the_memory_is_not_kept(figures):
    answers = WholeAnswers(Memory(100_000, figures), figures)
    answers.keep(REQUEST, VOICE, [response(50_000)], saved_s=1.0)
    assert answers.find(REQUEST, VOICE) is None
    assert figures("written_bytes_total", kind="answer") == 0


def test_a_response_counts_for_no_less_than_python_takes_for_it():
    kept = response(1000, sentence="é" * 300)
    arrays = [*kept.wire.values()]
    texts = [text for array in arrays if array.dtype == object for text in array]
    around = sum(map(sys.getsizeof, [kept, kept.wire, kept.audio_s, *arrays, *texts]))
    assert kept.nbytes >= around
