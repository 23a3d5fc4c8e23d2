"""T2S (s1): names and configuration of the official checkpoint, to and from ours.

Both ways are renames; no tensor is reshaped. Official names carry Lightning's prefix ``model.``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gsv_build.checkpoints.config_fields import count
from gsv_build.checkpoints.errors import CheckpointError, KeyMismatch
from gsv_build.checkpoints.keys import check_keys, float32, rename, shapes_of, strip_prefix
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime.t2s.request import HARD_LIMIT_TOKENS

_PREFIX = "model."
_TABLE = (
    (r"^bert_projection\.", "bert_proj."),
    (r"^phone_embedding\.", "ar_text_embedding.word_embeddings."),
    (r"^token_embedding\.", "ar_audio_embedding.word_embeddings."),
    (r"^phone_position_scale$", "ar_text_position.alpha"),
    (r"^token_position_scale$", "ar_audio_position.alpha"),
    (r"^head\.", "ar_predict_layer."),
    (r"^layers\.", "h.layers."),
    (r"\.qkv\.(weight|bias)$", r".self_attn.in_proj_\1"),
    (r"\.attention_output\.", ".self_attn.out_proj."),
    (r"\.expand\.", ".linear1."),
    (r"\.contract\.", ".linear2."),
    (r"\.attention_norm\.", ".norm1."),
    (r"\.feed_forward_norm\.", ".norm2."),
)
# Size: its field of config["model"]; the tensor and axis that show it too.
_SHOWN = {
    "hidden": ("hidden_dim", "bert_proj.weight", 0),
    "feed_forward": (None, "h.layers.0.linear1.weight", 0),
    "num_phones": ("phoneme_vocab_size", "ar_text_embedding.word_embeddings.weight", 0),
    "vocabulary": ("vocab_size", "ar_predict_layer.weight", 0),
    "bert_dim": (None, "bert_proj.weight", 1),
}
_LIMIT_PER_SECOND = 50  # upstream's hz, TTS_infer_pack/TTS.py at 48b1a01
_PREFIXES = ("h.layers.", "ar_predict_layer.", "ar_audio_embedding.", "ar_text_embedding.", "bert_proj.")
_LAYER = re.compile(r"h\.layers\.(\d+)\.")


def t2s_sizes(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> T2SSizes:
    """Tell the sizes of a checkpoint.

    Args:
        config: the file's configuration: a dict with "model" inside, or that inner dict itself.
        tensors: its state dict, by official names.

    Returns:
        Sizes on which configuration and tensors agree. Only the number of heads shows in no tensor; where their
        projections are narrower than `hidden`, heads were pruned.

    Raises:
        CheckpointError: they disagree, or the configuration lacks or mistypes a field; the message lists all.
        KeyMismatch: a tensor that shows a size is missing.
    """
    model = config.get("model", config)
    if not isinstance(model, Mapping):
        raise CheckpointError(f"config['model'] is a {type(model).__name__}; need a mapping of sizes")
    found = strip_prefix(tensors, _PREFIX)
    sizes = {name: _shown_by(found, tensor, axis) for name, (_, tensor, axis) in _SHOWN.items()}
    sizes["layers"] = 1 + max((int(match[1]) for match in map(_LAYER.match, found) if match), default=-1)
    configured = {name: field for name, (field, _, _) in _SHOWN.items() if field} | {"layers": "n_layer"}
    problems = [
        f"{field} is {model.get(field)!r}, the tensors say {sizes[name]}"
        for name, field in configured.items()
        if model.get(field) != sizes[name]
    ]
    if model.get("embedding_dim") != sizes["hidden"]:
        problems.append(f"embedding_dim is {model.get('embedding_dim')!r}, need hidden_dim, {sizes['hidden']}")
    if model.get("EOS", sizes["vocabulary"] - 1) != sizes["vocabulary"] - 1:
        problems.append(f"EOS is {model['EOS']!r}, need the last of the vocabulary, {sizes['vocabulary'] - 1}")
    heads = count(model, "head")
    attention = _shown_by(found, "h.layers.0.self_attn.in_proj_weight", 0) // 3
    head_dim = attention // heads
    if head_dim == 0 or attention % heads or attention > sizes["hidden"] or sizes["hidden"] % head_dim:
        problems.append(f"head is {heads}, need a divisor of their width, {attention}, whose share divides hidden_dim")
    if sizes["hidden"] % 2:
        problems.append(f"hidden_dim is {sizes['hidden']}, need an even number")
    if problems:
        raise CheckpointError(f"s1: {'; '.join(problems)}; check that config and weight belong together")
    pruned = sizes["hidden"] // head_dim - heads
    return T2SSizes(heads=heads, max_tokens=_max_tokens(config), pruned_heads=pruned, **sizes)


def is_s1(tensors: Mapping[str, Tensor]) -> bool:
    """Whether these are tensors of an s1 file, however many of them."""
    return any(name.startswith(_PREFIXES) for name in strip_prefix(tensors, _PREFIX))


def _max_tokens(config: Mapping[str, Any]) -> int:
    """Tokens after which upstream stops: 50 for each second of `max_sec`, though speech has 25; at most 1500."""
    data = config.get("data")
    seconds = data.get("max_sec") if isinstance(data, Mapping) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < HARD_LIMIT_TOKENS:
        return HARD_LIMIT_TOKENS
    return max(1, min(HARD_LIMIT_TOKENS, int(_LIMIT_PER_SECOND * seconds)))


def _shown_by(found: Mapping[str, Tensor], name: str, axis: int) -> int:
    if name not in found:
        raise KeyMismatch(
            f"s1: tensor {_PREFIX}{name} is missing; check that this is an s1 (GPT, .ckpt) file, "
            "and not an s2 (SoVITS, .pth)"
        )
    if found[name].dim() != 2:
        raise KeyMismatch(f"s1: {_PREFIX}{name} is {list(found[name].shape)}; need 2 axes")
    return found[name].shape[axis]


def to_module(tensors: Mapping[str, Tensor], sizes: T2SSizes) -> T2S:
    """Build `T2S` from a state dict: float32, evaluation mode.

    Args:
        tensors: by official names, with or without the prefix ``model.``.
        sizes: from `t2s_sizes`.

    Raises:
        KeyMismatch: tensors are missing, surplus or of another shape.
    """
    with torch.device("meta"):
        module = T2S(sizes)
    wanted = {official_name(ours): shape for ours, shape in shapes_of(module).items()}
    prefixed = {_PREFIX + name: tensor for name, tensor in strip_prefix(tensors, _PREFIX).items()}
    taken = check_keys(prefixed, wanted, subject="s1")
    module.load_state_dict({ours: float32(taken[official_name(ours)]) for ours in module.state_dict()}, assign=True)
    return module.eval()


def from_module(module: T2S) -> dict[str, Tensor]:
    """The checkpoint's tensors from the module; inverse of `to_module`."""
    return {official_name(ours): tensor for ours, tensor in module.state_dict().items()}


def official_name(ours: str) -> str:
    """Official name of a tensor of our state dict."""
    return _PREFIX + rename(ours, _TABLE)
