"""EnCodec's weights of 24 kHz, as its authors publish them (``.th``) or as Hugging Face has them (a directory)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from gsv_build.checkpoints.errors import CheckpointError, UnreadableCheckpoint
from gsv_build.checkpoints.keys import check_keys, float32, shapes_of
from gsv_build.checkpoints.reading import read_tensors, require_file
from gsv_build.modules.encodec import Encodec, EncodecSizes

_TENSOR_FILES = ("model.safetensors", "pytorch_model.bin")
_CODEBOOK = re.compile(r"quantizer\.(?:vq\.)?layers\.(\d+)\._?codebook\.(\w+)")
_GAINS = (".weight_g", ".parametrizations.weight.original0")
_DIRECTIONS = (".weight_v", ".parametrizations.weight.original1")
_SPELLINGS = (("coder.model.", "coder.layers."), (".conv.conv.", ".conv."), (".convtr.convtr.", ".conv."))


def load_encodec(source: Path) -> Encodec:
    """Read EnCodec.

    Args:
        source: ``encodec_24khz-….th``, a safetensors file, or a directory of Hugging Face's.

    Raises:
        CheckpointError: it cannot be read, is hostile, or is another model, such as that of 48 kHz.
    """
    path = _file_of(source)
    require_file(path)
    tensors = _own_names(read_tensors(path), path.name)
    try:
        sizes = _sizes(tensors)
    except (KeyError, IndexError):
        raise CheckpointError(
            f"{path.name} is not EnCodec's causal model of 24 kHz; need encodec_24khz-d7cc33bc.th, or the files of "
            "facebook/encodec_24khz"
        ) from None
    with torch.device("meta"):  # no memory is taken before the tensors have been seen
        module = Encodec(sizes)
    checked = check_keys(tensors, shapes_of(module), subject="EnCodec")
    module.load_state_dict({key: float32(tensor) for key, tensor in checked.items()}, assign=True)
    return module.eval()


def _file_of(source: Path) -> Path:
    if not source.is_dir():
        return source
    found = [source / name for name in _TENSOR_FILES if (source / name).is_file()]
    if not found:
        raise UnreadableCheckpoint(f"{source} has no {' or '.join(_TENSOR_FILES)}; need the files of EnCodec of 24 kHz")
    return found[0]


def _own_names(tensors: Mapping[str, Tensor], subject: str) -> dict[str, Tensor]:
    """Names of our module; weights without their normalisation, codebooks in one."""
    if any(".norm." in name for name in tensors):
        raise CheckpointError(f"{subject} has normalised layers, as EnCodec's model of 48 kHz; need that of 24 kHz")
    found: dict[str, Tensor] = {}
    codebooks: dict[int, Tensor] = {}
    for name, tensor in tensors.items():
        if table := _CODEBOOK.fullmatch(name):
            if table[2] == "embed":
                codebooks[int(table[1])] = tensor
            continue  # the rest of a table is for training
        for theirs, ours in _SPELLINGS:
            name = name.replace(theirs, ours)
        found[name] = tensor
    if not codebooks or sorted(codebooks) != list(range(len(codebooks))):
        raise CheckpointError(f"{subject} has codebooks {sorted(codebooks)[:8]}; need EnCodec's, from 0 on")
    shapes = {tuple(table.shape) for table in codebooks.values()}
    if len(shapes) != 1:
        raise CheckpointError(f"{subject} has codebooks of shapes {sorted(shapes)}; need one")
    return {**_without_norm(found, subject), "codebooks": torch.stack([codebooks[each] for each in sorted(codebooks)])}


def _without_norm(tensors: Mapping[str, Tensor], subject: str) -> dict[str, Tensor]:
    """Multiply directions and gains of weight normalisation out."""
    found = dict(tensors)
    for gain_end, direction_end in zip(_GAINS, _DIRECTIONS, strict=True):
        for name in [each for each in found if each.endswith(gain_end)]:
            stem = name.removesuffix(gain_end)
            gain, direction = found.pop(name).float(), found.pop(stem + direction_end, None)
            if direction is None or direction.dim() != gain.dim():
                raise CheckpointError(f"{subject}: {name} has no {direction_end} beside it; download the file again")
            norm = direction.float().flatten(1).norm(dim=1).reshape(gain.shape)
            found[f"{stem}.weight"] = gain * direction.float() / norm
    return found


def _sizes(tensors: Mapping[str, Tensor]) -> EncodecSizes:
    """Sizes that the tensors have.

    Raises:
        KeyError: layers are missing.
    """
    numbers = {int(found[1]) for name in tensors if (found := re.match(r"encoder\.layers\.(\d+)\.", name))}
    first, last = tensors["encoder.layers.0.conv.weight"], tensors[f"encoder.layers.{max(numbers)}.conv.weight"]
    strided = [tensors[f"encoder.layers.{number}.conv.weight"] for number in range(3, max(numbers) - 2, 3)]
    codebooks = tensors["codebooks"]
    return EncodecSizes(
        filters=first.shape[0],
        dimension=last.shape[0],
        ratios=tuple(weight.shape[2] // 2 for weight in reversed(strided)),
        codebooks=codebooks.shape[0],
        entries=codebooks.shape[1],
        kernel=first.shape[2],
        residual_kernel=tensors["encoder.layers.1.block.1.conv.weight"].shape[2],
    )
