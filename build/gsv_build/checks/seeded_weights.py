"""Random weights that both sides of a comparison can draw, knowing only a tensor's official key and shape.

A stream of numbers per key (Philox, keyed by SHA-256 of seed and key) makes every layer different and every
tensor independent of the order in which tensors are drawn, of the other keys in the file and of torch. Scales
follow the kind of tensor, so that deep networks neither saturate nor fade. Values are rounded to fp16: an official
half-precision file holds them without loss.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

EOS_LOGIT_SCALE = 4.0  # the EOS row of the T2S head is drawn wider, or greedy decoding would almost never stop
# Layers that write into a transformer's residual stream are drawn small, or 24 of them would wash out what went in.
_RESIDUAL_WRITERS = ("out_proj.weight", "linear2.weight", "output_dense.weight", "output.dense.weight")
_RESIDUAL_GAIN = 0.25
_ATTENTION_GAIN = 2.0  # on queries and keys: sharper than uniform, or the text would hardly reach the tokens
_ONES = ("inited", "cluster_size")
_ROUNDED_AT_ONCE = 1 << 16
_COUNTERS = ("num_batches_tracked", "position_ids")


def seeded_tensor(key: str, shape: Sequence[int], seed: int = 0) -> NDArray[np.float32]:
    """Draw the tensor that `seed` gives to `key`.

    Args:
        key: official key; a leading ``model.`` (Lightning's prefix in s1 files) makes no difference.
        shape: its shape, any rank.
        seed: another seed gives other weights everywhere.

    Returns:
        Tensor of `shape`; every value is exact in fp16.
    """
    key = key.removeprefix("model.")
    key = key.removesuffix("_avg") if key.endswith("embed_avg") else key  # the codebook and its running mean agree
    if key.endswith(_COUNTERS):
        return np.zeros(shape, np.float32)
    if key.endswith(_ONES):
        return np.ones(shape, np.float32)
    offset, scale = _offset_and_scale(key, shape)
    normal = _stream(key, seed).standard_normal(tuple(shape), dtype=np.float32)
    drawn = offset + scale * normal
    if key.endswith(("weight_g", "running_var")):
        drawn = np.maximum(drawn, 0.5)
    if key.endswith("ar_predict_layer.weight"):
        drawn[-1] *= EOS_LOGIT_SCALE
    if key.endswith("in_proj_weight"):
        drawn[: 2 * len(drawn) // 3] *= _ATTENTION_GAIN
    return _rounded_to_half(drawn)


def _rounded_to_half(drawn: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round in place, by blocks that stay in the processor's cache."""
    flat = np.ascontiguousarray(drawn).reshape(-1)
    for start in range(0, flat.size, _ROUNDED_AT_ONCE):
        block = flat[start : start + _ROUNDED_AT_ONCE]
        block[:] = block.astype(np.float16)
    return flat.reshape(drawn.shape)


def _stream(key: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def _offset_and_scale(key: str, shape: Sequence[int]) -> tuple[float, float]:
    """Mean and standard deviation for a kind of tensor, told by the end of its key."""
    leaf = key.rsplit(".", 1)[-1]
    if leaf in ("bias", "beta", "in_proj_bias", "masked_spec_embed"):
        return 0.0, 0.02
    if leaf == "running_mean":
        return 0.0, 0.1
    if leaf in ("weight_g", "gamma", "running_var", "alpha"):
        return 1.0, 0.1
    if key.endswith("prelu.weight"):
        return 0.25, 0.1
    if leaf == "weight" and len(shape) == 1:  # a norm's gain
        return 1.0, 0.1
    if leaf == "embed":  # codebook: narrower than the features, or the shortest entries would win every search
        return 0.0, 0.5
    if "embedding" in key:
        return 0.0, 1.0
    if leaf in ("emb_rel_k", "emb_rel_v"):
        return 0.0, 1.0 / math.sqrt(shape[-1])
    gain = _RESIDUAL_GAIN if key.endswith(_RESIDUAL_WRITERS) else 1.0
    return 0.0, gain / math.sqrt(max(1, math.prod(shape[1:])))
