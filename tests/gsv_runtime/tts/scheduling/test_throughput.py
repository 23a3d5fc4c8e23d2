"""How fast speech is made of late."""

import pytest

from gsv_runtime.tts.scheduling.throughput import Throughput


def speed(seconds, streams, audio_s_per_s, started_s=0.0, into=None):
    """One that has seen so many streams for so long."""
    found = into or Throughput()
    found.until(started_s, 0 if into is None else streams)
    for tick in range(1, 10 * seconds + 1):
        found.until(started_s + tick / 10, streams)
        found.add(audio_s_per_s / 10)
    return found


def test_nothing_seen_is_no_speed():
    assert (Throughput().audio_s_per_s, Throughput().num_streams) == (0.0, 0.0)


def test_a_steady_load_is_seen_as_it_is():
    found = speed(30, streams=4, audio_s_per_s=10.0)
    assert found.audio_s_per_s == pytest.approx(10.0, rel=0.05)
    assert found.num_streams == pytest.approx(4.0)


def test_time_without_streams_does_not_make_it_slower_but_forgotten():
    found = speed(30, streams=4, audio_s_per_s=10.0)
    before = found.audio_s_per_s
    found.until(33.0, 0)
    assert found.audio_s_per_s == pytest.approx(before)
    assert found.is_known
    found.until(60.0, 0)
    assert not found.is_known


def test_what_was_long_ago_does_not_count():
    found = speed(30, streams=2, audio_s_per_s=10.0)
    found = speed(30, streams=8, audio_s_per_s=3.0, started_s=30.0, into=found)
    assert found.audio_s_per_s == pytest.approx(3.0, rel=0.05)
    assert found.num_streams == pytest.approx(8.0, rel=0.01)
