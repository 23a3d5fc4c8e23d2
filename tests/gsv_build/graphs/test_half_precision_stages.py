"""Every stage at half precision, rounded as a GPU rounds: loud, silent and 60 s inputs stay within its range."""

import shutil

import numpy as np
import pytest
import torch

from gsv_build import checkpoints
from gsv_build.checks.precision_errors import HalfGraphs, prompt_token_changes
from gsv_build.modules.quantizer import Quantizer
from gsv_build.sizes import SovitsSizes
from gsv_runtime.contract import SPEAKER_EMBEDDING_DIM
from gsv_runtime.versions import ModelVersion
from gsv_runtime.voices.signal import kaldi_fbank, linear_spectrogram

from ...small_repositories import built_weights, graph_of

pytestmark = pytest.mark.slow

SECONDS = 60
TOKENS = 25 * SECONDS


@pytest.fixture(scope="module")
def weights():
    return built_weights(ModelVersion.V2_PRO_PLUS)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """Exported in float32, as the check takes them; each is copied when it is first run."""

    def copied(name):
        target = tmp_path_factory.getbasetemp() / "graphs" / name / "model.onnx"
        if not target.exists():
            source = graph_of(ModelVersion.V2_PRO_PLUS, name)
            shutil.copytree(source.parent, target.parent)
        return target

    return HalfGraphs(copied)


def noise(*shape, scale=1.0):
    return scale * torch.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def lengths(count):
    return torch.tensor([[count]])


def acoustic_inputs(weights, scale, tokens=TOKENS):
    sizes = weights.sovits.sizes
    generator = torch.Generator().manual_seed(0)
    return {
        "semantic_tokens": torch.randint(0, sizes.codebook, (1, tokens), generator=generator),
        "token_lengths": lengths(tokens),
        "phones": torch.randint(0, sizes.num_phones, (1, 600), generator=generator),
        "phone_lengths": lengths(600),
        "global_condition": noise(1, sizes.global_dim, scale=scale),
        "noise": noise(1, sizes.latent, 2 * tokens, scale=scale),
        "frame_positions": torch.arange(2.0 * tokens)[None],
        "frame_lengths": lengths(2 * tokens),
    }


def vocoder_inputs(weights, scale, frames=2 * TOKENS):
    sizes = weights.sovits.sizes
    condition = noise(1, sizes.global_dim, scale=scale)
    latents = noise(1, sizes.latent, frames, scale=scale)
    return {"latents": latents, "frame_lengths": lengths(frames), "global_condition": condition}


LEVELS = {"silent": 0.0, "usual": 0.1, "loud": 1.0}


def audio(level, rate_hz, seconds=10):
    """Samples in [-1, 1]: noise, zeros, or a square wave, which no louder sound can be."""
    if level == "loud":
        return np.sign(np.sin(2 * np.pi * 110 * np.arange(seconds * rate_hz) / rate_hz)).astype(np.float32)
    return LEVELS[level] * noise(seconds * rate_hz).numpy()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("stage", ["hubert", "reference_encoder", "speaker_encoder"])
def test_no_value_leaves_the_range_of_half_precision_whatever_the_level_of_a_reference(graphs, stage, level):
    spectrogram = torch.from_numpy(linear_spectrogram(audio(level, 32_000)))
    inputs = {
        "hubert": {"audio_16k": torch.from_numpy(audio(level, 16_000))[None]},
        "reference_encoder": {
            "linear_spectrogram": spectrogram,
            "speaker_embedding": noise(1, SPEAKER_EMBEDDING_DIM, scale=2),
        },
        "speaker_encoder": {"fbank": torch.from_numpy(kaldi_fbank(audio(level, 16_000)))},
    }[stage]
    assert torch.isfinite(graphs.run(stage, inputs)).all()


@pytest.mark.parametrize("scale", [0.0, 1.0, 10.0])
def test_no_value_leaves_the_range_of_half_precision_in_60_s_of_speech_whatever_its_scale(weights, graphs, scale):
    tokens = TOKENS if scale == 1 else 50
    latents = graphs.run("acoustic", acoustic_inputs(weights, scale, tokens))
    assert torch.isfinite(latents).all()
    assert torch.isfinite(graphs.run("vocoder", vocoder_inputs(weights, scale, 2 * tokens))).all()


def test_a_recording_that_is_hardly_heard_loses_no_more_than_a_loud_one_in_hubert(weights, graphs):
    hubert = checkpoints.load_hubert(weights.files.hubert).module
    quiet = {"audio_16k": noise(1, 48_000, scale=1e-4)}
    assert graphs.stage_snr_db("hubert", hubert, quiet) > 40


def test_a_prompt_token_that_changes_between_codes_that_do_not_tie_is_told_from_one_that_does():
    quantizer = Quantizer(SovitsSizes(ssl_dim=4, codebook=8))
    exact = torch.randn(1, 4, 20, generator=torch.Generator().manual_seed(0))

    class Rounded:
        """Stands in for half precision: features off by `error`."""

        def __init__(self, error):
            self.error = error

        def run(self, name, inputs):
            return exact + self.error if name == "hubert" else quantizer(inputs["ssl_features"])

    def changes(error):
        return prompt_token_changes(lambda audio: audio, quantizer, Rounded(error), {"audio": exact})

    with torch.no_grad():
        assert changes(torch.zeros(1)) == []
        assert False in changes(torch.randn(1, 4, 20, generator=torch.Generator().manual_seed(1)))
