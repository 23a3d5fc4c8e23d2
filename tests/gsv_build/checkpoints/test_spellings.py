"""Every spelling of weight norm, and every wrapper's prefix, gives the same networks."""

import pytest
import torch

from gsv_build.checkpoints.keys import fold_weight_norm
from gsv_build.checkpoints.keys_s2 import from_modules, to_modules
from gsv_build.checkpoints.spellings import with_weight_norm, without_wrappers


@pytest.fixture
def official(tiny_sovits):
    return from_modules(tiny_sovits.modules())


def newer(tensors):
    ends = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    return {
        next((name.removesuffix(end) + spelt for end, spelt in ends.items() if name.endswith(end)), name): tensor
        for name, tensor in tensors.items()
    }


def removed(tensors):
    found = {name: tensor for name, tensor in tensors.items() if not name.endswith(("weight_g", "weight_v"))}
    for name in tensors:
        if name.endswith("weight_g"):
            plain = name.removesuffix("_g")
            found[plain] = fold_weight_norm(tensors[name], tensors[f"{plain}_v"])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("spell", [dict, newer, removed])
def test_every_spelling_of_weight_norm_is_read(spell, official, tiny_sovits):
    modules = to_modules(with_weight_norm(spell(official)), tiny_sovits.sizes())
    again = from_modules(modules)
    assert again.keys() == official.keys()
    assert all(torch.allclose(again[name], official[name], atol=1e-6) for name in official)


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "net_g.", "module._orig_mod.", "generator.module.", "model."]
)
def test_a_prefix_that_all_names_have_is_dropped(prefix, official):
    assert without_wrappers({prefix + name: tensor for name, tensor in official.items()}).keys() == official.keys()


def test_names_that_differ_at_their_head_are_left():
    tensors = {"enc.a": torch.zeros(1), "dec.a": torch.zeros(1)}
    assert without_wrappers(tensors) == tensors
    assert without_wrappers({"weight": torch.zeros(1)}).keys() == {"weight"}
    assert without_wrappers({}) == {}
