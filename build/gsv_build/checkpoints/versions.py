"""Tells which GPT-SoVITS variant an s2 file is, first by the file, then by the tensors in it.

The file's clues (a published file's digest, the two header digits) are enough to refuse v3, v4 and LoRA before
hundreds of megabytes are read. The tensors decide the rest: a file's size, which upstream also consults, proves
nothing about a model of other dimensions and is not used.

Source: upstream process_ckpt.py, commit 48b1a016.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from gsv_build.checkpoints.errors import CheckpointError, UnsupportedCheckpoint
from gsv_runtime.versions import SUPPORTED, ModelVersion

_DIGEST_BYTES = 8192
_V1_PHONES = 322
_PLUS_UPSAMPLE_KERNEL = 20
_PLUS_UPSAMPLE_CHANNELS = 768


@dataclass(frozen=True)
class FileClue:
    """What a file says of itself before it is unpickled."""

    version: ModelVersion
    lora: bool
    reason: str


# MD5 of the first 8192 bytes of the published files.
PUBLISHED = {
    "dc3c97e17592963677a4a1681f30c653": FileClue(ModelVersion.V1, False, "it is the published s2G488k.pth"),
    "6642b37f3dbb1f76882b69937c95a5f3": FileClue(ModelVersion.V2, False, "it is the published s2G2333k.pth"),
    "43797be674a37c1c83ee81081941ed0f": FileClue(ModelVersion.V3, False, "it is the published s2Gv3.pth"),
    "4f26b9476d0c5033e04162c486074374": FileClue(ModelVersion.V4, False, "it is the published s2Gv4.pth"),
    "c7e9fce2223f3db685cdfa1e6368728a": FileClue(ModelVersion.V2_PRO, False, "it is the published s2Gv2Pro.pth"),
    "66b313e39455b57ab1b0bc0b239c9d0a": FileClue(
        ModelVersion.V2_PRO_PLUS, False, "it is the published s2Gv2ProPlus.pth"
    ),
}

HEADER_DIGITS = {
    b"00": (ModelVersion.V1, False),
    b"01": (ModelVersion.V2, False),
    b"02": (ModelVersion.V3, False),
    b"03": (ModelVersion.V3, True),
    b"04": (ModelVersion.V4, True),
    b"05": (ModelVersion.V2_PRO, False),
    b"06": (ModelVersion.V2_PRO_PLUS, False),
}


def digits_of(version: ModelVersion) -> bytes:
    """The two bytes that stand for `version` at the head of a file; b"PK" (plain zip) where upstream writes none."""
    if not version.uses_speaker_embedding:
        return b"PK"
    return next(digits for digits, clue in HEADER_DIGITS.items() if clue == (version, False))


def file_clue(path: Path) -> FileClue | None:
    """What the first bytes of a file say of its version; None when they say nothing.

    Raises:
        CheckpointError: the file starts with two digits that stand for no version.
    """
    with path.open("rb") as file:
        head = file.read(_DIGEST_BYTES)
    published = PUBLISHED.get(hashlib.md5(head, usedforsecurity=False).hexdigest())
    if published is not None:
        return published
    digits = head[:2]
    if not digits.isdigit():
        return None
    if digits not in HEADER_DIGITS:
        known = ", ".join(sorted(key.decode() for key in HEADER_DIGITS))
        raise CheckpointError(f"{path.name} starts with version digits {digits.decode()}; need one of {known}")
    version, lora = HEADER_DIGITS[digits]
    return FileClue(version, lora, f"it starts with the digits {digits.decode()}")


def refuse_unsupported(name: str, version: ModelVersion, lora: bool, reason: str) -> None:
    """Let the supported variants pass.

    Raises:
        UnsupportedCheckpoint: v3, v4 or a LoRA, with a sentence that says so.
    """
    served = ", ".join(each.value for each in SUPPORTED)
    if lora:
        raise UnsupportedCheckpoint(
            f"{name} is a {version.value} LoRA ({reason}), a difference from a base model; only whole models of "
            f"{served} can be built so far; upstream saves no merged file of it: fine-tune v2Pro, which trains a whole"
            " model"
        )
    if version not in SUPPORTED:
        raise UnsupportedCheckpoint(
            f"{name} is a {version.value} model ({reason}); only {served} can be built so far; use one of those"
        )


def version_of_weights(
    name: str, weights: Mapping[str, Tensor], config: Mapping[str, Any], clue: FileClue | None
) -> ModelVersion:
    """Tell the version from the tensors, and hold the file's clue and the config's word against them.

    Args:
        name: of the file, for messages.
        weights: all tensors, by official keys.
        config: the checkpoint's config as nested dicts; ``model.version`` is read where present.
        clue: what `file_clue` found.

    Raises:
        UnsupportedCheckpoint: v3, v4 or LoRA.
        CheckpointError: the clue and the tensors contradict each other.
    """
    if any(".lora_A." in key or ".lora_B." in key for key in weights):
        refuse_unsupported(name, clue.version if clue else ModelVersion.V3, True, "it holds lora_A and lora_B tensors")
    if any(key.startswith(("cfm.", "bridge.")) for key in weights):
        version = ModelVersion.V4 if _config_version(config) is ModelVersion.V4 else ModelVersion.V3
        refuse_unsupported(name, version, False, "it holds the tensors cfm.* of a flow-matching decoder")
    found = _version_of_tensors(weights, _config_version(config))
    if clue is not None and not _agree(clue.version, found):
        raise CheckpointError(
            f"{name} says {clue.version.value} ({clue.reason}) but its tensors are those of {found.value}; "
            "need both to agree; download the file again"
        )
    return found


def _config_version(config: Mapping[str, Any]) -> ModelVersion | None:
    """The version that the config names, if it does so in a way we know."""
    model = config.get("model")
    named = model.get("version") if isinstance(model, Mapping) else None
    return next((version for version in ModelVersion if version.value == named), None)


def _version_of_tensors(weights: Mapping[str, Tensor], named: ModelVersion | None) -> ModelVersion:
    """The supported version whose tensors these are; `named` settles Pro against ProPlus in other dimensions."""
    if any(key.startswith("sv_emb.") for key in weights):
        upsample = weights.get("dec.ups.0.weight_v", weights.get("dec.ups.0.weight"))
        plus = upsample is not None and (
            upsample.shape[-1] == _PLUS_UPSAMPLE_KERNEL or upsample.shape[0] == _PLUS_UPSAMPLE_CHANNELS
        )
        return ModelVersion.V2_PRO_PLUS if plus or named is ModelVersion.V2_PRO_PLUS else ModelVersion.V2_PRO
    phones = weights.get("enc_p.text_embedding.weight")
    return ModelVersion.V1 if phones is not None and phones.shape[0] == _V1_PHONES else ModelVersion.V2


def _agree(clue: ModelVersion, found: ModelVersion) -> bool:
    """Whether a clue may stand for the version found; v1 and v2 files have been labelled as each other."""
    return clue is found or (not clue.uses_speaker_embedding and not found.uses_speaker_embedding)
