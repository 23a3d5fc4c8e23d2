"""SoVITS stages: padding, speed, the flow's inverse, gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from gsv_build.modules.acoustic import resample_frames
from gsv_build.modules.masks import length_mask
from gsv_runtime.contract import SAMPLES_PER_FRAME, SPEAKER_EMBEDDING_DIM
from gsv_runtime.tts.synthesis.chunking import Span, Window
from gsv_runtime.versions import SUPPORTED, ModelVersion

pytestmark = pytest.mark.slow

BY_VERSION = pytest.mark.parametrize("version", SUPPORTED, ids=lambda version: version.value)


@given(frames=st.integers(1, 60), wanted=st.integers(1, 90))
@settings(max_examples=60, deadline=None)
def test_resampling_is_torchs_linear_interpolation(frames: int, wanted: int) -> None:
    signal = torch.arange(2.0 * frames).reshape(1, 2, frames).sin()
    expected = functional.interpolate(signal, size=wanted, mode="linear", align_corners=False)
    window = Span(0, wanted)
    places = Window(Span(0, 1), window, window, window, frames / wanted, last=True).frame_positions
    found = resample_frames(signal, torch.tensor([[frames]]), torch.from_numpy(places)[None])
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-5)


def test_reading_whole_places_changes_no_bit() -> None:
    signal = torch.randn(2, 3, 1001)
    lengths = torch.tensor([[1001], [640]])
    found = resample_frames(signal, lengths, torch.stack([torch.arange(1001.0), torch.arange(1001.0)]))
    assert torch.equal(found[0], signal[0])
    assert torch.equal(found[1, :, :640], signal[1, :, :640])


@BY_VERSION
def test_a_padded_acoustic_batch_gives_what_single_calls_give(tiny_sovits: Any, version: ModelVersion) -> None:
    acoustic = tiny_sovits.modules(version).acoustic
    # The last row is slowed down and the second sped up: frames are not always two per token.
    batch = tiny_sovits.acoustic_batch(tiny_sovits.sizes(version), (5, 9, 1, 6), (4, 7, 1, 3), (10, 14, 2, 20))
    together = acoustic(*batch)
    for row, frames in enumerate((10, 14, 2, 20)):
        alone = acoustic(*tiny_sovits.acoustic_row(batch, row))
        torch.testing.assert_close(together[row, :, :frames], alone[0], atol=1e-4, rtol=1e-4)
        assert together[row, :, frames:].abs().sum() == 0.0


@BY_VERSION
def test_a_padded_vocoder_batch_gives_what_single_calls_give(tiny_sovits: Any, version: ModelVersion) -> None:
    vocoder, sizes = tiny_sovits.modules(version).vocoder, tiny_sovits.sizes(version)
    latents, condition = torch.randn(3, sizes.latent, 9), torch.randn(3, sizes.global_dim)
    together = vocoder(latents, tiny_sovits.column(4, 9, 1), condition)
    assert together.shape == (3, 9 * SAMPLES_PER_FRAME)
    for row, frames in enumerate((4, 9, 1)):
        alone = vocoder(latents[row : row + 1, :, :frames], tiny_sovits.column(frames), condition[row : row + 1])
        samples = frames * SAMPLES_PER_FRAME
        torch.testing.assert_close(together[row, :samples], alone[0], atol=1e-4, rtol=1e-4)
        assert together[row, samples:].abs().sum() == 0.0


def test_a_padded_reference_batch_gives_what_single_calls_give(tiny_sovits: Any) -> None:
    encoder = tiny_sovits.modules(ModelVersion.V2).reference_encoder
    spectrogram = torch.rand(2, 1025, 13)
    together = encoder(spectrogram, frame_lengths=tiny_sovits.column(8, 13))
    torch.testing.assert_close(together[0], encoder(spectrogram[:1, :, :8])[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together[1], encoder(spectrogram[1:])[0], atol=1e-5, rtol=1e-5)


def test_later_versions_hear_no_bin_above_704(tiny_sovits: Any) -> None:
    spectrogram = torch.rand(1, 1025, 6)
    cut = spectrogram.clone()
    cut[:, 704:] = 0.0
    for version, hears in ((ModelVersion.V1, True), (ModelVersion.V2, False)):
        encoder = tiny_sovits.modules(version).reference_encoder
        assert (not torch.equal(encoder(spectrogram), encoder(cut))) is hears


def test_the_speaker_embedding_changes_the_timbre_of_pro_versions(tiny_sovits: Any) -> None:
    encoder = tiny_sovits.modules(ModelVersion.V2_PRO).reference_encoder
    spectrogram, speaker = torch.rand(1, 1025, 6), torch.randn(1, SPEAKER_EMBEDDING_DIM)
    assert not torch.allclose(encoder(spectrogram, speaker), encoder(spectrogram, -speaker))


def test_the_flow_undoes_itself(tiny_sovits: Any) -> None:
    sizes, flow = tiny_sovits.sizes(), tiny_sovits.modules().acoustic.flow
    mask = length_mask(tiny_sovits.column(7, 4), 7)
    latents, condition = torch.randn(2, sizes.latent, 7) * mask, torch.randn(2, sizes.global_dim)
    prior = flow(latents, mask, condition)
    assert (prior - latents).abs().max() > 0.1
    torch.testing.assert_close(flow.reverse(prior, mask, condition), latents, atol=1e-5, rtol=1e-5)


def test_the_exported_stage_is_its_parts_put_together(tiny_sovits: Any) -> None:
    acoustic = tiny_sovits.modules().acoustic
    batch = tiny_sovits.acoustic_batch(tiny_sovits.sizes(), (5, 9), (4, 7), (10, 18))
    *text, condition, noise, _, _ = batch
    encoded = acoustic.encode_text_and_tokens(*text, condition)
    sample = (encoded.mean + noise * torch.exp(encoded.log_std)) * encoded.mask
    torch.testing.assert_close(acoustic.flow.reverse(sample, encoded.mask, condition), acoustic(*batch))


def test_every_token_gets_the_nearest_code_at_half_the_frame_rate(tiny_sovits: Any) -> None:
    quantizer = tiny_sovits.modules().quantizer
    features = torch.randn(2, 10, 13)
    projected = quantizer.projection(features).transpose(1, 2).contiguous()
    expected = torch.cdist(projected, quantizer.codebook.expand(2, -1, -1)).argmin(dim=2)
    assert torch.equal(quantizer(features), expected)
    assert expected.shape == (2, 6)


def test_gradients_reach_every_parameter(tiny_sovits: Any) -> None:
    modules, sizes = tiny_sovits.modules(ModelVersion.V2_PRO), tiny_sovits.sizes(ModelVersion.V2_PRO)
    for _, module in modules.items():
        module.requires_grad_(True)
    condition = modules.reference_encoder(torch.rand(2, 1025, 6), torch.randn(2, SPEAKER_EMBEDDING_DIM))
    *text, _, noise, positions, frame_lengths = tiny_sovits.acoustic_batch(sizes, (3, 4), (4, 2), (6, 8))
    latents = modules.acoustic(*text, condition, noise, positions, frame_lengths)
    modules.vocoder(latents, frame_lengths, condition).square().sum().backward()
    without = [
        f"{stage}.{name}"
        for stage, module in modules.items()
        for name, parameter in module.named_parameters()
        if stage != "quantizer" and parameter.grad is None
    ]
    assert without == []
