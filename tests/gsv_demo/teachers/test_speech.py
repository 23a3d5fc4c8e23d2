"""What a teacher said, brought to one form."""

import numpy as np
import pytest

from gsv_demo.teachers.speech import EDGE_S, TARGET_RMS, Speech, ends_of, played_at, trimmed

RATE_HZ = 24_000


def hum(seconds: float, silence_s: float) -> Speech:
    edge = np.zeros(round(silence_s * RATE_HZ), np.float32)
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ).astype(np.float32)
    ends = (silence_s, silence_s + seconds, 2 * silence_s + seconds)
    return Speech(np.concatenate([edge, tone, edge]), RATE_HZ, ("_", "m", "_"), ends)


def test_long_silence_is_cut_and_the_phones_move_along() -> None:
    found = trimmed(hum(1.0, 0.6))
    assert found.seconds == pytest.approx(1.0 + 2 * EDGE_S, abs=0.01)
    assert found.ends_s == pytest.approx((EDGE_S, 1.0 + EDGE_S, 1.0 + 2 * EDGE_S), abs=0.01)


def test_loudness_is_the_same_whoever_speaks() -> None:
    found = trimmed(hum(1.0, 0.05))
    assert float(np.sqrt(np.mean(found.audio**2))) == pytest.approx(TARGET_RMS, rel=0.01)


def test_silence_is_refused() -> None:
    with pytest.raises(ValueError, match="a teacher gave silence"):
        trimmed(Speech(np.zeros(100, np.float32), RATE_HZ))


def test_played_faster_it_is_shorter_and_its_phones_end_earlier() -> None:
    found = played_at(hum(1.0, 0.1), 1.2)
    assert found.seconds == pytest.approx(1.0, abs=0.01)
    assert found.ends_s[-1] == pytest.approx(1.0, abs=0.01)
    spectrum = np.abs(np.fft.rfft(found.audio))
    assert spectrum.argmax() * RATE_HZ / len(found.audio) == pytest.approx(240, abs=2)


def test_ends_are_sums_of_durations() -> None:
    assert ends_of([2, 1, 3], 0.025) == pytest.approx((0.05, 0.075, 0.15))
