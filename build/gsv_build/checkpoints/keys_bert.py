"""BERT: names and configuration of the Hugging Face checkpoint, to and from ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gsv_build.checkpoints.config_fields import count, demand, fraction
from gsv_build.checkpoints.errors import CheckpointError
from gsv_build.checkpoints.keys import check_keys, float32, rename, shapes_of, strip_prefix
from gsv_build.modules.bert import Bert
from gsv_build.sizes import BertSizes

_SEGMENTS = "embeddings.token_type_embeddings.weight"
_TOLERATED = (
    r"embeddings\.position_ids",  # 0, 1, 2 ... stored by older versions
    r"pooler\..*",
    r"cls\..*",  # masked-word and next-sentence heads
)
_TABLE = (
    (r"^characters\.", "embeddings.word_embeddings."),
    (r"^positions\.", "embeddings.position_embeddings."),
    (r"^input_norm\.", "embeddings.LayerNorm."),
    (r"^layers\.", "encoder.layer."),
    (r"\.attention\.(query|key|value)\.", r".attention.self.\1."),
    (r"\.attention\.out\.", ".attention.output.dense."),
    (r"\.attention_norm\.", ".attention.output.LayerNorm."),
    (r"\.expand\.", ".intermediate.dense."),
    (r"\.contract\.", ".output.dense."),
    (r"\.output_norm\.", ".output.LayerNorm."),
)


def bert_sizes(config: Mapping[str, Any]) -> BertSizes:
    """Sizes from config.json.

    Raises:
        CheckpointError: a field is missing or out of range, or asks for an architecture that is not built.
    """
    demand(config, "hidden_act", ("gelu",), "gelu")
    demand(config, "position_embedding_type", ("absolute",), "absolute")
    sizes = BertSizes(
        vocabulary=count(config, "vocab_size"),
        hidden=count(config, "hidden_size"),
        layers=count(config, "num_hidden_layers", 256),
        heads=count(config, "num_attention_heads"),
        feed_forward=count(config, "intermediate_size"),
        max_positions=count(config, "max_position_embeddings"),
        layer_norm_eps=fraction(config, "layer_norm_eps", 1e-12),
    )
    if sizes.hidden % sizes.heads or sizes.layers_used < 1:
        raise CheckpointError(
            f"config: hidden_size {sizes.hidden} is not a multiple of num_attention_heads {sizes.heads}, or "
            f"num_hidden_layers {sizes.layers} is below 3 (the third from last is read); check config.json"
        )
    return sizes


def bert_config(sizes: BertSizes) -> dict[str, Any]:
    """config.json for `sizes`, as Hugging Face `BertModel` reads it."""
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": sizes.vocabulary,
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.feed_forward,
        "max_position_embeddings": sizes.max_positions,
        "type_vocab_size": 2,
        "layer_norm_eps": sizes.layer_norm_eps,
        "hidden_act": "gelu",
    }


def to_module(weights: Mapping[str, Tensor], sizes: BertSizes) -> Bert:
    """Build `Bert` from a state dict: float32, evaluation mode.

    Layers beyond `layers_used` are dropped; segment 0 is added to the positions.

    Args:
        weights: the checkpoint's tensors, with or without the prefix ``bert.``; norms may be spelt gamma and beta.
        sizes: from `bert_sizes`.

    Raises:
        KeyMismatch: tensors are missing, surplus or of another shape.
    """
    spelling = ((r"LayerNorm\.gamma$", "LayerNorm.weight"), (r"LayerNorm\.beta$", "LayerNorm.bias"))
    found = {rename(name, spelling): tensor for name, tensor in strip_prefix(weights, "bert.").items()}
    with torch.device("meta"):
        module = Bert(sizes)
    shapes = shapes_of(module)
    wanted = {rename(ours, _TABLE): shape for ours, shape in shapes.items()}
    wanted[_SEGMENTS] = (2, sizes.hidden)
    unused = "|".join(str(layer) for layer in range(sizes.layers_used, sizes.layers))
    taken = check_keys(found, wanted, (*_TOLERATED, rf"encoder\.layer\.({unused})\..*"), "BERT")
    state = {ours: float32(taken[rename(ours, _TABLE)]) for ours in shapes}
    state["positions.weight"] = state["positions.weight"] + float32(taken[_SEGMENTS])[0]
    module.load_state_dict(state, assign=True)
    return module.eval()


def from_module(module: Bert) -> dict[str, Tensor]:
    """The checkpoint's tensors from the module; inverse of `to_module`.

    The layers that inference has no use for are not written; both segment embeddings are zero.
    """
    weights = {rename(ours, _TABLE): tensor for ours, tensor in module.state_dict().items()}
    weights[_SEGMENTS] = torch.zeros_like(module.positions.weight.detach()[:2])
    return weights
