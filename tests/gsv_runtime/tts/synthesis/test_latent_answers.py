"""Latents that a device gets bring what it needs, in the codec where it is asked for."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule, Span, Window
from gsv_runtime.tts.synthesis.latent_answers import (
    LatentChunk,
    LatentPiece,
    LatentReader,
    codec_for,
    latent_outputs,
    numbered,
    sent_frames,
)

from ....small_repositories import random_codec

SCHEDULE = ChunkSchedule(first_tokens=4, max_tokens=8, lookahead_tokens=2, encoder_tokens=10, bucket=1)
CODEC = random_codec(6, "w")


def task(index=0, last=True):
    sentence = SimpleNamespace(text="a sentence", phones=np.arange(3), rate=1.0, pause_after_s=None, dropped=())
    return SimpleNamespace(index=index, sentence=sentence, seed=11, last=last)


def outputs(codec, kbit_s=8.0, **of):
    request = SimpleNamespace(
        noise_scale=0.5, speed=1.0, pause_s=0.3, final_pause_s=0.0, known_voice="", latent_kbit_s=kbit_s
    )
    condition = np.ones((1, 4), np.float32)
    voice = SimpleNamespace(content="abc", weights_digest="w", global_condition=condition, report={})
    chunk = LatentChunk(task(), np.ones((6, 9), np.float32), 7, 0, True, "eos", {"t2s": 1.0})
    return latent_outputs(chunk, request, voice, SCHEDULE, 2.0, codec)


def test_without_a_codec_latents_are_sent_as_they_are():
    found = outputs(None)
    assert (found["latents"].shape, found["latent_codes"].shape) == ((9, 6), (9, 0))
    assert found["heard_frames"].tolist() == [7]
    assert json.loads(found["decoding"][0])["codec"] == ""
    assert found["global_condition"].tolist() == [1.0] * 4
    assert found["final"].tolist() == [True]


def test_the_codec_sends_bytes_of_the_rate_that_is_asked_for():
    found = outputs(CODEC, kbit_s=4.0)
    assert (found["latents"].shape, found["latent_codes"].shape) == ((0, 6), (9, 10))
    assert json.loads(found["decoding"][0])["codec"] == CODEC.digest


def test_a_fine_tune_that_the_codec_was_not_trained_on_is_sent_as_it_is_or_refused():
    assert codec_for(SimpleNamespace(latent_kbit_s=0.0), CODEC, "other") is None
    assert codec_for(SimpleNamespace(latent_kbit_s=8.0), CODEC, "w") is CODEC
    for codec, weights in ((CODEC, "other"), (None, "w")):
        with pytest.raises(InvalidRequest, match="no codec of these latents; ask for latent_kbit_s 0"):
            codec_for(SimpleNamespace(latent_kbit_s=8.0), codec, weights)


def test_frames_before_a_chunk_are_not_sent_again():
    found = Window(Span(0, 30), Span(4, 60), Span(10, 50), Span(20, 40), 1.0, last=False)
    frames, heard_frames = sent_frames(found, np.arange(40)[np.newaxis])
    assert (frames[0, 0], frames.shape[1], heard_frames) == (10, 30, 20)


def test_the_device_keeps_as_many_frames_as_the_vocoder_sees():
    reader = LatentReader(3)
    first, heard = reader.take(np.arange(8)[np.newaxis], 6)
    assert (first[0].tolist(), heard) == (list(range(8)), slice(0, 6))
    second, heard = reader.take(np.arange(6, 12)[np.newaxis], 6)
    assert (second[0].tolist(), heard) == (list(range(3, 12)), slice(3, 9))


def test_a_sentence_begins_behind_the_end_of_another():
    frames = np.zeros((6, 1))
    chunks = [
        LatentPiece(task(0, last=False), frames, 1, "", {}),
        LatentPiece(task(0, last=False), frames, 1, "eos", {}),
        LatentPiece(task(1), frames, 1, "eos", {}),
    ]
    assert [(chunk.number, chunk.first, chunk.last) for chunk in numbered(iter(chunks))] == [
        (0, True, False),
        (1, False, False),
        (2, True, True),
    ]
