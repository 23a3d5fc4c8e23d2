from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from gsv_client import Audio, Chunk, Playback
from gsv_client.audio import join_chunks


def playback(*arrivals: tuple[float, float]) -> Playback:
    """Chunks as (arrival in s, seconds of audio), the request sent at 100 s."""
    account = Playback()
    account.request_sent(100.0)
    for at_s, duration_s in arrivals:
        account.chunk_arrived(100.0 + at_s, duration_s)
    return account


def test_ttfa_counts_from_sending_to_the_first_sample() -> None:
    assert playback((0.25, 1.0), (0.5, 1.0)).ttfa_s == pytest.approx(0.25)


def test_a_chunk_without_samples_is_not_the_first_audio() -> None:
    assert playback((0.1, 0.0), (0.4, 1.0)).ttfa_s == pytest.approx(0.4)
    assert playback((0.1, 0.0)).ttfa_s is None


def test_chunks_that_come_before_the_buffer_is_empty_cause_no_underrun() -> None:
    assert playback((0.2, 1.0), (1.1, 1.0), (2.15, 1.0)).underrun_s == 0.0


def test_underrun_is_the_longest_wait_beyond_the_buffered_audio() -> None:
    # Played from 0.2 to 1.2, silent to 1.5, played to 2.5, silent to 2.6.
    assert playback((0.2, 1.0), (1.5, 1.0), (2.6, 1.0)).underrun_s == pytest.approx(0.3)


def test_a_pause_in_playback_is_not_counted_again_for_later_chunks() -> None:
    assert playback((0.2, 1.0), (2.2, 1.0), (3.2, 1.0)).underrun_s == pytest.approx(1.0)


@pytest.mark.slow
@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 5)), min_size=1))
def test_a_listener_never_waits_longer_than_for_all_chunks(steps: list[tuple[float, float]]) -> None:
    at_s, arrivals = 0.0, []
    for wait_s, duration_s in steps:
        at_s += wait_s
        arrivals.append((at_s, duration_s))
    account = playback(*arrivals)
    assert account.ttfa_s == pytest.approx(steps[0][0], abs=1e-6)
    assert 0 <= account.underrun_s <= max(wait_s for wait_s, _ in steps) + 1e-6
    assert account.elapsed_s == pytest.approx(at_s, abs=1e-6)


def test_rtf_is_waiting_per_second_of_audio() -> None:
    assert Audio(np.zeros(64_000, np.float32), 32_000, elapsed_s=0.5).rtf == pytest.approx(0.25)
    assert Audio(np.zeros(0, np.float32), 32_000, elapsed_s=0.5).rtf == float("inf")


@pytest.mark.parametrize(("ending", "tolerance"), [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.1)])
def test_saved_audio_reads_back(ending: str, tolerance: float, tmp_path: Path) -> None:
    tone = (np.sin(np.arange(16_000) * 0.05) / 2).astype(np.float32)
    Audio(tone, 32_000).save(tmp_path / f"tone.{ending}")
    samples, rate = soundfile.read(tmp_path / f"tone.{ending}", dtype="float32")
    assert rate == 32_000
    assert np.abs(samples[: len(tone)] - tone).max() < tolerance


def test_joining_nothing_says_why() -> None:
    with pytest.raises(ValueError, match="taken already"):
        join_chunks([], Playback())


def test_stage_times_add_up_over_chunks() -> None:
    chunks = [
        Chunk(np.ones(10, np.float32), 32_000, timing_ms={"t2s": 1.0}),
        Chunk(np.ones(10, np.float32), 32_000, timing_ms={"t2s": 2.0, "vocoder": 4.0}),
    ]
    assert join_chunks(chunks, Playback()).timing_ms == {"t2s": 3.0, "vocoder": 4.0}
