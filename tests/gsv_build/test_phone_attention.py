"""Of a network's heads the one is found that looks at the phone that is spoken."""

import numpy as np
import pytest
import torch

from gsv_build.modules.t2s import T2S
from gsv_build.phone_attention import SpokenPhones, looks_of
from gsv_build.sizes import T2SSizes

NUM_PHONES, LASTING = 6, 3


@pytest.fixture
def network():
    torch.manual_seed(1)
    sizes = T2SSizes(hidden=32, heads=2, layers=2, feed_forward=8, num_phones=40, vocabulary=41, bert_dim=4)
    return T2S(sizes).eval()


def take():
    return SpokenPhones(np.arange(NUM_PHONES), np.repeat(np.arange(NUM_PHONES), LASTING))


def test_a_network_that_has_learned_nothing_tells_nothing(network):
    assert looks_of(network, [take()] * 3) is None


def test_the_head_that_follows_the_text_is_taken(network):
    """The queries of the second head of the first layer are made the keys of the phone whose number the token has."""
    layer, dim = network.typed_layers[0], 16
    with torch.no_grad():
        network.phone_position_scale[:] = 0.0
        network.token_position_scale[:] = 0.0
        network.bert_projection.bias[:] = 0.0
        identity = torch.nn.init.orthogonal_(torch.empty(32, 32))
        for table in (network.phone_embedding, network.token_embedding):
            table.weight[:32] = identity
        layer.qkv.weight[dim : 2 * dim] = 12.0 * torch.eye(32)[:dim]
        layer.qkv.weight[32 + dim : 64] = 12.0 * torch.eye(32)[:dim]
    looks = looks_of(network, [take()] * 3)
    assert looks is not None
    assert len(looks) == 3
    # The row that draws a token is that of the token before it.
    assert (looks[0][1:].argmax(axis=1) == take().tokens[:-1]).mean() > 0.8
