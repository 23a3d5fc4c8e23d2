"""A light vocoder learns the waveform of its teacher, and goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gsv_build.modules.light_vocoder import LightVocoder, receptive_frames
from gsv_build.sizes import LightVocoderSizes, SovitsSizes
from gsv_compress.lessons import Segments, compared
from gsv_compress.light import light_sizes, speak, start_from_mean_spectrum, train_light
from gsv_compress.teacher import Sentence
from gsv_compress.vocoder_lessons import VocoderRecipe
from gsv_demo.recipe import Stage
from gsv_demo.waveform_losses import spectral_distance

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # tensorboard's own


def test_a_light_vocoder_is_as_wide_as_the_latents_and_thinner_where_it_takes_the_place_of_a_small_one() -> None:
    demo = SovitsSizes(
        latent=96, global_dim=128, upsample_rates=(5, 4, 4, 8), upsample_kernels=(11, 8, 8, 16), upsample_channels=256,
        resblock_kernels=(3,), resblock_dilations=((1, 3, 9),),
    )  # fmt: skip
    assert light_sizes(demo) == LightVocoderSizes(96, 128, 256, 384)
    assert light_sizes(SovitsSizes()) == LightVocoderSizes()
    assert light_sizes(SovitsSizes(upsample_channels=768)) == LightVocoderSizes()


def test_an_untrained_student_has_the_mean_spectrum_of_what_it_is_to_say(
    sentences: list[Sentence], light_vocoder_sizes: LightVocoderSizes
) -> None:
    context = receptive_frames(light_vocoder_sizes)
    latents, condition, first, real = Segments(sentences, 48, context, seed=0).batch(2)

    def untrained() -> LightVocoder:
        torch.manual_seed(0)
        return LightVocoder(light_vocoder_sizes)

    student = untrained()
    start_from_mean_spectrum(student, sentences)
    distances = [
        spectral_distance(compared(speak(each, latents, condition, "cpu").detach(), first, 48), real)
        for each in (untrained(), student)
    ]
    assert float(distances[1]) < 0.5 * float(distances[0])


@pytest.mark.slow
def test_a_student_learns_and_a_finished_training_is_not_repeated(
    sentences: list[Sentence], light_vocoder_sizes: LightVocoderSizes, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    recipe = VocoderRecipe(Stage(steps=4, batch=1, learning_rate=5e-3, warmup=2), adversary_from=0.5, jury_width=4)
    student = train_light(sentences, light_vocoder_sizes, recipe, tmp_path, "cpu")
    state = torch.load(tmp_path / "light.pt", weights_only=True)
    assert state["step"] == 4
    again = train_light(sentences, light_vocoder_sizes, recipe, tmp_path, "cpu")
    for name, tensor in student.state_dict().items():
        assert torch.isfinite(tensor).all()
        torch.testing.assert_close(again.state_dict()[name], tensor)
