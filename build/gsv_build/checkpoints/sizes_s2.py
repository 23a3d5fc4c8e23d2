"""Sizes of a SoVITS (s2) checkpoint, measured on its tensors and compared with its configuration.

Tensors come first: a configuration that claims a billion layers must not be believed before memory is set aside. Only
what no tensor shows (strides, dilations) is taken from the configuration alone, within bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from torch import Tensor

from gsv_build.checkpoints.errors import CheckpointError, KeyMismatch
from gsv_build.sizes import SovitsSizes
from gsv_runtime.contract import SAMPLES_PER_FRAME
from gsv_runtime.versions import ModelVersion

CODEBOOK = "quantizer.vq.layers.0._codebook.embed"
MAX_DILATION = 64

# Our name of a size: its name in config["model"].
_CONFIGURED = {
    "latent": "hidden_channels",
    "filter": "filter_channels",
    "heads": "n_heads",
    "layers": "n_layers",
    "kernel": "kernel_size",
    "global_dim": "gin_channels",
    "upsample_rates": "upsample_rates",
    "upsample_kernels": "upsample_kernel_sizes",
    "upsample_channels": "upsample_initial_channel",
    "resblock_kernels": "resblock_kernel_sizes",
    "resblock_dilations": "resblock_dilation_sizes",
}


def sovits_sizes(config: Mapping[str, Any], tensors: Mapping[str, Tensor], version: ModelVersion) -> SovitsSizes:
    """Tell the sizes of a checkpoint.

    Args:
        config: the file's configuration: a dict with "model" inside, or that inner dict itself.
        tensors: its state dict, by official names.
        version: as detected; decides the reference encoder's bins and the speaker embedding.

    Returns:
        Sizes on which tensors and configuration agree.

    Raises:
        CheckpointError: they disagree, or the configuration lacks or mistypes a field; the message lists all.
        KeyMismatch: a tensor that shows a size is missing.
    """
    model = config.get("model", config)
    if not isinstance(model, Mapping):
        raise CheckpointError(f"config['model'] is a {type(model).__name__}; need a mapping of sizes")
    rates, dilations = _rates(model), _dilations(model)
    sizes = _measure(tensors, version, rates, dilations)
    problems = [
        f"{field} is {model.get(field)!r}, the tensors say {_listed(getattr(sizes, own))!r}"
        for own, field in _CONFIGURED.items()
        if _listed(model.get(field)) != _listed(getattr(sizes, own))
    ]
    if model.get("inter_channels") != sizes.latent:
        problems.append(f"inter_channels is {model.get('inter_channels')!r}, need hidden_channels, {sizes.latent}")
    if str(model.get("resblock")) != "1":
        problems.append(f"resblock is {model.get('resblock')!r}, need '1'")
    problems.extend(_inconsistencies(sizes))
    if problems:
        raise CheckpointError(
            f"s2 {version.value}: {'; '.join(problems)}; check that config and weight belong together"
        )
    return sizes


def _measure(
    tensors: Mapping[str, Tensor],
    version: ModelVersion,
    rates: tuple[int, ...],
    dilations: tuple[tuple[int, ...], ...],
) -> SovitsSizes:
    def shape(name: str, rank: int) -> tuple[int, ...]:
        if name not in tensors:
            raise KeyMismatch(
                f"s2 {version.value}: tensor {name} is missing; check that this is an s2 file of that version"
            )
        if tensors[name].dim() != rank:
            raise KeyMismatch(f"s2 {version.value}: {name} is {list(tensors[name].shape)}; need {rank} axes")
        return tuple(tensors[name].shape)

    latent, ssl_dim, _ = shape("enc_p.ssl_proj.weight", 3)
    _, _, head_width = shape("enc_p.encoder_text.attn_layers.0.emb_rel_k", 3)
    filter_, _, kernel = shape("enc_p.encoder_text.ffn_layers.0.conv_1.weight", 3)
    upsample_channels, global_dim, _ = shape("dec.cond.weight", 3)
    first = "flow.flows.0.enc.in_layers."
    return SovitsSizes(
        version=version,
        latent=latent,
        filter=filter_,
        heads=latent // max(head_width, 1),
        layers=_count(tensors, "enc_p.encoder_text.attn_layers.{}.conv_q.weight"),
        kernel=kernel,
        global_dim=global_dim,
        ssl_dim=ssl_dim,
        codebook=shape(CODEBOOK, 2)[0],
        num_phones=shape("enc_p.text_embedding.weight", 2)[0],
        mrte_hidden=shape("enc_p.mrte.c_pre.weight", 3)[0],
        style_hidden=shape("ref_enc.spectral.0.fc.weight", 2)[0],
        flow_layers=_count(tensors, "flow.flows.{}.pre.weight", step=2),
        wavenet_layers=_count(tensors, first + "{}.weight_v"),
        wavenet_kernel=shape(first + "0.weight_v", 3)[2],
        upsample_rates=rates,
        upsample_kernels=tuple(
            shape(f"dec.ups.{stage}.weight_v", 3)[2] for stage in range(_count(tensors, "dec.ups.{}.weight_v"))
        ),
        upsample_channels=upsample_channels,
        resblock_kernels=tuple(
            shape(f"dec.resblocks.{block}.convs1.0.weight_v", 3)[2] for block in range(len(dilations))
        ),
        resblock_dilations=dilations,
    )


def _count(tensors: Mapping[str, Tensor], pattern: str, step: int = 1) -> int:
    """How many of pattern.format(0), (step), (2 * step) ... there are without a gap."""
    count = 0
    while pattern.format(count * step) in tensors:
        count += 1
    return count


def _rates(model: Mapping[str, Any]) -> tuple[int, ...]:
    rates = model.get("upsample_rates")
    if not _integers(rates, SAMPLES_PER_FRAME) or math.prod(rates) != SAMPLES_PER_FRAME:
        raise CheckpointError(f"upsample_rates is {rates!r}; need whole numbers whose product is {SAMPLES_PER_FRAME}")
    return tuple(rates)


def _dilations(model: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
    rows = model.get("resblock_dilation_sizes")
    if not isinstance(rows, list | tuple) or not rows or not all(_integers(row, MAX_DILATION) for row in rows):
        raise CheckpointError(f"resblock_dilation_sizes is {rows!r}; need lists of numbers from 1 to {MAX_DILATION}")
    return tuple(tuple(row) for row in rows)


def _integers(value: Any, largest: int) -> TypeGuard[Sequence[int]]:
    return (
        isinstance(value, list | tuple)
        and 0 < len(value) <= largest
        and all(isinstance(item, int) and 1 <= item <= largest for item in value)
    )


def _listed(value: object) -> object:
    """Tuples as lists, as JSON would hold them."""
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _inconsistencies(sizes: SovitsSizes) -> list[str]:
    """What no single tensor shows but the architecture needs."""
    problems = []
    if not sizes.version.uses_speaker_embedding and sizes.global_dim != sizes.mrte_hidden:
        problems.append(f"gin_channels is {sizes.global_dim}, need {sizes.mrte_hidden}, the width of enc_p.mrte")
    if sizes.mrte_hidden % sizes.mrte_heads:
        problems.append(f"enc_p.mrte is {sizes.mrte_hidden} wide, need a multiple of {sizes.mrte_heads} heads")
    if sizes.latent % 2:
        problems.append(f"hidden_channels is {sizes.latent}, need an even number")
    for rate, kernel in zip(sizes.upsample_rates, sizes.upsample_kernels, strict=False):
        if kernel < rate or (kernel - rate) % 2:
            problems.append(f"upsample kernel {kernel} at rate {rate}, need at least the rate and an even difference")
    return problems
