"""The light vocoder: what it sees, that padding changes nothing, and that both inverse FFTs are one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gsv_build.modules.light_vocoder import LightVocoder, receptive_frames, waveform_of
from gsv_build.receptive_field import receptive_field
from gsv_build.sizes import LightVocoderSizes, SovitsSizes
from gsv_runtime.graphs import inverse_fft

SIZES = LightVocoderSizes(latent=6, global_dim=4, channels=16, expanded=32, blocks=3)
FRAMES = 60


@pytest.fixture
def vocoder():
    """Every layer drawn on its own; scales that let every block be heard."""
    torch.manual_seed(0)
    module = LightVocoder(SIZES).eval().requires_grad_(False)
    for parameter in module.parameters():
        parameter.copy_(torch.randn_like(parameter) * (0.3 if parameter.dim() > 1 else 1.0))
    module.leave.weight *= 0.1
    return module


def heard(vocoder, latents, condition, dtype=torch.float64):
    lengths = torch.tensor([[latents.shape[2]]])
    magnitude, phase = vocoder.to(dtype)(latents.to(dtype), lengths, condition.to(dtype))
    return waveform_of(magnitude, phase)[0]


def test_a_window_with_the_frames_it_sees_is_that_part_of_the_whole(vocoder):
    latents, condition = torch.randn(1, SIZES.latent, FRAMES), torch.randn(1, SIZES.global_dim)
    whole = heard(vocoder, latents, condition)[640 * 30 : 640 * 34]

    def difference(frames):
        window = heard(vocoder, latents[:, :, 30 - frames : 34 + frames], condition)
        return float((window[640 * frames : 640 * (frames + 4)] - whole).abs().max())

    around = receptive_frames(SIZES)
    assert difference(around) < 1e-10
    assert difference(around - 1) > 1e-7, "the receptive field is overstated"


def test_officially_it_sees_no_more_than_hifi_gan():
    assert receptive_frames(LightVocoderSizes()) <= receptive_field(SovitsSizes()).vocoder_frames


def test_a_padded_row_has_the_spectrum_that_it_has_alone(vocoder):
    latents, condition = torch.randn(2, SIZES.latent, 20), torch.randn(2, SIZES.global_dim)
    batch = vocoder(latents, torch.tensor([[20], [13]]), condition)
    alone = vocoder(latents[1:, :, :13], torch.tensor([[13]]), condition[1:])
    for padded, own in zip(batch, alone, strict=True):
        torch.testing.assert_close(padded[1, :13], own[0], atol=1e-4, rtol=1e-4)
    assert not batch[0][1, 13:].any()


def test_what_serves_gives_the_waveform_that_was_trained():
    magnitude, phase = torch.rand(2, 9, 1281), 20 * torch.randn(2, 9, 1281)
    trained, served = waveform_of(magnitude, phase).numpy(), inverse_fft.waveform_of(magnitude.numpy(), phase.numpy())
    np.testing.assert_allclose(served, trained, atol=2e-6)
