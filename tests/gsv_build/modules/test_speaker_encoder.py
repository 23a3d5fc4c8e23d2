"""The speaker encoder against upstream's ERes2NetV2.forward3."""

import pytest
import torch

from gsv_build.checkpoints import keys_speaker_encoder
from gsv_build.modules.speaker_encoder import SpeakerEncoder

# float32 on both sides; what remains is the order of additions.
TOLERANCE = 1e-5


@torch.no_grad()
def test_equals_the_reference(golden):
    weights, inputs, expected, _ = golden("speaker-encoder")
    module = keys_speaker_encoder.to_module(weights, keys_speaker_encoder.speaker_encoder_sizes(weights))
    torch.testing.assert_close(module(inputs["fbank"]), expected, atol=TOLERANCE, rtol=0)


@pytest.mark.slow
def test_official_sizes_give_20480_numbers():
    with torch.device("meta"):
        assert SpeakerEncoder()(torch.zeros(1, 64, 80)).shape == (1, 20_480)
