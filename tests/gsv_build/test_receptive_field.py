"""What the convolutions see: a window with that much around it gives what the whole gives, one with less does not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gsv_build.receptive_field import receptive_field
from gsv_build.size_presets import network_sizes
from gsv_runtime.tts.synthesis.chunking import ReceptiveField
from gsv_runtime.versions import SUPPORTED, ModelVersion

FRAMES = 90
START, STOP = 40, 46  # of a chunk in the middle


def test_official_networks_reach_32_and_11_frames() -> None:
    assert {receptive_field(network_sizes(version).sovits) for version in SUPPORTED} == {ReceptiveField(32, 11)}


@pytest.mark.parametrize("version", [ModelVersion.V2, ModelVersion.V2_PRO_PLUS], ids=lambda version: version.value)
def test_the_vocoder_hears_exactly_the_frames_it_reaches(tiny_sovits: Any, version: ModelVersion) -> None:
    vocoder, sizes = tiny_sovits.modules(version).vocoder.double(), tiny_sovits.sizes(version)
    torch.manual_seed(0)
    latents, condition = torch.randn(1, sizes.latent, FRAMES).double(), torch.randn(1, sizes.global_dim).double()
    whole = vocoder(latents, tiny_sovits.column(FRAMES), condition)[:, 640 * START : 640 * STOP]

    def difference(frames: int) -> float:
        window = latents[:, :, START - frames : STOP + frames]
        heard = vocoder(window, tiny_sovits.column(window.shape[2]), condition)
        return float((heard[:, 640 * frames : 640 * (frames + STOP - START)] - whole).abs().max())

    around = receptive_field(sizes).vocoder_frames
    assert difference(around) < 1e-12
    assert difference(around - 1) > 1e-12, "the receptive field is overstated"


def test_the_flow_sees_exactly_the_frames_it_reaches(tiny_sovits: Any) -> None:
    flow, sizes = tiny_sovits.modules().acoustic.flow.double(), tiny_sovits.sizes()
    torch.manual_seed(0)
    prior, condition = torch.randn(1, sizes.latent, FRAMES).double(), torch.randn(1, sizes.global_dim).double()
    whole = flow.reverse(prior, torch.ones(1, 1, FRAMES), condition)[:, :, START:STOP]

    def difference(frames: int) -> float:
        window = prior[:, :, START - frames : STOP + frames]
        seen = flow.reverse(window, torch.ones(1, 1, window.shape[2]), condition)
        return float((seen[:, :, frames : frames + STOP - START] - whole).abs().max())

    around = receptive_field(sizes).flow_frames
    assert difference(around) < 1e-12
    assert difference(around - 1) > 1e-12, "the receptive field is overstated"


def test_a_window_of_the_acoustic_model_is_that_part_of_the_whole(tiny_sovits: Any) -> None:
    """All tokens are given, so that the text encoder sees the same; only some frames are asked for."""
    acoustic, sizes = tiny_sovits.modules().acoustic, tiny_sovits.sizes()
    *inputs, noise, places, _ = tiny_sovits.acoustic_batch(sizes, (45,), (7,), (FRAMES,))
    whole = acoustic(*inputs, noise, places, tiny_sovits.column(FRAMES))
    around = receptive_field(sizes).flow_frames
    wanted = slice(START - around, STOP + around)
    size = STOP - START + 2 * around
    window = acoustic(*inputs, noise[:, :, wanted], places[:, wanted], tiny_sovits.column(size))
    torch.testing.assert_close(window[:, :, around:-around], whole[:, :, START:STOP], atol=1e-5, rtol=1e-5)
