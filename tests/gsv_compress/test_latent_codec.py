"""The codec is fitted to what the vocoder hears: directions that it hears more are written more exactly."""

import numpy as np
import pytest
import torch
from torch import nn

from gsv_compress.latent_codec import fitted, losses, sensitivity
from gsv_compress.teacher import Sentence

LATENTS = 4


class Vocoder(nn.Module):
    """Hears the first latent ten times as loud as the others, and the last not at all."""

    def forward(self, latents, frame_lengths, global_condition):
        carrier = torch.sin(2 * torch.pi * 440 / 32_000 * torch.arange(640 * latents.shape[2]))
        heard = latents * torch.tensor([1.0, 0.1, 0.1, 0.0])[None, :, None]
        return heard.sum(dim=1).repeat_interleave(640, dim=1) * carrier


def sentences(count=4, frames=400):
    rng = np.random.default_rng(0)
    nothing = np.zeros(0)
    return [
        Sentence(
            nothing,
            0,
            nothing,
            nothing,
            nothing,
            rng.standard_normal((LATENTS, frames)).astype(np.float32),
            np.zeros(2, np.float32),
            np.zeros(640 * frames, np.float32),
        )
        for _ in range(count)
    ]


def test_what_is_heard_more_weighs_more_and_what_is_not_heard_weighs_nothing():
    heard = np.diag(sensitivity(Vocoder(), sentences(), batches=4))
    assert heard[0] > 20 * heard[1] > 0
    assert 0.3 < heard[1] / heard[2] < 3
    assert heard[3] == 0


@pytest.mark.slow
def test_a_codec_is_exact_where_it_is_heard_and_loses_less_with_more_bits():
    said = sentences()
    codec = fitted(said, np.diag([1.0, 0.1, 0.1, 0.01]), "w")
    found = losses(codec, said[-1:])
    assert list(found) == [4.0, 6.0, 8.0, 12.0]
    assert sorted(found.values()) == list(found.values())
    latents = said[-1].latents
    error = np.square(codec.decode(codec.encode(latents, 2)) - latents).mean(axis=1)
    assert error[0] < 0.5 * error[1] < error[3]
    assert codec.weights_digest == "w"
