"""HuBERT against transformers' HubertModel."""

import pytest
import torch

from gsv_build.checkpoints import keys_hubert

# float32 on both sides; what remains is the order of additions.
TOLERANCE = 1e-5


@pytest.fixture(params=["group", "layer"])
def reference(request, golden):
    weights, inputs, output, config = golden(f"hubert-{request.param}")
    return keys_hubert.to_module(weights, keys_hubert.hubert_sizes(config)), inputs["audio_16k"], output


@torch.no_grad()
def test_equals_the_reference(reference):
    module, audio, expected = reference
    torch.testing.assert_close(module(audio), expected, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_a_padded_row_gives_what_it_gives_alone(reference):
    module, audio, _ = reference
    lengths = torch.tensor([audio.shape[1], 2222])
    padded = audio.clone()
    padded[1, 2222:] = 7.0  # padding of any content
    together = module(padded, lengths)
    alone = module(audio[1:, :2222])
    frames = module.frame_lengths(lengths)
    assert frames.tolist() == [together.shape[2], alone.shape[2]]
    torch.testing.assert_close(together[1, :, : alone.shape[2]], alone[0], atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(together[:1], module(audio[:1]), atol=TOLERANCE, rtol=0)


def test_gradients_reach_every_weight(reference):
    module, audio, _ = reference
    module(audio.requires_grad_(), torch.tensor([3300, 2800])).square().sum().backward()
    assert audio.grad is not None
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_five_seconds_and_the_silence_behind_them_give_279_frames(reference):
    assert reference[0].frame_lengths(torch.tensor(89_600)).item() == 279
