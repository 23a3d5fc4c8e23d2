"""HuBERT: names and configuration of the Hugging Face checkpoint, to and from ours.

The weight norm of the positional convolution (over its taps, axis 2) is stored in either of two spellings; both are
read, the older one is written, since every version of `transformers` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gsv_build.checkpoints.config_fields import count, counts, demand, fraction
from gsv_build.checkpoints.errors import CheckpointError
from gsv_build.checkpoints.keys import (
    check_keys,
    float32,
    fold_weight_norm,
    rename,
    shapes_of,
    split_weight_norm,
    strip_prefix,
)
from gsv_build.modules.hubert import Hubert
from gsv_build.sizes import HubertSizes

_TOLERATED = (
    r"masked_spec_embed",  # stands for masked frames in pre-training
    r"lm_head\..*",  # a CTC head
    r"classifier\..*|projector\..*",  # a classification head
)
_TAPS = 2  # the axis that the weight norm keeps
_POSITION = "encoder.pos_conv_embed.conv."
_SPELLINGS = (
    (_POSITION + "weight_g", _POSITION + "weight_v"),
    (_POSITION + "parametrizations.weight.original0", _POSITION + "parametrizations.weight.original1"),
)
_PROJECTIONS = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "out_proj"}
_TABLE = (
    (r"^convs\.(\d+)\.conv\.", r"feature_extractor.conv_layers.\1.conv."),
    (r"^convs\.(\d+)\.(group|layer)_norm\.", r"feature_extractor.conv_layers.\1.layer_norm."),
    (r"^feature_norm\.", "feature_projection.layer_norm."),
    (r"^projection\.", "feature_projection.projection."),
    (r"^position\.conv\.", _POSITION),
    (r"^input_norm\.", "encoder.layer_norm."),
    (r"^layers\.", "encoder.layers."),
    (r"\.attention\.(query|key|value|out)\.", lambda found: f".attention.{_PROJECTIONS[found.group(1)]}."),
    (r"\.attention_norm\.", ".layer_norm."),
    (r"\.expand\.", ".feed_forward.intermediate_dense."),
    (r"\.contract\.", ".feed_forward.output_dense."),
    (r"\.output_norm\.", ".final_layer_norm."),
)


def hubert_sizes(config: Mapping[str, Any]) -> HubertSizes:
    """Sizes from config.json.

    Raises:
        CheckpointError: a field is missing or out of range, or asks for an architecture that is not built.
    """
    demand(config, "do_stable_layer_norm", (False,), False)
    demand(config, "conv_pos_batch_norm", (False,), False)
    demand(config, "feat_proj_layer_norm", (True,), True)
    demand(config, "hidden_act", ("gelu",), "gelu")
    demand(config, "feat_extract_activation", ("gelu",), "gelu")
    channels = counts(config, "conv_dim")
    sizes = HubertSizes(
        hidden=count(config, "hidden_size"),
        layers=count(config, "num_hidden_layers", 256),
        heads=count(config, "num_attention_heads"),
        feed_forward=count(config, "intermediate_size"),
        conv_channels=channels,
        conv_kernels=counts(config, "conv_kernel", len(channels)),
        conv_strides=counts(config, "conv_stride", len(channels)),
        conv_norm=demand(config, "feat_extract_norm", ("group", "layer"), "group"),
        conv_bias=demand(config, "conv_bias", (False, True), False),
        position_kernel=count(config, "num_conv_pos_embeddings"),
        position_groups=count(config, "num_conv_pos_embedding_groups"),
        layer_norm_eps=fraction(config, "layer_norm_eps", 1e-5),
    )
    if sizes.hidden % sizes.heads or sizes.hidden % sizes.position_groups:
        raise CheckpointError(
            f"config: hidden_size {sizes.hidden} is not a multiple of num_attention_heads {sizes.heads} and of "
            f"num_conv_pos_embedding_groups {sizes.position_groups}; check config.json"
        )
    return sizes


def hubert_config(sizes: HubertSizes) -> dict[str, Any]:
    """config.json for `sizes`, as Hugging Face `HubertModel` reads it."""
    return {
        "architectures": ["HubertModel"],
        "model_type": "hubert",
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.feed_forward,
        "conv_dim": list(sizes.conv_channels),
        "conv_kernel": list(sizes.conv_kernels),
        "conv_stride": list(sizes.conv_strides),
        "num_feat_extract_layers": len(sizes.conv_channels),
        "conv_bias": sizes.conv_bias,
        "feat_extract_norm": sizes.conv_norm,
        "feat_extract_activation": "gelu",
        "hidden_act": "gelu",
        "num_conv_pos_embeddings": sizes.position_kernel,
        "num_conv_pos_embedding_groups": sizes.position_groups,
        "layer_norm_eps": sizes.layer_norm_eps,
        "do_stable_layer_norm": False,
    }


def to_module(weights: Mapping[str, Tensor], sizes: HubertSizes) -> Hubert:
    """Build `Hubert` from a state dict: float32, evaluation mode, weight norm folded.

    Args:
        weights: the checkpoint's tensors, with or without the prefix ``hubert.``.
        sizes: from `hubert_sizes`.

    Raises:
        KeyMismatch: tensors are missing, surplus or of another shape.
    """
    found = strip_prefix(weights, "hubert.")
    _, (magnitude, direction) = _SPELLINGS
    if _SPELLINGS[0][0] in found or magnitude not in found:
        magnitude, direction = _SPELLINGS[0]
    with torch.device("meta"):
        module = Hubert(sizes)
    shapes = shapes_of(module)
    wanted = {rename(ours, _TABLE): shape for ours, shape in shapes.items() if ours != "position.conv.weight"}
    wanted[magnitude] = (1, 1, sizes.position_kernel)
    wanted[direction] = shapes["position.conv.weight"]
    taken = check_keys(found, wanted, _TOLERATED, "HuBERT")
    state = {ours: float32(taken[rename(ours, _TABLE)]) for ours in shapes if ours != "position.conv.weight"}
    state["position.conv.weight"] = fold_weight_norm(taken[magnitude], taken[direction], keep=_TAPS)
    module.load_state_dict(state, assign=True)
    return module.eval()


def from_module(module: Hubert) -> dict[str, Tensor]:
    """The checkpoint's tensors from the module; inverse of `to_module`."""
    state = dict(module.state_dict())
    position = state.pop("position.conv.weight")
    weights = {rename(ours, _TABLE): tensor for ours, tensor in state.items()}
    magnitude, direction = _SPELLINGS[0]
    weights[magnitude], weights[direction] = split_weight_norm(position, keep=_TAPS)
    weights["masked_spec_embed"] = position.new_zeros(module.sizes.hidden)
    return weights
