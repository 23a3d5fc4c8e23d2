"""Tensor names as wrappers and newer versions of PyTorch spell them, to those of official files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from gsv_build.checkpoints.keys import split_weight_norm

_NEWER = (("parametrizations.weight.original0", "weight_g"), ("parametrizations.weight.original1", "weight_v"))
_NORMED = re.compile(
    r"(dec\.ups\.\d+|dec\.resblocks\.\d+\.convs[12]\.\d+"
    r"|flow\.flows\.\d+\.enc\.(cond_layer|(in_layers|res_skip_layers)\.\d+))\.weight"
)


def without_wrappers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Drop what stands before all names alike: ``module.`` of DataParallel, ``_orig_mod.`` of torch.compile, others."""
    found = dict(tensors)
    while found:
        first = {name.partition(".")[0] for name in found}
        if len(first) > 1 or any("." not in name for name in found):
            return found
        found = {name.partition(".")[2]: tensor for name, tensor in found.items()}
    return found


def with_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Spell the weight norm of an s2 file as magnitude ``weight_g`` and direction ``weight_v``.

    Args:
        tensors: with that; or as torch.nn.utils.parametrizations has it; or with weight norm removed.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for newer, official in _NEWER:
            name = name.replace(newer, official)
        if _NORMED.fullmatch(name) and tensor.dim() > 1:
            found[f"{name}_g"], found[f"{name}_v"] = split_weight_norm(tensor)
        else:
            found[name] = tensor
    return found
