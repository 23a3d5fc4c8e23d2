"""ERes2NetV2: names of the published checkpoint, to and from ours. The file has no config; shapes tell the sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from gsv_build.checkpoints.errors import KeyMismatch
from gsv_build.checkpoints.keys import check_keys, float32, rename, shapes_of
from gsv_build.modules.speaker_encoder import SpeakerEncoder
from gsv_build.sizes import SpeakerEncoderSizes

_TOLERATED = (r"seg_1\..*", r"pool\..*")  # the head beyond the features that upstream reads
_TABLE = (
    (r"^stem\.conv\.", "conv1."),
    (r"^stem\.norm\.", "bn1."),
    (r"^stages\.(\d)\.", lambda found: f"layer{int(found.group(1)) + 1}."),
    (r"\.reduce\.conv\.", ".conv1."),
    (r"\.reduce\.norm\.", ".bn1."),
    (r"\.cascade\.(\d+)\.conv\.", r".convs.\1."),
    (r"\.cascade\.(\d+)\.norm\.", r".bns.\1."),
    (r"\.restore\.conv\.", ".conv3."),
    (r"\.restore\.norm\.", ".bn3."),
    (r"\.shortcut\.conv\.", ".shortcut.0."),
    (r"\.shortcut\.norm\.", ".shortcut.1."),
    (r"\.fusions\.", ".fuse_models."),
    (r"^fusion\.", "fuse34."),
    (r"^downsample\.", "layer3_ds."),
    (r"\.squeeze\.", ".local_att.0."),
    (r"\.squeeze_norm\.", ".local_att.1."),
    (r"\.excite\.", ".local_att.3."),
    (r"\.excite_norm\.", ".local_att.4."),
)


def speaker_encoder_sizes(weights: Mapping[str, Tensor]) -> SpeakerEncoderSizes:
    """Sizes, read off the tensors' names and shapes.

    Raises:
        KeyMismatch: the tensors by which the sizes are told are not there.
    """
    try:
        channels = weights["conv1.weight"].shape[0]
        width = weights["layer4.0.convs.0.weight"].shape[0]
        scale = _number_of(weights, r"layer1\.0\.convs\.(\d+)\.weight")
        return SpeakerEncoderSizes(
            channels=channels,
            blocks=tuple(_number_of(weights, rf"layer{stage}\.(\d+)\.conv1\.weight") for stage in (1, 2, 3, 4)),
            base_width=-(-width * 64 // (8 * channels)),  # width = 8 * channels * base_width // 64, rounded down
            scale=scale,
            expansion=weights["layer1.0.conv3.weight"].shape[0] // channels,
        )
    except (KeyError, IndexError, ZeroDivisionError) as error:
        raise KeyMismatch(
            f"speaker encoder: {error} not found; need ERes2NetV2, pretrained_eres2netv2w24s4ep4.ckpt; check the file"
        ) from None


def to_module(weights: Mapping[str, Tensor], sizes: SpeakerEncoderSizes) -> SpeakerEncoder:
    """Build `SpeakerEncoder` from a state dict: float32, evaluation mode.

    Raises:
        KeyMismatch: tensors are missing, surplus or of another shape.
    """
    with torch.device("meta"):
        module = SpeakerEncoder(sizes)
    shapes = shapes_of(module)
    wanted = {rename(ours, _TABLE): shape for ours, shape in shapes.items()}
    taken = check_keys(weights, wanted, _TOLERATED, "speaker encoder")
    module.load_state_dict({ours: float32(taken[rename(ours, _TABLE)]) for ours in shapes}, assign=True)
    return module.eval()


def from_module(module: SpeakerEncoder) -> dict[str, Tensor]:
    """The checkpoint's tensors from the module; inverse of `to_module`; no head."""
    return {rename(ours, _TABLE): tensor for ours, tensor in module.state_dict().items()}


def _number_of(weights: Mapping[str, Tensor], pattern: str) -> int:
    """One more than the largest index that `pattern` catches in a name; 0 where none does."""
    found = (re.fullmatch(pattern, name) for name in weights)
    return max((int(match.group(1)) + 1 for match in found if match), default=0)
