"""A sentence's tokens become audio piece by piece, and the pieces are what the whole gives."""

import dataclasses

import numpy as np
import pytest

from gsv_runtime.errors import InternalError
from gsv_runtime.tts.synthesis.chunking import WHOLE_SENTENCE, ChunkSchedule, Span, Window, num_frames, whole_window
from gsv_runtime.tts.synthesis.decoding import (
    ChunkVocoder,
    Noise,
    NoiseFrames,
    SentenceDecoder,
    SentenceLatents,
    standard_noise,
    vocoded,
    window_latents,
)
from gsv_runtime.tts.synthesis.latent_answers import LatentReader, sent_frames

SCHEDULE = ChunkSchedule(first_tokens=4, max_tokens=8, lookahead_tokens=3, encoder_tokens=200, bucket=1)
PHONES, CONDITION = np.arange(5), np.ones((1, 4), np.float32)
SAMPLES_PER_TOKEN = 1280


def near(rows, frames):
    """Sums over `frames` to each side of every frame; beyond the ends there is nothing."""
    kernel = np.ones(2 * frames + 1)
    return np.apply_along_axis(lambda row: np.convolve(row, kernel)[frames : frames + row.size], -1, rows)


def acoustic(inputs, _sequence):
    """Looks 4 frames to each side, as the facts of these tests say, and no further."""
    row = inputs["semantic_tokens"][0].repeat(2).astype(np.float32)
    places = np.clip(np.rint(inputs["frame_positions"][0]), 0, 2 * inputs["token_lengths"].item() - 1).astype(int)
    heard = np.arange(places.size) < inputs["frame_lengths"].item()
    return {"latents": near((inputs["noise"] + 0.01 * row[places]) * heard, 4)}


def vocoder(inputs, _sequence):
    """Looks 2 frames to each side."""
    heard = np.arange(inputs["latents"].shape[2]) < inputs["frame_lengths"].item()
    frames = near((inputs["latents"] * heard).mean(axis=1), 2)
    return {"waveform": 0.01 * np.repeat(frames, 640, axis=1)}


@pytest.fixture
def decode(facts, make_stages):
    """Returns (pieces, stages) of a sentence whose tokens come in groups of the given size."""

    def run(num_tokens=40, group=1, schedule=SCHEDULE, speed=1.0, stages=None):
        stages = stages or make_stages(acoustic=acoustic, vocoder=vocoder)
        decoder = SentenceDecoder(PHONES, CONDITION, Noise(5, 0.5), speed, facts, stages, schedule)
        tokens, pieces = np.arange(num_tokens) % 7, []
        for start in range(0, num_tokens, group):
            stop = start + group
            pieces += decoder.push(tokens[start:stop], finished=stop >= num_tokens)
        return pieces, stages

    return run


@pytest.mark.parametrize("num_tokens", [1, 6, 7, 8, 15, 16, 40])
@pytest.mark.parametrize("speed", [1.0, 0.5, 2.0])
def test_the_pieces_are_as_long_as_the_whole(decode, num_tokens, speed):
    pieces, _ = decode(num_tokens, speed=speed)
    assert sum(piece.size for piece in pieces) == 640 * num_frames(num_tokens, speed)
    assert all(piece.dtype == np.float32 and piece.size for piece in pieces)


def test_with_enough_around_each_chunk_the_pieces_are_the_whole(decode):
    streamed, _ = decode(schedule=ChunkSchedule(4, 8, lookahead_tokens=4, encoder_tokens=0, bucket=1))
    whole, _ = decode(schedule=WHOLE_SENTENCE)
    assert [piece.size // SAMPLES_PER_TOKEN for piece in streamed] == [4, 8, 8, 8, 8, 4]
    assert len(whole) == 1
    np.testing.assert_allclose(np.concatenate(streamed), whole[0], atol=1e-6)


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.5, 2.0])
def test_at_another_speed_the_pieces_are_the_whole_on_the_grid_of_that_speed(decode, make_stages, speed):
    """Upstream's grid ends with the sentence, which a stream does not know: it strays by a frame at most."""
    streamed, _ = decode(speed=speed, schedule=ChunkSchedule(4, 8, lookahead_tokens=8, encoder_tokens=0, bucket=1))
    everything = Span(0, num_frames(40, speed))
    whole = Window(Span(0, 40), everything, everything, everything, speed, last=True)
    noise = NoiseFrames(Noise(5, 0.5), 3).take(0, len(everything))
    stages = make_stages(acoustic=acoustic, vocoder=vocoder)
    latents = window_latents(whole, np.arange(40) % 7, PHONES, noise, CONDITION, stages, bucket=1)
    expected = vocoded(latents, CONDITION, stages, bucket=1)
    np.testing.assert_allclose(np.concatenate(streamed), expected, atol=1e-6)
    strayed = whole.frame_positions - whole_window(40, len(everything)).frame_positions
    assert np.abs(strayed).max() <= speed


def test_the_audio_does_not_depend_on_how_tokens_arrive(decode):
    one_by_one, _ = decode(group=1)
    for group in (3, 25, 40):
        pieces, _ = decode(group=group)
        assert [piece.tolist() for piece in pieces] == [piece.tolist() for piece in one_by_one]


def test_padding_to_buckets_changes_no_audio_and_makes_equal_shapes(decode):
    bucketed = ChunkSchedule(4, 8, lookahead_tokens=3, encoder_tokens=200, bucket=8)
    plain, _ = decode()
    padded, stages = decode(schedule=bucketed)
    np.testing.assert_allclose(np.concatenate(padded), np.concatenate(plain), atol=1e-6)
    for name, axes in (("acoustic", {"semantic_tokens": 8, "phones": 8, "noise": 8}), ("vocoder", {"latents": 8})):
        for inputs in stages.inputs_of(name):
            assert [inputs[tensor].shape[-1] % multiple for tensor, multiple in axes.items()] == [0] * len(axes)


def test_audio_starts_when_the_first_chunk_and_its_lookahead_are_known(facts, make_stages):
    decoder = SentenceDecoder(PHONES, CONDITION, Noise(5, 0.5), 1.0, facts, make_stages(), SCHEDULE)
    assert list(decoder.push(np.zeros(6, np.int64), finished=False)) == []
    (piece,) = decoder.push(np.zeros(1, np.int64), finished=False)
    assert piece.size == 4 * SAMPLES_PER_TOKEN


def test_where_windows_differ_the_join_makes_no_step(decode, make_stages):
    """Each window's audio has an offset of its own: the worst case of windows that do not agree."""
    offsets = iter(np.linspace(-0.4, 0.4, 7))
    stages = make_stages(
        vocoder=lambda inputs, _: {"waveform": np.full((1, 640 * inputs["latents"].shape[2]), next(offsets))}
    )
    pieces, _ = decode(stages=stages)
    audio = np.concatenate(pieces)
    assert np.abs(audio[[0, -1]]).max() == pytest.approx(0.4)
    assert np.abs(np.diff(audio)).max() < 0.2 * np.pi / 2 / 640, "a step steeper than a cross-fade over 20 ms"


def test_windows_do_not_grow_with_the_sentence(decode):
    _, stages = decode(300, schedule=ChunkSchedule(4, 8, lookahead_tokens=3, encoder_tokens=20, bucket=1))
    sizes = [inputs["semantic_tokens"].shape[1] for inputs in stages.inputs_of("acoustic")]
    assert max(sizes) == 20 + 8 + 3
    *frames, last = [inputs["latents"].shape[2] for inputs in stages.inputs_of("vocoder")]
    assert max(frames) == 16 + 2 * 2 + 1
    assert last < 2 + 2 * (8 + 3)  # a last chunk covers less than a chunk and its lookahead


def test_a_minute_costs_twelve_times_five_seconds(facts, make_stages):
    """In frames that each stage works on; the cpu preset's schedule, and the receptive field of official networks."""
    schedule = ChunkSchedule(first_tokens=20, max_tokens=80, lookahead_tokens=12, encoder_tokens=250, bucket=1)
    facts = dataclasses.replace(facts, flow_receptive_field_frames=32, vocoder_receptive_field_frames=11)

    def frames(num_tokens):
        stages = make_stages()
        decoder = SentenceDecoder(PHONES, CONDITION, Noise(5, 0.5), 1.0, facts, stages, schedule)
        for _ in decoder.push(np.zeros(num_tokens, np.int64), finished=True):
            pass
        return [
            sum(inputs[tensor].shape[-1] for inputs in stages.inputs_of(stage))
            for stage, tensor in (("acoustic", "noise"), ("vocoder", "latents"))
        ]

    for short, long in zip(frames(125), frames(1500), strict=True):
        assert long <= 1.1 * 12 * short
    assert frames(1500)[1] <= 1.2 * 3000, "the vocoder's windows overlap by more than a fifth"


@pytest.mark.parametrize("steps", [[(0, 10), (4, 30), (30, 40)], [(0, 1), (0, 40)], [(0, 40)]])
def test_noise_is_that_of_the_whole_sentence_at_every_window(steps):
    noise, whole = NoiseFrames(Noise(3, 0.5), 192), 0.5 * standard_noise(3, 192, 40)
    for start, stop in steps:
        assert np.array_equal(noise.take(start, stop), whole[:, start:stop])


def test_a_sentence_without_a_token_is_an_error_not_silence(facts, make_stages):
    decoder = SentenceDecoder(PHONES, CONDITION, Noise(5, 0.5), 1.0, facts, make_stages(), SCHEDULE)
    with pytest.raises(InternalError, match="without a token"):
        decoder.push(np.zeros(0, np.int64), finished=True)


def test_samples_beyond_full_scale_are_clipped(decode, make_stages):
    loud = make_stages(vocoder=lambda inputs, _: {"waveform": np.full((1, 640 * inputs["latents"].shape[2]), -4.0)})
    pieces, _ = decode(stages=loud)
    assert np.abs(np.concatenate(pieces)).max() == 1.0


@pytest.mark.parametrize("speed", [1.0, 0.7, 1.5])
@pytest.mark.parametrize("schedule", [WHOLE_SENTENCE, dataclasses.replace(SCHEDULE, lookahead_tokens=6, bucket=8)])
def test_a_device_that_is_sent_each_chunks_latents_makes_the_same_audio(decode, facts, make_stages, schedule, speed):
    expected, _ = decode(speed=speed, schedule=schedule)
    stages = make_stages(acoustic=acoustic, vocoder=vocoder)
    latents = SentenceLatents(PHONES, CONDITION, Noise(5, 0.5), speed, facts, stages, schedule, with_past=False)
    sent = [sent_frames(*each) for each in latents.push(np.arange(40) % 7, finished=True)]
    reader, device = LatentReader(2), ChunkVocoder(CONDITION, stages, schedule.bucket)
    pieces = [device.piece(*reader.take(frames, heard_frames)) for frames, heard_frames in sent]
    assert [piece.size for piece in pieces] == [piece.size for piece in expected]
    np.testing.assert_allclose(np.concatenate(pieces), np.concatenate(expected), atol=1e-6)
    again = sum(frames.shape[1] - heard_frames for frames, heard_frames in sent)
    assert again <= 3 * (len(sent) - 1)  # what the vocoder sees beyond a chunk, and the seam


def test_a_frames_noise_does_not_depend_on_how_many_follow():
    assert np.array_equal(standard_noise(3, 192, 40), standard_noise(3, 192, 90)[:, :40])


def test_noise_is_standard_normal():
    noise = standard_noise(1, 192, 2000)
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
