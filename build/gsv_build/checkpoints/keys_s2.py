"""Official tensor names of SoVITS (s2) and ours, both ways.

One table of rules turns a name of our modules into the official one and says how the tensor itself differs. Everything
else follows from it: the names and shapes that a checkpoint must have, loading, and saving.

Source: the keys of GPT_SoVITS/module/models.py, class SynthesizerTrn, at 48b1a01.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor, nn

from gsv_build.checkpoints.errors import KeyMismatch
from gsv_build.checkpoints.keys import check_keys, fold_weight_norm, shapes_of, split_weight_norm
from gsv_build.checkpoints.sizes_s2 import CODEBOOK, sovits_sizes
from gsv_build.modules.acoustic import Acoustic
from gsv_build.modules.quantizer import Quantizer
from gsv_build.modules.reference_encoder import ReferenceEncoder
from gsv_build.modules.vocoder import Vocoder
from gsv_build.sizes import SovitsSizes

__all__ = ["SovitsModules", "from_modules", "is_s2", "official_name", "official_shapes", "sovits_sizes", "to_modules"]

# Used in training only; the running sums of the codebook are written, so that upstream can load what we save.
TOLERATED = (r"enc_q\..*", r"quantizer\.vq\.layers\.0\._codebook\.(inited|cluster_size|embed_avg)")


_PREFIXES = ("enc_p.", "dec.", "flow.", "ref_enc.", "quantizer.", "ssl_proj.")


class Form(Enum):
    """How the official file holds a weight (biases are always held as they are)."""

    SAME = "as it is"
    POINT = "our [out, in] as a convolution of width 1, [out, in, 1]"
    LEADING = "with a leading axis of 1"
    NORMED = "as magnitude weight_g and direction weight_v"
    NORMED_POINT = "both"


@dataclass(frozen=True)
class SovitsModules:
    """The four networks of a SoVITS checkpoint."""

    quantizer: Quantizer
    reference_encoder: ReferenceEncoder
    acoustic: Acoustic
    vocoder: Vocoder

    @staticmethod
    def of(sizes: SovitsSizes) -> SovitsModules:
        """Randomly initialised networks."""
        return SovitsModules(Quantizer(sizes), ReferenceEncoder(sizes), Acoustic(sizes), Vocoder(sizes))

    def items(self) -> Iterator[tuple[str, nn.Module]]:
        """Name and network of each stage."""
        for name in ("quantizer", "reference_encoder", "acoustic", "vocoder"):
            yield name, getattr(self, name)

    def eval(self) -> SovitsModules:
        """Switch all to evaluation."""
        for _, module in self.items():
            module.eval()
        return self


_Rename = str | Callable[["re.Match[str]"], str]
_ATTENTION = {"query": "q", "key": "k", "value": "v", "output": "o"}
_ENCODERS = {"content": "encoder_ssl", "phone": "encoder_text", "joint": "encoder2"}
_STYLE = {"query": "w_qs", "key": "w_ks", "value": "w_vs", "output": "fc"}
_WAVENET = {"gates": "in_layers", "mixes": "res_skip_layers"}
_CONVOLUTIONS = {"dilated": "convs1", "plain": "convs2"}
_LEAF = r"\.(weight|bias)"


def is_s2(tensors: Mapping[str, Tensor]) -> bool:
    """Whether these are tensors of an s2 file, however many of them."""
    return any(name.startswith(_PREFIXES) for name in tensors)


def _encoder_layer(rest: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
    """Official name inside one of the three encoders; group 1 names the encoder, group 2 the layer."""
    return lambda m: f"enc_p.{_ENCODERS[m[1]]}.{rest(m)}"


_LAYER = r"acoustic\.(content|phone|joint)_encoder\.layers\.(\d+)\."

RULES: tuple[tuple[str, _Rename, Form], ...] = (
    (r"(?:quantizer|acoustic)\.codebook", CODEBOOK, Form.SAME),
    (r"quantizer\.projection" + _LEAF, r"ssl_proj.\1", Form.SAME),
    (r"reference_encoder\.spectral_enter" + _LEAF, r"ref_enc.spectral.0.fc.\1", Form.SAME),
    (r"reference_encoder\.spectral_leave" + _LEAF, r"ref_enc.spectral.3.fc.\1", Form.SAME),
    (r"reference_encoder\.temporal\.(\d+)" + _LEAF, r"ref_enc.temporal.\1.conv1.conv.\2", Form.SAME),
    (
        r"reference_encoder\.(query|key|value|output)" + _LEAF,
        lambda m: f"ref_enc.slf_attn.{_STYLE[m[1]]}.{m[2]}",
        Form.SAME,
    ),
    (r"reference_encoder\.projection" + _LEAF, r"ref_enc.fc.fc.\1", Form.SAME),
    (r"reference_encoder\.speaker_projection" + _LEAF, r"sv_emb.\1", Form.SAME),
    (r"reference_encoder\.activation\.weight", "prelu.weight", Form.SAME),
    (r"acoustic\.content_enter" + _LEAF, r"enc_p.ssl_proj.\1", Form.POINT),
    (r"acoustic\.phone_embedding\.weight", "enc_p.text_embedding.weight", Form.SAME),
    (
        _LAYER + r"attention\.(query|key|value|output)" + _LEAF,
        _encoder_layer(lambda m: f"attn_layers.{m[2]}.conv_{_ATTENTION[m[3]]}.{m[4]}"),
        Form.POINT,
    ),
    (
        _LAYER + r"attention\.relative_(key|value)",
        _encoder_layer(lambda m: f"attn_layers.{m[2]}.emb_rel_{_ATTENTION[m[3]]}"),
        Form.LEADING,
    ),
    (
        _LAYER + r"(attention|feed_forward)_norm" + _LEAF,
        _encoder_layer(
            lambda m: f"norm_layers_{1 if m[3] == 'attention' else 2}.{m[2]}.{'gamma' if m[4] == 'weight' else 'beta'}"
        ),
        Form.SAME,
    ),
    (
        _LAYER + r"feed_forward\.(expand|contract)" + _LEAF,
        _encoder_layer(lambda m: f"ffn_layers.{m[2]}.conv_{1 if m[3] == 'expand' else 2}.{m[4]}"),
        Form.SAME,
    ),
    (r"acoustic\.timbre_mixer\.frames_enter" + _LEAF, r"enc_p.mrte.c_pre.\1", Form.POINT),
    (r"acoustic\.timbre_mixer\.phones_enter" + _LEAF, r"enc_p.mrte.text_pre.\1", Form.POINT),
    (r"acoustic\.timbre_mixer\.leave" + _LEAF, r"enc_p.mrte.c_post.\1", Form.POINT),
    (
        r"acoustic\.timbre_mixer\.attention\.(query|key|value|output)" + _LEAF,
        lambda m: f"enc_p.mrte.cross_attention.conv_{_ATTENTION[m[1]]}.{m[2]}",
        Form.POINT,
    ),
    (r"acoustic\.prior" + _LEAF, r"enc_p.proj.\1", Form.POINT),
    (r"acoustic\.text_condition" + _LEAF, r"ge_to512.\1", Form.SAME),
    # Upstream's odd flows are the parameter-free reversals of the channels.
    (r"acoustic\.flow\.couplings\.(\d+)\.enter" + _LEAF, lambda m: f"flow.flows.{2 * int(m[1])}.pre.{m[2]}", Form.SAME),
    (
        r"acoustic\.flow\.couplings\.(\d+)\.leave" + _LEAF,
        lambda m: f"flow.flows.{2 * int(m[1])}.post.{m[2]}",
        Form.SAME,
    ),
    (
        r"acoustic\.flow\.couplings\.(\d+)\.wavenet\.condition" + _LEAF,
        lambda m: f"flow.flows.{2 * int(m[1])}.enc.cond_layer.{m[2]}",
        Form.NORMED_POINT,
    ),
    (
        r"acoustic\.flow\.couplings\.(\d+)\.wavenet\.(gates|mixes)\.(\d+)" + _LEAF,
        lambda m: f"flow.flows.{2 * int(m[1])}.enc.{_WAVENET[m[2]]}.{m[3]}.{m[4]}",
        Form.NORMED,
    ),
    (r"vocoder\.enter" + _LEAF, r"dec.conv_pre.\1", Form.SAME),
    (r"vocoder\.condition" + _LEAF, r"dec.cond.\1", Form.POINT),
    (r"vocoder\.upsamplers\.(\d+)" + _LEAF, r"dec.ups.\1.\2", Form.NORMED),
    (
        r"vocoder\.blocks\.(\d+)\.(dilated|plain)\.(\d+)" + _LEAF,
        lambda m: f"dec.resblocks.{m[1]}.{_CONVOLUTIONS[m[2]]}.{m[3]}.{m[4]}",
        Form.NORMED,
    ),
    (r"vocoder\.leave" + _LEAF, r"dec.conv_post.\1", Form.SAME),
)
_COMPILED = tuple((re.compile(pattern), rename, form) for pattern, rename, form in RULES)


def official_name(name: str) -> tuple[str, Form]:
    """Official name of one of our tensors ("vocoder.enter.weight"), and how it is held.

    Raises:
        KeyError: no rule knows the name: a module has a tensor that official files do not.
    """
    for pattern, rename, form in _COMPILED:
        match = pattern.fullmatch(name)
        if match:
            official = match.expand(rename) if isinstance(rename, str) else rename(match)
            return official, Form.SAME if official.endswith(".bias") else form
    raise KeyError(f"no rule for the tensor {name}")


def official_shapes(modules: SovitsModules) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that an official file of these sizes must have for inference."""
    return {
        name: shape
        for stage, module in modules.items()
        for own, own_shape in shapes_of(module).items()
        for name, shape in _held_shapes(f"{stage}.{own}", own_shape)
    }


def to_modules(tensors: Mapping[str, Tensor], sizes: SovitsSizes) -> SovitsModules:
    """Build the networks from an official state dict, with weight norm folded.

    Args:
        tensors: `dict["weight"]` of a `.pth`, any floating type; training-only tensors are passed over.
        sizes: as `sovits_sizes` gave them.

    Returns:
        The networks in float32, set to evaluation.

    Raises:
        KeyMismatch: a tensor is missing, surplus or of another shape.
    """
    with torch.device("meta"):
        modules = SovitsModules.of(sizes)
    wanted = check_keys(tensors, official_shapes(modules), TOLERATED, f"s2 {sizes.version.value}")
    for stage, module in modules.items():
        state = {own: _load(f"{stage}.{own}", wanted) for own in module.state_dict()}
        module.load_state_dict(state, assign=True)
    return modules.eval()


def from_modules(modules: SovitsModules) -> dict[str, Tensor]:
    """Write the networks as an official state dict, float32, with the codebook's running sums that upstream expects.

    Raises:
        KeyMismatch: the quantizer and the acoustic model hold different codebooks.
    """
    if not torch.equal(modules.quantizer.codebook, modules.acoustic.codebook):
        raise KeyMismatch("the quantizer's codebook differs from the acoustic model's; need one codebook; copy it")
    tensors: dict[str, Tensor] = {}
    for stage, module in modules.items():
        for own, tensor in module.state_dict().items():
            tensors.update(_save(f"{stage}.{own}", tensor.detach().float()))
    codebook = tensors[CODEBOOK]
    folder = CODEBOOK.removesuffix("embed")
    tensors[f"{folder}inited"] = torch.ones(1)
    tensors[f"{folder}cluster_size"] = torch.ones(codebook.shape[0])
    tensors[f"{folder}embed_avg"] = codebook  # the same tensor, which a file holds once
    return tensors


def _held_shapes(own_name: str, shape: tuple[int, ...]) -> list[tuple[str, tuple[int, ...]]]:
    name, form = official_name(own_name)
    if form is Form.LEADING:
        return [(name, (1, *shape))]
    if form in (Form.POINT, Form.NORMED_POINT):
        shape = (*shape, 1)
    if form in (Form.NORMED, Form.NORMED_POINT):
        return [(f"{name}_g", (shape[0], *(1 for _ in shape[1:]))), (f"{name}_v", shape)]
    return [(name, shape)]


def _load(own_name: str, tensors: Mapping[str, Tensor]) -> Tensor:
    name, form = official_name(own_name)
    normed = form in (Form.NORMED, Form.NORMED_POINT)
    tensor = fold_weight_norm(tensors[f"{name}_g"], tensors[f"{name}_v"]) if normed else tensors[name].float()
    if form is Form.LEADING:
        tensor = tensor.squeeze(0)
    if form in (Form.POINT, Form.NORMED_POINT):
        tensor = tensor.squeeze(-1)
    return tensor.clone().contiguous()


def _save(own_name: str, tensor: Tensor) -> dict[str, Tensor]:
    name, form = official_name(own_name)
    if form is Form.LEADING:
        tensor = tensor.unsqueeze(0)
    if form in (Form.POINT, Form.NORMED_POINT):
        tensor = tensor.unsqueeze(-1)
    if form in (Form.NORMED, Form.NORMED_POINT):
        magnitude, direction = split_weight_norm(tensor)
        return {f"{name}_g": magnitude.clone(), f"{name}_v": direction.clone()}
    return {name: tensor.clone()}
