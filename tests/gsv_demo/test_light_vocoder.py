"""The demo voice's light vocoder was made from the s2 beside it: it says what that one's HiFi-GAN says."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
import torch
from scipy.signal import resample_poly
from torch import Tensor

from gsv_build.checkpoints import load_hubert, load_sovits
from gsv_build.checkpoints.keys_s2 import SovitsModules
from gsv_build.checkpoints.vocoders import load_vocoder
from gsv_build.weights import HUBERT_DIRECTORY, Chosen, find_weights
from gsv_compress.light import light_sizes, speak
from gsv_demo.waveform_losses import spectral_distance

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "build" / "gsv_demo" / "weights"
LARGEST_BYTES = 2_500_000
pytestmark = pytest.mark.slow


@torch.no_grad()
def latents_of(modules: SovitsModules, voice: str) -> tuple[Tensor, Tensor]:
    """Latents [1, latent, F] of a reference clip from its own codes, with phones drawn at random, and its timbre."""
    audio, rate = soundfile.read(WEIGHTS / "references" / f"{voice}.flac", dtype="float32")
    narrow, wide = (torch.from_numpy(resample_poly(audio, to, rate).astype("float32")) for to in (16_000, 32_000))
    features = load_hubert(WEIGHTS / HUBERT_DIRECTORY).module(narrow[None])
    tokens = modules.quantizer(features)
    frames, phones = 2 * tokens.shape[1], torch.randint(1, 300, (1, 40), generator=torch.Generator().manual_seed(0))
    spectrogram = torch.stft(wide, 2048, 640, window=torch.hann_window(2048), return_complex=True).abs()[None]
    timbre = modules.reference_encoder(spectrogram)
    latents = modules.acoustic(
        tokens, torch.tensor([[tokens.shape[1]]]), phones, torch.tensor([[phones.shape[1]]]), timbre,
        torch.zeros(1, light_sizes(load_sovits(WEIGHTS / "s2.pth").sizes).latent, frames),
        torch.arange(frames, dtype=torch.float32)[None], torch.tensor([[frames]]),
    )  # fmt: skip
    return latents, timbre


@pytest.mark.parametrize("voice", ["slt", "kal16"])
@torch.no_grad()
def test_it_says_what_the_hifi_gan_beside_it_says(voice: str) -> None:
    sovits = load_sovits(WEIGHTS / "s2.pth")
    light = load_vocoder(WEIGHTS / "vocoder-light", sovits.sizes).module
    latents, timbre = latents_of(sovits.module, voice)
    whole = sovits.module.vocoder(latents, torch.tensor([[latents.shape[2]]]), timbre)
    made = speak(light, latents, timbre, "cpu")
    assert spectral_distance(made, whole) < 0.3
    assert spectral_distance(speak(light, latents, -timbre, "cpu"), whole) > 0.6, "the measure tells voices apart"


def test_it_is_small_and_nobody_takes_it_unasked() -> None:
    assert sum(path.stat().st_size for path in (WEIGHTS / "vocoder-light").iterdir()) < LARGEST_BYTES
    assert find_weights(WEIGHTS).vocoder is None
    assert find_weights(WEIGHTS, chosen=Chosen(vocoder="light")).vocoder == WEIGHTS / "vocoder-light"
    sovits = load_sovits(WEIGHTS / "s2.pth")
    assert load_vocoder(WEIGHTS / "vocoder-light", sovits.sizes).sizes == light_sizes(sovits.sizes)
