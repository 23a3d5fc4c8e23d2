"""Tokens that a device gets are those of the audio, come as soon as a chunk can be decoded, and bring what it needs."""

import json
from types import SimpleNamespace

import numpy as np

from gsv_runtime.contract import AS_AUDIO, AS_LATENTS, AS_TOKENS
from gsv_runtime.tts.synthesis.chunking import WHOLE_SENTENCE, ChunkSchedule
from gsv_runtime.tts.synthesis.pieces import TokenPiece
from gsv_runtime.tts.synthesis.pipeline import tokens_at_once
from gsv_runtime.tts.synthesis.token_answers import join_tokens, token_outputs

SCHEDULE = ChunkSchedule(first_tokens=4, max_tokens=8, lookahead_tokens=2, encoder_tokens=10, bucket=1)


def task(index=0, last=True, pause_after_s=None):
    sentence = SimpleNamespace(
        text=f"sentence {index}", phones=np.arange(3), rate=1.5, pause_after_s=pause_after_s, dropped=()
    )
    return SimpleNamespace(index=index, sentence=sentence, seed=11 + index, last=last)


def pieces(of, sizes, reason="eos"):
    """Pieces of one sentence, numbered through."""
    numbers = iter(range(1_000))
    for place, size in enumerate(sizes):
        tokens = np.array([next(numbers) for _ in range(size)], np.int64)
        yield TokenPiece(of, tokens, reason if place == len(sizes) - 1 else "", {"t2s": 1.0})


def test_tokens_come_when_the_device_can_decode_a_chunk_of_them():
    chunks = list(join_tokens(pieces(task(), [2] * 20), SCHEDULE))
    known = np.cumsum([chunk.tokens.size for chunk in chunks])
    assert [int(count) for count in known] == [6, 14, 22, 30, 38, 40]  # of 4 + 8 + 8 …, each with 2 of lookahead
    assert np.array_equal(np.concatenate([chunk.tokens for chunk in chunks]), np.arange(40))
    assert [chunk.first for chunk in chunks] == [True] + [False] * 5
    assert [chunk.last for chunk in chunks] == [False] * 5 + [True]


def test_many_tokens_at_once_are_one_response():
    (chunk,) = join_tokens(pieces(task(), [40]), SCHEDULE)
    assert chunk.tokens.size == 40


def test_each_sentence_begins_anew():
    two = [*pieces(task(0, last=False), [2] * 5), *pieces(task(1), [2] * 5)]
    chunks = list(join_tokens(iter(two), SCHEDULE))
    assert [(chunk.task.index, chunk.tokens.size, chunk.first, chunk.last) for chunk in chunks] == [
        (0, 6, True, False),
        (0, 4, False, False),
        (1, 6, True, False),
        (1, 4, False, True),
    ]
    assert [chunk.number for chunk in chunks] == [0, 1, 2, 3]


def test_a_sentence_at_once_is_one_response():
    (chunk,) = join_tokens(pieces(task(), [2] * 20), WHOLE_SENTENCE)
    assert chunk.timing_ms == {"t2s": 20.0}


def outputs(known_voice="", number=0, **of):
    request = SimpleNamespace(noise_scale=0.5, speed=1.2, pause_s=0.3, final_pause_s=0.25, known_voice=known_voice)
    condition = np.ones((1, 4), np.float32)
    voice = SimpleNamespace(
        content="abc", weights_digest="w", global_condition=condition, report={"warnings": ["noisy"]}
    )
    (chunk,) = join_tokens(pieces(task(**of), [3]), WHOLE_SENTENCE)
    return token_outputs(chunk, request, voice, SCHEDULE, 2.0)


def test_a_sentences_first_response_says_how_to_make_its_audio():
    found = outputs()
    assert json.loads(found["decoding"][0]) == {
        "seed": 11,
        "noise_scale": 0.5,
        "speed": 1.2 * 1.5,
        "pause_s": 0.25,  # the one after the last sentence
        "gain": 2.0,
        "schedule": [4, 8, 2, 10, 1],
        "voice": "abc",
        "weights": "w",
        "codec": "",
    }
    assert found["phones"].tolist() == [0, 1, 2]
    assert (found["waveform"].size, found["sentence"][0], found["warnings"].tolist()) == (0, "sentence 0", ["noisy"])


def test_pauses_are_the_requests_or_the_sentences_own():
    assert json.loads(outputs(last=False)["decoding"][0])["pause_s"] == 0.3
    assert json.loads(outputs(pause_after_s=1.5)["decoding"][0])["pause_s"] == 1.5


def test_the_voice_is_sent_unless_the_device_has_it():
    assert outputs()["global_condition"].tolist() == [1.0] * 4
    assert outputs(known_voice="abc")["global_condition"].size == 0


def test_for_a_device_a_call_brings_a_second_of_tokens_and_for_a_listener_few():
    assert [tokens_at_once(answer, 5) for answer in (AS_AUDIO, AS_TOKENS, AS_LATENTS)] == [5, 25, 25]
    assert tokens_at_once(AS_TOKENS, 40) == 40
