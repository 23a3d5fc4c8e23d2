import numpy as np
import pytest

from gsv_gateway.audio.samples import Path, Resampler, Stretcher, pcm16, split_speed

RATE_HZ = 32_000


def hum(seconds, rate_hz=RATE_HZ):
    return (0.3 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def in_pieces(step, samples, size=777):
    pieces = [step.feed(samples[at : at + size]) for at in range(0, samples.size, size)]
    return np.concatenate([*pieces, step.finish()])


def test_what_is_too_loud_is_clipped_and_not_wrapped():
    assert np.frombuffer(pcm16(np.array([1.5, -1.5, 0.0], np.float32)), "<i2").tolist() == [32767, -32767, 0]


@pytest.mark.parametrize("to_hz", [8_000, 24_000, 44_100, 48_000])
def test_a_resampled_stream_has_its_length_and_its_pitch(to_hz):
    found = in_pieces(Resampler(RATE_HZ, to_hz), hum(1.0))
    assert abs(found.size - to_hz) <= 1
    middle = slice(to_hz // 4, 3 * to_hz // 4)
    assert np.abs(found[middle] - hum(1.0, to_hz)[middle]).max() < 1e-3


def test_a_stream_in_pieces_is_resampled_as_if_it_were_one():
    whole = in_pieces(Resampler(RATE_HZ, 24_000), hum(0.5), size=RATE_HZ)
    assert np.abs(in_pieces(Resampler(RATE_HZ, 24_000), hum(0.5), size=101) - whole).max() < 1e-6


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.5, 2.0])
def test_a_stretched_stream_is_as_long_as_asked_and_keeps_its_pitch(factor):
    found = in_pieces(Stretcher(factor, RATE_HZ), hum(2.0), size=5_000)
    assert found.size / RATE_HZ == pytest.approx(2.0 / factor, rel=0.02)
    spectrum = np.abs(np.fft.rfft(found))
    assert np.fft.rfftfreq(found.size, 1 / RATE_HZ)[spectrum.argmax()] == pytest.approx(220, abs=3)


@pytest.mark.parametrize(
    ("asked", "expected"), [(0.25, (0.5, 0.5)), (0.5, (0.5, 1)), (1, (1, 1)), (2, (2, 1)), (4, (2, 2))]
)
def test_a_speed_that_the_model_does_not_know_is_reached_by_stretching(asked, expected):
    assert split_speed(asked) == expected


def test_a_path_of_two_steps_loses_nothing_at_its_end():
    found = in_pieces(Path(RATE_HZ, 24_000, stretch=2.0), hum(2.0))
    assert found.size == pytest.approx(24_000, rel=0.02)


def test_a_path_without_steps_hands_samples_on():
    assert in_pieces(Path(RATE_HZ, RATE_HZ), hum(0.1)).tolist() == hum(0.1).tolist()
