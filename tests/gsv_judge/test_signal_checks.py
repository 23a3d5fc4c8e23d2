import numpy as np
import pytest

from gsv_judge.signal_checks import clipped_share, silences_s, worst_seam

from .conftest import hum

RATE_HZ = 24_000


def test_a_peak_is_not_clipping_and_a_flat_top_is():
    samples = hum(200)
    samples[1000] = 1.0
    assert clipped_share(samples) == 0.0
    samples[2000:2100] = 1.0
    assert clipped_share(samples) == pytest.approx(100 / len(samples))


def test_silence_is_told_apart_by_where_it_is():
    gap = np.zeros(RATE_HZ // 2, np.float32)
    said = np.concatenate([gap, hum(200), gap, gap, hum(200), gap[: RATE_HZ // 4]])
    lead_s, trail_s, pause_s = silences_s(said, RATE_HZ)
    assert lead_s == pytest.approx(0.5, abs=0.03)
    assert trail_s == pytest.approx(0.25, abs=0.03)
    assert pause_s == pytest.approx(1.0, abs=0.05)


def test_an_empty_clip_is_all_silence():
    assert silences_s(np.zeros(RATE_HZ, np.float32), RATE_HZ) == (1.0, 1.0, 1.0)


def test_a_step_where_chunks_meet_stands_out_and_a_smooth_join_does_not():
    samples = hum(150)
    at_a_crest = [12_040, 11_960]
    assert worst_seam(samples, RATE_HZ, at_a_crest) < 1.1
    broken = samples.copy()
    broken[12_040:] *= -1.0
    assert worst_seam(broken, RATE_HZ, at_a_crest) > 3.0


def test_one_chunk_has_no_seam():
    assert worst_seam(hum(150), RATE_HZ, [24_000]) is None
    assert worst_seam(hum(150), RATE_HZ, []) is None
