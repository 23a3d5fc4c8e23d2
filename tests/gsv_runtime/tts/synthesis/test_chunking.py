"""Windows of a sentence: which tokens, which frames, and when."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_runtime.tts.synthesis.chunking import (
    WHOLE_SENTENCE,
    ChunkSchedule,
    ReceptiveField,
    Span,
    crossfade,
    num_frames,
    rounded_up,
    whole_window,
    window,
)

SCHEDULE = ChunkSchedule(first_tokens=20, max_tokens=80, lookahead_tokens=12, encoder_tokens=250, bucket=1)
REACH = ReceptiveField(flow_frames=32, vocoder_frames=12)
SCHEDULES = st.builds(
    ChunkSchedule,
    first_tokens=st.integers(1, 30),
    max_tokens=st.integers(1, 90),
    lookahead_tokens=st.integers(1, 20),
    encoder_tokens=st.integers(0, 60),
    bucket=st.just(1),
)
SPEEDS = st.sampled_from([0.5, 0.8, 1.0, 1.3, 2.0])


def windows(schedule, field, speed, num_tokens):
    """All windows of a sentence, with every token known but no earlier than needed."""
    found = []
    while not found or not found[-1].last:
        known = min(schedule.tokens_before_chunk(len(found)), num_tokens)
        found.append(window(schedule, field, speed, len(found), known, finished=known == num_tokens))
    return found


def test_first_chunk_is_smallest_so_audio_starts_early():
    assert [SCHEDULE.tokens_for_chunk(index) for index in range(5)] == [20, 40, 80, 80, 80]
    assert [SCHEDULE.bounds(index) for index in range(3)] == [(0, 20), (20, 60), (60, 140)]


def test_a_chunk_waits_for_its_lookahead_but_not_after_the_end():
    assert window(SCHEDULE, REACH, 1.0, 0, 31, finished=False) is None
    assert window(SCHEDULE, REACH, 1.0, 0, 32, finished=False) == window(SCHEDULE, REACH, 1.0, 0, 32, finished=True)
    assert window(SCHEDULE, REACH, 1.0, 0, 31, finished=True) == whole_window(31, 62)


def test_a_window_in_the_middle_of_a_sentence():
    found = window(SCHEDULE, REACH, 1.0, 5, 1000, finished=False)
    assert found.chunk == Span(2 * 300, 2 * 380)
    assert found.vocoded == Span(600 - 12, 760 + 1 + 12)
    assert found.latents == Span(600 - 12 - 32, 2 * (380 + 12))
    assert found.tokens == Span(300 - 250, 380 + 12)
    assert not found.last


def test_for_a_device_that_has_what_came_before_a_window_begins_where_the_flow_sees():
    found = window(SCHEDULE, REACH, 1.0, 5, 1000, finished=False)
    short = found.without_past(REACH)
    assert short.vocoded == Span(found.chunk.start, found.vocoded.stop)
    assert short.latents == Span(found.chunk.start - REACH.flow_frames, found.latents.stop)
    assert (short.tokens, short.chunk) == (found.tokens, found.chunk)
    first = window(SCHEDULE, REACH, 1.0, 0, 100, finished=False)
    assert first.without_past(REACH) == first


def test_tokens_that_came_too_early_change_no_window():
    for index in range(4):
        known = SCHEDULE.tokens_before_chunk(index)
        early = window(SCHEDULE, REACH, 1.0, index, known + 70, finished=False)
        assert early == window(SCHEDULE, REACH, 1.0, index, known, finished=False)


def test_windows_of_a_long_sentence_stop_growing():
    sizes = {
        (len(found.tokens), len(found.latents), len(found.vocoded))
        for found in windows(SCHEDULE, REACH, 1.0, 1500)[6:-1]
    }
    assert len(sizes) == 1


@given(
    schedule=SCHEDULES, speed=SPEEDS, num_tokens=st.integers(1, 400), flow=st.integers(0, 40), voc=st.integers(0, 15)
)
@settings(deadline=None)
def test_chunks_cover_every_frame_once_inside_windows_that_know_enough(schedule, speed, num_tokens, flow, voc):
    found = windows(schedule, ReceptiveField(flow, voc), speed, num_tokens)
    total = num_frames(num_tokens, speed)
    assert found[0].chunk.start == 0
    assert found[-1].chunk.stop == total
    for before, after in itertools.pairwise(found):
        assert before.chunk.stop == after.chunk.start
        assert before.latents.start <= after.latents.start
        assert before.vocoded.stop > before.chunk.stop, "no frame is left to fade over in"
    for each in found:
        assert each.vocoded.start == max(each.chunk.start - voc, 0)
        assert each.latents.start == max(each.vocoded.start - flow, 0)
        assert each.chunk.stop <= each.vocoded.stop <= each.latents.stop <= total
        places = each.frame_positions
        assert places.shape == (len(each.latents),)
        assert places[0] > -1
        assert places[-1] < 2 * len(each.tokens) + speed


def test_a_sentence_within_the_first_window_is_decoded_as_a_whole():
    assert windows(SCHEDULE, REACH, 1.3, 31) == [whole_window(31, num_frames(31, 1.3))]
    assert windows(WHOLE_SENTENCE, REACH, 0.7, 1500) == [whole_window(1500, num_frames(1500, 0.7))]


def test_positions_count_frames_at_speed_one_and_are_absolute_at_another():
    found = window(SCHEDULE, REACH, 1.0, 5, 1000, finished=False)
    assert found.frame_positions.tolist() == list(range(found.latents.start - 100, found.latents.stop - 100))
    first, second = windows(SCHEDULE, REACH, 1.5, 300)[3:5]
    common = range(second.latents.start, first.latents.stop)
    places = [
        each.frame_positions[common.start - each.latents.start :][: len(common)] + 2 * each.tokens.start
        for each in (first, second)
    ]
    np.testing.assert_allclose(places[0], places[1], atol=1e-3)


@pytest.mark.parametrize(("tokens", "speed", "frames"), [(75, 1.0, 150), (75, 1.5, 101), (75, 0.5, 301), (1, 2.0, 2)])
def test_frames_follow_upstreams_interpolation(tokens, speed, frames):
    assert num_frames(tokens, speed) == frames


def test_sizes_round_up_to_a_bucket():
    assert [rounded_up(size, 16) for size in (1, 16, 17)] == [16, 16, 32]


def test_a_crossfade_of_equal_signals_is_that_signal_and_never_louder_than_the_louder():
    generator = np.random.default_rng(0)
    tail, head = generator.uniform(-1, 1, (2, 640)).astype(np.float32)
    np.testing.assert_allclose(crossfade(head, head), head, atol=1e-7)
    joined = crossfade(tail, head)
    assert (joined <= np.maximum(tail, head) + 1e-6).all()
    assert (joined >= np.minimum(tail, head) - 1e-6).all()
    assert abs(joined[0] - tail[0]) < 1e-5
    assert abs(joined[-1] - head[-1]) < 1e-5
