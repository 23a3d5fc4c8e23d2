import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_client import Chunk
from gsv_client.audio import Playback
from gsv_loadtest.outcome import Outcome, audio_problems, differs, underruns

TEXT = "Good morning, my friend."


def chunks(*parts, rate=32_000):
    return [Chunk(np.asarray(part, np.float32), rate, index) for index, part in enumerate(parts)]


def tone(seconds, peak=0.5):
    return peak * np.sin(np.arange(round(seconds * 32_000)) / 20)


def test_a_chunk_that_comes_while_the_last_still_plays_is_no_underrun():
    assert underruns([(0.5, 1.0), (1.4, 1.0), (2.5, 1.0)]) == ()


def test_each_wait_counts_from_the_end_of_what_was_buffered():
    assert underruns([(0.5, 1.0), (2.0, 1.0), (3.25, 1.0)]) == pytest.approx((0.5, 0.25))


def test_time_before_the_first_audio_is_no_underrun_and_empty_chunks_play_nothing():
    assert underruns([(0.1, 0.0), (9.0, 1.0), (9.5, 0.0), (10.5, 1.0)]) == pytest.approx((0.5,))


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 5)), max_size=20))
def test_the_longest_is_what_the_client_calls_underrun(steps):
    playback, arrivals, at_s = Playback(), [], 0.0
    playback.request_sent(0.0)
    for gap_s, duration_s in steps:
        at_s += gap_s
        playback.chunk_arrived(at_s, duration_s)
        arrivals.append((at_s, duration_s))
    assert max(underruns(arrivals), default=0.0) == pytest.approx(playback.underrun_s, abs=1e-9)


def test_good_speech_has_no_problem():
    assert audio_problems(TEXT, chunks(tone(1.0), tone(0.5))) == ()


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ([], "silent"),
        ([np.zeros(32_000)], "silent"),
        ([np.full(32_000, np.nan)], "not finite"),
        ([tone(1.0, peak=1.5)], "beyond full scale"),
        ([tone(0.2)], "too short"),
        ([tone(30.0)], "too long"),
    ],
)
def test_bad_speech_is_named(parts, problem):
    assert problem in audio_problems(TEXT, chunks(*parts))


def test_a_chunk_missing_or_doubled_is_a_problem():
    first, second = chunks(tone(1.0), tone(0.5))
    assert audio_problems(TEXT, [second]) == ("chunks missing, doubled or out of order",)
    assert audio_problems(TEXT, [first, first]) == ("chunks missing, doubled or out of order",)


def test_the_same_speech_may_differ_by_rounding_and_by_nothing_more():
    alone = tone(1.0).astype(np.float32)
    assert differs(alone, alone) == ""
    assert differs(alone + np.float32(1e-4), alone) == ""
    assert differs(alone + np.float32(1e-2), alone).startswith("SNR 3")
    assert differs(alone[:-1], alone) == "31999 samples, alone 32000"


@pytest.mark.parametrize(
    ("kind", "problems", "failed"),
    [
        ("ok", (), False),
        ("busy", (), False),
        ("cancelled", (), False),
        ("InternalError", (), True),
        ("ok", ("x",), True),
    ],
)
def test_refusals_and_listeners_who_leave_are_no_failures(kind, problems, failed):
    assert Outcome(kind, "short", "grpc", 0.0, problems=problems).failed is failed


def test_rtf_without_audio_is_no_number():
    assert math.isnan(Outcome("busy", "short", "grpc", 0.0).rtf)
    assert Outcome("ok", "short", "grpc", 0.0, elapsed_s=1.0, audio_s=4.0).rtf == 0.25
