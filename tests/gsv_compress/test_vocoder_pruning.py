"""What pruning leaves of HiFi-GAN: what is silent goes first, the s2 stays a whole one, and a healing goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gsv_build.checkpoints import load_sovits, save_sovits
from gsv_build.checkpoints.keys_s2 import SovitsModules
from gsv_build.modules.vocoder import Vocoder
from gsv_build.receptive_field import receptive_field
from gsv_build.size_presets import network_sizes
from gsv_build.sizes import SovitsSizes
from gsv_compress.lessons import Segments
from gsv_compress.teacher import Sentence
from gsv_compress.vocoder_lessons import VocoderRecipe
from gsv_compress.vocoder_pruning import channels_of, heal, kept_channels, speak, thinner
from gsv_demo.recipe import Stage
from gsv_demo.waveform_losses import spectral_distance
from gsv_runtime.versions import ModelVersion

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # tensorboard's own
SIZES = SovitsSizes(
    latent=12, global_dim=16, upsample_rates=(10, 8, 8), upsample_kernels=(16, 16, 8), upsample_channels=32,
    resblock_kernels=(3, 5), resblock_dilations=((1, 3), (1, 2)),
)  # fmt: skip


@pytest.fixture
def vocoder() -> Vocoder:
    """Weights of every layer drawn on their own."""
    torch.manual_seed(0)
    vocoder = Vocoder(SIZES).eval().requires_grad_(False)
    vocoder.leave.weight *= 20.0  # or one that is not trained could hardly be heard
    return vocoder


def said(vocoder: Vocoder, sentence: Sentence) -> torch.Tensor:
    frames = 20
    condition = torch.from_numpy(sentence.condition)[None]
    waveform: torch.Tensor = vocoder(
        torch.from_numpy(sentence.latents)[None, :, :frames], torch.tensor([[frames]]), condition
    )
    return waveform


def test_channels_that_nobody_hears_are_the_first_to_go(vocoder: Vocoder, sentences: list[Sentence]) -> None:
    for group in channels_of(vocoder):
        for reader in group.readers:
            weight = reader.weight if isinstance(reader, torch.nn.ConvTranspose1d) else reader.weight.transpose(0, 1)
            weight[1::4] = 0.0  # every fourth input
    thin, sizes = thinner(vocoder, SIZES, 0.25, sentences)
    assert sizes == replace(SIZES, upsample_channels=24)
    assert [each.out_channels for each in thin.upsamplers] == [12, 6, 3]
    torch.testing.assert_close(said(thin, sentences[0]), said(vocoder, sentences[0]))


def test_every_channel_is_in_one_group_of_each_kind(vocoder: Vocoder) -> None:
    groups = channels_of(vocoder)
    writers = [each for group in groups for each in group.writers]
    readers = [each for group in groups for each in group.readers]
    assert len(writers) == len(set(writers))
    assert len(readers) == len(set(readers))
    layers = {each for each in vocoder.modules() if not list(each.children())}
    assert layers - set(writers) == {vocoder.leave}, "what it gives is the waveform"
    assert layers - set(readers) == {vocoder.enter, vocoder.condition}, "what they read is not the vocoder's"


@pytest.mark.parametrize(
    ("version", "share", "kept"),
    [(ModelVersion.V2, 0.3, 352), (ModelVersion.V2_PRO_PLUS, 0.3, 544), (ModelVersion.V2, 0.01, 480)],
)
def test_each_of_five_stages_halves_what_is_left(version: ModelVersion, share: float, kept: int) -> None:
    assert kept_channels(network_sizes(version, "official").sovits, share) == kept


def test_one_with_too_few_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="8 channels, which cannot be pruned"):
        kept_channels(replace(SIZES, upsample_channels=8), 0.3)


@pytest.mark.slow
def test_an_s2_with_a_pruned_vocoder_is_read_as_any_other(sentences: list[Sentence], tmp_path: Path) -> None:
    sizes = network_sizes(ModelVersion.V2, "small").sovits
    torch.manual_seed(0)
    modules = SovitsModules.of(sizes).eval()
    modules.acoustic.codebook.copy_(modules.quantizer.codebook)
    wide = [replace(each, latents=each.latents.repeat(4, 0), condition=each.condition.repeat(4)) for each in sentences]
    student, fewer = thinner(modules.vocoder, sizes, 0.3, wide)
    save_sovits(tmp_path / "s2.pth", replace(modules, vocoder=student), fewer, half=False)
    read = load_sovits(tmp_path / "s2.pth")
    assert read.sizes.upsample_channels == 32 < sizes.upsample_channels
    torch.testing.assert_close(said(read.module.vocoder, wide[0]), said(student, wide[0]), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_healing_brings_it_nearer_and_a_finished_one_is_not_repeated(
    vocoder: Vocoder, sentences: list[Sentence], tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    thin, sizes = thinner(vocoder, SIZES, 0.25, sentences)
    context = receptive_field(sizes).vocoder_frames
    latents, condition, *_ = Segments(sentences, 24, context, seed=3).batch(2)
    with torch.no_grad():
        right = speak(vocoder, latents, condition, "cpu")
        before = spectral_distance(speak(thin, latents, condition, "cpu"), right)
    lessons = [replace(each, waveform=speak_whole(vocoder, each)) for each in sentences]
    recipe = VocoderRecipe(Stage(steps=20, batch=2, learning_rate=3e-3, warmup=2), adversary_from=0.9, jury_width=4)
    healed = heal(thin, sizes, lessons, recipe, tmp_path, "cpu")
    with torch.no_grad():
        after = spectral_distance(speak(healed, latents, condition, "cpu"), right)
    assert after < before, (before, after)
    again = heal(thinner(vocoder, SIZES, 0.25, sentences)[0], sizes, lessons, recipe, tmp_path, "cpu")
    for name, tensor in healed.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor)


def speak_whole(vocoder: Vocoder, sentence: Sentence) -> object:
    latents = torch.from_numpy(sentence.latents)[None]
    waveform = vocoder(latents, torch.tensor([[latents.shape[2]]]), torch.from_numpy(sentence.condition)[None])
    return waveform[0].numpy()
