"""Sizes that the issue sets."""

import torch

from gsv_build.modules.t2s import T2S
from gsv_demo.content import Listener
from gsv_demo.export import MAX_WEIGHTS_BYTES
from gsv_demo.recipe import NATURAL, Recipe
from gsv_demo.synthesis import Networks

_NAMES_AND_HEADERS = 400_000  # bytes of the files that are not these weights; 275,396 where it was tried


def inference_bytes(recipe: Recipe) -> int:
    """Bytes in fp16 of everything that the official files hold of the large networks."""
    with torch.device("meta"):
        listener, networks, t2s = Listener(recipe.hubert, recipe.sovits), Networks(recipe), T2S(recipe.t2s)
    modules = (
        listener.hubert,
        listener.quantizer,
        networks.reference_encoder,
        networks.acoustic,
        networks.vocoder,
        t2s,
    )
    return 2 * sum(tensor.numel() for module in modules for tensor in module.state_dict().values())


def test_the_weights_of_the_natural_voice_stay_within_twenty_mebibytes() -> None:
    assert inference_bytes(NATURAL) + _NAMES_AND_HEADERS < MAX_WEIGHTS_BYTES == 20 * 2**20
