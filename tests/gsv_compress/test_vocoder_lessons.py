"""How far a waveform is from the right one, phase included."""

from __future__ import annotations

import pytest
import torch

from gsv_compress.vocoder_lessons import phase_distance


def test_the_right_waveform_has_no_distance_and_silence_one() -> None:
    tone = torch.sin(torch.arange(32_000) * 0.05)[None]
    assert float(phase_distance(tone, tone)) == 0.0
    assert float(phase_distance(torch.zeros_like(tone), tone)) == pytest.approx(1.0)
    assert float(phase_distance(-tone, tone)) == pytest.approx(2.0)
